//! Remotes as destinations of publish: built, reviewed, pushed, remembered.

use serde_json::json;

use super::Lab;

const PUBLISH: &str = "builds:\n  tool: { kind: command, command: [\"sh\", \"-c\", \"mkdir -p out && echo built > out/tool.txt\"], outputs: [{ type: file, source: out/tool.txt }] }\npublish:\n  ship: { kind: remote, build: tool, remote: lab, stream: acme/tool, version: \"1.4.0\", labels: [\"{sha}\"] }\n";

fn released() -> Lab {
    let mut lab = Lab::with(PUBLISH);
    lab.sf = lab.sf.git();
    lab.sf.run(&["perform"]).code(0);
    lab.sf.run(&["review"]).code(0);
    lab
}

#[test]
fn a_built_file_is_released_once_and_verified() {
    let lab = released();
    let plan = lab.sf.run(&["plan", "--output", "json"]).code(0).json();
    assert_eq!(plan["destinations"][0]["name"], json!("remote:lab/acme/tool@1.4.0/tool.txt"), "{plan}");
    lab.sf.run(&["preflight"]).code(0);
    lab.sf.run(&["publish"]).code(0);
    let asked = lab.asked("push.prepare");
    assert_eq!((&asked["pack"]["name"], &asked["release"]["version"]), (&json!("tool.txt"), &json!("1.4.0")));
    assert_eq!(asked["release"]["build_context"]["git_sha"], json!(lab.sf.git_run(&["rev-parse", "HEAD"])));
    assert_eq!((lab.releases(), lab.receipt()["status"].clone()), (1, json!("released")));
    assert!(!lab.sf.read(".stagefreight/published.json").contains("remote:lab"), "no registry was read");
    let again = lab.sf.run(&["publish", "--output", "json"]).code(0).json();
    assert_eq!(again["totals"]["already_complete"], json!(1), "{again}");
    assert_eq!(lab.calls("push.finalize"), 1);
    lab.sf.run(&["status"]).code(0);
    lab.sf.run(&["verify"]).code(0);
}

#[test]
fn publishing_that_died_goes_on_where_it_may_and_stops_where_it_must() {
    for (features, step) in [("idempotent", "kill-host-made"), ("idempotent", "crash-after"), ("pull", "kill-host-made"), ("pull", "crash")]
    {
        let lab = released();
        lab.features(&["prepare_finalize", "pull", features]);
        lab.behave(&json!({ "push.finalize": step }));
        lab.sf.run(&["publish"]);
        lab.behave(&json!({}));
        if features == "idempotent" {
            lab.sf.run(&["publish"]).code(0);
            assert_eq!((lab.releases(), lab.receipt()["status"].clone()), (1, json!("released")), "{step}");
            continue;
        }
        let stopped = lab.sf.run(&["publish"]).code(5);
        assert!(format!("{}{}", stopped.stdout(), stopped.stderr()).contains("receipt settle"), "{}", stopped.stderr());
        assert_eq!(lab.calls("push.finalize"), 1);
        let (path, _) = lab.receipts().remove(0);
        let said: &[&str] = if step == "crash" { &["--not-released"] } else { &["--released", "rel_1"] };
        lab.sf.run(&[&["receipt", "settle", &path][..], said].concat()).code(0);
        lab.sf.run(&["publish"]).code(0);
        assert_eq!(lab.releases(), 1, "{step}");
    }
}

#[test]
fn a_remote_that_does_not_know_us_fails_before_anything_is_built() {
    let lab = released();
    lab.behave(&json!({ "stranger": true }));
    let run = lab.sf.run(&["preflight"]).code(3);
    assert!(format!("{}{}", run.stdout(), run.stderr()).contains("does not know us"), "{}", run.stderr());
}
