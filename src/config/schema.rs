//! The JSON Schema of the as-written form, for editors.

use schemars::generate::SchemaSettings;

use super::written::Document;

/// The schema as JSON text with a closing line feed; `schemas/config.schema.json` is this text.
pub fn schema() -> String {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.root_schema_for::<Document>();
    schema.insert("title".to_owned(), ".stagefreight.yml".into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
