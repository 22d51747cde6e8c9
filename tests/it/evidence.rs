//! `verification.json` of a release: that it says what review did, and no more, and that nothing else depends on it.

use serde_json::{Value, json};
use stagefreight::core::Digest;

use crate::support::forge_cli::Workspace;

const PLACES: &str = "forges: { own: { provider: embedded } }\nrepos: { home: { forge: own, project: acme/app } }\n";
const RELEASE: &str = "  release: { kind: release, repos: home, archives: [pack, tool], rolling: [nightly] }\n";

fn released() -> Workspace {
    let workspace = Workspace::new();
    workspace.config(PLACES, RELEASE);
    workspace
}

fn file_of(repo: &str) -> String {
    format!(".stagefreight/release/{repo}/v1.4.0/verification.json")
}

fn predicate(workspace: &Workspace, repo: &str) -> Value {
    let statement: Value = serde_json::from_str(&workspace.sf.read(&file_of(repo))).expect("a statement");
    statement["predicate"].clone()
}

/// The release has it as a file, by what the forge remembers.
fn has_evidence(workspace: &Workspace) -> bool {
    workspace.run(&["release", "verify"], 0);
    let released = workspace.sf.path().join(".stagefreight/rehearsal");
    crate::support::file_release::left_behind(&released).contains("verification.json")
}

#[test]
fn it_names_the_config_that_review_read() {
    let workspace = released();
    let config = workspace.sf.read(".stagefreight.yml");
    workspace.run(&["perform"], 0);
    let other = format!("{config}security: {{ secret_scan: false }}\n");
    workspace.sf.write("ci/policy.yml", &other);
    workspace.run(&["review", "--config", "ci/policy.yml"], 0);
    workspace.run(&["publish"], 0);
    let told = predicate(&workspace, "home");
    let policy = json!({ "uri": "urn:stagefreight:config:ci/policy.yml", "digest": { "sha256": Digest::of(other.as_bytes()).hex() } });
    assert_eq!(told["policy"], policy, "{told:#}");
    // Outside CI nobody says which commit it should be.
    assert!(!told.to_string().contains(&workspace.commit()), "{told:#}");
    let review: Value = serde_json::from_str(&workspace.sf.read(".stagefreight/review.json")).expect("JSON");
    assert_eq!((&review["basis"]["config"]["path"], &review["basis"]["commit_compared"]), (&json!("ci/policy.yml"), &json!(false)));
    workspace.run(&["verify"], 0);

    // A job that has no config at all.
    let workspace = released();
    workspace.run(&["perform"], 0);
    std::fs::remove_file(workspace.sf.path().join(".stagefreight.yml")).expect("removed");
    workspace.run(&["review"], 0);
    workspace.run(&["publish"], 0);
    assert_eq!(predicate(&workspace, "home")["policy"], json!({ "uri": "urn:stagefreight:defaults" }));
}

#[test]
fn a_pipeline_and_a_laptop_tell_the_same() {
    let workspace = released();
    let commit = workspace.commit();
    let workspace = workspace.env("SF_CI_PROVIDER", "gitlab").env("SF_CI_SHA", &commit);
    for command in ["perform", "review", "publish", "verify"] {
        workspace.run(&[command], 0);
    }
    let told = predicate(&workspace, "home");
    assert_eq!(told["policy"]["uri"], "urn:stagefreight:config:.stagefreight.yml");
    assert_eq!(told["verifiedLevels"], json!(["STAGEFREIGHT_REVIEWED"]));
    assert_eq!(told.get("inputAttestations"), None, "review asked no attestation: {told:#}");
    assert!(has_evidence(&workspace));
    let review: Value = serde_json::from_str(&workspace.sf.read(".stagefreight/review.json")).expect("JSON");
    assert_eq!(review["basis"]["commit_compared"], true);
    let written = workspace.sf.read(&file_of("home"));
    let workspace = workspace.env("SF_CI_PROVIDER", "").env("SF_CI_SHA", "");
    workspace.run(&["review"], 0);
    workspace.run(&["publish"], 0);
    assert_eq!((workspace.writes(), workspace.sf.read(&file_of("home"))), (0, written));
}

#[test]
fn two_releases_at_one_repository_keep_their_files_apart() {
    let workspace = Workspace::new();
    let entry = |id: &str, archives: &str| {
        format!("  {id}: {{ kind: release, repos: home, tag: \"{id}-v{{version}}\", archives: [{archives}] }}\n")
    };
    workspace.config(PLACES, &format!("{}{}", entry("cli", "tool"), entry("server", "pack")));
    let workspace = workspace.env("SF_CI_TAG", "").env("SF_CI_EVENT", "push").env("SF_CI_BRANCH", "main");
    for command in ["perform", "review", "publish", "verify"] {
        workspace.run(&[command], 0);
    }
    workspace.run(&["publish"], 0);
    assert_eq!(workspace.writes(), 0);
    let made = std::fs::read_dir(workspace.sf.path().join(".stagefreight/release/home")).expect("directory");
    assert_eq!(made.count(), 2);
}

#[test]
fn of_files_that_differ_from_the_commit_nothing_is_told() {
    let workspace = released();
    workspace.sf.write("README", "two");
    let said = workspace.run(&["perform"], 0).stderr();
    assert_eq!(said.matches("releases get no verification.json").count(), 1, "{said}");
    // What perform found is what was approved; how the files look later decides nothing.
    workspace.sf.write("README", "one");
    for command in ["review", "publish", "verify"] {
        workspace.run(&[command], 0);
    }
    assert!(!has_evidence(&workspace) && !workspace.sf.path().join(file_of("home")).exists());
    workspace.run(&["publish"], 0);
    assert_eq!(workspace.writes(), 0);

    let workspace = released();
    workspace.run(&["perform"], 0);
    workspace.run(&["review"], 0);
    workspace.sf.write("README", "two");
    workspace.run(&["publish"], 0);
    assert!(has_evidence(&workspace));
}

#[test]
fn two_releases_of_one_tag_have_each_their_own() {
    let workspace = Workspace::new();
    let repos = ["cli", "server", "copy"].map(|id| format!("{id}: {{ forge: own, project: acme/{id} }}")).join(", ");
    let publish =
        "  cli: { kind: release, repos: [cli, copy], archives: [tool] }\n  server: { kind: release, repos: server, archives: [pack] }\n";
    workspace.config(&format!("forges: {{ own: {{ provider: embedded }} }}\nrepos: {{ {repos} }}\n"), publish);
    for command in ["perform", "review", "publish", "verify"] {
        workspace.run(&[command], 0);
    }
    let about = |repo: &str| predicate(&workspace, repo)["resourceUri"].as_str().expect("a uri").to_owned();
    assert!(about("cli").ends_with("/acme/cli@refs/tags/v1.4.0"), "{}", about("cli"));
    assert_eq!(about("copy"), about("cli"), "the same files at a second place");
    assert!(about("server").ends_with("/acme/server@refs/tags/v1.4.0"), "{}", about("server"));
}

#[test]
fn a_dry_run_does_not_write_it() {
    let workspace = released();
    workspace.run(&["perform"], 0);
    workspace.run(&["review"], 0);
    workspace.run(&["publish", "--dry-run"], 0);
    assert!(!workspace.sf.path().join(file_of("home")).exists());
    workspace.run(&["publish"], 0);
    assert!(workspace.sf.path().join(file_of("home")).exists());
}

#[test]
fn destinations_of_another_job_write_nothing_outside() {
    let workspace = released();
    workspace.run(&["perform"], 0);
    let file = ".stagefreight/destinations.json";
    let edited = workspace.sf.read(file).replace("\"target\": \"home\"", "\"target\": \"../../../outside\"");
    workspace.sf.write(file, edited.replace("\"name\": \"home\"", "\"name\": \"../../../outside\""));
    workspace.run(&["review"], 0);
    for command in [&["publish"][..], &["publish", "--dry-run"], &["status"]] {
        let said = workspace.run(command, 1).stderr();
        let outside = workspace.sf.path().parent().expect("a directory").join("outside");
        assert!(!outside.exists(), "{command:?} wrote {}", outside.display());
        assert!(said.contains("../../../outside"), "{said}");
    }
}
