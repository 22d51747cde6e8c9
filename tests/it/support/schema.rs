//! The JSON Schemas below `schemas/`, as other programs use them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Where they are.
pub fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

/// Asserts that a document is what `schemas/NAME.schema.json` says.
#[track_caller]
pub fn assert_satisfies(name: &str, document: &Value) {
    let path = schemas().join(format!("{name}.schema.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    if name.starts_with("command-") {
        close(&mut schema);
    }
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    let errors: Vec<String> = validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {}\n{document:#}", errors.join("\n"));
}

// Schemas of commands are open, since fields may be added; what is printed today must all be described.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(elements) => elements.iter_mut().for_each(close),
        _ => {}
    }
}
