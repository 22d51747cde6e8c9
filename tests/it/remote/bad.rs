//! Everything an adapter, a remote or a file can do wrong: what the run ends with, that it says so, that nothing is left.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{Lab, write_adapter};

/// What a push ends with when the adapter behaves like this, and what it says.
const ROWS: &[(&str, &str, i32, &str)] = &[
    ("--capabilities", "crash", 1, "--capabilities failed"),
    ("--capabilities", "garbage", 1, "its answer cannot be used"),
    ("--capabilities", "utf8", 1, "not UTF-8"),
    ("--capabilities", "silence", 1, "it is empty"),
    ("push.prepare", "crash", 1, "push.prepare failed"),
    ("push.prepare", "exit-3", 1, "exit status: 3"),
    ("push.prepare", "exit-3-error", 3, "no (forbidden)"),
    ("push.prepare", "garbage", 1, "its answer cannot be used"),
    ("push.prepare", "silence", 1, "it is empty"),
    ("push.prepare", "utf8", 1, "not UTF-8"),
    ("push.prepare", "two", 1, "something follows the JSON document"),
    ("push.prepare", "huge", 1, "more than 10485760 bytes"),
    ("push.prepare", "duplicate", 1, "the key `ok` is repeated"),
    ("push.prepare", "neither", 1, "neither `ok: true` nor what went wrong"),
    ("push.prepare", "wrong-id", 1, "answers request `somebody-else`"),
    ("push.prepare", "wrong-type", 1, "its type is `nonsense`"),
    ("push.prepare", "error:auth_required", 3, "the lab says no (auth_required)"),
    ("push.prepare", "error:forbidden", 3, "(forbidden)"),
    ("push.prepare", "error:conflict", 4, "(conflict)"),
    ("push.prepare", "error:server_error", 5, "(server_error)"),
    ("push.prepare", "error:teapot", 1, "(teapot)"),
    ("push.prepare", "error:auth_required", 3, "lab\\u{1b}[2J login"),
    ("push.finalize", "error:forbidden", 3, "(forbidden)"),
    ("push.finalize", "error:conflict", 4, "(conflict)"),
    ("push.finalize", "no-id", 7, "says that a release exists and not which"),
    ("push.finalize", "other-digest", 7, "holds sha256:0000"),
];

#[test]
fn adapters_that_misbehave_are_refused_with_a_reason() {
    let lab = Lab::new();
    lab.features(&["prepare_finalize"]);
    for (at, (command, how, code, says)) in ROWS.iter().enumerate() {
        lab.behave(&json!({ *command: how }));
        let stream = format!("row-{at}");
        let run = lab.push(&["--stream", &stream]);
        assert_eq!(run.output.status.code(), Some(*code), "{command} {how}: {}", run.stderr());
        assert!(run.stderr().contains(says), "{command} {how}: {}", run.stderr());
    }
    assert!(lab.receipts().iter().all(|(_, receipt)| receipt["status"] != "released"));
}

#[test]
fn an_adapter_that_hangs_is_ended_with_what_it_started() {
    let lab = Lab::with("    timeout: 1s\n");
    lab.behave(&json!({ "push.prepare": "hang" }));
    let late = lab.push(&[]).code(5);
    assert!(late.stderr().contains("did not finish within"), "{}", late.stderr());
}

#[test]
fn versions_kinds_and_features_are_asked_for() {
    let lab = Lab::new();
    for (behaviour, says) in [(json!({ "protocol": 0 }), "speaks protocol version 0"), (json!({ "kind": "other" }), "its kind is `other`")]
    {
        lab.behave(&behaviour);
        let run = lab.push(&[]).code(1);
        assert!(run.stderr().contains(says), "{}", run.stderr());
    }
    lab.behave(&json!({}));
    lab.features(&["direct_upload"]);
    let run = lab.push(&[]).code(1);
    assert!(run.stderr().contains("does not declare push.prepare"), "{}", run.stderr());
}

#[test]
fn bytes_only_go_where_they_may() {
    let lab = Lab::new();
    let outside = lab.sf.outside().join("outside");
    std::fs::create_dir(&outside).expect("outside");
    let blobs = lab.state().join("blobs");
    std::os::unix::fs::symlink(&outside, blobs.join("link")).expect("link");
    let blobs = blobs.display();
    let rows: Vec<(Value, i32, &str)> = vec![
        (json!({ "url": "http://example.com/x" }), 1, "plain http"),
        (json!({ "url": "http://127.0.0.2/x" }), 1, "plain http"),
        (json!({ "url": "ftp://x/y" }), 1, "`ftp` address"),
        (json!({ "url": "no url" }), 1, "is no URL"),
        (json!({ "url": format!("file://{}/x", outside.display()) }), 1, "a file outside"),
        (json!({ "url": format!("file://{blobs}/../up") }), 1, "a file outside"),
        (json!({ "url": format!("file://{blobs}-evil/x") }), 1, "a file outside"),
        (json!({ "url": format!("file://{blobs}/link/x") }), 1, "a link or a file is in the way"),
        (json!({ "url": "https://127.0.0.1:1/x", "method": "DELETE" }), 1, "an upload by `DELETE`"),
        (json!({ "url": "https://127.0.0.1:1/x", "method": "" }), 1, "an upload by ``"),
        (json!({ "url": "http://127.0.0.1:1/x", "headers": { "Authorization": "secret" } }), 1, "over plain http"),
        (json!({ "url": "https://127.0.0.1:1/x", "headers": { "a b": "c" } }), 1, "cannot be sent"),
        (json!("expired"), 5, "expired at 2001-01-01"),
    ];
    for (upload, code, says) in rows {
        lab.behave(&json!({ "upload": upload }));
        let run = lab.push(&[]);
        assert_eq!(run.output.status.code(), Some(code), "{upload}: {}", run.stderr());
        assert!(run.stderr().contains(says), "{upload}: {}", run.stderr());
    }
    assert_eq!((lab.releases(), std::fs::read_dir(&outside).expect("outside").count()), (0, 0));
    assert_eq!(lab.receipt()["status"], json!("failed"));
}

/// Answers one request like this.
fn serve(answer: &'static str) -> (String, std::thread::JoinHandle<Vec<u8>>) {
    let server = TcpListener::bind("127.0.0.1:0").expect("server");
    let address = server.local_addr().expect("address").to_string();
    let thread = std::thread::spawn(move || {
        let (mut connection, _) = server.accept().expect("a request");
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        // Head and body are short; both are there before the answer goes out.
        while !(seen.ends_with(b"the pack") || seen.starts_with(b"GET") && seen.ends_with(b"\r\n\r\n")) {
            let count = connection.read(&mut buffer).expect("request");
            if count == 0 {
                break;
            }
            seen.extend_from_slice(&buffer[..count]);
        }
        connection.write_all(answer.as_bytes()).expect("answer");
        seen
    });
    (address, thread)
}

#[test]
fn uploads_follow_no_redirect_and_say_what_the_server_says() {
    for (answer, code, says) in [
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", 1, "would send the bytes elsewhere"),
        ("HTTP/1.1 307 Moved\r\nlocation: https://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", 1, "would send the bytes elsewhere"),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 7\r\n\r\nexpired", 3, "status 403: expired"),
        ("HTTP/1.1 400 Bad\r\ncontent-length: 4\r\n\r\n\x1b[2J", 1, "status 400: \\u{1b}[2J"),
    ] {
        let lab = Lab::new();
        let (address, thread) = serve(answer);
        lab.behave(&json!({ "upload": { "url": format!("http://{address}/x?sig=hidden"), "headers": { "x-one": "1", "Host": "evil" } } }));
        let run = lab.push(&[]);
        assert_eq!(run.output.status.code(), Some(code), "{}", run.stderr());
        assert!(run.stderr().contains(says) && !run.stderr().contains("hidden"), "{}", run.stderr());
        let seen = String::from_utf8(thread.join().expect("served")).expect("text").to_lowercase();
        assert!(seen.contains("x-one: 1") && seen.contains("content-length: 8") && !seen.contains("evil"), "{seen}");
        assert_eq!(lab.releases(), 0);
    }
}

#[test]
fn downloads_are_what_they_should_be() {
    let cases: [(&str, i32, &str); 5] = [
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2:1/\r\ncontent-length: 0\r\n\r\n", 1, "plain http"),
        ("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\nthe pack", 1, "as gzip"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nthe pack!", 7, "at most 8 are taken"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nthe pbck", 7, "was asked for"),
        ("HTTP/1.1 404 Gone\r\ncontent-length: 0\r\n\r\n", 1, "status 404"),
    ];
    let lab = Lab::new();
    lab.push(&[]).code(0);
    for (answer, code, says) in cases {
        let (address, thread) = serve(answer);
        lab.behave(&json!({ "download": { "url": format!("http://{address}/x") } }));
        let run = lab.pull(&["--file", "new"]);
        assert_eq!(run.output.status.code(), Some(code), "{answer}: {}", run.stderr());
        assert!(run.stderr().contains(says), "{answer}: {}", run.stderr());
        thread.join().expect("served");
        assert!(!lab.sf.path().join("new").exists());
    }
    Lab::assert_no_leftovers(&lab.sf.path());
}

#[test]
fn adapters_that_are_not_the_pinned_ones_do_not_run() {
    let lab = Lab::new();
    let path = lab.sf.path().join("epack-remote-lab");
    // Replaced after it was pinned.
    std::fs::write(&path, "#!/bin/sh\ntouch ../state/evil\n").expect("replaced");
    let refused = lab.push(&[]).code(7);
    assert!(refused.stderr().contains("is not the adapter that was pinned"), "{}", refused.stderr());
    lab.sf.run(&["remote", "verify"]).code(7);
    lab.sf.run(&["remote", "lock"]).code(7);
    // Not executable, writable by everybody, a link, not there.
    write_adapter(&path, &lab.state());
    for (mode, says) in [(0o644, "is not executable"), (0o757, "everybody may write")] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        let refused = lab.push(&[]).code(3);
        assert!(refused.stderr().contains(says), "{}", refused.stderr());
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let real = lab.sf.path().join("real");
    std::fs::rename(&path, &real).expect("moved");
    let missing = lab.push(&[]).code(3);
    assert!(missing.stderr().contains("there is no adapter"), "{}", missing.stderr());
    std::os::unix::fs::symlink(&real, &path).expect("link");
    let refused = lab.push(&[]).code(3);
    assert!(refused.stderr().contains("it is a link"), "{}", refused.stderr());
    assert!(!lab.state().join("evil").exists());
    assert_eq!(lab.calls("push.prepare"), 0);
}

#[test]
fn a_lockfile_of_another_platform_or_tampered_with_is_refused() {
    let lab = Lab::new();
    let good = lab.sf.read("stagefreight.lock.yaml");
    let platform = good.lines().find(|line| line.contains('/') && line.trim_end().ends_with(':')).expect("platform").trim().to_owned();
    lab.sf.write("stagefreight.lock.yaml", good.replace(&platform, "freebsd/riscv64:"));
    let other = lab.push(&[]).code(3);
    assert!(other.stderr().contains("is not pinned for"), "{}", other.stderr());
    for (from, to) in [("schema_version: 1", "schema_version: 9"), ("sha256:", "sha256:0"), ("adapter: lab", "adapter: ../lab")] {
        lab.sf.write("stagefreight.lock.yaml", good.replace(from, to));
        let refused = lab.push(&[]).code(2);
        assert!(refused.stderr().contains("is not valid"), "{to}: {}", refused.stderr());
    }
    lab.sf.write("stagefreight.lock.yaml", good.replace("epack-remote-lab", "epack-remote-other"));
    let other = lab.push(&[]).code(3);
    assert!(other.stderr().contains("names lab from ./epack-remote-lab"), "{}", other.stderr());
}
