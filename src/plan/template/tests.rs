//! Tables.

use super::super::fixtures::{HEAD, on_branch, on_tag, pull_request};
use super::super::types::VersionInfo;
use super::*;
use crate::error::Kind;

fn info(version: &str, base: &str) -> VersionInfo {
    VersionInfo { version: version.to_owned(), base: base.to_owned(), release: true, prerelease: false, why: String::new() }
}

fn render_in(context: &PipelineContext, template: &str) -> Result<String> {
    let vars = [("org", "acme"), ("full", "{var:org}/{project.name}"), ("loop", "{var:loop}")];
    let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let version = info("1.4.0-rc.1+build.5", "1.4.0");
    let scope = Scope {
        version: Some(&version),
        context,
        commit: HEAD,
        commit_time: Timestamp::from_unix(1_782_907_200),
        project: "acme/app",
        vars: &vars,
        env_allowed: &["CHANNEL".to_owned(), "UNSET".to_owned()],
        env: &|name| (name != "UNSET").then(|| "beta".to_owned()),
        now: Timestamp::from_unix(1_790_000_000),
    };
    scope.text(template)
}

#[test]
fn every_token() {
    for (template, expected) in [
        ("{version}", "1.4.0-rc.1+build.5"),
        ("{base} {major}.{minor}.{patch} {prerelease}", "1.4.0 1.4.0 rc.1"),
        ("{branch}", "feature/x"),
        ("{sha} {sha:8} {sha:.10}", "3f9c2ab 3f9c2ab4 3f9c2ab4db"),
        ("{sha:40}", HEAD),
        ("{env:CHANNEL}", "beta"),
        ("{var:org} {var:full}", "acme acme/app"),
        ("{date} {datetime} {timestamp} {date:YYYYMMDD}", "2026-09-21 2026-09-21T14:13:20Z 1790000000 20260921"),
        ("{commit.date} {time}", "2026-07-01 20260701120000"),
        ("{ci.pipeline}", "900"),
        ("{project.name} {project.url}", "app https://github.com/acme/app"),
        ("{{version}} }} }", "{version} } }"),
        ("plain", "plain"),
        ("", ""),
    ] {
        assert_eq!(render_in(&on_branch("feature/x"), template).expect(template), expected, "{template}");
    }
    assert_eq!(render_in(&pull_request(false), "{branch}").expect("source branch"), "topic");
}

#[test]
fn random_digits_stay_within_a_pipeline() {
    let render = |context: &PipelineContext| render_in(context, "{rand} {randhex} {rand:40}").expect("digits");
    let one = on_branch("main");
    let other = PipelineContext { pipeline_id: Some("901".to_owned()), ..one.clone() };
    assert_eq!(render(&one), render(&one));
    assert_ne!(render(&one), render(&other));
    assert_eq!(render(&one).split(' ').map(str::len).collect::<Vec<_>>(), [6, 8, 40]);
}

#[test]
fn what_cannot_be_filled_in_is_an_error() {
    let main = on_branch("main");
    for (context, template, kind, part) in [
        (&main, "{verison}", Kind::Usage, "`{verison}` is not a token"),
        (&main, "{version:app}", Kind::Usage, "not a token"),
        (&main, "{sha", Kind::Usage, "no closing brace"),
        (&main, "{sha:0}", Kind::Usage, "`0` characters"),
        (&main, "{sha:41}", Kind::Usage, "`41` characters"),
        (&main, "{env:AWS_SECRET_ACCESS_KEY}", Kind::Usage, "does not list"),
        (&main, "{env:UNSET}", Kind::Missing, "UNSET is not set"),
        (&main, "{var:nope}", Kind::Usage, "`nope` is not defined"),
        (&main, "{var:loop}", Kind::Usage, "refers to itself"),
        (&on_tag("v1"), "{branch}", Kind::Usage, "does not have a branch"),
        (&main, "{ci.job}", Kind::Usage, "has no value"),
        (&main, "{date:Monday}", Kind::Usage, "layout"),
    ] {
        let error = render_in(context, template).expect_err(template);
        assert_eq!(error.kind(), kind, "{template}");
        assert!(error.message().contains(part), "{template}: {error}");
        assert!(error.hint_text().is_some(), "{template}");
    }
    let error = render_in(&main, "{verison}").expect_err("unknown");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("did you mean `{version}`")));
}

#[test]
fn every_listed_token_is_known() {
    for token in template_tokens::TOKENS {
        let template = match token.name {
            "env" => "{env:CHANNEL}".to_owned(),
            "var" => "{var:org}".to_owned(),
            other => format!("{{{other}}}"),
        };
        if let Err(error) = render_in(&on_branch("main"), &template) {
            assert!(!error.message().contains("is not a token"), "{}: {error}", token.name);
        }
    }
}
