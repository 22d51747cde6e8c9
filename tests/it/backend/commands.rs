//! `stagefreight builder …` and `perform`, as processes: screens, documents, exit codes, and what is left when they are
//! killed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::builders::assert_tidy;
use super::place::{Authority, Daemon, Place, builder_image, wait_for};
use crate::support::{Sf, assert_satisfies, docker, path_with_components};

/// Layers, config and time of an image without anything a machine adds.
const DOCKERFILE: &str = "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"touch\", \"/made\"]\n";

/// A repository whose one image has a step to run, built by what `builder` of the config says.
fn repository(builder: &str) -> Sf {
    let busybox = std::fs::read("/bin/busybox").expect("a static busybox: scripts/components install busybox");
    let config = format!("version: 1\nbuilder: {builder}\nbuilds:\n  app: {{ kind: docker, builder: buildx }}\n");
    let path = path_with_components().into_string().expect("text");
    let sf = Sf::new().env("PATH", &path).file("busybox", busybox).file("Dockerfile", DOCKERFILE);
    std::fs::create_dir(sf.outside().join("tmp")).expect("dir");
    let tmp = sf.outside().join("tmp").display().to_string();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(sf.path().join("busybox"), executable).expect("mode");
    let sf = sf.env("TMPDIR", &tmp).git();
    // Not committed: commits, and so the labels of images, are the same whatever builds them.
    sf.write(".git/info/exclude", ".stagefreight.yml\n.stagefreight/\n");
    sf.file(".stagefreight.yml", config)
}

fn left(sf: &Sf) -> Vec<String> {
    let names = std::fs::read_dir(sf.outside().join("tmp")).expect("dir").map(|entry| entry.expect("entry").file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

/// Processes whose command line names something.
fn processes(what: &str) -> Vec<String> {
    let lines = std::fs::read_dir("/proc").expect("proc").filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(what)).collect()
}

#[test]
fn without_a_builder_the_screen_says_who_was_asked() {
    let sf = repository("{ backend: buildkitd }").env("BUILDKIT_HOST", "unix:///nowhere/buildkitd.sock");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"in \d+ms", "in [MS]ms");
    settings.add_filter(r"sf-[0-9a-f]{8}", "sf-[HASH]");
    settings.bind(|| {
        insta::assert_snapshot!(sf.run(&["builder", "inspect"]).snapshot(), @r#"
        exit: 3
        ----- stdout
        builder       sf-[HASH]
        asked in [MS]ms
          ✗ BuildKit at BUILDKIT_HOST = unix:///nowhere/buildkitd.sock: no such file or directory
          ✗ BuildKit at unix:///run/buildkit/buildkitd.sock: no such file or directory
        ----- stderr
        error: no builder: BuildKit at BUILDKIT_HOST = unix:///nowhere/buildkitd.sock does not answer: no such file or directory
        hint: install docker with its buildx plugin and start the engine, or set BUILDKIT_HOST to a BuildKit daemon        (exit 3)
        "#);
        insta::assert_snapshot!(sf.run(&["perform"]).snapshot(), @r#"
        exit: 3
        ----- stdout
        ----- stderr
        error: build app is configured for buildx, but BuildKit at BUILDKIT_HOST = unix:///nowhere/buildkitd.sock does not answer: no such file or directory
        hint: install docker with its buildx plugin and start the engine, or set BUILDKIT_HOST to a BuildKit daemon        (exit 3)
        "#);
    });
    let document = sf.run(&["builder", "inspect", "--output", "json"]).code(3).json();
    assert_satisfies("command-builder-inspect", &document);
    assert_eq!(document["candidates"][0]["usable"], false);
}

#[test]
fn a_builder_is_shown_made_measured_and_removed() {
    let place = Place::new();
    let daemon = Daemon::unix(&place.path("daemon"));
    let sf = repository("{ backend: buildkitd, name: ours }").env("BUILDKIT_HOST", &daemon.address);
    let json = |command: &str, schema: &str| {
        let document = sf.run(&["builder", command, "--output", "json"]).code(0).json();
        assert_satisfies(schema, &document);
        document
    };
    let shown = json("inspect", "command-builder-inspect");
    assert_eq!((&shown["name"], &shown["driver"], &shown["nodes"][0]["status"]), (&"ours".into(), &"remote".into(), &"running".into()));
    assert!(shown["nodes"][0]["gc_policy"].as_array().is_some_and(|rules| !rules.is_empty()), "{shown:#}");
    assert_eq!(json("create", "command-builder-create")["action"], "created");
    assert_eq!(sf.read(".stagefreight/runtime/docker/builder.json"), "{\"name\":\"ours\",\"action\":\"created\",\"driver\":\"remote\"}\n");
    sf.run(&["perform"]).code(0);
    let usage = json("du", "command-builder-du");
    assert!(usage["total"].as_u64().is_some_and(|bytes| bytes > 0), "{usage:#}");
    assert_eq!(json("rm", "command-builder-rm")["removed"], false, "somebody else's daemon is left alone");
    let screen = sf.run(&["builder", "inspect"]).code(0).stdout();
    assert!(screen.contains("gc policy\n  source/cachemount/git ") && screen.contains("all (fallback)"), "{screen}");
    assert_eq!(left(&sf), Vec::<String>::new());
}

#[test]
fn a_container_is_shown_before_and_after_it_is_made() {
    builder_image();
    let sf = repository("{ backend: dind, driver: docker-container }").env("DOCKER_HOST", "unix:///var/run/docker.sock");
    let status = || sf.run(&["builder", "inspect", "--output", "json"]).code(0).json()["nodes"][0]["status"].clone();
    assert_eq!(status(), "not made yet: `builder create` or the first build makes it");
    // Two jobs of one machine at once.
    let jobs: Vec<_> = (0..2).map(|_| sf.command(&["builder", "create", "--output", "json"]).start()).collect();
    let mut actions = Vec::new();
    for job in jobs {
        let output = job.output();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_satisfies("command-builder-create", &document);
        actions.push(document["action"].as_str().expect("text").to_owned());
    }
    actions.sort();
    assert_eq!(actions, ["created", "reused"]);
    assert_eq!(status(), "running");
    sf.run(&["perform"]).code(0);
    let usage = sf.run(&["builder", "du", "--output", "json"]).code(0).json();
    assert!(usage["total"].as_u64().is_some_and(|bytes| bytes > 0), "{usage:#}");
    let removed = sf.run(&["builder", "rm"]).code(0).stdout();
    assert!(removed.starts_with("removed builder sf-"), "{removed}");
    assert_eq!(left(&sf), Vec::<String>::new());
}

#[test]
fn a_builder_that_does_not_work_ends_the_run_with_its_own_words() {
    docker();
    // An image that is no BuildKit, under the name of one.
    let config = "{ nodes: [ { endpoint: here, platforms: [linux/amd64], driver-opt: { image: \"127.0.0.1:9/no/such:image\" } } ], driver: docker-container }";
    let sf = repository(config);
    let hash = stagefreight::core::Digest::of(b"here");
    let meta = r#"{"Name":"here","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///var/run/docker.sock","SkipTLSVerify":false}}}"#;
    let dir = sf.outside().join("home/.docker/contexts/meta").join(hash.hex());
    std::fs::create_dir_all(&dir).expect("dir");
    std::fs::write(dir.join("meta.json"), meta).expect("meta");
    let run = sf.run(&["perform"]).code(1);
    let told = run.stderr();
    assert!(told.contains("with driver docker-container does not work: ") && told.contains("127.0.0.1:9"), "{told}");
    assert_eq!(left(&sf), Vec::<String>::new());
    assert!(!sf.path().join(".stagefreight/outputs.json").exists());
}

#[test]
fn every_way_to_one_buildkit_gives_the_same_bytes() {
    let place = Place::new();
    let authority = Authority::new();
    let (secured, socket) = (Daemon::tls(&place.path("tls"), &authority), Daemon::unix(&place.path("unix")));
    authority.issue(&place.path("certs"), "client");
    let certs = place.path("certs").display().to_string();
    let digest = |sf: &Sf| sf.run(&["perform", "--output", "json"]).code(0).json()["artifacts"][0]["digest"].clone();
    let over_tls = digest(&repository("{}").env("BUILDKIT_HOST", &secured.address).env("BUILDKIT_CERT_PATH", &certs));
    let over_socket = digest(&repository("{}").env("BUILDKIT_HOST", &socket.address));
    let spawned = digest(&repository("{ backend: spawn }"));
    let node = digest(&repository(&format!("{{ nodes: [ {{ endpoint: \"{}\", platforms: [linux/amd64] }} ] }}", socket.address)));
    assert_eq!([&over_socket, &spawned, &node], [&over_tls; 3]);
}

#[test]
fn a_run_that_is_terminated_takes_its_daemon_along() {
    let sf = repository("{ backend: spawn }");
    sf.write("Dockerfile", DOCKERFILE.replace("\"touch\", \"/made\"", "\"sleep\", \"300\""));
    sf.commit("a step that takes long");
    let roots = sf.outside().join("home/.cache/stagefreight/buildkit").display().to_string();
    for signal in ["TERM", "KILL"] {
        let mut run = sf.command(&["perform"]).start();
        wait_for(|| processes("/bin/busybox sleep 300").iter().any(|line| !line.contains("runc")));
        assert!(!processes(&roots).is_empty(), "the daemon runs");
        Command::new("kill").args(["-s", signal, &run.id().to_string()]).status().expect("kill runs");
        let begun = Instant::now();
        let status = run.wait();
        if signal == "TERM" {
            assert_eq!(status.code(), Some(143));
            assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", begun.elapsed());
            assert_eq!(left(&sf), Vec::<String>::new());
        }
        wait_for(|| processes(&roots).is_empty());
    }
    // The next run finds nothing in its way.
    sf.write("Dockerfile", DOCKERFILE);
    sf.commit("a step that ends");
    sf.run(&["perform"]).code(0);
    assert!(Path::new(&roots).is_dir());
}

#[tokio::test]
async fn podman_is_told_from_docker() {
    let place = Place::new();
    let socket = place.path("run/podman/podman.sock");
    std::fs::create_dir_all(socket.parent().expect("parent")).expect("dir");
    let mut podman = Command::new(crate::support::component("podman", "podman"))
        .args(["--root", &place.path("podman").display().to_string(), "--runroot", &place.path("podman-run").display().to_string()])
        .args(["system", "service", "--time", "0", &format!("unix://{}", socket.display())])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("podman starts");
    wait_for(|| std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let settings = |backend| stagefreight::config::BuilderSettings { backend, ..stagefreight::config::BuilderSettings::default() };
    let resolution = place.resolve(&settings(stagefreight::config::Backend::Podman)).await.expect("resolution");
    let found = resolution.backend().unwrap_or_else(|| panic!("{resolution:?}")).clone();
    assert_eq!((found.kind.name(), found.driver.name(), found.daemon.is_none()), ("podman", "docker-container", true));
    // Whoever points docker's variable at Podman gets Podman's driver, and who insists on docker gets a reason.
    let place = place.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let resolution = place.resolve(&settings(stagefreight::config::Backend::Auto)).await.expect("resolution");
    assert_eq!(resolution.backend().map(|backend| backend.kind.name()), Some("podman"));
    let resolution = place.resolve(&settings(stagefreight::config::Backend::Dind)).await.expect("resolution");
    assert!(resolution.why_not().ends_with("cannot be used: it is podman, and the config asks for dind"), "{resolution:?}");
    podman.kill().and_then(|()| podman.wait()).expect("ended");
    assert_tidy(&place);
}

#[test]
fn without_root_a_private_daemon_builds_too() {
    // The machine knows ranges of user ids for this user: /etc/subuid and /etc/subgid (scripts/components install rootlesskit).
    const USER: &str = "nobody";
    crate::support::component("rootlesskit", "rootlesskit");
    let sf = repository("{ backend: spawn }");
    let at = |name: &str| sf.outside().join(name);
    std::fs::create_dir(at("bin")).expect("dir");
    let programs = [("buildkitd", "buildkit"), ("buildx", "buildkit")].map(|(name, of)| crate::support::component(name, of));
    for program in programs.iter().map(std::path::PathBuf::as_path).chain([Path::new(env!("CARGO_BIN_EXE_stagefreight"))]) {
        std::fs::copy(program, at("bin").join(program.file_name().expect("name"))).expect("copy");
    }
    let owned = Command::new("chown").args(["-R", USER]).arg(sf.outside()).status().expect("chown runs");
    assert!(owned.success(), "this test runs as root");
    let run = |args: &[&str]| {
        let path = format!("{}:/usr/bin:/usr/sbin:/bin:/sbin", at("bin").display());
        let call = sf.program(at("bin").join("stagefreight"), args).env("PATH", path).env("TMPDIR", at("tmp"));
        let output = call.under("setpriv", &["--reuid", USER, "--regid", "nogroup", "--clear-groups"]).output();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {told}");
        told
    };
    let told = run(&["-v", "perform"]);
    assert!(told.contains("started a private BuildKit") && told.contains(", rootless in "), "{told}");
    assert_eq!(left(&sf), Vec::<String>::new());
    assert!(processes(&at("home").display().to_string()).is_empty());
    run(&["builder", "rm"]);
    let caches = std::fs::read_dir(at("home/.cache/stagefreight/buildkit")).expect("dir").count();
    assert_eq!(caches, 0, "also what belonged to users of its namespace");
}
