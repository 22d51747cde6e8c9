//! `stagefreight manifest`, end to end, and what no file may get past it.

mod mutation;

use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use crate::support::Sf;

fn vector(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/manifest").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const OUTPUTS: &str = ".stagefreight/outputs.json";
const RESULTS: &str = ".stagefreight/published.json";

const INTENT: &str = r#"{
  "generated_at": "2026-07-01T12:00:00Z",
  "commit": "9b1d5e0",
  "pipeline": {"id": "4711", "provider": "gitlab"},
  "artifacts": [
    {
      "kind": "docker", "name": "relay", "version": "1.4.0",
      "digest": "sha256:1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f",
      "docker": {"dockerfile": "Dockerfile", "context": ".", "platforms": ["linux/amd64", "linux/arm64"]},
      "targets": [
        {"kind": "registry", "registry": {"host": "https://Registry.Example.com/", "path": "acme/relay", "tags": ["1.4.0", "latest"]},
         "requirements": {"sign": true}},
        {"kind": "forge_release_asset", "forge_release_asset": {"asset_name": "relay.sbom.json"}}
      ]
    },
    {"kind": "binary", "name": "relayctl", "version": "1.4.0",
     "binary": {"os": "linux", "arch": "arm64", "path": ".stagefreight/dist/relayctl"}}
  ]
}"#;

/// A workspace with valid outputs, and results that belong to them.
fn published() -> Sf {
    let sf = Sf::new().file("intent.json", INTENT);
    let outputs = sf.run(&["manifest", "finalize", "outputs", "intent.json"]).code(0);
    sf.write(OUTPUTS, &outputs.output.stdout);
    let checksum = outputs.json()["checksum"].as_str().expect("checksum").to_owned();
    let observed = format!(
        r#"{{"completed_at": "2026-07-01T12:05:00Z", "intent_checksum": "{checksum}", "results": [
            {{"artifact_id": "docker:relay", "artifact_name": "relay", "kind": "docker", "outcomes": [
              {{"type": "push", "target": {{"kind": "registry", "host": "registry.example.com", "path": "acme/relay", "tag": "1.4.0"}},
                "push": {{"status": "success", "digest": "sha256:{digest}", "observed_digest": "sha256:{digest}", "observed_by": "head"}}}},
              {{"type": "push", "target": {{"kind": "registry", "host": "registry.example.com", "path": "acme/relay", "tag": "latest"}},
                "push": {{"status": "failed", "error": "503 from the registry"}}}}]}},
            {{"artifact_id": "binary:relayctl", "artifact_name": "relayctl", "kind": "binary", "outcomes": [
              {{"type": "binary_build", "binary": {{"status": "success", "sha256": "{digest}", "size": 7340032}}}}]}}]}}"#,
        digest = "1f".repeat(32)
    );
    let sf = sf.file("observed.json", observed);
    let results = sf.run(&["manifest", "finalize", "results", "observed.json"]).code(0);
    sf.write(RESULTS, &results.output.stdout);
    sf
}

#[test]
fn show_tells_artifacts_destinations_and_outcomes() {
    assert_snapshot!(published().run(&["manifest", "show"]).code(0).snapshot());
}

#[test]
fn show_as_json_joins_the_views() {
    let shown = published().run(&["--output", "json", "manifest", "show"]).code(0).json();
    assert_eq!(shown["views"]["publication"][0]["ref"], "registry.example.com/acme/relay:1.4.0");
    assert_eq!(shown["views"]["publication"][0]["expected_tags"], serde_json::json!(["1.4.0", "latest"]));
    assert_eq!(shown["views"]["publication"][1]["push_status"], "failed");
    assert_eq!(shown["views"]["binary"][0]["path"], ".stagefreight/dist/relayctl");
    assert!(shown["views"]["archive"].is_null());
}

#[test]
fn show_warns_of_a_damaged_file_and_never_moves_the_cursor() {
    let sf = published();
    let text = sf.read(OUTPUTS).replace("9b1d5e0", "9b\\u001b[2Jd5e1");
    sf.write(OUTPUTS, text);
    assert_snapshot!(sf.run(&["manifest", "show", OUTPUTS]).code(0).snapshot());
}

#[test]
fn verify_accepts_what_belongs_together() {
    assert_snapshot!(published().run(&["manifest", "verify"]).code(0).snapshot());
}

#[test]
fn verify_names_file_and_rule() {
    let sf = published();
    let text = sf.read(OUTPUTS);
    sf.write(OUTPUTS, text.replace("acme/relay", "evil/relay"));
    assert_snapshot!(sf.run(&["manifest", "verify", OUTPUTS]).code(7).snapshot());
}

#[test]
fn verify_counts_several_failures_and_tells_absence_apart() {
    let sf = published();
    sf.write(RESULTS, "{");
    assert_snapshot!(sf.run(&["manifest", "verify", OUTPUTS, RESULTS, "absent.json"]).code(3).snapshot());
    assert_snapshot!("absent", sf.run(&["manifest", "verify", "absent.json"]).code(3).snapshot());
}

#[test]
fn verify_as_json_carries_the_rule() {
    let sf = published();
    sf.write("newer.json", sf.read(OUTPUTS).replace("\"schema_version\": \"2\"", "\"schema_version\": \"3\""));
    let run = sf.run(&["--output", "json", "manifest", "verify", "newer.json"]).code(7);
    let report = run.json();
    assert_eq!(report["files"][0]["rule"], "OUT-SCHEMA");
    assert_eq!(report["files"][0]["valid"], false);
    assert!(run.stderr().contains("newer than the \"2\" we know"), "{}", run.stderr());
}

#[test]
fn verify_warns_of_results_of_other_outputs_and_of_unprotected_keys() {
    let sf = published();
    let other = sf.read(RESULTS);
    sf.write("intent.json", INTENT.replace("9b1d5e0", "77d01c2"));
    let outputs = sf.run(&["manifest", "finalize", "outputs", "intent.json"]).code(0);
    let with_key = outputs.stdout().replacen("{\n", "{\n  \"note\": [\"anybody may add this\"],\n", 1);
    sf.write(OUTPUTS, with_key);
    sf.write(RESULTS, other);
    assert_snapshot!(sf.run(&["manifest", "verify"]).code(0).snapshot());
}

#[test]
fn diff_explains_by_artifact_and_destination() {
    let sf = published();
    let changed = INTENT
        .replace("9b1d5e0", "77d01c2")
        .replace("1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f", &"2e".repeat(32))
        .replace("\"1.4.0\", \"latest\"", "\"1.5.0\", \"latest\"")
        .replace("\"sign\": true", "\"sign\": true, \"sbom\": true")
        .replace("\"name\": \"relayctl\"", "\"name\": \"relayd\"");
    let sf = sf.file("next.json", changed);
    let next = sf.run(&["manifest", "finalize", "outputs", "next.json"]).code(0);
    sf.write("next/outputs.json", &next.output.stdout);
    assert_snapshot!(sf.run(&["manifest", "diff", OUTPUTS, "next/outputs.json"]).code(0).snapshot());
    let json = sf.run(&["--output", "json", "manifest", "diff", OUTPUTS, "next/outputs.json"]).code(0).json();
    assert!(
        json["changes"]
            .as_array()
            .is_some_and(|changes| changes.iter().any(|c| c["destination"] == "registry.example.com/acme/relay:1.5.0"))
    );
    sf.run(&["manifest", "diff", OUTPUTS, OUTPUTS]).code(0);
}

#[test]
fn diff_explains_two_runs_of_one_publish() {
    let sf = published();
    let before = sf.read("observed.json");
    let after = before.replace(r#""status": "failed", "error": "503 from the registry""#, r#""status": "success", "digest": "sha256:ab""#);
    let sf = sf.file("again.json", after);
    let again = sf.run(&["manifest", "finalize", "results", "again.json"]).code(0);
    sf.write("again.json", &again.output.stdout);
    assert_snapshot!(sf.run(&["manifest", "diff", RESULTS, "again.json"]).code(0).snapshot());
    assert_snapshot!("different_kinds", sf.run(&["manifest", "diff", OUTPUTS, RESULTS]).code(2).snapshot());
}

#[test]
fn finalize_prints_the_golden_bytes() {
    for (kind, group) in [("outputs", "finalize-outputs"), ("results", "finalize-results")] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/manifest").join(group);
        let inputs: Vec<PathBuf> = std::fs::read_dir(root).expect("group").map(|entry| entry.expect("entry").path()).collect();
        let inputs: Vec<_> = inputs.iter().filter(|path| path.to_string_lossy().ends_with(".in.json")).collect();
        assert!(inputs.len() >= 8);
        for input in inputs {
            let name = input.file_name().expect("name").to_string_lossy().replace(".in.json", ".out.json");
            let sf = Sf::new();
            let run = sf.run(&["manifest", "finalize", kind, &input.to_string_lossy()]).code(0);
            assert_eq!(run.output.stdout, vector(&format!("{group}/{name}")), "{name}");
        }
    }
}

#[test]
fn finalize_refuses_with_rule_and_place() {
    let sf = Sf::new().file("intent.json", INTENT.replace("https://Registry.Example.com/", "https://"));
    assert_snapshot!(sf.run(&["manifest", "finalize", "outputs", "intent.json"]).code(2).snapshot());
    let sf = Sf::new().file("twice.json", r#"{"artifacts": [], "Artifacts": null}"#);
    assert_snapshot!("repeated_key", sf.run(&["manifest", "finalize", "outputs", "twice.json"]).code(2).snapshot());
}

#[test]
fn finalize_fills_in_the_time() {
    let sf = Sf::new().file("intent.json", r#"{"artifacts": []}"#);
    let written = sf.run(&["manifest", "finalize", "outputs", "intent.json"]).code(0).json();
    let time = written["generated_at"].as_str().expect("time");
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
}

/// Files below `schemas/` are what the command prints. `UPDATE_GENERATED=1` writes them.
#[test]
fn checked_in_schemas_are_current() {
    let sf = Sf::new();
    for name in ["outputs", "results", "destinations", "builds", "plan", "review", "placements"] {
        let printed = sf.run(&["manifest", "schema", name]).code(0).output.stdout;
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(format!("{name}.schema.json"));
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, &printed).expect("schema");
        }
        let checked_in = std::fs::read(&path).unwrap_or_default();
        assert!(checked_in == printed, "schemas/{name}.schema.json is not current: run the tests with UPDATE_GENERATED=1");
    }
}

#[test]
fn the_documentation_lists_every_rule() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manifests.md");
    let text = std::fs::read_to_string(path).expect("docs/manifests.md");
    for rule in stagefreight::manifest::Rule::ALL {
        let row = format!("| `{}` | {} |", rule.name(), rule.doc());
        assert!(text.contains(&row), "docs/manifests.md lacks the row: {row}");
    }
}
