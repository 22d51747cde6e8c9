//! Killed at every step, host and adapter, and run again: no receipt lost, no old file destroyed, no second release from an
//! adapter that is idempotent, and a clear stop with one that is not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;

use super::Lab;

const IDEMPOTENT: [&str; 4] = ["prepare_finalize", "pull", "runs_sync", "idempotent"];
const PLAIN: [&str; 3] = ["prepare_finalize", "pull", "runs_sync"];

/// Steps before a release is asked for: whoever dies there, running again makes exactly one release.
#[test]
fn dying_before_the_release_is_asked_for_costs_nothing() {
    for features in [&IDEMPOTENT[..], &PLAIN[..]] {
        for step in ["crash", "kill-host", "kill-host-after"] {
            let lab = Lab::new();
            lab.features(features);
            lab.behave(&json!({ "push.prepare": step }));
            let run = lab.push(&[]);
            assert_ne!(run.output.status.code(), Some(0), "{step}");
            assert_eq!((lab.releases(), lab.receipts().len()), (0, 1), "{step}: the intent is written down");
            lab.behave(&json!({}));
            lab.push(&[]).code(0);
            assert_eq!((lab.releases(), lab.receipt()["status"].clone()), (1, json!("released")), "{step}");
        }
    }
}

/// The host dies while bytes are on their way.
#[test]
fn dying_during_the_upload_costs_nothing() {
    let lab = Lab::new();
    lab.features(&PLAIN);
    let server = TcpListener::bind("127.0.0.1:0").expect("server");
    let address = server.local_addr().expect("address");
    lab.behave(&json!({ "upload": { "url": format!("http://{address}/x") } }));
    let mut child = lab.sf.command(&["remote", "push", "lab", "app.epack", "--release-version", "1.0.0"]).start();
    let (mut connection, _) = server.accept().expect("the upload");
    let mut first = [0; 4];
    connection.read_exact(&mut first).expect("it began");
    child.kill();
    child.wait();
    assert_eq!(lab.receipt()["status"], json!("begun"));
    lab.behave(&json!({}));
    lab.push(&[]).code(0);
    assert_eq!((lab.releases(), lab.receipt()["status"].clone()), (1, json!("released")));
}

/// From the moment the release is asked for, an idempotent adapter is asked again.
#[test]
fn an_idempotent_adapter_makes_one_release_whatever_dies() {
    for step in ["crash", "crash-after", "kill-host", "kill-host-made", "kill-host-after", "garbage", "silence"] {
        let lab = Lab::new();
        lab.features(&IDEMPOTENT);
        lab.behave(&json!({ "push.finalize": step }));
        let run = lab.push(&[]);
        assert_ne!(run.output.status.code(), Some(0), "{step}");
        assert_eq!(lab.receipt()["status"], json!("finalizing"), "{step}");
        let first = lab.receipt()["request_ids"]["push.finalize"].clone();
        lab.behave(&json!({}));
        lab.push(&[]).code(0);
        assert_eq!((lab.releases(), lab.receipt()["status"].clone()), (1, json!("released")), "{step}");
        assert_eq!(lab.asked("push.finalize")["request_id"], first, "{step}: the same question");
    }
}

/// One that is not idempotent is not asked again: the run stops, says what to look for and how to go on.
#[test]
fn another_adapter_is_not_asked_twice() {
    for (step, made) in [("crash", false), ("crash-after", true), ("kill-host-made", true), ("garbage", false)] {
        let lab = Lab::new();
        lab.features(&PLAIN);
        lab.behave(&json!({ "push.finalize": step }));
        lab.push(&[]);
        lab.behave(&json!({}));
        let stopped = lab.push(&[]).code(5);
        let (path, receipt) = lab.receipts().remove(0);
        assert!(stopped.stderr().contains("never heard the answer") && stopped.stderr().contains(&path), "{}", stopped.stderr());
        assert_eq!((lab.calls("push.finalize"), &receipt["status"]), (1, &json!("finalizing")), "{step}");
        if made {
            lab.sf.run(&["receipt", "settle", &path, "--released", "rel_1"]).code(0);
        } else {
            lab.sf.run(&["receipt", "settle", &path, "--not-released"]).code(0);
        }
        lab.push(&[]).code(0);
        assert_eq!((lab.releases(), lab.receipt()["status"].clone()), (1, json!("released")), "{step}");
        lab.sf.run(&["receipt", "settle", &path, "--not-released"]).code(2);
    }
}

/// The answer comes too late: the deadline passes after the release was made.
#[test]
fn a_deadline_after_success_is_settled_by_asking_again() {
    let lab = Lab::with("    timeout: 1s\n");
    lab.features(&IDEMPOTENT);
    lab.behave(&json!({ "push.finalize": "hang-after" }));
    let late = lab.push(&[]).code(5);
    assert!(late.stderr().contains("did not finish within"), "{}", late.stderr());
    lab.behave(&json!({}));
    lab.push(&[]).code(0);
    assert_eq!(lab.releases(), 1);
}

/// The host is told to stop: the adapter goes with it, and what is known is written down.
#[test]
fn stopping_stops_the_adapter_too() {
    let lab = Lab::new();
    lab.features(&IDEMPOTENT);
    lab.behave(&json!({ "push.finalize": "hang-after" }));
    let mut child = lab.sf.command(&["remote", "push", "lab", "app.epack", "--release-version", "1.0.0"]).start();
    while lab.releases() == 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.terminate();
    let output = child.output();
    assert_eq!(output.status.code(), Some(143), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lab.receipt()["status"], json!("finalizing"));
    lab.behave(&json!({}));
    lab.push(&[]).code(0);
    assert_eq!((lab.releases(), lab.receipt()["status"].clone()), (1, json!("released")));
}

/// Records of runs: a death there finds the release written down.
#[test]
fn dying_after_the_release_keeps_its_receipt() {
    for step in ["crash", "kill-host", "kill-host-after"] {
        let lab = Lab::new();
        lab.features(&PLAIN);
        lab.sf.write("app.runs/runs/RUN1/result.json", "{}");
        lab.behave(&json!({ "runs.sync": step }));
        lab.push(&[]);
        assert_eq!(lab.receipt()["status"], json!("released"), "{step}");
        lab.behave(&json!({}));
        lab.push(&[]).code(0);
        assert_eq!((lab.releases(), lab.receipt()["runs"]["synced"].clone()), (1, json!(["RUN1"])), "{step}");
    }
}

/// Pulls: at every step the old file is whole, and running again brings the new one.
#[test]
fn a_pull_that_dies_leaves_the_old_file() {
    for (command, step) in [
        ("pull.prepare", "crash"),
        ("pull.prepare", "kill-host"),
        ("pull.prepare", "kill-host-after"),
        ("pull.finalize", "kill-host"),
        ("pull.finalize", "kill-host-after"),
    ] {
        let lab = Lab::new();
        lab.push(&[]).code(0);
        lab.sf.write("old", "the old one");
        lab.behave(&json!({ command: step }));
        lab.pull(&["--file", "old", "--force"]);
        let there = lab.sf.read("old");
        assert!(there == "the old one" || there == "the pack", "{command} {step}: {there}");
        assert_eq!(there == "the pack", command == "pull.finalize", "{command} {step}");
        lab.behave(&json!({}));
        lab.pull(&["--file", "old", "--force"]).code(0);
        assert_eq!(lab.sf.read("old"), "the pack");
    }
}

/// The connection breaks in the middle of a download, and the host dies in the middle of one.
#[test]
fn half_a_download_is_none() {
    let lab = Lab::new();
    lab.push(&[]).code(0);
    lab.sf.write("old", "the old one");
    let server = TcpListener::bind("127.0.0.1:0").expect("server");
    let address = server.local_addr().expect("address");
    lab.behave(&json!({ "download": { "url": format!("http://{address}/x") } }));
    let mut child = lab.sf.command(&["remote", "pull", "lab", "--file", "old", "--force"]).start();
    let (mut connection, _) = server.accept().expect("the download");
    let mut request = [0; 512];
    let _some = connection.read(&mut request).expect("request");
    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nthe ").expect("half");
    child.kill();
    child.wait();
    assert_eq!(lab.sf.read("old"), "the old one");
    lab.behave(&json!({}));
    lab.pull(&["--file", "old", "--force"]).code(0);
    assert_eq!(lab.sf.read("old"), "the pack");
}
