//! The public conformance tool (`epack-conformance`) and ours, asked for a report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Sf, component};

/// One of our adapters.
pub fn ours(name: &str) -> PathBuf {
    PathBuf::from(match name {
        "fs" => env!("CARGO_BIN_EXE_epack-remote-fs"),
        "s3" => env!("CARGO_BIN_EXE_epack-remote-s3"),
        "oci" => env!("CARGO_BIN_EXE_epack-remote-oci"),
        other => panic!("there is no adapter {other}"),
    })
}

/// One of the examples.
pub fn example(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/adapters/epack-remote-example-{language}"))
}

/// What the public tool says of an adapter, at level `full`. Kept below `target/tmp` for CI to collect.
#[track_caller]
pub fn publicly(adapter: &Path, env: &[(&str, &str)]) -> Value {
    let tool = component("epack-conformance", "adapter_conformance");
    let output = Command::new(tool).arg("remote").arg(adapter).args(["--level", "full", "--json"]).envs(env.iter().copied()).output();
    let output = output.expect("the tool runs");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{}: {error}\n{}{}", adapter.display(), String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("adapter-conformance");
    std::fs::create_dir_all(&kept).expect("directory of reports");
    let name = adapter.file_name().expect("name").to_string_lossy().into_owned();
    std::fs::write(kept.join(format!("{name}.json")), &output.stdout).expect("report");
    report
}

/// Ids of a report with one status.
pub fn ids(report: &Value, status: &str) -> Vec<String> {
    let results = report["results"].as_array().expect("results");
    let mut ids: Vec<String> =
        results.iter().filter(|result| result["status"] == status).map(|result| result["id"].as_str().expect("id").to_owned()).collect();
    ids.sort();
    ids
}

/// What ours says, with the arguments and variables the adapter needs. Always asked for level `full`.
#[track_caller]
pub fn by_us(sf: &Sf, adapter: &Path, args: &[&str]) -> (i32, Value) {
    let adapter = adapter.to_string_lossy().into_owned();
    let run = sf.run(&[&["remote", "conformance", adapter.as_str(), "--level", "full", "--json"], args].concat());
    let code = run.output.status.code().expect("an exit code");
    assert!(matches!(code, 0 | 7), "exit {code}\n{}{}", run.stdout(), run.stderr());
    (code, run.json())
}

/// Asserts that everything is met that applies, and that only what is listed does not apply.
#[track_caller]
pub fn assert_full(sf: &Sf, adapter: &Path, args: &[&str], skipped: &[&str]) {
    let (code, report) = by_us(sf, adapter, args);
    let told: BTreeMap<&str, &Value> = report["results"]
        .as_array()
        .expect("results")
        .iter()
        .filter(|result| result["status"] == "fail" || result["status"] == "unproven")
        .map(|result| {
            (result["id"].as_str().expect("id"), if result["message"].is_null() { &result["reason"] } else { &result["message"] })
        })
        .collect();
    assert!(told.is_empty(), "{}: {told:#?}", adapter.display());
    assert_eq!((code, report["conformance_level"].as_str()), (0, Some("full")));
    let mut expected: Vec<&str> = skipped.to_vec();
    expected.sort_unstable();
    assert_eq!(ids(&report, "skip"), expected);
}
