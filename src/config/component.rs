//! Files of GitLab CI/CD components: where they lie, and what the first document of one says under `spec` (GitLab docs: "CI/CD
//! components", "CI/CD YAML syntax reference: Header keywords").

use serde_json::{Map, Number, Value as Json};

use super::node::{Node, Value};
use super::yaml;

/// Directory of a project that holds its components.
pub const COMPONENT_DIR: &str = "templates";

/// Whole numbers up to here are the same as floating point numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The name of the component a path is: `templates/NAME.yml` and `templates/NAME/template.yml`, of letters, digits, `_` and
/// `-` (`Ci::Catalog::ComponentsProject::TEMPLATE_PATH_REGEX`). `None` for every other path.
pub fn component_name(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(COMPONENT_DIR)?.strip_prefix('/')?;
    let name = rest.strip_suffix("/template.yml").or_else(|| rest.strip_suffix(".yml"))?;
    let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    good.then_some(name)
}

/// The value of `spec` in the first document of a component file, as the catalog is told it. What follows the first `---`
/// may be anything.
///
/// # Errors
/// A sentence that continues "templates/x.yml": no YAML, no map, no `spec`, or a value that readers of YAML disagree about.
pub fn component_spec(text: &str) -> Result<Json, String> {
    let header = first_document(text);
    let node = yaml::parse(header).map_err(|problem| {
        let line = problem.span.map(|span| format!(" (line {})", super::problem::position(header, span.start).0)).unwrap_or_default();
        format!("{}{line}", problem.message)
    })?;
    let lacks = || "has no `spec` before its first `---`, which the catalog shows".to_owned();
    let Value::Map(entries) = &node.value else { return Err(lacks()) };
    let (_, spec) = entries.iter().find(|(key, _)| key.text == "spec").ok_or_else(lacks)?;
    match &spec.value {
        Value::Map(_) => json(spec, header),
        Value::Null => Err("has nothing below `spec`".to_owned()),
        other => Err(format!("has {} below `spec`, and a map belongs there", other.describe())),
    }
}

/// Everything before the second document. A `---` at the beginning of a line is no text, wherever it stands (YAML 1.2.2,
/// section 9.1.2).
fn first_document(text: &str) -> &str {
    let mut begun = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        let is = |marker: &str| bare.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        if is("...") || (is("---") && begun) {
            return &text[..at];
        }
        begun |= is("---") || !(bare.trim_start().is_empty() || bare.trim_start().starts_with('#') || bare.starts_with('%'));
        at += line.len();
    }
    text
}

fn json(node: &Node, source: &str) -> Result<Json, String> {
    let line = || super::problem::position(source, node.span.start).0;
    Ok(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(text) => Json::Number(number(text).ok_or_else(|| disputed(text, line()))?),
        Value::Text(text) => {
            // Quotes make it text for everybody.
            let plain = source.get(node.span.range()).is_some_and(|written| written.trim() == text);
            if plain && is_disputed(text) {
                return Err(disputed(text, line()));
            }
            Json::String(text.clone())
        }
        Value::List(items) => Json::Array(items.iter().map(|item| json(item, source)).collect::<Result<_, _>>()?),
        Value::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(key.text.clone(), json(value, source)?);
            }
            Json::Object(map)
        }
    })
}

fn disputed(text: &str, line: usize) -> String {
    format!("has `{text}` in line {line}, which readers of YAML understand differently: put it in quotes, or write a plain number")
}

/// A date, `1_000`, `017`: GitLab's reader and others make different things of them.
fn is_disputed(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let is_number =
        |text: &str| text.starts_with(|ch: char| ch.is_ascii_digit()) && text.chars().all(|ch| ch.is_ascii_digit() || ch == '_');
    let octal = digits.len() > 1 && digits.starts_with('0') && is_number(digits);
    let date = text.len() >= 8
        && text.is_char_boundary(5)
        && text[..5].bytes().enumerate().all(|(at, byte)| if at == 4 { byte == b'-' } else { byte.is_ascii_digit() })
        && text[5..].starts_with(|ch: char| ch.is_ascii_digit())
        && text.chars().all(|ch| ch.is_ascii_digit() || "-:. +TtZz".contains(ch));
    octal || date || (digits.contains('_') && is_number(digits))
}

/// As JSON has it: a whole number without a fraction, whatever it is written like.
fn number(text: &str) -> Option<Number> {
    if is_disputed(text) {
        return None;
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let radix = |prefix: &str, radix| digits.strip_prefix(prefix).and_then(|digits| i64::from_str_radix(digits, radix).ok());
    let whole = radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| digits.parse().ok());
    if let Some(whole) = whole {
        return Some(Number::from(if negative { -whole } else { whole }));
    }
    let float: f64 = text.parse().ok().filter(|float: &f64| float.is_finite())?;
    if float.fract() == 0.0 && float.abs() < EXACT {
        return format!("{float:.0}").parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(float)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_those_gitlab_finds() {
        for (path, name) in [
            ("templates/secret-detection.yml", Some("secret-detection")),
            ("templates/a_1/template.yml", Some("a_1")),
            ("templates/template.yml", Some("template")),
            ("templates/a/b/template.yml", None),
            ("templates/a/other.yml", None),
            ("templates/a.yaml", None),
            ("templates/v.1.yml", None),
            ("templates/.yml", None),
            ("templates/é.yml", None),
            ("template.yml", None),
            ("templatesx/a.yml", None),
        ] {
            assert_eq!(component_name(path), name, "{path}");
        }
    }

    #[test]
    fn a_spec_is_the_first_document_and_nothing_else() {
        let wanted = json!({ "inputs": { "stage": { "default": "test" }, "required": null } });
        let spec = "spec:\n  inputs:\n    stage: { default: test }\n    required:\n";
        for text in [
            format!("{spec}---\njob: {{ script: !reference [.a, script] }}\n"),
            format!("# licence\n\n--- # header\n{spec}---\n]not yaml"),
            format!("%YAML 1.2\n---\n{spec}...\n"),
            spec.to_owned(),
        ] {
            assert_eq!(component_spec(&text), Ok(wanted.clone()), "{text}");
        }
        let text = "spec:\n  inputs:\n    a: { default: &x high }\n    b: { default: *x }\n    c: { default: |\n--- }\n";
        assert!(component_spec(text).is_err(), "a marker ends the document, also in a text");
        assert_eq!(component_spec("spec: { a: &x [1], b: *x }"), Ok(json!({ "a": [1], "b": [1] })));
    }

    #[test]
    fn numbers_and_words_are_what_the_official_client_makes_of_them() {
        let of = |value: &str| component_spec(&format!("spec: {{ v: {value} }}")).map(|spec| spec["v"].clone());
        for (text, value) in [
            ("3", json!(3)),
            ("-3", json!(-3)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("1.50", json!(1.5)),
            ("1e3", json!(1000)),
            ("2.0", json!(2)),
            ("12345678901234567890123", json!(1.234_567_890_123_456_8e22)),
            ("yes", json!("yes")),
            ("true", json!(true)),
            ("~", json!(null)),
            ("\"1.0\"", json!("1.0")),
            ("'2024-01-02'", json!("2024-01-02")),
            ("2024", json!(2024)),
            ("10.0.0.0", json!("10.0.0.0")),
            ("2024-01-name", json!("2024-01-name")),
            ("a_1", json!("a_1")),
        ] {
            assert_eq!(of(text), Ok(value), "{text}");
        }
        for text in ["2024-01-02", "2001-12-14t21:59:43.10-05:00", "1_000", "017", "-017"] {
            assert!(of(text).is_err_and(|why| why.contains(text) && why.contains("line 1")), "{text}: {:?}", of(text));
        }
        assert!(of(".inf").is_err());
    }

    #[test]
    fn what_is_no_component_says_why() {
        for (text, why) in [
            ("", "no `spec`"),
            ("job: { script: x }\n", "no `spec`"),
            ("spec:\n---\njob: {}\n", "nothing below"),
            ("spec: [a]\n", "a list below"),
            ("a: 1\nspec: { b: *c }\n", "line 2"),
            ("spec: { a: 1, a: 2 }\n", "twice"),
        ] {
            let error = component_spec(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
