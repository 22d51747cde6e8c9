//! YAML in and out. The only file that knows which YAML library is used.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::MessageFormatter as _;

use super::node::{Key, Node, Value};
use super::problem::Problem;
use super::span::Span;

/// Largest config file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Deepest nesting of lists and maps.
const MAX_DEPTH: usize = 48;

/// Most values in a file, aliases expanded.
const MAX_NODES: usize = 50_000;

/// Reads one YAML document. Repeated keys, alias bombs, several documents and depth past the limits are refused.
pub fn parse(text: &str) -> Result<Node, Problem> {
    if text.len() > MAX_BYTES {
        let message = format!("the config is larger than {} KiB", MAX_BYTES >> 10);
        return Err(Problem::new(message, None).hint("a config of this size is a mistake; check which file is read"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_recorded_anchor_events: 4 * MAX_NODES
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES, max_replay_stack_depth: 16 },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false
    };
    let raw: serde_saphyr::Spanned<Raw> = serde_saphyr::from_str_with_options(text, options).map_err(|error| syntax(text, &error))?;
    lift(raw, text)
}

/// Prints a value as YAML.
pub fn print<T: serde::Serialize>(value: &T) -> Result<String, String> {
    serde_saphyr::to_string(value).map_err(|error| error.to_string())
}

fn syntax(text: &str, error: &serde_saphyr::Error) -> Problem {
    let error = error.without_snippet();
    let span = error.location().map(|location| span_of(location, text));
    let message = serde_saphyr::UserMessageFormatter.format_message(error);
    let message = message.lines().next().unwrap_or_default().to_owned();
    if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = error {
        return Problem::new(format!("key `{key}` is there twice"), span).hint("merge the two entries, or remove one");
    }
    let hint = if message.contains("tab") { "indent with spaces" } else { "look at brackets, quotes and indentation, here and above" };
    Problem::new(format!("this is not valid YAML: {message}"), span).hint(hint)
}

/// What the library hands over; numbers lose their text here and get it back from the source.
enum Raw {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<serde_saphyr::Spanned<Self>>),
    Map(Vec<(serde_saphyr::Spanned<Self>, serde_saphyr::Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

fn lift(raw: serde_saphyr::Spanned<Raw>, text: &str) -> Result<Node, Problem> {
    let span = span_of(raw.referenced, text);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => Value::Bool(value),
        Raw::Number => Value::Number(text.get(span_of(raw.defined, text).range()).unwrap_or_default().trim().to_owned()),
        Raw::Text(value) => Value::Text(value),
        Raw::List(items) => Value::List(items.into_iter().map(|item| lift(item, text)).collect::<Result<_, _>>()?),
        Raw::Map(entries) => {
            let mut lifted = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let key = lift(key, text)?;
                let Some(name) = key.value.scalar() else {
                    let message = format!("a key must be text, this is {}", key.value.describe());
                    return Err(Problem::new(message, Some(key.span)));
                };
                let name = Key { text: name.to_owned(), span: key.span };
                lifted.push((name, lift(value, text)?));
            }
            Value::Map(lifted)
        }
    };
    Ok(Node { span, value })
}

/// The bytes a location covers, at least one where the text has one, and whole characters.
fn span_of(location: serde_saphyr::Location, text: &str) -> Span {
    let span = location.span();
    let start = match span.byte_offset() {
        Some(offset) => usize::try_from(offset).unwrap_or(text.len()),
        None => offset_of(text, location.line(), location.column()),
    };
    let start = text.floor_char_boundary(start.min(text.len()));
    let length = span.byte_len().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let end = text.floor_char_boundary(start.saturating_add(length).min(text.len()));
    Span { start, end }
}

/// Byte offset of a line and column, both from 1.
fn offset_of(text: &str, line: u64, column: u64) -> usize {
    let line = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let column = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.chars().take(column).map(char::len_utf8).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(Key, Node)> {
        match parse(text).map(|node| node.value) {
            Ok(Value::Map(entries)) => entries,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keeps_places_and_the_text_of_numbers() {
        let text = "a: 1.10\nbö: [x, 'y z', 0x1F]\nc: yes\nd: true\n";
        let entries = entries(text);
        let slices: Vec<&str> = entries.iter().map(|(key, _)| &text[key.span.range()]).collect();
        assert_eq!(slices, ["a", "bö", "c", "d"]);
        assert!(matches!(&entries[0].1.value, Value::Number(n) if n == "1.10"));
        let Value::List(items) = &entries[1].1.value else { panic!("a list") };
        assert_eq!(&text[items[1].span.range()], "'y z'");
        assert!(matches!(&items[2].value, Value::Number(n) if n == "0x1F"));
        assert!(matches!(&entries[2].1.value, Value::Text(n) if n == "yes"));
        assert!(matches!(entries[3].1.value, Value::Bool(true)));
    }

    #[test]
    fn merges_anchors_and_reports_where_they_are_used() {
        let text = "defaults: &d {x: 1.50}\nb: {<<: *d, y: 2}\nc: *d\n";
        let entries = entries(text);
        let Value::Map(b) = &entries[1].1.value else { panic!("a map") };
        let names: Vec<&str> = b.iter().map(|(key, _)| key.text.as_str()).collect();
        assert!(names.contains(&"x") && names.contains(&"y"), "{names:?}");
        let x = b.iter().find(|(key, _)| key.text == "x").map(|(_, node)| node.value.clone());
        assert!(matches!(x, Some(Value::Number(n)) if n == "1.50"));
    }

    #[test]
    fn refuses_bombs_depth_size_and_repeated_keys() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let previous = level - 1;
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{previous}"); 10].join(",")));
        }
        assert!(parse(&bomb).is_err());
        assert!(parse(&"[".repeat(2000)).is_err());
        assert!(parse(&format!("a: {}{}", "[".repeat(100), "]".repeat(100))).is_err());
        assert!(parse(&"#".repeat(MAX_BYTES + 1)).is_err());
        let twice = parse("a: 1\nb: 2\na: 3\n").expect_err("repeated key");
        assert_eq!(twice.span.map(|span| span.start), Some(10), "{twice:?}");
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
    }

    #[test]
    fn an_empty_file_is_nothing() {
        for text in ["", "# only a comment\n", "---\n"] {
            assert!(matches!(parse(text), Ok(Node { value: Value::Null, .. })), "{text:?}");
        }
    }
}
