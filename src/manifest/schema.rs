//! JSON Schemas of the files other tools read and write, generated from the types and checked in below `schemas/`.
//! They describe files as we write them; what the reader tolerates beyond that is in docs/manifests.md.

use serde_json::{Value, json};

use super::destinations::Destinations;
use super::outcome::OutcomeType;
use super::outputs::OutputsManifest;
use super::results::ResultsManifest;
use super::wire::Wire;

/// Of `outputs.json`.
pub fn outputs_schema() -> Value {
    let mut schema = OutputsManifest::schema();
    finish(&mut schema, "StageFreight outputs manifest, schema version 2");
    let artifact = &mut schema["properties"]["artifacts"]["items"];
    // Not validated by any reader (spec/manifest.md §1), so not an enumeration here either.
    artifact["properties"]["persistence"]["properties"]["kind"] =
        json!({"type": "string", "description": "How: `oci_layout` or empty.", "examples": ["oci_layout"]});
    let kinds = ["docker", "binary", "archive"];
    artifact["oneOf"] = one_body("kind", &kinds.map(|kind| (kind, kind)));
    for without_targets in [1, 2] {
        artifact["oneOf"][without_targets]["properties"]["targets"] = json!({"maxItems": 0});
    }
    let target = &mut artifact["properties"]["targets"]["items"];
    target["oneOf"] = one_body("kind", &[("registry", "registry"), ("forge_release_asset", "forge_release_asset")]);
    target["properties"]["registry"]["properties"]["tags"] =
        json!({"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "Tags, at least one."});
    schema
}

/// Of `published.json`.
pub fn results_schema() -> Value {
    let mut schema = ResultsManifest::schema();
    finish(&mut schema, "StageFreight results manifest, schema version 2");
    let result = &mut schema["properties"]["results"]["items"];
    let outcomes = &mut result["properties"]["outcomes"];
    outcomes["type"] = json!("array");
    outcomes["minItems"] = json!(1);
    let bodies = ["push", "attestation", "binary", "archive", "blob_signature", "provenance_attestation"];
    let types: Vec<_> = OutcomeType::WORDS.iter().copied().zip(bodies).collect();
    outcomes["items"]["oneOf"] = one_body("type", &types);
    for (index, kind) in OutcomeType::WORDS.iter().enumerate() {
        let alternative = &mut outcomes["items"]["oneOf"][index];
        if matches!(OutcomeType::from(*kind), OutcomeType::Push | OutcomeType::Attestation | OutcomeType::ProvenanceAttestation) {
            if let Some(required) = alternative["required"].as_array_mut() {
                required.push(json!("target"));
            }
        } else if let Some(forbidden) = alternative["not"]["anyOf"].as_array_mut() {
            forbidden.push(json!({"required": ["target"]}));
        }
    }
    schema
}

/// Of `destinations.json`.
pub fn destinations_schema() -> Value {
    schemars::schema_for!(Destinations).to_value()
}

/// What every file has: its version and its checksum.
fn finish(schema: &mut Value, title: &str) {
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(title);
    schema["properties"]["schema_version"]["const"] = json!("2");
    schema["properties"]["checksum"]["pattern"] = json!("^[0-9a-f]{64}$");
    if let Some(required) = schema["required"].as_array_mut() {
        required.push(json!("checksum"));
    }
}

/// Exactly one body is present, and it is the one that `selector` names.
fn one_body(selector: &str, bodies: &[(&str, &str)]) -> Value {
    bodies
        .iter()
        .map(|(word, body)| {
            let others: Vec<_> = bodies.iter().filter(|(_, other)| other != body).map(|(_, other)| json!({"required": [other]})).collect();
            json!({"properties": {selector: {"const": word}}, "required": [body], "not": {"anyOf": others}})
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validator(schema: &Value) -> jsonschema::Validator {
        jsonschema::validator_for(schema).expect("a valid schema")
    }

    #[test]
    fn golden_files_satisfy_the_schemas_and_rejects_do_not() {
        for (schema, group, time) in
            [(outputs_schema(), "finalize-outputs", "generated_at"), (results_schema(), "finalize-results", "completed_at")]
        {
            let schema = validator(&schema);
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/manifest");
            let entries = crate::fs::walk(&root.join(group), &|_| true).expect("vectors");
            let mut seen = 0;
            for entry in entries.iter().filter(|entry| entry.relative.to_string_lossy().ends_with(".out.json")) {
                let bytes = crate::fs::read_bounded(&entry.path, 1 << 20).expect("file");
                let mut file: Value = serde_json::from_slice(&bytes).expect("JSON");
                assert!(
                    schema.is_valid(&file),
                    "{}: {:?}",
                    entry.relative.display(),
                    schema.iter_errors(&file).next().map(|e| e.to_string())
                );
                seen += 1;
                file.as_object_mut().expect("object").remove(time);
                assert!(!schema.is_valid(&file), "{} without {time}", entry.relative.display());
            }
            assert!(seen >= 10);
        }
    }

    #[test]
    fn bodies_are_exclusive() {
        let schema = validator(&outputs_schema());
        let file =
            |artifact: Value| json!({"schema_version": "2", "generated_at": "t", "artifacts": [artifact], "checksum": "0".repeat(64)});
        let docker = json!({"dockerfile": "f", "context": ".", "platforms": []});
        let mut artifact = json!({"id": "docker:a", "kind": "docker", "name": "a", "persistence": {}, "docker": docker, "targets": null});
        assert!(schema.is_valid(&file(artifact.clone())));
        artifact["archive"] = json!({"format": "zip", "path": "p"});
        assert!(!schema.is_valid(&file(artifact.clone())));
        artifact["archive"].take();
        artifact["kind"] = json!("binary");
        assert!(!schema.is_valid(&file(artifact)));
    }
}
