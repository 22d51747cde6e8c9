//! `stagefreight plan`.

use std::path::Path;

use crate::support::Sf;

const CONFIG: &str = r#"
version: 1
registries:
  ghcr: { provider: ghcr, url: ghcr.io, default_path: acme/app, credentials: GHCR }
  harbor: { provider: harbor, url: harbor.acme.dev, default_path: team/app, required: false }
git:
  branches: { main: '^main$' }
  tags: { stable: { pattern: '^v\d+\.\d+\.\d+$' } }
builds:
  app: { kind: docker, builder: embedded, platforms: [linux/amd64, linux/arm64] }
publish:
  image:
    kind: registry
    build: app
    registry: [ghcr, harbor]
    tags: ["{version}", "{major}", latest]
    when: { git_tags: [stable] }
  edge:
    kind: registry
    build: app
    registry: ghcr
    tags: ["edge-{branch}"]
    when: [{ branches: [main] }, { events: [merge_request] }]
"#;

/// A repository with one release and a clean environment in which nothing but git is installed.
fn repository(config: Option<&str>) -> Sf {
    let sf = Sf::new().file("Dockerfile", "FROM scratch\nARG VERSION\nCOPY Dockerfile /\n");
    if let Some(config) = config {
        sf.write(".stagefreight.yml", config);
    }
    only_git(sf).git().tag("v1.4.0")
}

fn only_git(sf: Sf) -> Sf {
    let bin = sf.outside().join("bin");
    std::fs::create_dir(&bin).expect("directory");
    let git = std::env::split_paths(&std::env::var_os("PATH").expect("PATH")).map(|dir| dir.join("git")).find(|path| path.is_file());
    std::os::unix::fs::symlink(git.expect("git is installed"), bin.join("git")).expect("link");
    let path = bin.to_string_lossy().into_owned();
    sf.env("PATH", &path)
}

/// GitHub's environment for one event.
fn github(sf: Sf, event: &str, git_ref: &str) -> Sf {
    sf.env("GITHUB_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", event)
        .env("GITHUB_REF", git_ref)
        .env("GITHUB_SERVER_URL", "https://github.com")
        .env("GITHUB_REPOSITORY", "acme/app")
        .env("GITHUB_RUN_ID", "900")
}

fn pull_request(sf: Sf, head: &str) -> Sf {
    let event = sf.outside().join("event.json");
    let payload = format!(
        r#"{{"number": 7, "pull_request": {{"number": 7, "head": {{"ref": "topic", "repo": {{"full_name": "{head}"}}}},
        "base": {{"ref": "main", "repo": {{"full_name": "acme/app"}}}}}}}}"#
    );
    std::fs::write(&event, payload).expect("payload");
    let path = event.to_string_lossy().into_owned();
    github(sf, "pull_request", "refs/pull/7/merge").env("GITHUB_EVENT_PATH", &path)
}

#[test]
fn on_a_tag() {
    let sf = github(repository(Some(CONFIG)), "push", "refs/tags/v1.4.0");
    insta::assert_snapshot!(sf.run(&["plan"]).code(0).snapshot());
}

#[test]
fn on_a_branch() {
    let sf = repository(Some(CONFIG));
    sf.commit("second");
    insta::assert_snapshot!(github(sf, "push", "refs/heads/main").run(&["plan"]).code(0).snapshot());
}

#[test]
fn on_a_pull_request() {
    let sf = pull_request(repository(Some(CONFIG)), "acme/app");
    insta::assert_snapshot!(sf.run(&["plan"]).code(0).snapshot());
}

#[test]
fn on_a_pull_request_of_a_fork() {
    let sf = pull_request(repository(Some(CONFIG)), "eve/app");
    insta::assert_snapshot!(sf.run(&["plan"]).code(0).snapshot());
}

#[test]
fn outside_any_repository() {
    let sf = only_git(Sf::new().file("Dockerfile", "FROM scratch\n").file(".stagefreight.yml", CONFIG));
    insta::assert_snapshot!(sf.run(&["plan"]).code(3).snapshot());
}

#[test]
fn before_the_first_commit() {
    let sf = only_git(Sf::new().file("Dockerfile", "FROM scratch\n").file(".stagefreight.yml", CONFIG));
    sf.git_run(&["init", "-q", "."]);
    insta::assert_snapshot!(sf.run(&["plan"]).code(3).snapshot());
}

#[test]
fn in_a_shallow_clone() {
    let origin = repository(Some(CONFIG));
    origin.commit("second");
    let sf = only_git(Sf::new());
    clone(&origin.path(), &sf, &["--depth", "1"]);
    insta::assert_snapshot!(sf.run(&["plan"]).code(3).snapshot());
}

#[test]
fn in_a_shallow_clone_of_a_tag() {
    let origin = repository(Some(CONFIG));
    let sf = only_git(Sf::new());
    clone(&origin.path(), &sf, &["--depth", "1", "--branch", "v1.4.0"]);
    let sf = github(sf, "push", "refs/tags/v1.4.0");
    assert!(sf.run(&["plan"]).code(0).stdout().starts_with("plan  acme/app  1.4.0  (tag v1.4.0, "));
}

fn clone(origin: &Path, sf: &Sf, options: &[&str]) {
    let url = format!("file://{}", origin.display());
    let args = [&["clone", "-q", "-c", "advice.detachedHead=false"], options, &[url.as_str(), "."]].concat();
    sf.git_run(&args);
}

#[test]
fn without_a_config() {
    let run = repository(None).run(&["plan"]).code(0);
    insta::assert_snapshot!(run.snapshot().replace(&stagefreight::core::Platform::host().to_string(), "[HOST]"));
}

#[test]
fn with_a_changed_file() {
    let sf = repository(Some(CONFIG));
    sf.write("Dockerfile", "FROM scratch\n");
    let run = sf.run(&["plan"]).code(0);
    assert!(run.stderr().contains("tracked files differ from the commit"), "{}", run.stderr());
}

#[test]
fn as_json() {
    let sf = github(repository(Some(CONFIG)), "push", "refs/tags/v1.4.0");
    let run = sf.run(&["plan", "--output", "json"]).code(0);
    let plan = run.json();
    let schema: serde_json::Value = serde_json::from_str(&checked_in_schema()).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let wrong: Vec<String> = validator.iter_errors(&plan).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(plan["builds"][0]["labels"]["org.opencontainers.image.version"], "1.4.0");
    assert_eq!(plan["builds"][0]["args"]["VERSION"], "1.4.0");
    assert_eq!(plan["destinations"].as_array().map(Vec::len), Some(6));
    assert_eq!(plan["destinations"][0]["name"], "ghcr.io/acme/app:1.4.0");
    assert_eq!(plan["destinations"][0]["policy"], "immutable");
    assert_eq!(plan["source_date_epoch"], 1_782_907_200);
    let again = sf.run(&["plan", "--output", "json"]).code(0);
    assert_eq!(run.stdout(), again.stdout());
    let moved = sf.env("SOURCE_DATE_EPOCH", "1").run(&["plan", "--output", "json"]).code(0).json();
    assert_eq!(moved["source_date_epoch"], 1);
    assert_ne!(moved["fingerprint"], plan["fingerprint"]);
}

#[test]
fn what_cannot_be_planned() {
    let with = |from: &str, to: &str| repository(Some(&CONFIG.replace(from, to)));
    for (sf, code, part) in [
        (with("latest]", "\"{base}\"]"), 2, "would be placed twice"),
        (with("edge-{branch}", "{branch}:x"), 2, "tag"),
        (with("builder: embedded,", "builder: embedded, dockerfile: other/Dockerfile,"), 2, "other/Dockerfile"),
        (with("builder: embedded,", "builder: buildx,"), 3, "configured for buildx"),
        (repository(Some(CONFIG)).env("SOURCE_DATE_EPOCH", "yesterday"), 2, "SOURCE_DATE_EPOCH"),
        (repository(Some(CONFIG)).env("SF_CI_EVENT", "magic"), 2, "SF_CI_EVENT"),
    ] {
        let sf = if part == "would be placed twice" { sf.env("SF_CI_TAG", "v1.4.0") } else { sf };
        let run = sf.run(&["plan"]).code(code);
        assert!(run.stderr().contains(part) && run.stderr().contains("hint: "), "{part}: {}", run.stderr());
        assert_eq!(run.stdout(), "", "{part}");
    }
}

fn checked_in_schema() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/plan.schema.json");
    std::fs::read_to_string(path).expect("schemas/plan.schema.json is checked in")
}
