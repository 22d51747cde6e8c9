//! `stagefreight init` on repositories as people have them.

use crate::support::{Sf, assert_satisfies};

/// A repository with these files and a remote, committed.
fn repository(files: &[(&str, &str)], remote: Option<&str>) -> Sf {
    let sf = Sf::new();
    for (name, text) in files {
        sf.write(name, text);
    }
    let sf = sf.git();
    if let Some(remote) = remote {
        sf.git_run(&["remote", "add", "origin", remote]);
    }
    sf
}

/// Initialises, and asserts that `check` accepts and `plan` explains every build.
#[track_caller]
fn works(sf: &Sf, builds: &[&str], words: &[&str]) -> String {
    let run = sf.run(&["init"]).code(0);
    assert!(run.stdout().contains("next   stagefreight check"), "{}", run.stdout());
    let text = sf.read(".stagefreight.yml");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
    sf.run(&["config", "check"]).code(0);
    let checked = sf.run(&["check"]).code(0);
    let planned = sf.run(&["plan"]).code(0);
    for build in builds {
        let row = |stdout: String| stdout.lines().any(|line| line.trim_start().starts_with("build") && line.contains(build));
        assert!(row(checked.stdout()), "check explains {build}:\n{}", checked.stdout());
        assert!(row(planned.stdout()), "plan explains {build}:\n{}", planned.stdout());
    }
    let plan = sf.run(&["plan", "--output", "json"]).code(0).json();
    assert_eq!(plan["builds"].as_array().map(Vec::len), Some(builds.len()), "{text}");
    // On a release tag the images have places to go to, where the remote tells which.
    let tagged = sf.run(&["plan", "--output", "json"]);
    assert_eq!(tagged.code(0).json()["destinations"].as_array().map(Vec::len), Some(0), "nothing is published off a tag");
    text
}

/// Names of the destinations on a release tag.
fn places(sf: &Sf) -> Vec<String> {
    sf.git_run(&["add", "-A"]);
    sf.git_run(&["commit", "-q", "-m", "config"]);
    sf.git_run(&["tag", "v1.2.3"]);
    sf.git_run(&["checkout", "-q", "--detach", "v1.2.3"]);
    let plan = sf.run(&["plan", "--output", "json"]).code(0).json();
    plan["destinations"].as_array().expect("list").iter().map(|place| place["name"].as_str().expect("name").to_owned()).collect()
}

const IMAGE: &str = "FROM scratch\nCOPY . /\n";
const WORKFLOW: (&str, &str) = (".github/workflows/ci.yml", "on: push\n");

#[test]
fn go_on_github() {
    let files = [("go.mod", "module github.com/acme/shop\n\ngo 1.24\n"), ("main.go", "package main\n"), ("Dockerfile", IMAGE), WORKFLOW];
    let sf = repository(&files, Some("git@github.com:Acme/Shop.git"));
    works(
        &sf,
        &["shop"],
        &["# Found: Go 1.24 (go.mod)", "# Found: GitHub Actions", "url: ghcr.io", "default_path: acme/shop", "builder: go"],
    );
    assert_eq!(places(&sf), ["ghcr.io/acme/shop:1.2.3", "ghcr.io/acme/shop:1.2", "ghcr.io/acme/shop:latest"]);
}

#[test]
fn rust() {
    let files = [
        ("Cargo.toml", "[package]\nname = \"tool\"\nrust-version = \"1.85\"\n"),
        ("src/main.rs", "fn main() {}\n"),
        ("build/Dockerfile", IMAGE),
    ];
    let sf = repository(&files, Some("https://github.com/acme/tool"));
    works(&sf, &["tool"], &["# Found: Rust 1.85 (Cargo.toml)", "dockerfile: build/Dockerfile", "context: .", "builder: rust"]);
}

#[test]
fn node_with_a_dockerfile_for_development() {
    let files = [
        ("package.json", "{\"name\": \"web\", \"engines\": {\"node\": \">=20\"}}\n"),
        ("Dockerfile", IMAGE),
        ("Dockerfile.dev", IMAGE),
        ("node_modules/x/Dockerfile", IMAGE),
    ];
    let sf = repository(&files, Some("https://github.com/acme/web"));
    let text = works(&sf, &["web"], &["# Found: Node >=20 (package.json)", "# web-dev: { kind: docker, dockerfile: Dockerfile.dev"]);
    assert!(!text.contains("node_modules"), "{text}");
}

#[test]
fn python_without_a_dockerfile() {
    let sf =
        repository(&[("pyproject.toml", "[project]\nname = \"lib\"\nrequires-python = \">=3.11\"\n")], Some("https://github.com/acme/lib"));
    works(&sf, &[], &["# Found: Python >=3.11 (pyproject.toml)", "There is no Dockerfile here"]);
    let run = sf.run(&["init", "--dry-run", "--output", "json"]).code(0);
    let document = run.json();
    assert_satisfies("command-init", &document);
    assert!(
        document["next"].as_array().is_some_and(|next| next[0].as_str().is_some_and(|step| step.contains("add a Dockerfile"))),
        "{document}"
    );
}

#[test]
fn java() {
    let files = [
        ("pom.xml", "<project><properties><maven.compiler.release>21</maven.compiler.release></properties></project>\n"),
        ("docker/Dockerfile.production", IMAGE),
    ];
    let sf = repository(&files, Some("https://github.com/acme/bank"));
    works(&sf, &["bank"], &["# Found: Java 21 (pom.xml)", "dockerfile: docker/Dockerfile.production"]);
}

#[test]
fn several_dockerfiles() {
    let files = [("Dockerfile", IMAGE), ("Dockerfile.worker", IMAGE), ("docker/proxy.dockerfile", IMAGE)];
    let sf = repository(&files, Some("https://github.com/acme/mail"));
    works(&sf, &["mail", "worker", "proxy"], &["path: acme/mail/worker"]);
    let places = places(&sf);
    assert_eq!(places.len(), 9, "{places:?}");
    assert!(places.contains(&"ghcr.io/acme/mail/proxy:1.2.3".to_owned()), "{places:?}");
}

#[test]
fn a_monorepo() {
    let files = [
        ("services/api/Dockerfile", "FROM scratch\nCOPY main.go /\n"),
        ("services/api/main.go", "package main\n"),
        ("services/api/go.mod", "module api\n\ngo 1.23\n"),
        ("services/web/Dockerfile", "FROM scratch\nCOPY services/web/index.html /\n"),
        ("services/web/index.html", "<html>\n"),
        ("services/web/package.json", "{}\n"),
    ];
    let sf = repository(&files, Some("https://github.com/acme/platform"));
    let words = ["# Found: Go 1.23 (services/api/go.mod)", "context: services/api", "# Found: services/web/Dockerfile (context .)"];
    works(&sf, &["api", "web"], &words);
}

#[test]
fn no_git() {
    let sf = Sf::new().file("Dockerfile", IMAGE);
    let run = sf.run(&["init"]).code(0);
    assert!(run.stdout().contains("next   git init"), "{}", run.stdout());
    sf.run(&["config", "check"]).code(0);
    let run = sf.run(&["check"]).code(3);
    assert!(run.stderr().contains("git"), "{}", run.stderr());
    let sf = sf.git();
    sf.run(&["check"]).code(0);
    let plan = sf.run(&["plan"]).code(0);
    assert!(plan.stdout().contains("1 build → no destinations"), "{}", plan.stdout());
}

#[test]
fn gitlab() {
    let files = [("Dockerfile", IMAGE), (".gitlab-ci.yml", "stages: [deploy]\n")];
    let sf = repository(&files, Some("https://gitlab-ci-token:glcbt-1_x@gitlab.acme.dev/team/sub/app.git"));
    let text = works(&sf, &["app"], &["url: registry.gitlab.acme.dev", "default_path: team/sub/app", "# Found: GitLab CI"]);
    assert!(!text.contains("glcbt"), "{text}");
    assert_eq!(places(&sf)[0], "registry.gitlab.acme.dev/team/sub/app:1.2.3");
}

#[test]
fn gitea() {
    let files = [("Dockerfile", IMAGE), (".gitea/workflows/ci.yaml", "on: push\n")];
    let sf = repository(&files, Some("ssh://git@gitea.acme.dev:2222/ops/app.git"));
    works(&sf, &["app"], &["provider: gitea", "url: gitea.acme.dev", "# Found: Gitea Actions"]);
    assert_eq!(places(&sf)[0], "gitea.acme.dev/ops/app:1.2.3");
}

#[test]
fn a_config_that_is_there_is_kept() {
    let sf = repository(&[("Dockerfile", IMAGE), (".stagefreight.yml", "version: 1\n")], None);
    let run = sf.run(&["init"]).code(2);
    assert!(run.stderr().contains(".stagefreight.yml is there already") && run.stderr().contains("--force"), "{}", run.stderr());
    assert_eq!(sf.read(".stagefreight.yml"), "version: 1\n");
    let printed = sf.run(&["init", "--dry-run"]).code(0).stdout();
    assert_eq!(sf.read(".stagefreight.yml"), "version: 1\n");
    sf.run(&["init", "--force"]).code(0);
    assert_eq!(sf.read(".stagefreight.yml"), printed, "what --dry-run prints is what is written");
    assert!(printed.contains("# registries:"), "no remote, no registry: {printed}");
}

#[test]
fn names_nobody_should_have() {
    let files = [("1 weird-dir: x/Dockerfile", IMAGE), ("#{version}/Dockerfile.\"a b\"", IMAGE), ("true/Dockerfile", IMAGE)];
    let sf = repository(&files, None);
    sf.run(&["init"]).code(0);
    sf.run(&["config", "check"]).code(0);
    std::os::unix::fs::symlink("/etc/passwd", sf.path().join("Dockerfile")).expect("link");
    sf.run(&["init", "--force"]).code(0);
    assert!(!sf.read(".stagefreight.yml").contains("dockerfile: Dockerfile\n"), "a link is passed by");
}
