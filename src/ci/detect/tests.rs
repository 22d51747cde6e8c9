//! Tables: captured environments, and what the vendors document for every event.

use std::collections::BTreeMap;

use super::*;

const SHA: &str = "8d06c4d4db603904910711ef698c2613972d6820";

fn detect_in(vars: &BTreeMap<String, String>, payload: Option<&str>) -> Result<PipelineContext> {
    detect(&|name| vars.get(name).cloned(), payload)
}

fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn captured(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// One line per context: what the rows of the tables compare.
fn line(context: &PipelineContext) -> String {
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let pr = context.pull_request.as_ref().map_or_else(String::new, |pr| {
        let number = pr.number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        format!(" !{number} {}→{}{}", dash(&pr.source_branch), dash(&pr.target_branch), if pr.fork { " fork" } else { "" })
    });
    format!("{} {} branch={} tag={}{pr}", context.provider.name(), context.event.name(), dash(&context.branch), dash(&context.tag))
}

#[track_caller]
fn reads(pairs: &[(&str, &str)], payload: Option<&str>, expected: &str) {
    let context = detect_in(&vars(pairs), payload).expect("a context");
    assert_eq!(line(&context), expected);
}

#[test]
fn captured_environments() {
    let act = detect_in(&captured(include_str!("../../../tests/vectors/ci-env/act.env")), Some("{}")).expect("act");
    assert_eq!(line(&act), "github release branch=- tag=v1.0.0");
    assert_eq!(act.sha.as_deref(), Some(SHA));
    assert_eq!(act.repo_url.as_deref(), Some("https://github.com/grp/proj"));
    assert_eq!(act.pipeline_url.as_deref(), Some("https://github.com/grp/proj/actions/runs/1"));
    assert_eq!((act.attempt, act.job_id.as_deref(), act.workspace.as_deref()), (Some(1), Some("demo"), Some("/workspace")));

    let gitea = captured(include_str!("../../../tests/vectors/ci-env/gitea-runner.env"));
    let gitea = detect_in(&gitea, Some(r#"{"repository": {"default_branch": "main"}}"#)).expect("gitea");
    assert_eq!(line(&gitea), "gitea push branch=main tag=-");
    assert_eq!(gitea.default_branch.as_deref(), Some("main"));
    assert_eq!(gitea.project.as_deref(), Some("lab/demo"));
    assert_eq!(gitea.repo_url.as_deref(), Some("http://127.0.0.1:3456/lab/demo"));

    // gitlab-ci-local sets branch and tag together; the tag decides.
    let gitlab = captured(include_str!("../../../tests/vectors/ci-env/gitlab-ci-local.env"));
    let gitlab = detect_in(&gitlab, None).expect("gitlab");
    assert_eq!(line(&gitlab), "gitlab tag branch=- tag=v1.2.3");
    assert_eq!(gitlab.pipeline_id.as_deref(), Some("1000"));
    assert_eq!(gitlab.job_id.as_deref(), Some("989666"));
    assert_eq!(gitlab.project.as_deref(), Some("grp/proj"));
}

#[test]
fn gitlab() {
    let ci = ("GITLAB_CI", "true");
    let mr = [
        ci,
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_MERGE_REQUEST_IID", "12"),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "main"),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "5"),
        ("CI_COMMIT_REF_NAME", "main"),
    ];
    let with = |source: &'static str| [mr.as_slice(), &[("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", source)]].concat();
    reads(&[ci, ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BRANCH", "main")], None, "gitlab push branch=main tag=-");
    reads(&[ci, ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_TAG", "v1.0.0")], None, "gitlab tag branch=- tag=v1.0.0");
    reads(&with("5"), None, "gitlab merge_request branch=- tag=- !12 main→main");
    reads(&with("77"), None, "gitlab merge_request branch=- tag=- !12 main→main fork");
    reads(&mr, None, "gitlab merge_request branch=- tag=- !12 main→main fork");
    reads(&[ci, ("CI_PIPELINE_SOURCE", "schedule"), ("CI_COMMIT_BRANCH", "main")], None, "gitlab schedule branch=main tag=-");
    for manual in ["web", "api", "trigger", "pipeline", "chat"] {
        reads(&[ci, ("CI_PIPELINE_SOURCE", manual), ("CI_COMMIT_BRANCH", "main")], None, "gitlab manual branch=main tag=-");
    }
    // "Run pipeline" on a tag is how a release is repeated.
    reads(&[ci, ("CI_PIPELINE_SOURCE", "web"), ("CI_COMMIT_TAG", "v1.0.0")], None, "gitlab tag branch=- tag=v1.0.0");
    let child = [
        ci,
        ("CI_PIPELINE_SOURCE", "parent_pipeline"),
        ("CI_MERGE_REQUEST_IID", "3"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "5"),
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "6"),
    ];
    reads(&child, None, "gitlab merge_request branch=- tag=- !3 -→- fork");
    let external = [
        ci,
        ("CI_PIPELINE_SOURCE", "external_pull_request_event"),
        ("CI_EXTERNAL_PULL_REQUEST_IID", "4"),
        ("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY", "acme/app"),
        ("CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY", "acme/app"),
        ("CI_COMMIT_BRANCH", "topic"),
    ];
    reads(&external, None, "gitlab merge_request branch=- tag=- !4 -→-");
}

#[test]
fn actions_of_three_forges() {
    let payload = |head: &str| {
        format!(
            r#"{{"number": 7, "repository": {{"default_branch": "trunk"}}, "pull_request": {{"number": 7, "draft": true,
            "head": {{"ref": "main", "repo": {head}}}, "base": {{"ref": "main", "repo": {{"id": 1, "full_name": "acme/app", "fork": true}}}}}}}}"#
        )
    };
    let same = payload(r#"{"id": 1, "full_name": "acme/app", "fork": true}"#);
    let fork = payload(r#"{"id": 2, "full_name": "eve/app", "fork": true}"#);
    let gone = payload("null");
    for (forge, flag) in [("github", "GITHUB_ACTIONS"), ("gitea", "GITEA_ACTIONS"), ("forgejo", "FORGEJO_ACTIONS")] {
        let base = [("GITHUB_ACTIONS", "true"), (flag, "true")];
        let env = |event: &'static str, git_ref: &'static str| {
            [base.as_slice(), &[("GITHUB_EVENT_NAME", event), ("GITHUB_REF", git_ref), ("GITHUB_REF_NAME", "7/merge")]].concat()
        };
        let row = |event, git_ref, payload: Option<&str>, expected: &str| {
            reads(&env(event, git_ref), payload, &format!("{forge} {expected}"));
        };
        row("push", "refs/heads/feature/x", None, "push branch=feature/x tag=-");
        row("push", "refs/tags/v1.0.0", None, "tag branch=- tag=v1.0.0");
        row("create", "refs/tags/v1.0.0", None, "tag branch=- tag=v1.0.0");
        row("pull_request", "refs/pull/7/merge", Some(&same), "merge_request branch=- tag=- !7 main→main");
        row("pull_request", "refs/pull/7/merge", Some(&fork), "merge_request branch=- tag=- !7 main→main fork");
        row("pull_request", "refs/pull/7/merge", Some(&gone), "merge_request branch=- tag=- !7 main→main fork");
        row("pull_request", "refs/pull/7/merge", None, "merge_request branch=- tag=- !7 -→- fork");
        // The target's branch is checked out, with the target's secrets: the branch must not count as ours.
        row("pull_request_target", "refs/heads/main", Some(&fork), "merge_request branch=- tag=- !7 main→main fork");
        row("schedule", "refs/heads/main", None, "schedule branch=main tag=-");
        row("workflow_dispatch", "refs/heads/main", None, "manual branch=main tag=-");
        row("workflow_dispatch", "refs/tags/v2.0.0", None, "tag branch=- tag=v2.0.0");
        row("release", "refs/tags/v1.0.0", None, "release branch=- tag=v1.0.0");
        row("release", "", Some(r#"{"release": {"tag_name": "v3.0.0"}}"#), "release branch=- tag=v3.0.0");
        row("merge_group", "refs/heads/gh-readonly-queue/main/pr-7", Some(r#"{"merge_group": {}}"#), "merge_request branch=- tag=- !- -→-");
    }
}

#[test]
fn forgejo_variables_under_their_own_prefix() {
    let env = [
        ("FORGEJO_ACTIONS", "true"),
        ("FORGEJO_EVENT_NAME", "push"),
        ("FORGEJO_REF", "refs/heads/main"),
        ("FORGEJO_SERVER_URL", "https://codeberg.org"),
        ("FORGEJO_REPOSITORY", "acme/app"),
        ("FORGEJO_RUN_ID", "900"),
        ("FORGEJO_RUN_NUMBER", "12"),
        ("FORGEJO_EVENT_PATH", "/runner/event.json"),
    ];
    reads(&env, None, "forgejo push branch=main tag=-");
    let env = vars(&env);
    let context = detect_in(&env, None).expect("a context");
    assert_eq!(context.pipeline_url.as_deref(), Some("https://codeberg.org/acme/app/actions/runs/12"));
    assert_eq!(payload_path(&|name| env.get(name).cloned()).as_deref(), Some("/runner/event.json"));
}

#[test]
fn woodpecker() {
    let ci = ("CI", "woodpecker");
    reads(&[ci, ("CI_PIPELINE_EVENT", "push"), ("CI_COMMIT_BRANCH", "main")], None, "woodpecker push branch=main tag=-");
    let tag = [
        ci,
        ("CI_PIPELINE_EVENT", "tag"),
        ("CI_COMMIT_REF", "refs/tags/v1.0.0"),
        ("CI_COMMIT_TAG", "v1.0.0"),
        ("CI_COMMIT_BRANCH", "main"),
    ];
    reads(&tag, None, "woodpecker tag branch=- tag=v1.0.0");
    let pr = [
        ci,
        ("CI_PIPELINE_EVENT", "pull_request"),
        ("CI_COMMIT_REF", "refs/pull/9/head"),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_COMMIT_PULL_REQUEST", "9"),
        ("CI_COMMIT_SOURCE_BRANCH", "topic"),
        ("CI_COMMIT_TARGET_BRANCH", "main"),
    ];
    reads(&pr, None, "woodpecker merge_request branch=- tag=- !9 topic→main fork");
    reads(&[ci, ("CI_PIPELINE_EVENT", "cron"), ("CI_COMMIT_BRANCH", "main")], None, "woodpecker schedule branch=main tag=-");
    reads(&[ci, ("CI_PIPELINE_EVENT", "manual"), ("CI_COMMIT_BRANCH", "main")], None, "woodpecker manual branch=main tag=-");
    reads(&[ci, ("CI_PIPELINE_EVENT", "release"), ("CI_COMMIT_REF", "refs/tags/v1.0.0")], None, "woodpecker release branch=- tag=v1.0.0");
}

#[test]
fn a_persons_machine() {
    reads(&[], None, "local push branch=- tag=-");
    // A CI system nobody taught us: the git repository and SF_CI_* say the rest.
    reads(&[("CI", "true"), ("JENKINS_URL", "https://ci.acme.dev")], None, "local push branch=- tag=-");
}

#[test]
fn overrides_win() {
    let push = [("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BRANCH", "main")];
    let with = |more: &[(&'static str, &'static str)]| [push.as_slice(), more].concat();
    reads(&with(&[("SF_CI_TAG", "v1.0.0")]), None, "gitlab tag branch=- tag=v1.0.0");
    reads(&with(&[("SF_CI_TAG", "v1.0.0"), ("SF_CI_BRANCH", "v1.0.0")]), None, "gitlab tag branch=- tag=v1.0.0");
    reads(&with(&[("SF_CI_TAG", "")]), None, "gitlab push branch=main tag=-");
    reads(&with(&[("SF_CI_EVENT", "workflow_dispatch")]), None, "gitlab manual branch=main tag=-");
    reads(&with(&[("SF_CI_EVENT", "pull_request")]), None, "gitlab merge_request branch=- tag=- !- -→- fork");
    reads(&with(&[("SF_CI_PROVIDER", "Woodpecker")]), None, "woodpecker push branch=main tag=-");
    let tag = [("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_TAG", "v1.0.0"), ("SF_CI_BRANCH", "refs/heads/hotfix")];
    reads(&tag, None, "gitlab push branch=hotfix tag=-");
    let unknown =
        [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "issue_comment"), ("SF_CI_EVENT", "manual"), ("GITHUB_REF", "refs/heads/main")];
    reads(&unknown, None, "github manual branch=main tag=-");
    let url = detect_in(&vars(&with(&[("SF_CI_REPO_URL", "https://bot:hunter2@git.acme.dev/app.git")])), None).expect("a context");
    assert_eq!(url.repo_url.as_deref(), Some("https://git.acme.dev/app"));
}

#[test]
fn bad_values_are_errors_that_name_the_variable() {
    for (name, value) in [
        ("SF_CI_PROVIDER", "azuredevops"),
        ("SF_CI_EVENT", "issue_comment"),
        ("SF_CI_BRANCH", "a b"),
        ("SF_CI_TAG", "-rf"),
        ("SF_CI_SHA", "abc"),
        ("SF_CI_DEFAULT_BRANCH", "a..b"),
        ("SF_CI_REPO_URL", "/srv/secret"),
        ("SF_CI_PIPELINE_ID", "a\nb"),
    ] {
        let error = detect_in(&vars(&[(name, value)]), None).expect_err(name);
        assert_eq!(error.kind(), crate::error::Kind::Usage, "{name}");
        assert!(error.message().contains(name) && error.hint_text().is_some(), "{error}");
        assert!(!error.message().contains("secret"), "{error}");
    }
}

#[test]
fn unknown_events_and_broken_payloads_are_errors() {
    let env = [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "issue_comment"), ("GITHUB_REF", "refs/heads/main")];
    let error = detect_in(&vars(&env), None).expect_err("unknown event");
    assert_eq!(error.kind(), crate::error::Kind::Missing);
    assert!(error.message().contains("issue_comment"), "{error}");
    let env = [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "push"), ("GITHUB_REF", "refs/heads/main")];
    let error = detect_in(&vars(&env), Some("{ not json")).expect_err("payload");
    assert_eq!(error.kind(), crate::error::Kind::Missing);
}
