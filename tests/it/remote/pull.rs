//! Pulling: what was asked for, verified, or nothing; and what is there stays until then.

use serde_json::json;

use super::Lab;

fn stocked() -> Lab {
    let lab = Lab::new();
    lab.push(&["--stream", "acme/app"]).code(0);
    lab
}

#[test]
fn by_newest_version_release_and_digest() {
    let lab = stocked();
    let digest = lab.asked("push.prepare")["pack"]["file_digest"].as_str().expect("digest").to_owned();
    for (name, args) in [("a", vec![]), ("b", vec!["1.0.0"]), ("c", vec!["rel_1"]), ("d", vec![digest.as_str()])] {
        let mut all = args.clone();
        all.extend(["--file", name]);
        lab.pull(&all).code(0);
        assert_eq!(lab.sf.read(name), "the pack");
    }
    assert_eq!(lab.asked("pull.finalize")["pack_digest"], json!(digest));
    // Without a name it gets that of its stream.
    lab.pull(&["latest"]).code(0);
    assert_eq!(lab.sf.read("acme-app.epack"), "the pack");
    let missing = lab.pull(&["9.9.9", "--file", "e"]).code(1);
    assert!(missing.stderr().contains("no such pack"), "{}", missing.stderr());
    let listed = lab.sf.run(&["receipt", "list", "--pull", "--output", "json"]).code(0).json();
    assert_eq!(listed["receipts"].as_array().map(Vec::len), Some(5));
    lab.sf.run(&["receipt", "verify"]).code(0);
}

#[test]
fn the_digest_that_was_asked_for_counts() {
    let lab = stocked();
    lab.behave(&json!({ "pull.prepare": "any" }));
    let other = format!("sha256:{}", "1".repeat(64));
    let refused = lab.pull(&[&other, "--file", "x"]).code(7);
    assert!(refused.stderr().contains("was asked for, and the adapter offers"), "{}", refused.stderr());
    assert!(!lab.sf.path().join("x").exists());
    lab.pull(&["sha256:zz"]).code(2);
}

#[test]
fn a_file_that_is_there_stays_until_the_new_one_is_verified() {
    let lab = stocked();
    lab.sf.write("old", "the old one");
    lab.pull(&["--file", "old"]).code(4);
    assert_eq!(lab.sf.read("old"), "the old one");
    // Other bytes than promised, too few, too many: the old one stays.
    let blob = std::fs::read_dir(lab.state().join("blobs")).expect("blobs").next().expect("one").expect("entry").path();
    std::fs::write(&blob, "the pbck").expect("tampered");
    let tampered = lab.pull(&["--file", "old", "--force"]).code(7);
    assert!(tampered.stderr().contains("was asked for"), "{}", tampered.stderr());
    lab.behave(&json!({ "pull.prepare": "small" }));
    lab.pull(&["--file", "old", "--force"]).code(7);
    lab.behave(&json!({ "pull.prepare": "negative" }));
    lab.pull(&["--file", "old", "--force"]).code(1);
    assert_eq!(lab.sf.read("old"), "the old one");
    Lab::assert_no_leftovers(&lab.sf.path());
    std::fs::write(&blob, "the pack").expect("as it was");
    lab.behave(&json!({}));
    lab.pull(&["--file", "old", "--force"]).code(0);
    assert_eq!(lab.sf.read("old"), "the pack");
}

#[test]
fn a_remote_that_is_not_told_is_a_warning() {
    let lab = stocked();
    lab.behave(&json!({ "pull.finalize": "crash" }));
    let run = lab.pull(&["--file", "x"]).code(0);
    assert!(run.stderr().contains("was not told of the pull"), "{}", run.stderr());
    assert_eq!(lab.sf.read("x"), "the pack");
}

/// The disk takes no more: nothing half-written is left, and what is there stays.
#[test]
fn a_pull_that_cannot_be_written_leaves_nothing() {
    let lab = Lab::new();
    lab.sf.write("app.epack", vec![b'x'; 200_000]);
    lab.push(&[]).code(0);
    lab.sf.write("old", "the old one");
    let command = lab.sf.command(&["remote", "pull", "lab", "--file", "old", "--force"]);
    // A limit on the size of files is a disk that fills up; ignoring its signal makes it an error of the write.
    let output = command.under("sh", &["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"]).output();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("write"), "{said}");
    assert_eq!(lab.sf.read("old"), "the old one");
    Lab::assert_no_leftovers(&lab.sf.path());
}
