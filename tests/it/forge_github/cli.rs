//! Releases from the command line: plan, perform, review, publish, status, verify.

use std::collections::BTreeMap;

use serde_json::Value;
use stagefreight::core::Secret;
use stagefreight::rehearse::api::{Options as ServerOptions, Running};
use stagefreight::rehearse::forge_github::{Options, Repository, serve};

use super::openapi::Heard;
use super::scene::{TOKEN, ask_now};
use crate::attestation_forms::adopted;
use crate::support::{Sf, ports};

const BUILDS: &str = r#"
git: { tags: { stable: { pattern: "^v[0-9]+\\.[0-9]+\\.[0-9]+$" } } }
builds:
  tool:
    kind: binary
    builder: command
    command: ["sh", "-c", "printf 'tool of %s %s' {os} {arch} >{output}"]
    platforms: [linux/amd64, windows/amd64]
  pack: { kind: archive, depends_on: [tool] }
publish:
  release:
    kind: release
    repos: REPOS
    archives: [pack, tool]
    aliases: ["v{major}"]
    when: { git_tags: [stable] }
"#;

/// A workspace at tag v1.4.0 that releases to these repositories.
pub fn workspace(forges: &str, repos: &str) -> Sf {
    let config = format!("version: 1\n{forges}{}", BUILDS.replace("REPOS", repos));
    let sf = Sf::new()
        .file(".stagefreight.yml", config)
        .file(".gitignore", ".stagefreight/\n.stagefreight.yml\n")
        .file("README", "one")
        .git()
        .tag("v1.3.0");
    for (file, message) in [("a", "feat: a new way"), ("b", "fix(cli): say what is wrong"), ("c", "Write c down")] {
        sf.write(file, file);
        sf.commit(message);
    }
    sf.tag("v1.4.0").env("SF_CI_TAG", "v1.4.0").env("SF_CI_EVENT", "tag")
}

type Served = stagefreight::error::Result<(Running, Heard)>;

/// A forge with these projects, whose tag names a commit.
pub struct Hub {
    pub runtime: tokio::runtime::Runtime,
    pub server: Running,
    pub heard: Heard,
    dir: tempfile::TempDir,
    projects: Vec<String>,
    commit: String,
}

impl Hub {
    pub fn start(projects: &[&str], commit: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        let dir = tempfile::tempdir().expect("temporary directory");
        let projects: Vec<String> = projects.iter().map(|project| (*project).to_owned()).collect();
        let (server, heard) = runtime.block_on(Self::serve(&dir, &projects, commit, ports::free_addr())).expect("forge");
        Self { runtime, server, heard, dir, projects, commit: commit.to_owned() }
    }

    async fn serve(dir: &tempfile::TempDir, projects: &[String], commit: &str, addr: std::net::SocketAddr) -> Served {
        let heard = Heard::default();
        let repository = || Repository { tags: BTreeMap::from([("v1.4.0".to_owned(), commit.to_owned())]), ..Repository::default() };
        let mut options = Options::new(dir.path(), projects.iter().map(|project| (project.clone(), repository())));
        options.token = Some(Secret::new(TOKEN));
        options.server = ServerOptions { recorder: Some(heard.recorder()), addr, ..ServerOptions::default() };
        Ok((serve(options).await?, heard))
    }

    /// As it was at first, at the same address.
    pub fn emptied(self) -> Self {
        let Self { runtime, server, dir, projects, commit, .. } = self;
        let addr = server.addr;
        runtime.block_on(server.shutdown());
        drop(dir);
        let dir = tempfile::tempdir().expect("temporary directory");
        let (server, heard) = runtime.block_on(ports::again(|| Self::serve(&dir, &projects, &commit, addr)));
        Self { runtime, server, heard, dir, projects, commit }
    }

    pub fn ask(&self, path: &str) -> Value {
        ask_now(&format!("{}{path}", self.server.url()), "GET", &[])
    }

    pub fn config(&self) -> String {
        format!("forges: {{ hub: {{ provider: github, url: \"{}\", credentials: HUB }} }}\n", self.server.url())
    }
}

fn names(release: &Value) -> Vec<String> {
    let mut names: Vec<String> =
        release["assets"].as_array().expect("assets").iter().map(|asset| asset["name"].as_str().expect("name").to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_release_goes_from_the_config_to_what_verify_says() {
    let sf = workspace("", "[home, mirror]");
    let commit = sf.git_run(&["rev-parse", "HEAD"]);
    let hub = Hub::start(&["acme/app", "mirrors/app"], &commit);
    let repos = "repos: { home: { forge: hub, project: acme/app }, mirror: { forge: hub, project: mirrors/app, roles: mirror } }\n";
    let config = sf.read(".stagefreight.yml").replacen("version: 1\n", &format!("version: 1\n{}{repos}", hub.config()), 1);
    sf.write(".stagefreight.yml", config);
    let sf = sf.env("HUB_TOKEN", TOKEN);

    let plan = sf.run(&["release", "plan"]).code(0);
    assert!(plan.stdout().contains("acme/app@v1.4.0/pack") || plan.stdout().contains("acme/app@v1.4.0/tool"), "{}", plan.stdout());
    sf.run(&["preflight"]).code(0);
    let preview = sf.run(&["notes", "preview"]).code(0).stdout();
    assert!(preview.contains("### Features") && preview.contains("**cli:** say what is wrong") && !preview.contains("Co"), "{preview}");
    sf.run(&["perform"]).code(0);
    sf.run(&["review"]).code(0);
    assert_eq!(sf.run(&["status"]).code(0).stdout().matches("nothing is there").count(), 14);

    let published = sf.run(&["publish"]).code(0).stdout();
    for named in ["  v1.4.0/tool-linux-amd64  ", "  v1.4.0  ", "  latest  ", "  v1  "] {
        assert!(published.contains(named), "{named}: {published}");
    }
    for project in ["acme/app", "mirrors/app"] {
        let release = hub.ask(&format!("/api/v3/repos/{project}/releases/tags/v1.4.0"));
        let set = [
            "SHA256SUMS",
            "tool-1.4.0-linux-amd64.tar.gz",
            "tool-1.4.0-windows-amd64.zip",
            "tool-linux-amd64",
            "tool-windows-amd64.exe",
            "verification.json",
        ];
        assert_eq!(names(&release), set, "{project}");
        let body = release["body"].as_str().expect("notes");
        assert!(body.contains("### Downloads") && body.contains("a new way"), "{body}");
        assert_eq!(hub.ask(&format!("/api/v3/repos/{project}/git/ref/tags%2Fv1"))["object"]["sha"], commit.as_str());
        assert_eq!(hub.ask(&format!("/api/v3/repos/{project}/releases/latest"))["tag_name"], "v1.4.0");
    }
    let status = sf.run(&["release", "status", "--output", "json"]).code(0).json();
    assert!(status["destinations"].as_array().expect("lines").iter().all(|line| line["state"] == "complete"), "{status:#}");
    sf.run(&["release", "verify"]).code(0);
    sf.run(&["verify"]).code(0);

    // What review verified is a file of it, and the same whenever it is verified.
    let written = sf.read(".stagefreight/release/home/v1.4.0/verification.json");
    assert_eq!(written, sf.read(".stagefreight/release/mirror/v1.4.0/verification.json"));
    let statement: Value = serde_json::from_str(&written).expect("a statement");
    assert_eq!(statement["predicate"]["verificationResult"], "PASSED", "{statement:#}");
    assert_eq!(statement["subject"].as_array().map(Vec::len), Some(4), "{statement:#}");
    assert!(statement["predicate"]["resourceUri"].as_str().is_some_and(|uri| uri.ends_with("/acme/app@refs/tags/v1.4.0")), "{statement:#}");
    hub.server.log().clear();
    sf.run(&["review"]).code(0);
    sf.run(&["publish"]).code(0);
    assert!(hub.server.log().writes().is_empty(), "{:?}", hub.server.log().writes());
    assert!(hub.server.log().entries().len() <= 10, "{} requests", hub.server.log().entries().len());

    // What somebody takes away is brought back, and nothing else is touched.
    let release = hub.ask("/api/v3/repos/acme/app/releases/tags/v1.4.0");
    let id = &release["assets"][0]["id"];
    ask_now(&format!("{}/api/v3/repos/acme/app/releases/assets/{id}", hub.server.url()), "DELETE", &[]);
    sf.run(&["release", "verify"]).code(7);
    hub.server.log().clear();
    sf.run(&["release", "publish"]).code(0);
    assert_eq!(hub.server.log().writes().len(), 1, "{:?}", hub.server.log().writes());
    sf.run(&["release", "verify"]).code(0);
    assert!(!holds_token(&sf.path().join(".stagefreight/")), "the token is in a file below .stagefreight");
    hub.heard.assert_valid();
    assert!(hub.heard.operations() >= 10, "only {} operations were asked", hub.heard.operations());
    drop(hub.runtime);
}

fn holds_token(directory: &std::path::Path) -> bool {
    let token = TOKEN.as_bytes();
    std::fs::read_dir(directory).expect("directory").flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds_token(&path);
        }
        std::fs::read(&path).expect("file").windows(token.len()).any(|window| window == token)
    })
}

#[test]
fn a_release_that_moves_is_changed_in_place() {
    let sf = workspace("", "home").env("HUB_TOKEN", TOKEN);
    let hub = Hub::start(&["acme/app"], &sf.git_run(&["rev-parse", "HEAD"]));
    let section = format!("version: 1\n{}repos: {{ home: {{ forge: hub, project: acme/app }} }}\n", hub.config());
    let config = sf.read(".stagefreight.yml").replacen("version: 1\n", &section, 1);
    sf.write(".stagefreight.yml", config.replace("    aliases: [\"v{major}\"]\n", "    rolling: [nightly]\n"));
    let run_all = |sf: &Sf| ["perform", "review", "publish", "verify"].map(|command| drop(sf.run(&[command]).code(0)));
    run_all(&sf);
    let release = |tag: &str| hub.ask(&format!("/api/v3/repos/acme/app/releases/tags/{tag}"));
    let first = release("nightly");
    assert_eq!(names(&first), names(&release("v1.4.0")));
    let unchanged = |sf: &Sf, latest: &str| {
        // From nothing that is remembered: what is marked as the latest release stays so without being marked again.
        sf.forget_publishing();
        hub.server.log().clear();
        sf.run(&["publish"]).code(0);
        assert!(hub.server.log().writes().is_empty(), "{:?}", hub.server.log().writes());
        assert_eq!(hub.ask("/api/v3/repos/acme/app/releases/latest")["tag_name"], latest);
    };
    unchanged(&sf, "v1.4.0");

    sf.write("d", "d");
    sf.commit("feat: what is new");
    let sf = sf.tag("v1.5.0").env("SF_CI_TAG", "v1.5.0");
    let commit = sf.git_run(&["rev-parse", "HEAD"]);
    let pushed = serde_json::json!({ "ref": "refs/tags/v1.5.0", "sha": commit }).to_string();
    ask_now(&format!("{}/api/v3/repos/acme/app/git/refs", hub.server.url()), "POST", pushed.as_bytes());
    run_all(&sf);
    let now = release("nightly");
    assert_eq!(now["id"], first["id"], "it is the same release");
    assert_eq!(names(&now), names(&release("v1.5.0")));
    assert!(now["body"].as_str().is_some_and(|body| body.contains("what is new")), "{now}");
    assert_eq!(hub.ask("/api/v3/repos/acme/app/git/ref/tags%2Fnightly")["object"]["sha"], commit.as_str());
    hub.server.log().clear();
    sf.run(&["publish"]).code(0);
    assert!(hub.server.log().writes().is_empty(), "{:?}", hub.server.log().writes());
    unchanged(&sf, "v1.5.0");
    hub.heard.assert_valid();
}

#[test]
fn a_rehearsal_needs_no_forge_and_no_token() {
    let forges = "forges: { own: { provider: embedded } }\nrepos: { home: { forge: own, project: acme/app } }\n";
    let sf = workspace(forges, "home");
    for command in ["preflight", "perform", "review", "publish", "verify"] {
        sf.run(&[command]).code(0);
    }
    let again = sf.run(&["publish", "--output", "json"]).code(0).json();
    assert_eq!((again["totals"]["writes"].as_u64(), again["totals"]["complete"].as_u64()), (Some(0), Some(7)), "{again:#}");
}

#[test]
fn what_images_say_of_themselves_is_attached() {
    let sections = "forges: { own: { provider: embedded } }\nrepos: { home: { forge: own, project: acme/app } }\n";
    let adopted::Scene { sf, seed: _running, .. } = adopted::planned_with(&[], sections, "  release: { kind: release, repos: home }\n");
    let sf = sf.env("SF_CI_TAG", "v1.4.0").env("SF_CI_EVENT", "tag");
    for command in ["perform", "review", "publish", "verify"] {
        sf.run(&[command]).code(0);
    }
    let destinations: Value = serde_json::from_str(&sf.read(".stagefreight/destinations.json")).expect("JSON");
    let release = destinations["destinations"].as_array().expect("list").iter().find(|one| one["kind"] == "release").expect("a release");
    let names: Vec<&str> =
        release["settings"]["assets"].as_array().expect("assets").iter().map(|asset| asset["name"].as_str().expect("name")).collect();
    assert_eq!(
        names,
        [
            "image-digests.txt",
            "app-linux-amd64.provenance.json",
            "app-linux-amd64.sbom.json",
            "app-linux-arm64.provenance.json",
            "app-linux-arm64.sbom.json",
            "SHA256SUMS"
        ]
    );
    let again = sf.run(&["publish", "--output", "json"]).code(0).json();
    assert_eq!(again["totals"]["writes"], 0);
}

#[test]
fn there_is_no_release_off_tags_without_a_tag_for_them() {
    let forges = "forges: { own: { provider: embedded } }\nrepos: { home: { forge: own, project: acme/app } }\n";
    let sf = workspace(forges, "home").env("SF_CI_TAG", "").env("SF_CI_EVENT", "push").env("SF_CI_BRANCH", "main");
    let plan = sf.run(&["release", "plan"]).code(0).stdout();
    assert!(plan.contains("release:"), "{plan}");
}

#[test]
fn what_is_wrong_in_the_config_is_said_where_it_stands() {
    for (section, wrong) in [
        ("forges: { hub: { provider: github } }\nrepos: { home: { forge: hub, project: acme/app } }\n", "has no `url`"),
        (
            "forges: { hub: { provider: github, url: \"https://u:p@github.com\" } }\nrepos: { home: { forge: hub, project: acme/app } }\n",
            "credentials",
        ),
        (
            "forges: { hub: { provider: github, url: github.com } }\nrepos: { home: { forge: hubb, project: acme/app } }\n",
            "forge `hubb` is not defined",
        ),
        (
            "forges: { hub: { provider: github, url: github.com } }\nrepos: { home: { forge: hub, project: app } }\n",
            "not the path of a project",
        ),
        ("forges: { hub: { provider: githup, url: github.com } }\nrepos: { home: { forge: hub, project: acme/app } }\n", "githup"),
    ] {
        let said = workspace(section, "home").run(&["config", "check"]).code(2);
        let text = format!("{}{}", said.stdout(), said.stderr());
        assert!(text.contains(wrong), "{wrong}: {text}");
    }
}
