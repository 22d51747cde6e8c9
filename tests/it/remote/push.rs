//! Pushing: what is sent, what is written down, and that the second time does nothing.

use serde_json::json;

use super::Lab;

#[test]
fn a_push_is_sent_made_and_written_down_once() {
    let lab = Lab::with("    config: { bucket: b, region: r }\n    release: { labels: [base] }\n    target: { workspace: acme }\n");
    let pushed = lab.push(&["--label", "x", "--stream", "acme/app", "--channel", "beta", "--output", "json"]).code(0).json();
    assert_eq!((&pushed["pushed"], &pushed["release_id"]), (&json!(true), &json!("rel_1")), "{pushed}");
    let asked = lab.asked("push.prepare");
    assert_eq!(asked["config"], json!({ "bucket": "b", "region": "r" }));
    assert_eq!(asked["target"], json!({ "workspace": "acme", "stream": "acme/app" }));
    assert_eq!(asked["release"]["labels"], json!(["base", "x"]));
    assert_eq!((&asked["release"]["version"], &asked["release"]["channel"]), (&json!("1.0.0"), &json!("beta")));
    assert_eq!((&asked["protocol_version"], &asked["remote"]), (&json!(1), &json!("lab")));
    assert!(asked.get("identity").is_none());
    let digest = asked["pack"]["file_digest"].as_str().expect("digest");
    let stored = std::fs::read(lab.state().join("blobs").join(&digest[7..])).expect("blob");
    assert_eq!(stored, b"the pack");
    let receipt = lab.receipt();
    assert_eq!((&receipt["status"], &receipt["release"]["release_id"]), (&json!("released"), &json!("rel_1")));
    assert_eq!((&receipt["adapter"]["verified"], &receipt["adapter"]["version"]), (&json!(true), &json!("1.2.3")));
    assert_eq!(receipt["request_ids"]["push.finalize"], lab.asked("push.finalize")["request_id"]);
    lab.sf.run(&["receipt", "verify"]).code(0);
    // The same again: nothing is asked, nothing is made.
    let again = lab.push(&["--label", "x", "--stream", "acme/app", "--channel", "beta", "--output", "json"]).code(0).json();
    assert_eq!((&again["pushed"], &again["release_id"]), (&json!(false), &json!("rel_1")));
    assert_eq!((lab.calls("push.prepare"), lab.calls("push.finalize"), lab.releases()), (1, 1, 1));
    // Somebody wants another one.
    lab.push(&["--again", "--stream", "acme/app"]).code(0);
    assert_eq!((lab.releases(), lab.receipts().len()), (2, 2));
}

#[test]
fn bytes_the_adapter_has_are_not_sent_and_files_beside_go_along() {
    let lab = Lab::new();
    lab.features(&["prepare_finalize", "sidecars"]);
    lab.behave(&json!({ "upload": "skip" }));
    lab.sf.write("sbom.json", "{}");
    let pushed = lab.push(&["--checksums", "--sidecar", "sbom=sbom.json", "--output", "json"]).code(0).json();
    let receipt = &pushed["receipt"];
    assert_eq!((&receipt["upload"]["skipped"], receipt["sidecars"].as_array().map(Vec::len)), (&json!(true), Some(2)));
    let sums = std::fs::read_to_string(lab.state().join("blobs/app.epack.sha256")).expect("sums");
    assert!(sums.ends_with("  app.epack\n") && sums.len() == 64 + 12, "{sums}");
    assert_eq!(std::fs::read(lab.state().join("blobs/sbom.json")).expect("sbom"), b"{}");
    // An adapter that takes none is not given any.
    lab.features(&["prepare_finalize"]);
    lab.push(&["--again", "--checksums"]).code(2);
}

#[test]
fn what_helps_when_repeated_is_repeated_and_limits_are_kept() {
    let lab = Lab::new();
    lab.behave(&json!({ "push.prepare": "flaky" }));
    lab.push(&[]).code(0);
    assert_eq!((lab.calls("push.prepare"), lab.releases()), (3, 1));
    std::fs::write(lab.state().join("limits.json"), r#"{"max_pack_size": 3}"#).expect("limits");
    lab.behave(&json!({}));
    let refused = lab.push(&["--again"]).code(1);
    assert!(refused.stderr().contains("at most 3"), "{}", refused.stderr());
    assert_eq!(lab.calls("push.prepare"), 3);
}

#[test]
fn runs_are_handed_over_and_never_cost_the_receipt() {
    let lab = Lab::with("    runs: { require_success: true }\n");
    lab.sf.write("app.runs/tools/a/RUN1/result.json", "{}");
    lab.sf.write("app.runs/tools/b/RUN2/result.json", "{}");
    lab.behave(&json!({ "reject": ["RUN2"] }));
    let partly = lab.push(&[]).code(5);
    assert!(partly.stderr().contains("release rel_1 exists"), "{}", partly.stderr());
    let receipt = lab.receipt();
    assert_eq!((&receipt["status"], &receipt["runs"]["synced"]), (&json!("released"), &json!(["RUN1"])));
    assert_eq!(receipt["runs"]["failed"], json!(["RUN2"]));
    lab.behave(&json!({}));
    lab.push(&[]).code(0);
    let asked = lab.asked("runs.sync");
    assert_eq!(asked["runs"].as_array().map(Vec::len), Some(1), "only what is missing");
    assert_eq!(asked["file_digest"], asked["pack_digest"]);
    assert_eq!((lab.receipt()["runs"]["failed"].clone(), lab.releases()), (json!([]), 1));
}

#[test]
fn only_declared_secrets_arrive_and_none_is_shown() {
    let mut lab = Lab::with("    secrets: [LAB_TOKEN]\n");
    lab.sf = lab.sf.env("LAB_TOKEN", "s3cr3t-value-of-the-lab").env("AWS_SECRET_ACCESS_KEY", "ambient-secret");
    lab.behave(&json!({ "push.prepare": "environment", "push.finalize": "leak" }));
    let run = lab.push(&["-v"]).code(0);
    assert!(run.stderr().contains("the token is ***"), "{}", run.stderr());
    assert!(!format!("{}{}", run.stdout(), run.stderr()).contains("s3cr3t"));
    let seen = std::fs::read_to_string(lab.state().join("environment.json")).expect("environment");
    assert!(seen.contains("s3cr3t-value-of-the-lab") && !seen.contains("ambient-secret"), "{seen}");
    assert!(seen.contains("EPACK_REMOTE_PROTOCOL_VERSION"));
}

#[test]
fn who_we_are_and_how_to_log_in() {
    let lab = Lab::new();
    let whoami = lab.sf.run(&["remote", "whoami", "lab"]).code(0);
    assert_eq!(whoami.stdout(), "lab\\u{1b}user\n");
    lab.behave(&json!({ "stranger": true }));
    lab.sf.run(&["remote", "whoami", "lab"]).code(3);
    let login = lab.sf.run(&["remote", "login", "lab"]).code(0);
    assert!(login.stdout().contains("https://lab.example/device") && login.stdout().contains("AB-CD"), "{}", login.stdout());
    lab.features(&["prepare_finalize"]);
    lab.sf.run(&["remote", "whoami", "lab"]).code(1);
}
