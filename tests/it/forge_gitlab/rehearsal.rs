//! A GitLab of our own, started for every command: what one leaves there the next one finds.

use crate::support::forge_cli::Workspace;

const PLACES: &str = "forges: { lab: { provider: embedded-gitlab } }\nrepos: { home: { forge: lab, project: acme/app } }\n";
const PUBLISH: &str = r#"  release: { kind: release, repos: home, archives: [pack], aliases: ["v{major}"], rolling: [nightly] }
  package: { kind: generic-package, repo: home, package: tools, archives: [pack], aliases: [latest] }
"#;

#[test]
fn it_needs_no_account_and_remembers() {
    let mut workspace = Workspace::new();
    workspace.config(PLACES, PUBLISH);
    for command in ["plan", "preflight", "perform", "review"] {
        workspace.run(&[command], 0);
    }
    let before = workspace.run(&["status"], 0).stdout();
    assert!(before.contains("nothing is there"), "{before}");
    for command in ["publish", "verify"] {
        workspace.run(&[command], 0);
    }
    assert!(workspace.writes() > 5);
    workspace.run(&["publish"], 0);
    assert_eq!(workspace.writes(), 0, "what the first left there is found");
    let status = workspace.run(&["status", "--output", "json"], 0).json();
    assert!(status["destinations"].as_array().expect("lines").iter().all(|line| line["state"] == "complete"), "{status:#}");

    // The next version moves what moves, and the first one stays.
    workspace.sf.write("a", "changed");
    workspace.sf.commit("feat: what is new");
    workspace.sf.git_run(&["tag", "v1.5.0"]);
    workspace = workspace.env("SF_CI_TAG", "v1.5.0");
    for command in ["perform", "review", "publish", "verify"] {
        workspace.run(&[command], 0);
    }
    // A journal that was lost changes nothing: what is there says it all.
    workspace.sf.forget_publishing();
    workspace.run(&["publish"], 0);
    assert_eq!(workspace.writes(), 0);
    let kept = workspace.sf.read(".stagefreight/rehearsal/lab/state.json");
    let state: serde_json::Value = serde_json::from_str(&kept).expect("a state");
    let tags: Vec<&str> =
        state["projects"][0]["releases"].as_array().expect("releases").iter().filter_map(|one| one["tag"].as_str()).collect();
    assert_eq!(tags, ["v1.4.0", "nightly", "v1.5.0"]);

    // It can be damaged, and says what to do.
    workspace.sf.write(".stagefreight/rehearsal/lab/state.json", "{");
    let broken = workspace.run(&["status"], 1).stderr();
    assert!(broken.contains("is not the state of an embedded forge") && broken.contains("remove its directory"), "{broken}");
}

#[test]
fn it_is_no_place_to_prune() {
    let workspace = Workspace::new();
    workspace.config(PLACES, PUBLISH);
    let refused = workspace.run(&["release", "prune"], 2).stderr();
    assert!(refused.contains("a forge of our own"), "{refused}");
}
