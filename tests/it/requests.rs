//! Notes from merged requests through the command: at an embedded GitHub and an embedded GitLab whose traffic is held to the
//! descriptions of their APIs, and in a rehearsal, where the history tells of them.

use stagefreight::core::{Secret, Timestamp};
use stagefreight::rehearse::api::{Logged, Options as ServerOptions};
use stagefreight::rehearse::request::{End, Request};
use stagefreight::rehearse::{forge_github, forge_gitlab};

use crate::forge_github::openapi::Heard;
use crate::forge_gitlab::scene::{trusted_job, trusted_person};
use crate::support::Sf;
use crate::support::forge_cli::Workspace;
use crate::support::openapi::OpenApi;

const TOKEN: &str = "canary-of-requests-4711";
const JOB: &str = "glcbt-canary-of-requests-4711";
const ENTRY: &str = "  release: { kind: release, repos: home, archives: pack, notes: { from: requests } }\n";

/// Three that this release brings, in three ways; many that were merged elsewhere meanwhile, so that there are pages; one
/// that nobody merged; and what is older than the release before.
fn requests(sf: &Sf) -> Vec<Request> {
    let request = |number: u64, title: &str, day: u64, end: End| Request {
        number,
        title: title.to_owned(),
        author: "ann".to_owned(),
        labels: vec!["ui".to_owned()],
        updated: Timestamp::parse(&format!("2026-08-{day:02}T12:00:00Z")).expect("a time"),
        end,
    };
    let commit = |back: &str| sf.git_run(&["rev-parse", back]);
    let mut all = vec![
        request(3, "feat: a way", 3, End::Merged(commit("HEAD"))),
        request(4, "fix: all of it in one", 4, End::Squashed(commit("HEAD~1"))),
        request(5, "docs: as it was", 2, End::Rebased(commit("HEAD~2"))),
        request(6, "feat: nobody wanted it", 6, End::Closed),
        request(7, "feat: not yet", 7, End::Open),
    ];
    all.extend((100..220).map(|number| request(number, "feat: elsewhere", number % 20 + 5, End::Merged(format!("{number:040}")))));
    let mut old = request(1, "feat: long ago", 1, End::Merged(commit("HEAD")));
    old.updated = Timestamp::parse("2026-01-01T00:00:00Z").expect("a time");
    all.push(old);
    all
}

/// Three commits after v1.3.0.
fn workspace() -> Workspace {
    let workspace = Workspace::new();
    for name in ["b", "c"] {
        workspace.sf.write(name, name);
        workspace.sf.commit("Write it down");
    }
    workspace.sf.git_run(&["tag", "-f", "v1.4.0"]);
    workspace
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime")
}

fn places(provider: &str, url: &str, keys: &str) -> String {
    format!("forges: {{ lab: {{ provider: {provider}, url: \"{url}\"{keys} }} }}\nrepos: {{ home: {{ forge: lab, project: acme/app }} }}\n")
}

fn expected(sign: char) -> String {
    format!(
        "### Features\n\n- a way ({sign}3, ann)\n\n### Bug Fixes\n\n- all of it in one ({sign}4, ann)\n\n\
         ### Documentation\n\n- as it was ({sign}5, ann)\n\nBy ann.\n"
    )
}

/// Pages that were asked for.
fn pages(entries: &[Logged], of: &str) -> usize {
    let asked = entries.iter().filter(|entry| entry.path.ends_with(of)).map(|entry| entry.query.as_str());
    asked.collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn pull_requests_of_github_make_the_notes() {
    let (workspace, runtime, heard) = (workspace().env("LAB_TOKEN", TOKEN), runtime(), Heard::default());
    let serve = |hidden: bool| {
        let dir = tempfile::tempdir().expect("temporary directory");
        let requests = requests(&workspace.sf);
        let repository = forge_github::Repository { requests, requests_hidden: hidden, ..forge_github::Repository::default() };
        let mut options = forge_github::Options::new(dir.path(), [("acme/app".to_owned(), repository)]);
        options.token = Some(Secret::new(TOKEN));
        options.server = ServerOptions { recorder: Some(heard.recorder()), ..ServerOptions::default() };
        (runtime.block_on(forge_github::serve(options)).expect("forge"), dir)
    };
    let (server, _dir) = serve(false);
    workspace.config(&places("github", &server.url(), ", credentials: LAB"), ENTRY);
    assert_eq!(workspace.run(&["notes", "preview"], 0).stdout(), expected('#'));
    assert_eq!(pages(&server.log().entries(), "/pulls"), 3, "126 that were closed, 50 to a page");
    // The plan has them, and a release is published with them.
    assert!(workspace.run(&["release", "plan", "--output", "json"], 0).json().to_string().contains("all of it in one (#4, ann)"));

    let (server, _dir) = serve(true);
    workspace.config(&places("github", &server.url(), ", credentials: LAB"), ENTRY);
    let refused = workspace.run(&["notes", "preview"], 3).stderr();
    assert!(refused.contains("403") && refused.contains("pull-requests: read") && refused.contains("from: commits"), "{refused}");
    heard.assert_valid();
}

#[test]
fn merge_requests_of_gitlab_make_the_notes_and_a_job_may_not_read_them() {
    let (workspace, runtime) = (workspace().env("LAB_TOKEN", TOKEN), runtime());
    let dir = tempfile::tempdir().expect("temporary directory");
    let (recorder, findings) = OpenApi::read("gitlab.json").recorder("", &["/info/refs"]);
    let mut options = forge_gitlab::Options::new(dir.path());
    options.projects = vec![forge_gitlab::Project {
        requests: requests(&workspace.sf),
        ..forge_gitlab::Project::new("acme/app", "v1.4.0", &workspace.commit())
    }];
    options.trusted = vec![trusted_person(TOKEN, forge_gitlab::Role::Reporter), trusted_job(JOB)];
    options.server.recorder = Some(recorder);
    let server = runtime.block_on(forge_gitlab::start(options)).expect("server");
    workspace.config(&places("gitlab", &server.url(), ", credentials: LAB"), ENTRY);
    assert_eq!(workspace.run(&["notes", "preview"], 0).stdout(), expected('!'));
    assert_eq!(pages(&server.log().entries(), "/merge_requests"), 3, "124 that were merged, 50 to a page");

    workspace.config(&places("gitlab", &server.url(), ""), ENTRY);
    let workspace = workspace.env("CI_JOB_TOKEN", JOB).env("CI_SERVER_URL", &server.url());
    let refused = workspace.run(&["notes", "preview"], 3).stderr();
    assert!(refused.contains("404") && refused.contains("job's own token") && refused.contains("from: commits"), "{refused}");
    findings.assert_none();
    for secret in [TOKEN, JOB] {
        workspace.assert_never_seen(secret);
    }
}

#[test]
fn a_rehearsal_is_told_of_requests_by_the_history() {
    let workspace = Workspace::new();
    for (message, name) in
        [("feat: one more (#12)", "b"), ("Merge pull request #9 from acme/x\n\nfix(cli): say it", "c"), ("chore: alone", "d")]
    {
        workspace.sf.write(name, name);
        workspace.sf.commit(message);
    }
    workspace.sf.git_run(&["tag", "-f", "v1.4.0"]);
    for (provider, sign) in [("embedded", '#'), ("embedded-gitlab", '!')] {
        let places = format!("forges: {{ lab: {{ provider: {provider} }} }}\nrepos: {{ home: {{ forge: lab, project: acme/app }} }}\n");
        workspace.config(&places, ENTRY);
        let expected = format!("### Features\n\n- one more ({sign}12, t)\n\n### Bug Fixes\n\n- **cli:** say it ({sign}9, t)\n\nBy t.\n");
        assert_eq!(workspace.run(&["notes", "preview"], 0).stdout(), expected);
        for command in ["perform", "review", "publish", "verify"] {
            workspace.run(&[command], 0);
        }
        std::fs::remove_dir_all(workspace.sf.path().join(".stagefreight/rehearsal")).expect("what was rehearsed");
    }
}
