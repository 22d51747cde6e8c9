//! Against real repositories made by the real git.
#![expect(clippy::disallowed_methods, reason = "tests prepare repositories directly")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::error::Kind;
use crate::world::World;

struct Repo(tempfile::TempDir);

impl Repo {
    fn new() -> Self {
        let repo = Self(tempfile::tempdir().expect("temporary directory"));
        repo.git(&["init", "-q", "-b", "main", "."]);
        repo
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always"])
            .args(args)
            .current_dir(self.path())
            .env("GIT_AUTHOR_DATE", "2026-07-01T12:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-07-01T12:00:00Z")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn commit(&self, message: &str) {
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }
}

fn facts_at(path: &Path) -> Result<GitFacts> {
    let mut world = World::of_process().expect("world");
    let env: BTreeMap<String, String> = world.env.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    world.env = crate::world::Environment::from_pairs(env.into_iter().filter(|(name, _)| !name.starts_with("GIT_")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(read(&Child::new(&world, "git"), path, &CancellationToken::new()))
}

fn named(facts: &GitFacts) -> Vec<(&str, u64)> {
    facts.tags.iter().map(|tag| (tag.name.as_str(), tag.distance)).collect()
}

#[test]
fn facts_of_a_repository() {
    let repo = Repo::new();
    std::fs::write(repo.path().join("file"), "1").expect("file");
    repo.git(&["add", "file"]);
    repo.commit("one");
    repo.git(&["tag", "v1.0.0"]);
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.commit("side");
    repo.git(&["tag", "-a", "-m", "x", "v9.0.0"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.commit("two");
    repo.git(&["tag", "-a", "-m", "annotated", "v1.1.0"]);
    repo.commit("three");
    repo.git(&["remote", "add", "origin", "https://bot:hunter2@git.acme.dev/acme/app.git"]);
    let facts = facts_at(&repo.path()).expect("facts");
    assert_eq!(facts.head, repo.git(&["rev-parse", "HEAD"]));
    assert_eq!(facts.branch.as_deref(), Some("main"));
    assert_eq!(facts.commit_time.to_string(), "2026-07-01T12:00:00Z");
    assert!(!facts.dirty && !facts.shallow);
    assert_eq!(named(&facts), [("v1.1.0", 1), ("v1.0.0", 2)], "v9.0.0 is not an ancestor");
    assert_eq!(facts.remote.as_deref(), Some("https://git.acme.dev/acme/app.git"));

    std::fs::write(repo.path().join("untracked"), "1").expect("file");
    assert!(!facts_at(&repo.path()).expect("facts").dirty);
    std::fs::write(repo.path().join("file"), "2").expect("file");
    assert!(facts_at(&repo.path()).expect("facts").dirty);

    repo.git(&["checkout", "-q", "-f", "v1.1.0"]);
    std::fs::create_dir(repo.path().join("below")).expect("directory");
    let detached = facts_at(&repo.path().join("below")).expect("facts");
    assert_eq!(detached.branch, None);
    assert_eq!(detached.tags_at_head().collect::<Vec<_>>(), ["v1.1.0"]);
}

#[test]
fn a_merge_counts_both_sides_as_git_describe_does() {
    let repo = Repo::new();
    repo.commit("one");
    repo.git(&["tag", "base"]);
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.commit("side");
    repo.git(&["tag", "side-1"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.commit("two");
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let facts = facts_at(&repo.path()).expect("facts");
    for tag in &facts.tags {
        let counted = repo.git(&["rev-list", "--count", &format!("{}..HEAD", tag.name)]);
        assert_eq!(tag.distance.to_string(), counted, "{}", tag.name);
    }
    assert_eq!(named(&facts), [("side-1", 2), ("base", 3)]);
}

#[test]
fn a_shallow_clone_says_so() {
    let repo = Repo::new();
    for n in 0..5 {
        repo.commit(&n.to_string());
    }
    let clone = tempfile::tempdir().expect("temporary directory");
    let url = format!("file://{}", repo.path().display());
    repo.git(&["clone", "-q", "--depth", "2", &url, &clone.path().join("c").display().to_string()]);
    assert!(facts_at(&clone.path().join("c")).expect("facts").shallow);
}

#[test]
fn no_repository_and_no_commit_are_named() {
    let nowhere = tempfile::tempdir().expect("temporary directory");
    let error = facts_at(nowhere.path()).expect_err("no repository");
    assert_eq!(error.kind(), Kind::Missing);
    assert!(error.message().contains("no git repository"), "{error}");
    let error = facts_at(&Repo::new().path()).expect_err("no commit");
    assert_eq!(error.kind(), Kind::Missing);
    assert!(error.message().contains("no commit yet"), "{error}");
}

#[test]
fn addresses_lose_their_user() {
    for (url, expected) in [
        ("https://bot:x@host/a", "https://host/a"),
        ("ssh://git@host:22/a", "ssh://host:22/a"),
        ("git@host:a/b.git", "git@host:a/b.git"),
        ("https://a:b@c@host", "https://host"),
    ] {
        assert_eq!(without_user(url), expected);
    }
}
