//! Old versions of packages go; what is not ours, is pointed at, or is kept by a rule stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use stagefreight::core::index_file;
use stagefreight::forge::packages::{At, FileHost};
use stagefreight::forge::retention::{Fate, Policy, VersionDecision, look_at_package, remove_versions};
use tokio_util::sync::CancellationToken;

use super::bench::Bench;
use super::{gitea_packages, gitlab_packages};
use crate::artifact_store::servers::{S3_USER, Server};
use crate::forge_gitlab::lab::Lab;
use crate::forge_gitlab::scene::Scene;
use crate::support::file_release::{assert_done, noise};
use crate::support::forge_cli::Workspace;

const VERSIONS: [&str; 5] = ["1.0.0", "1.1.0", "1.2.0", "1.10.0", "1.11.0-rc.1"];

fn fates(decisions: &[VersionDecision]) -> BTreeMap<String, String> {
    let text = |fate: &Fate| match fate {
        Fate::Stays(why) => why.clone(),
        Fate::Goes(_) => "goes".to_owned(),
    };
    decisions.iter().map(|decision| (decision.version.version().to_owned(), text(&decision.fate))).collect()
}

/// Sends a file that no index tells of.
async fn by_hand(bench: &Bench, host: &dyn FileHost, package: &str, version: &str, name: &str) {
    let file = bench.version_of(package, version, vec![(name.to_owned(), noise(9, 900))], &[]);
    host.send(&file.at(0), &file.source(0), false, &bench.publisher.cx().cancel).await.expect("a file of somebody else");
}

/// Publishes, lets others put things there, and prunes.
async fn old_versions_go(package: &str, pointed: Option<&str>, place: impl Fn(&Bench) -> Arc<dyn FileHost>) {
    let bench = Bench::new();
    let host = || place(&bench);
    let cancel = CancellationToken::new();
    for version in VERSIONS {
        let pointers: Vec<&str> = pointed.into_iter().filter(|_| version == "1.0.0").collect();
        assert_done(&bench.publish_elsewhere(&Bench::target(host()), &bench.version(package, version, &pointers)).await);
    }
    // Somebody published a version without us, and put a file into one of ours. One file is called like an index.
    by_hand(&bench, &*host(), package, "1.3.0", "theirs.bin").await;
    by_hand(&bench, &*host(), package, "1.1.0", "theirs.bin").await;
    by_hand(&bench, &*host(), package, "1.4.0", &index_file("1.4.0", "c", ["x"])).await;
    let policy = Policy { keep_last: 1, ..Policy::default() };
    let decisions = look_at_package(&*host(), package, &policy, &cancel).await.expect("a look");
    let mut expected = BTreeMap::from([
        ("1.0.0", "goes"),
        ("1.1.0", "it holds theirs.bin, which we did not publish"),
        ("1.2.0", "goes"),
        ("1.3.0", "no index of ours lies in it: somebody else published it, or it is a release's"),
        ("1.10.0", "it is among the newest 1"),
        ("1.11.0-rc.1", "it is among the newest 1"),
    ]);
    let hollow = format!("it holds {}, which we did not publish", index_file("1.4.0", "c", ["x"]));
    expected.insert("1.4.0", &hollow);
    if let Some(pointer) = pointed {
        expected.insert("1.0.0", "`latest` points at it");
        expected.insert(pointer, "it says which version is meant");
    }
    let expected: BTreeMap<String, String> = expected.into_iter().map(|(one, other)| (one.to_owned(), other.to_owned())).collect();
    assert_eq!(fates(&decisions), expected);
    // A package whose name begins alike is another one.
    let longer = format!("{package}-x");
    assert_done(&bench.publish_elsewhere(&Bench::target(host()), &bench.version(&longer, "0.1.0", &[])).await);
    assert_eq!(fates(&look_at_package(&*host(), package, &policy, &cancel).await.expect("a look")), expected);
    // Protected by the pattern of its tag.
    let protecting = Policy { protect: vec![Regex::new("^v1\\.2\\.").expect("a pattern")], ..policy.clone() };
    let kept = fates(&look_at_package(&*host(), package, &protecting, &cancel).await.expect("a look"));
    assert_eq!(kept["1.2.0"], "it is protected");
    assert!(
        fates(&look_at_package(&*host(), package, &Policy::default(), &cancel).await.expect("a look")).values().all(|why| why != "goes")
    );

    // Between the look and the removal somebody puts a file into one that was to go.
    let before = decisions.clone();
    by_hand(&bench, &*host(), package, "1.2.0", "late.bin").await;
    let done = remove_versions(&*host(), package, &policy, &before, &cancel).await.expect("a list");
    let refused = done.iter().find(|one| one.directory.ends_with("/1.2.0")).and_then(|one| one.failure.as_ref()).expect("it stays");
    assert!(refused.message.contains("late.bin"), "{refused:?}");
    let left = fates(&look_at_package(&*host(), package, &policy, &cancel).await.expect("a look"));
    assert_eq!(left.contains_key("1.0.0"), pointed.is_some());
    assert!(left.values().all(|why| why != "goes") && left.contains_key("1.2.0"), "{left:?}");
    // What is gone can be published again.
    assert_done(&bench.publish_elsewhere(&Bench::target(host()), &bench.version(package, "1.0.0", &[])).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_gitea() {
    old_versions_go(&format!("pruned-{}", std::process::id()), None, |bench| gitea_packages(&bench.publisher)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_gitlab() {
    let scene = Scene::start(|options| options).await;
    old_versions_go("app", Some("latest"), |bench| gitlab_packages(&scene, &bench.publisher)).await;
    scene.findings.assert_none();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_bucket() {
    let server = Server::s3();
    let endpoint = format!("http://{}", server.host);
    old_versions_go("tools/app", Some("latest"), |bench| super::bucket::files(bench, &endpoint, Some(S3_USER))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pointer_that_cannot_be_read_may_mean_any_version() {
    let scene = Scene::start(|options| options).await;
    let bench = Bench::new();
    let host = || gitlab_packages(&scene, &bench.publisher);
    for version in VERSIONS {
        assert_done(&bench.publish_elsewhere(&Bench::target(host()), &bench.version("app", version, &[])).await);
    }
    let policy = Policy { keep_last: 1, ..Policy::default() };
    let cancel = CancellationToken::new();
    let look = async || fates(&look_at_package(&*host(), "app", &policy, &cancel).await.expect("a look"));
    assert_eq!(look().await["1.0.0"], "goes");
    let at = At { directory: "app/next".to_owned(), file: "index.json".to_owned() };
    host().write(&at, br#"{"schema_version":"9","points":"somewhere"}"#.to_vec(), None, &cancel).await.expect("a pointer of the future");
    assert!(look().await.values().all(|why| why != "goes"), "{:?}", look().await);
}

/// A bucket gives no version away at once: a removal that broke off is finished by the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_broke_off_is_finished() {
    let server = Server::s3();
    let endpoint = format!("http://{}", server.host);
    let bench = Bench::new();
    let host = || super::bucket::files(&bench, &endpoint, Some(S3_USER));
    let cancel = CancellationToken::new();
    for version in ["1.0.0", "2.0.0"] {
        assert_done(&bench.publish_elsewhere(&Bench::target(host()), &bench.version("app", version, &[])).await);
    }
    let data = server.data().join("test/some/prefix/app/1.0.0");
    std::fs::remove_file(data.join("app-windows-amd64.zip")).expect("half of it is gone");
    let policy = Policy { keep_last: 1, ..Policy::default() };
    let decisions = look_at_package(&*host(), "app", &policy, &cancel).await.expect("a look");
    assert_eq!(fates(&decisions)["1.0.0"], "goes");
    let done = remove_versions(&*host(), "app", &policy, &decisions, &cancel).await.expect("a list");
    assert!(done.len() == 1 && done[0].failure.is_none(), "{done:?}");
    let at = At { directory: "app/1.0.0".to_owned(), file: "app-linux-amd64.tar.gz".to_owned() };
    assert_eq!(host().look(&at, &cancel).await.expect("a look"), None);
}

/// Publishes another version.
pub(super) fn publish(workspace: Workspace, tag: &str) -> Workspace {
    workspace.sf.write("a", tag);
    workspace.sf.commit("feat: more");
    workspace.sf.git_run(&["tag", tag]);
    let workspace = workspace.env("SF_CI_TAG", tag);
    for command in ["perform", "review", "publish"] {
        workspace.run(&[command], 0);
    }
    workspace
}

#[test]
fn the_command_takes_versions_of_packages_away() {
    let server = Server::s3();
    let mut workspace = Workspace::new().env("FILES_ACCESS_KEY_ID", S3_USER.0).env("FILES_SECRET_ACCESS_KEY", S3_USER.1);
    let host = &server.host;
    let config = |workspace: &Workspace, rules: &str| {
        let entry = format!(
            "  files: {{ kind: files, url: \"s3://test\", endpoint: \"http://{host}\", path: app, archives: pack, aliases: [latest], credentials: files{rules} }}\n"
        );
        workspace.config("retention: 1\n", &entry);
    };
    config(&workspace, "");
    for tag in ["v1.5.0", "v1.6.0", "v1.7.0"] {
        workspace = publish(workspace, tag);
    }
    let planned = workspace.run(&["release", "prune", "--output", "json"], 0).json();
    let states = |told: &serde_json::Value| -> Vec<String> {
        let packages = told["packages"].as_array().expect("packages");
        packages.iter().map(|one| format!("{} {}", one["path"].as_str().unwrap_or(""), one["state"].as_str().unwrap_or(""))).collect()
    };
    let expected = ["app/1.5.0 goes", "app/1.6.0 goes", "app/1.7.0 stays", "app/latest stays"];
    assert_eq!(states(&planned), expected, "the default of the config");
    // The entry's own rule counts instead, and what somebody says instead of both.
    config(&workspace, ", retention: { keep_last: 2 }");
    assert_eq!(planned["removed"], 2);
    assert_eq!(workspace.run(&["release", "prune", "--output", "json"], 0).json()["removed"], 1);
    assert_eq!(workspace.run(&["release", "prune", "--keep-last", "3", "--output", "json"], 0).json()["removed"], 0);
    config(&workspace, "");
    let refused = workspace.run(&["release", "prune", "--apply", "--most", "1"], 2).stderr();
    assert!(refused.contains("2 would go, and no more than 1 may at once") && refused.contains("--most 2"), "{refused}");
    assert!(server.data().join("test/app/1.5.0").is_dir(), "nothing was removed");
    let done = workspace.run(&["release", "prune", "--apply", "--output", "json"], 0).json();
    assert_eq!((states(&done)[0].as_str(), done["removed"].as_u64()), ("app/1.5.0 removed", Some(2)));
    assert!(!server.data().join("test/app/1.6.0").exists() && server.data().join("test/app/1.7.0").is_dir());
    workspace.run(&["verify"], 0);
    assert_eq!(workspace.run(&["release", "prune", "--apply", "--output", "json"], 0).json()["removed"], 0);
    workspace.assert_never_seen(S3_USER.1);
}

#[test]
fn the_command_takes_versions_away_at_gitlab() {
    let entry = "  package: { kind: generic-package, repo: home, package: tools, archives: [pack], aliases: [latest], retention: 1 }\n";
    let mut lab = Lab::of_person(entry);
    for tag in ["v1.5.0", "v1.6.0"] {
        lab.workspace = publish(lab.workspace, tag);
    }
    let done = lab.workspace.run(&["release", "prune", "--apply"], 0).stdout();
    assert!(done.contains("removed  home  tools/1.5.0") && done.contains("stays    home  tools/1.6.0"), "{done}");
    let left: Vec<String> = lab.server().files("acme/app").into_iter().map(|file| file.version).collect();
    assert!(!left.contains(&"1.5.0".to_owned()) && left.contains(&"1.6.0".to_owned()), "{left:?}");
    lab.findings.assert_none();
}

#[test]
fn a_config_says_where_nothing_can_be_taken_away() {
    let workspace = Workspace::new();
    for (entry, why) in [
        ("{ kind: files, url: \"https://files.example.com\", retention: 3 }", "a server that takes PUT has no list of what it holds"),
        ("{ kind: files, url: \"s3://test\", path: \"{branch}\", retention: 3 }", "its directory differs from run to run"),
        ("{ kind: files, url: \"s3://test\", retention: 0 }", "nothing would stay"),
        ("{ kind: files, url: \"s3://test\", retention: { protect: [unknown] } }", "unknown"),
    ] {
        workspace.config("", &format!("  files: {entry}\n"));
        let told = workspace.run(&["config", "check"], 2).stderr();
        assert!(told.contains(why), "{told}");
    }
}
