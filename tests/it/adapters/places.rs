//! Our three adapters and the two examples: the public tool's best score, and ours with real places behind them.

use std::path::Path;

use serde_json::json;

use super::bucket::Bucket;
use super::judged::{assert_full, example, ids, ours, publicly};
use crate::support::{Registry, Sf, assert_satisfies, component};

/// What the public tool never judges.
const NEVER_JUDGED: [&str; 6] = ["C-031", "C-032", "C-033", "REM-080", "REM-082", "REM-084"];

#[test]
fn the_public_tool_gives_each_of_ours_its_best_score() {
    for name in ["fs", "s3", "oci"] {
        let report = publicly(&ours(name), &[("EPACK_ADAPTER_HERMETIC", "1")]);
        assert_eq!(report["conformance_level"], "full", "{name}: {report:#}");
        let expected = json!({
            "must": {"pass": 32, "fail": 0, "skip": 5},
            "should": {"pass": 6, "fail": 0, "skip": 1},
            "may": {"pass": 1, "fail": 0, "skip": 0},
        });
        assert_eq!(report["summary"], expected, "{name}");
        assert_eq!(ids(&report, "skip"), NEVER_JUDGED, "{name}");
        assert_eq!(report["capabilities"]["name"], name);
    }
}

#[test]
fn in_earnest_none_of_ours_believes_the_public_tool() {
    // Its file is not there and its token was never given out: what cannot be must be refused, in form.
    let dir = tempfile::tempdir().expect("directory");
    let report = publicly(&ours("fs"), &[("REMOTE_FS_ROOT", dir.path().to_str().expect("UTF-8"))]);
    assert_eq!(report["conformance_level"], "full");
    for id in ["REM-031", "REM-034", "REM-041", "REM-051", "REM-061"] {
        assert!(ids(&report, "skip").contains(&id.to_owned()), "{id}: {report:#}");
    }
}

#[test]
fn a_directory() {
    let sf = Sf::new();
    let root = sf.outside().join("releases");
    let root = root.to_str().expect("UTF-8");
    let config = format!("root={root}");
    let skipped = ["C-014", "REM-025", "REM-033", "REM-042", "REM-075", "REM-081", "SF-010"];
    assert_full(&sf, &ours("fs"), &["--set", &config, "--file-root", root], &skipped);
    // Hosts that say nothing of `config` pass a variable on.
    let sf = sf.env("REMOTE_FS_ROOT", root).env("REMOTE_FS_VERIFY", "digest");
    let passed = ["--pass", "REMOTE_FS_ROOT", "--pass", "REMOTE_FS_VERIFY", "--file-root", root];
    assert_full(&sf, &ours("fs"), &passed, &skipped);
    let names = |dir: &str| std::fs::read_dir(Path::new(root).join(dir)).expect(dir).count();
    assert_eq!(names("blobs/sha256"), 6, "three releases per examination, of three files");
    assert_eq!(names("releases"), 6);
}

#[test]
fn a_bucket() {
    let bucket = Bucket::start("releases");
    let sf = Bucket::credentials(Sf::new());
    let endpoint = format!("endpoint={}", bucket.url());
    let pass = ["--pass", "AWS_ACCESS_KEY_ID", "--pass", "AWS_SECRET_ACCESS_KEY", "--allow-loopback-http"];
    let config = ["--set", "bucket=releases", "--set", "prefix=acme/app", "--set", "region=us-east-1", "--set", &endpoint];
    let skipped = ["C-014", "REM-025", "REM-042", "REM-075", "REM-081"];
    assert_full(&sf, &ours("s3"), &[&pass[..], &config[..]].concat(), &skipped);
    // The same in the root of the bucket, everything from the environment but the endpoint.
    let sf = sf.env("REMOTE_S3_BUCKET", "releases").env("AWS_REGION", "us-east-1");
    let more = ["--pass", "REMOTE_S3_BUCKET", "--pass", "AWS_REGION", "--set", &endpoint];
    assert_full(&sf, &ours("s3"), &[&pass[..], &more[..]].concat(), &skipped);
}

#[test]
fn registries_with_and_without_the_referrers_api() {
    for registry in [Registry::v2(false), Registry::v3(false), Registry::olareg()] {
        let sf = Sf::new();
        let config = format!("repository={}/acme/releases", registry.host);
        let skipped = [
            "C-014", "REM-024", "REM-025", "REM-026", "REM-033", "REM-042", "REM-075", "REM-081", "SF-007", "SF-010", "SF-017", "SF-018",
            "SF-019", "SF-023",
        ];
        assert_full(&sf, &ours("oci"), &["--set", &config, "--allow-loopback-http"], &skipped);
    }
}

#[test]
fn the_examples_pass_both() {
    component("jq", "jq");
    for language in ["python", "shell"] {
        let sf = Sf::new();
        let root = sf.outside().join("releases");
        let root = root.to_str().expect("UTF-8");
        let report = publicly(&example(language), &[("EXAMPLE_ROOT", root)]);
        assert_eq!(report["conformance_level"], "full", "{language}: {report:#}");
        assert_eq!(ids(&report, "fail"), [""; 0], "{language}");
        let config = format!("root={root}");
        let skipped =
            ["C-014", "REM-024", "REM-025", "REM-026", "REM-033", "REM-042", "REM-075", "REM-081", "SF-010", "SF-017", "SF-018", "SF-019"];
        assert_full(&sf, &example(language), &["--set", &config, "--file-root", root], &skipped);
        let lines = std::fs::read_to_string(example(language)).expect("example").lines().count();
        assert!(lines <= 80, "{language}: {lines} lines");
    }
}

#[test]
fn the_report_is_a_document_with_a_schema_and_a_screen() {
    let sf = Sf::new();
    let adapter = ours("fs");
    let adapter = adapter.to_str().expect("UTF-8");
    let run = sf.run(&["remote", "conformance", adapter, "--output", "json"]).code(7);
    let report = run.json();
    assert_satisfies("command-remote-conformance", &report);
    assert_eq!((&report["schema_version"], &report["conformance_level"]), (&json!("1"), &json!("none")));
    assert!(ids(&report, "unproven").contains(&"REM-041".to_owned()), "{report:#}");
    let screen = sf.run(&["remote", "conformance", adapter]).code(7);
    assert!(screen.stdout().starts_with("epack-remote-fs  level none\n"), "{}", screen.stdout());
    assert!(screen.stdout().contains("REMOTE_FS_ROOT"), "{}", screen.stdout());
    assert!(screen.stderr().contains("reaches level none; standard was asked for"), "{}", screen.stderr());
    let missing = sf.run(&["remote", "conformance", "epack-remote-none"]).code(3);
    assert!(missing.stderr().contains("not executable"), "{}", missing.stderr());
    sf.run(&["remote", "conformance", adapter, "--set", "x"]).code(2);
    sf.run(&["remote", "conformance", adapter, "--pass", "NOT_SET_ANYWHERE"]).code(3);
}
