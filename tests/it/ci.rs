//! `stagefreight ci show`.

use crate::support::Sf;

fn captured(mut sf: Sf, text: &str) -> Sf {
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        // The runner's files are not here.
        if !matches!(name, "PATH" | "HOME") && !value.starts_with("/runner") {
            sf = sf.env(name, value);
        }
    }
    sf
}

#[test]
fn shows_a_captured_job() {
    let sf = Sf::new().file("x", "").git();
    let sf = captured(sf, include_str!("../vectors/ci-env/gitlab-ci-local.env"));
    insta::assert_snapshot!(sf.run(&["ci", "show"]).code(0).snapshot());
}

#[test]
fn shows_json_of_other_runners() {
    for (text, provider, event, tag) in [
        (include_str!("../vectors/ci-env/act.env"), "github", "release", Some("v1.0.0")),
        (include_str!("../vectors/ci-env/gitea-runner.env"), "gitea", "push", None),
    ] {
        let shown = captured(Sf::new().file("x", "").git(), text).run(&["ci", "show", "--output", "json"]).code(0).json();
        assert_eq!((shown["provider"].as_str(), shown["event"].as_str(), shown["tag"].as_str()), (Some(provider), Some(event), tag));
    }
}

#[test]
fn a_persons_machine_asks_git() {
    let sf = Sf::new().file("x", "").git().tag("v1.0.0");
    let shown = sf.run(&["ci", "show", "--output", "json"]).code(0).json();
    assert_eq!(
        (shown["provider"].as_str(), shown["event"].as_str(), shown["branch"].as_str()),
        (Some("local"), Some("push"), Some("main"))
    );
    sf.git_run(&["checkout", "-q", "v1.0.0"]);
    let shown = sf.run(&["ci", "show", "--output", "json"]).code(0).json();
    assert_eq!((shown["event"].as_str(), shown["tag"].as_str(), shown["branch"].as_str()), (Some("tag"), Some("v1.0.0"), None));
}

#[test]
fn works_without_a_repository_and_says_so() {
    let run = Sf::new().env("SF_CI_BRANCH", "main").run(&["ci", "show"]).code(0);
    assert!(run.stdout().contains("branch          main"), "{}", run.stdout());
    assert!(run.stderr().contains("no git repository"), "{}", run.stderr());
}

#[test]
fn a_payload_that_cannot_be_read_is_named() {
    let sf = Sf::new().file("event.json", "{ no").env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "push");
    let sf = sf.env("GITHUB_REF", "refs/heads/main");
    let path = sf.path().join("event.json").to_string_lossy().into_owned();
    let sf = sf.env("GITHUB_EVENT_PATH", &path);
    let run = sf.run(&["ci", "show"]).code(3);
    assert!(run.stderr().contains("payload") && run.stderr().contains("hint: "), "{}", run.stderr());
    let directory = sf.path().to_string_lossy().into_owned();
    let run = sf.env("GITHUB_EVENT_PATH", &directory).run(&["ci", "show"]).code(3);
    assert!(run.stderr().contains("cannot read the event's payload"), "{}", run.stderr());
}

#[test]
fn no_credentials_reach_the_screen() {
    let sf = Sf::new().file("x", "").git();
    sf.git_run(&["remote", "add", "origin", "https://bot:hunter2@git.acme.dev/acme/app.git"]);
    let run = sf.run(&["ci", "show", "-v"]).code(0);
    assert!(run.stdout().contains("https://git.acme.dev/acme/app"), "{}", run.stdout());
    assert!(!run.stdout().contains("hunter2") && !run.stderr().contains("hunter2"));
}
