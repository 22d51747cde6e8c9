//! `--output json`: every command prints one object with its version in front, as its schema says; and every file
//! below `.stagefreight/` is as its schema says.

use serde_json::Value;

use crate::support::release::Registries;
use crate::support::{Sf, assert_satisfies};

/// Runs a command and checks its document against a schema.
#[track_caller]
fn document(sf: &Sf, code: i32, schema: &str, command: &[&str]) -> Value {
    let run = sf.run(&[command, &["--output", "json"]].concat()).code(code);
    let text = run.stdout();
    assert!(text.starts_with("{\n  \"schema_version\": \"1\",\n"), "{command:?} does not begin with its version:\n{text}");
    assert_eq!(text.matches("\n  \"schema_version\":").count(), 1, "{text}");
    let document = run.json();
    assert_satisfies(schema, &document);
    document
}

#[test]
fn every_document_and_every_file_of_a_release_satisfies_its_schema() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    let host = registries.servers[0].host();

    document(&sf, 0, "command-version", &["version"]);
    document(&sf, 0, "command-config-check", &["config", "check"]);
    document(&sf, 0, "command-config-show", &["config", "show"]);
    document(&sf, 0, "command-ci-show", &["ci", "show"]);
    document(&sf, 0, "plan", &["plan"]);
    let checked = document(&sf, 0, "command-check", &["check"]);
    assert_eq!(checked["targets"].as_array().map(Vec::len), Some(2));
    let performed = document(&sf, 0, "command-perform", &["perform"]);
    assert_eq!(performed["artifacts"][0]["origin"], "built");
    let again = document(&sf, 0, "command-perform", &["ci", "run", "perform"]);
    assert_eq!(again["artifacts"][0]["digest"], performed["artifacts"][0]["digest"]);
    document(&sf, 0, "review", &["review"]);
    document(&sf, 0, "placements", &["publish", "--dry-run"]);
    let before = document(&sf, 0, "command-status", &["status"]);
    assert_eq!(before["destinations"][0]["state"], "absent");
    let placements = document(&sf, 0, "placements", &["publish"]);
    assert_eq!(placements["totals"]["complete"], 6);
    let verified = document(&sf, 0, "command-verify", &["verify"]);
    assert_eq!(verified["verified"], true);
    let status = document(&sf, 0, "command-status", &["status"]);
    assert_eq!(status["destinations"].as_array().map(Vec::len), Some(6));
    let told = document(&sf, 0, "command-ci-run-narrate", &["ci", "run", "narrate"]);
    assert_eq!(told["destinations"].as_array().map(Vec::len), Some(6));

    let shown = document(&sf, 0, "command-manifest-show", &["manifest", "show"]);
    assert_satisfies("outputs", &shown["outputs"]);
    assert_satisfies("results", &shown["results"]);
    assert_eq!(shown["views"]["publication"].as_array().map(Vec::len), Some(6));
    document(&sf, 0, "command-manifest-verify", &["manifest", "verify"]);
    sf.write("other.json", sf.read(".stagefreight/outputs.json").replace("docker:app", "docker:web").replace("\"app\"", "\"web\""));
    let outputs = ".stagefreight/outputs.json";
    let changed = document(&sf, 0, "command-manifest-diff", &["manifest", "diff", outputs, "other.json"]);
    assert!(changed["changes"].as_array().is_some_and(|changes| !changes.is_empty()), "{changed}");
    let broken = document(&sf, 7, "command-manifest-verify", &["manifest", "verify", "other.json"]);
    assert_eq!(broken["files"][0]["valid"], false);

    let listed = document(&sf, 0, "command-store-ls", &["store", "ls"]);
    assert_eq!(listed["images"][0]["digest"], performed["artifacts"][0]["digest"]);
    document(&sf, 0, "command-store-verify", &["store", "verify"]);
    document(&sf, 0, "command-store-pack", &["store", "pack", "store.tar"]);
    let other = Sf::new();
    let packed = sf.path().join("store.tar").to_string_lossy().into_owned();
    document(&other, 0, "command-store-unpack", &["store", "unpack", &packed]);
    let copied = document(&other, 0, "command-copy", &["copy", &format!("{host}/acme/app:1.4.0"), "./copied"]);
    assert_eq!(copied["digest"], performed["artifacts"][0]["digest"]);

    let mut files = 0;
    for entry in std::fs::read_dir(sf.path().join(".stagefreight")).expect("files") {
        let name = entry.expect("entry").file_name().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".json") else { continue };
        let schema = if stem == "published" { "results" } else { stem };
        assert_satisfies(schema, &serde_json::from_str(&sf.read(&format!(".stagefreight/{name}"))).expect("JSON"));
        files += 1;
    }
    assert_eq!(files, 7, "outputs, published, destinations, builds, plan, review, placements");
}

#[test]
fn documents_of_what_went_wrong_satisfy_their_schemas_too() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries).prepared();
    sf.run(&["publish"]).code(0);
    let digest = sf.artifact_digest();
    let layout = sf.path().join(".stagefreight/objects/sha256").join(digest.trim_start_matches("sha256:"));
    std::fs::remove_file(layout.join("index.json")).expect("the layout's index");
    let listed = document(&sf, 7, "command-store-verify", &["store", "verify"]);
    assert!(listed["images"][0]["damage"].is_string(), "{listed}");
    let refused = document(&sf, 6, "review", &["review"]);
    assert_eq!(refused["verdict"], "refused");
    drop(registries);
    let verified = document(&sf, 7, "command-verify", &["verify"]);
    assert_eq!((&verified["verified"], &verified["destinations"][0]["state"]), (&Value::Bool(false), &Value::from("unknown")));
    let checked = document(&sf, 1, "command-check", &["check"]);
    assert!(checked["targets"][0]["problems"][0]["message"].is_string(), "{checked}");
    sf.write(".stagefreight.yml", "version: 1\nbuildz: {}\n");
    let verdict = document(&sf, 2, "command-config-check", &["config", "check"]);
    assert_eq!(verdict["problems"][0]["line"], 2);
}
