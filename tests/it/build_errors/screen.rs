//! A failed build from end to end: a BuildKit daemon of our own runs a step that prints what a compiler printed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Sf, assert_satisfies, component, path_with_components};

/// A BuildKit daemon, ended with the test.
struct Daemon {
    child: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Daemon {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let socket = dir.path().join("sock");
        let address = format!("unix://{}", socket.display());
        let child = Command::new(component("buildkitd", "buildkit"))
            .args(["--root", &dir.path().join("root").display().to_string(), "--addr", &address, "--containerd-worker=false"])
            .env("PATH", path_with_components())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("buildkitd starts");
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(30), "buildkitd does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, address, _dir: dir }
    }

    /// A workspace whose build runs `run`, with `output` there to be printed and sources that errors may name.
    fn workspace(&self, run: &str, output: &str) -> Sf {
        component("buildx", "buildkit");
        let busybox = std::fs::read("/bin/busybox").expect("a static busybox: scripts/components install busybox");
        let dockerfile =
            format!("FROM scratch\nCOPY busybox /bin/busybox\nSHELL [\"/bin/busybox\", \"sh\", \"-c\"]\nCOPY server/ /src\nRUN {run}\n");
        let sf = Sf::new()
            .file("Dockerfile", dockerfile)
            .file("busybox", busybox)
            .file("server/output", output)
            .file("server/main.go", "package main\n")
            .file(".gitignore", ".stagefreight/\n")
            .file(".stagefreight.yml", "version: 1\nbuilds:\n  app: { kind: docker, builder: buildx }\n");
        std::fs::set_permissions(sf.path().join("busybox"), std::fs::Permissions::from_mode(0o755)).expect("mode");
        sf.env("PATH", &path_with_components().into_string().expect("PATH is text")).env("BUILDKIT_HOST", &self.address).git()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let _reaped = self.child.wait();
    }
}

const GO: &str = include_str!("captured/go-1.26-compile.txt");

fn last(text: &str, from: &str) -> String {
    text[text.rfind(from).unwrap_or_else(|| panic!("{from} is not in {text}"))..].to_owned()
}

#[test]
fn a_failed_build_says_why_on_one_screen_and_in_a_file() {
    let daemon = Daemon::start();
    let sf = daemon.workspace("/bin/busybox cat /src/output >&2; exit 1", GO);
    let run = sf.run(&["perform"]).code(1);
    insta::assert_snapshot!(last(&run.stderr(), "error: build"));
    let detail: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/failure-detail.json")).expect("JSON");
    assert_satisfies("failure-detail", &detail);
    assert_eq!(detail["Command"], "/bin/busybox sh -c /bin/busybox cat /src/output >&2; exit 1");
    assert_eq!((&detail["ExitCode"], &detail["Reason"]), (&1.into(), &"exit code 1".into()));
    assert!(detail["Stderr"].as_str().is_some_and(|text| text.contains("undefined: undefinedThing")), "{detail:#}");
    assert_eq!(detail["dockerfile"], serde_json::json!({"file": "Dockerfile", "line": 5}));
    assert_eq!(
        detail["errors"][0],
        serde_json::json!({"tool": "go", "file": "server/main.go", "line": 5, "column": 2, "message": "\"os\" imported and not used"})
    );

    // Corrected, it is built, and the file is gone.
    sf.write("Dockerfile", "FROM scratch\nCOPY server/ /src\n");
    sf.commit("correct it");
    sf.run(&["perform"]).code(0);
    assert!(!sf.path().join(".stagefreight/failure-detail.json").exists());
}

#[test]
fn ci_hosts_get_annotations_on_the_lines_of_the_repository() {
    let daemon = Daemon::start();
    let output = "./main.go:3:8: undefined: 100%, a:b\n";
    for (host, expected) in [
        (
            &[("CI", "true"), ("GITHUB_ACTIONS", "true")][..],
            &[
                "::error file=Dockerfile,line=5,title=build app%3A docker::[3/3] RUN /bin/busybox cat /src/output; exit 1: exit code 1\n",
                "::error file=server/main.go,line=3,col=8,title=build app%3A go::undefined: 100%25, a:b\n",
                "::group::build app\n",
            ][..],
        ),
        (&[("CI", "true"), ("GITLAB_CI", "true")], &["error: server/main.go:3:8: undefined: 100%, a:b\n", ":build_app\r"]),
        (
            &[("TF_BUILD", "True")],
            &[
                "##vso[task.logissue type=error;sourcepath=server/main.go;linenumber=3;columnnumber=8]build app: go: undefined: 100%AZP25, a:b\n",
                "##[group]build app\n",
                "##[endgroup]\n",
            ],
        ),
        (&[("CI", "true")], &["[go] server/main.go:3:8: undefined: 100%, a:b\n"]),
    ] {
        let mut sf = daemon.workspace("/bin/busybox cat /src/output; exit 1", output);
        for (name, value) in host {
            sf = sf.env(name, value);
        }
        let told = sf.run(&["perform"]).code(1).stderr();
        for line in expected {
            assert!(told.contains(line), "{host:?}: {line:?} is not in\n{told}");
        }
        let (at, end) = (told.find("main.go:3:8: undefined").expect("the line"), told.rfind("error: build app failed").expect("the error"));
        assert!(at < end, "{told}");
        if host.len() == 1 && host[0].0 == "CI" {
            assert!(!told.contains("::error") && !told.contains("##vso"), "{told}");
        }
    }
}

#[test]
fn a_secret_of_the_environment_comes_through_nowhere() {
    let daemon = Daemon::start();
    let secret = "hunter2-in-the-output";
    let sf = daemon
        .workspace("/bin/busybox cat /src/output; exit 1", &format!("{secret}/main.go:3:8: undefined: {secret}\n{secret}\n"))
        .env("DEPLOY_TOKEN", secret)
        .env("GITHUB_ACTIONS", "true");
    let told = sf.run(&["perform"]).code(1).stderr();
    let file = sf.read(".stagefreight/failure-detail.json");
    assert!(!told.contains(secret) && !file.contains(secret), "{told}\n{file}");
    assert!(told.contains("***/main.go:3:8: undefined: ***") && file.contains("undefined: ***"), "{told}\n{file}");
}

#[test]
fn a_mistake_in_the_dockerfile_is_an_annotation_too() {
    let daemon = Daemon::start();
    let sf = daemon.workspace("true", "").env("GITHUB_ACTIONS", "true");
    sf.write("Dockerfile", "FROM scratch\nCOPPY a b\n");
    sf.commit("break it");
    let told = sf.run(&["perform"]).code(1).stderr();
    assert_eq!(
        told.matches("::error file=Dockerfile,line=2,title=build app%3A docker::dockerfile parse error on line 2").count(),
        1,
        "{told}"
    );
    let detail: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/failure-detail.json")).expect("JSON");
    assert_satisfies("failure-detail", &detail);
    assert_eq!((&detail["step"], &detail["errors"][0]["line"]), (&serde_json::Value::Null, &2.into()), "{detail:#}");
}

#[test]
fn a_perform_that_fails_before_any_build_leaves_a_reason_too() {
    let sf = Sf::new()
        .file("Dockerfile", "FROM scratch\nCOPY gone /gone\n")
        .file(".gitignore", ".stagefreight/\n")
        .file(".stagefreight.yml", "version: 1\nbuilds:\n  app: { kind: docker, builder: embedded }\n")
        .git();
    sf.run(&["perform"]).code(1);
    let detail: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/failure-detail.json")).expect("JSON");
    assert_satisfies("failure-detail", &detail);
    assert_eq!((&detail["Command"], &detail["ExitCode"]), (&"stagefreight perform".into(), &1.into()));
    assert!(detail["Reason"].as_str().is_some_and(|reason| reason.contains("gone")), "{detail:#}");
}
