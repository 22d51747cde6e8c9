//! Tables.

use indexmap::IndexMap;

use super::super::fixtures::{HEAD, git, on_branch, on_tag, patterns, pull_request};
use super::*;
use crate::ci::PipelineContext;
use crate::core::Timestamp;
use crate::error::Kind;

fn derived(config: &Config, context: &PipelineContext, git: &GitFacts) -> (Result<VersionInfo>, Vec<String>) {
    let mut warnings = Vec::new();
    let scope = Scope {
        version: None,
        context,
        commit: &git.head,
        commit_time: Timestamp::from_unix(1_782_907_200),
        project: "acme/app",
        vars: &IndexMap::new(),
        env_allowed: &[],
        env: &|_| None,
        now: Timestamp::from_unix(1_790_000_000),
    };
    let version = derive(config, git, &scope, &mut warnings);
    (version, warnings)
}

fn declared(tags: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    config.git.tags = patterns(tags);
    config.git.branches = patterns(&[("main", "^main$"), ("hotfix", "^hotfix/")]);
    config
}

fn rule(matches: Option<&str>, base_from: &[&str], format: &str) -> VersionRule {
    VersionRule {
        matches: matches.map(str::to_owned),
        base_from: base_from.iter().map(|name| (*name).to_owned()).collect(),
        format: format.to_owned(),
    }
}

const STABLE: (&str, &str) = ("stable", r"^v\d+\.\d+\.\d+$");
const PRE: (&str, &str) = ("pre", r"^v.*-rc\.\d+$");

#[track_caller]
fn becomes(config: &Config, context: &PipelineContext, git: &GitFacts, version: &str, why: &str) -> VersionInfo {
    let info = derived(config, context, git).0.expect("a version");
    assert_eq!((info.version.as_str(), info.why.as_str()), (version, why));
    info
}

#[test]
fn a_tag_pipeline_needs_no_history() {
    let mut shallow = git(&[]);
    shallow.shallow = true;
    let info = becomes(&Config::default(), &on_tag("v1.4.0"), &shallow, "1.4.0", "the pipeline is for tag `v1.4.0`");
    assert!(info.release && !info.prerelease);
    let config = declared(&[STABLE, PRE]);
    // An older release while newer tags exist: the tag decides, not the highest of the repository.
    let facts = git(&[("v1.1.5", 0), ("v1.1.4", 3)]);
    becomes(&config, &on_tag("v1.1.5"), &facts, "1.1.5", "the pipeline is for tag `v1.1.5`, which is git.tags[stable]");
    let info =
        becomes(&config, &on_tag("v2.0.0-rc.1"), &facts, "2.0.0-rc.1", "the pipeline is for tag `v2.0.0-rc.1`, which is git.tags[pre]");
    assert!(info.release && info.prerelease);
    assert_eq!(info.base, "2.0.0");
}

#[test]
fn only_reachable_tags_count() {
    let config = declared(&[STABLE]);
    let info =
        becomes(&config, &on_branch("main"), &git(&[("v1.1.4", 3), ("v1.0.0", 9)]), "1.1.4-dev.3f9c2ab", "3 commits after tag `v1.1.4`");
    assert!(!info.release && info.prerelease);
    assert_eq!(info.base, "1.1.4");
    // Nearest, not highest: a backport branch stays on its line.
    becomes(&config, &on_branch("1.x"), &git(&[("v1.1.5", 1), ("v1.2.0", 40)]), "1.1.5-dev.3f9c2ab", "1 commit after tag `v1.1.5`");
    becomes(&config, &on_branch("main"), &git(&[("v1.2.0", 0), ("v1.1.0", 4)]), "1.2.0", "HEAD is exactly at tag `v1.2.0`");
    // Two at one commit: the higher one.
    becomes(&config, &on_branch("main"), &git(&[("v1.2.0", 2), ("v1.3.0", 2)]), "1.3.0-dev.3f9c2ab", "2 commits after tag `v1.3.0`");
    becomes(&config, &on_branch("main"), &git(&[("nightly", 0), ("v1.0.0", 2)]), "1.0.0-dev.3f9c2ab", "2 commits after tag `v1.0.0`");
    becomes(&config, &pull_request(true), &git(&[("v1.0.0", 2)]), "1.0.0-dev.3f9c2ab", "2 commits after tag `v1.0.0`");
}

#[test]
fn nothing_configured() {
    let none = Config::default();
    becomes(&none, &on_branch("main"), &git(&[("1.0.0", 2)]), "1.0.0-dev.3f9c2ab", "2 commits after tag `1.0.0`");
    becomes(&none, &on_branch("main"), &git(&[("app-1.0.0", 2)]), "0.0.0-dev.3f9c2ab", "no tag such as v1.2.3 is reachable from HEAD");
    becomes(&none, &on_branch("main"), &git(&[]), "0.0.0-dev.3f9c2ab", "no tag such as v1.2.3 is reachable from HEAD");
}

#[test]
fn rules_of_branches() {
    let mut config = declared(&[STABLE, PRE]);
    config.git.branch_builds.insert("default".to_owned(), rule(None, &["stable"], "{base}-{branch}.{sha}"));
    config.git.branch_builds.insert("hotfix".to_owned(), rule(Some("hotfix"), &["pre", "stable"], "{base}-hotfix.{sha:10}"));
    let facts = git(&[("v1.1.4", 3), ("v1.0.0-rc.2", 7)]);
    // A source that has a tag wins over the next one, also when that is nearer.
    let hotfix = "7 commits after tag `v1.0.0-rc.2`, by git.versioning.branch_builds[hotfix]";
    becomes(&config, &on_branch("hotfix/a"), &facts, "1.0.0-hotfix.3f9c2ab4db", hotfix);
    let default = "3 commits after tag `v1.1.4`, by git.versioning.branch_builds[default]";
    becomes(&config, &on_branch("feature/a_b"), &facts, "1.1.4-feature-a-b.3f9c2ab", default);
}

#[test]
fn tags_with_a_scope() {
    let config = declared(&[("app", r"^app-v(?<version>.*)$"), ("lib", r"^lib/")]);
    becomes(
        &config,
        &on_branch("main"),
        &git(&[("app-v2.1.0", 1), ("lib/9.0.0", 3)]),
        "2.1.0-dev.3f9c2ab",
        "1 commit after tag `app-v2.1.0`",
    );
    becomes(
        &config,
        &on_tag("lib/9.1.0-rc.1"),
        &git(&[]),
        "9.1.0-rc.1",
        "the pipeline is for tag `lib/9.1.0-rc.1`, which is git.tags[lib]",
    );
}

#[test]
fn two_sources_of_one_tag_are_an_error() {
    let config = declared(&[("all", "^v"), STABLE]);
    for (context, facts) in [(on_tag("v1.0.0"), git(&[])), (on_branch("main"), git(&[("v1.0.0", 2)]))] {
        let error = derived(&config, &context, &facts).0.expect_err("ambiguous");
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.message().contains("git.tags[all] and git.tags[stable]"), "{error}");
    }
}

#[test]
fn a_cut_history_is_refused_where_it_matters() {
    let config = declared(&[STABLE]);
    let mut facts = git(&[("v1.0.0", 2)]);
    facts.shallow = true;
    for facts in [facts.clone(), GitFacts { tags: Vec::new(), ..facts.clone() }] {
        let error = derived(&config, &on_branch("main"), &facts).0.expect_err("shallow");
        assert_eq!(error.kind(), Kind::Missing);
        assert!(error.hint_text().is_some_and(|hint| hint.contains("fetch-depth: 0") && hint.contains("GIT_DEPTH: 0")));
    }
    facts.tags[0].distance = 0;
    becomes(&config, &on_branch("main"), &facts, "1.0.0", "HEAD is exactly at tag `v1.0.0`");
}

#[test]
fn no_lineage_decides() {
    let mut config = declared(&[STABLE]);
    config.git.no_lineage = NoLineage::Error;
    let error = derived(&config, &on_branch("main"), &git(&[])).0.expect_err("no lineage");
    assert_eq!(error.kind(), Kind::Missing);
    assert!(error.message().contains("git.tags[stable]"), "{error}");
    config.git.no_lineage = NoLineage::Explicit("0.1.0-{time}.g{sha}".to_owned());
    let why = "no tag of git.tags[stable] is reachable from HEAD; git.versioning.no_lineage says what then";
    let info = becomes(&config, &on_branch("main"), &git(&[]), "0.1.0-20260701120000.g3f9c2ab", why);
    assert_eq!(info.base, "0.1.0");
    config.git.no_lineage = NoLineage::Explicit("{version}".to_owned());
    assert!(derived(&config, &on_branch("main"), &git(&[])).0.is_err());
}

#[test]
fn another_head_than_the_tag_is_a_warning() {
    let warned = |context: &PipelineContext, facts: &GitFacts| derived(&Config::default(), context, facts).1.join("\n");
    assert_eq!(warned(&on_tag("v1.0.0"), &git(&[("v1.0.0", 0)])), "");
    assert_eq!(warned(&on_tag("v1.0.0"), &git(&[])), "", "not fetched");
    assert!(warned(&on_tag("v1.0.0"), &git(&[("v1.0.0", 2)])).contains("is 2 commits after it"));
    let elsewhere = PipelineContext { sha: Some("8d06c4d".to_owned() + &HEAD[7..]), ..on_tag("v1.0.0") };
    assert!(warned(&elsewhere, &git(&[])).contains("at 8d06c4d, but HEAD is 3f9c2ab"));
    assert!(warned(&on_tag("nightly"), &git(&[])).contains("holds no version"));
}
