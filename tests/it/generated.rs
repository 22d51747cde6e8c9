//! Documents that are made from the code: checked in, made again here, and compared. `UPDATE_GENERATED=1` rewrites them.

use std::path::Path;

use clap::ValueEnum as _;
use stagefreight::cli::schemas::{self, SchemaOf};
use stagefreight::error::Kind;
use stagefreight::names;
use stagefreight::remote::conformance::{REQUIREMENTS, Requirement};

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, text).expect("generated file");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(there, text, "{name} is not what the code says: run UPDATE_GENERATED=1 cargo test --test it generated");
}

#[test]
fn exit_codes() {
    let mut text = "# Exit codes\n\nMade from `src/error.rs`; do not edit.\n\n| code | meaning |\n|---|---|\n| 0 | done |\n".to_owned();
    for kind in Kind::ALL {
        text.push_str(&format!("| {} | {} |\n", kind.exit_code(), kind.doc()));
    }
    text.push_str("\nWhen several apply, the first of these decides: 130 and 143, 4, 3, 5, then the rest.\n");
    compare("docs/exit-codes.md", &text);
}

#[test]
fn environment_variables() {
    let mut text =
        "# Environment variables\n\nMade from `src/names.rs`; do not edit. Besides these, each `credentials: NAME` of the config reads \
                    `NAME_USER` and the first of `NAME_TOKEN`, `NAME_PASS`, `NAME_PASSWORD`.\n\n| variable | what it does |\n|---|---|\n"
            .to_owned();
    for variable in names::env::ALL {
        let secret = if variable.secret { " (secret)" } else { "" };
        text.push_str(&format!("| `{}` | {}{secret} |\n", variable.name, variable.doc));
    }
    compare("docs/environment.md", &text);
}

#[test]
fn the_requirements_of_adapters() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/remotes.md")).expect("docs/remotes.md");
    let (before, rest) = page.split_once("<!-- requirements: generated").expect("where they begin");
    let (instruction, rest) = rest.split_once("-->\n").expect("the end of that line");
    let (_, after) = rest.split_once("<!-- end of requirements -->").expect("where they end");
    let mut table = "\n| id | level | an adapter keeps to it when |\n|---|---|---|\n".to_owned();
    for Requirement { id, level, what } in REQUIREMENTS {
        let level = serde_json::to_value(level).expect("a word");
        table.push_str(&format!("| {id} | {} | {what} |\n", level.as_str().expect("a word")));
    }
    let text = format!("{before}<!-- requirements: generated{instruction}-->\n{table}\n<!-- end of requirements -->{after}");
    compare("docs/remotes.md", &text);
}

// Files of `.stagefreight/`, documents of commands, and the config: name of the schema file and its text.
fn all_schemas() -> Vec<(String, String)> {
    let pretty = |schema| format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
    let name = |file: &SchemaOf| file.to_possible_value().expect("not skipped").get_name().to_owned();
    let mut all: Vec<_> = SchemaOf::value_variants().iter().map(|file| (name(file), pretty(schemas::of_file(*file)))).collect();
    all.extend(schemas::of_commands().into_iter().map(|(command, schema)| (schema_of(command), pretty(schema))));
    all.push(("config".to_owned(), stagefreight::config::schema()));
    all
}

fn schema_of(command: &str) -> String {
    format!("command-{}", command.replace(' ', "-"))
}

#[test]
fn json_schemas() {
    let mut expected = Vec::new();
    for (name, text) in all_schemas() {
        compare(&format!("schemas/{name}.schema.json"), &text);
        jsonschema::meta::validate(&serde_json::from_str(&text).expect("JSON")).unwrap_or_else(|error| panic!("{name}: {error}"));
        expected.push(format!("{name}.schema.json"));
    }
    let entries = std::fs::read_dir(crate::support::schemas()).expect("schemas");
    let mut there: Vec<String> = entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
    expected.sort();
    there.sort();
    assert_eq!(there, expected, "schemas/ holds what the code makes and nothing else");
}

#[test]
fn the_documentation_lists_every_schema() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md")).expect("docs/json.md");
    for (command, _) in schemas::of_commands() {
        let schema = schema_of(command);
        let row = format!("| `{command}` | [`{schema}`](../schemas/{schema}.schema.json)");
        assert!(text.contains(&row), "docs/json.md lacks: {row}");
    }
    for (name, _) in all_schemas() {
        assert!(text.contains(&format!("(../schemas/{name}.schema.json)")), "docs/json.md does not link {name}.schema.json");
    }
}
