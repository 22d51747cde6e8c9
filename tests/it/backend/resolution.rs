//! Who answers, who does not, and what is said of it.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use stagefreight::build::backend::{Answer, BackendKind, Capability, Thoroughness, Tool};
use stagefreight::config::{Backend, BuilderSettings, Driver};
use stagefreight::error::Kind;

use super::place::{Authority, Daemon, Place};
use crate::support::docker;

fn backend(backend: Backend) -> BuilderSettings {
    BuilderSettings { backend, ..BuilderSettings::default() }
}

#[tokio::test]
async fn without_a_program_the_reason_is_plain() {
    let place = Place::new().with_only(&[]);
    assert_eq!(place.why_not().await, "docker is not installed and buildx is not installed");
}

#[tokio::test]
async fn a_dead_socket_is_not_healthy() {
    let place = Place::new();
    let dead = place.path("dead.sock");
    drop(UnixListener::bind(&dead).expect("socket"));
    let address = format!("unix://{}", dead.display());
    for (name, what) in [("DOCKER_HOST", "the docker engine"), ("BUILDKIT_HOST", "BuildKit")] {
        let why = Place::new().env(name, &address).why_not().await;
        assert_eq!(why, format!("{what} at {name} = {address} does not answer: connection refused"));
    }
    let why = Place::new().env("DOCKER_HOST", "unix:///nowhere/docker.sock").why_not().await;
    assert_eq!(why, "the docker engine at DOCKER_HOST = unix:///nowhere/docker.sock does not answer: no such file or directory");
}

#[tokio::test]
async fn endpoints_that_accept_and_hang_are_given_up_within_two_seconds() {
    let place = Place::new();
    let socket = place.path("hanging.sock");
    let _unix = UnixListener::bind(&socket).expect("socket");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("port");
    let tcp_address = format!("tcp://{}", tcp.local_addr().expect("address"));
    for address in [format!("unix://{}", socket.display()), tcp_address] {
        for name in ["DOCKER_HOST", "BUILDKIT_HOST"] {
            let place = Place::new().env(name, &address);
            let why = place.why_not().await;
            assert!(why.ends_with("does not answer: nothing within 1.8s"), "{name}: {why}");
        }
    }
}

#[tokio::test]
async fn what_answers_something_else_is_not_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = listener.local_addr().expect("address");
    std::thread::spawn(move || {
        use std::io::Write as _;
        for stream in listener.incoming() {
            let _closed = stream.and_then(|mut stream| stream.write_all(b"220 mail.example ESMTP\r\n"));
        }
    });
    for (name, what) in [("DOCKER_HOST", "docker's API"), ("BUILDKIT_HOST", "BuildKit's protocol")] {
        let why = Place::new().env(name, format!("tcp://{address}")).why_not().await;
        assert!(why.contains("cannot be used: it does not speak") && why.contains(what), "{name}: {why}");
    }
}

#[tokio::test]
async fn the_docker_engine_is_asked_over_its_socket() {
    docker();
    let place = Place::new();
    let resolution = place.resolve(&backend(Backend::Dind)).await.expect("resolution");
    let found = resolution.backend().unwrap_or_else(|| panic!("{resolution:?}"));
    assert_eq!((found.kind, found.driver, found.is_buildkit()), (BackendKind::Dind, Driver::Docker, false));
    assert!(found.capabilities.contains(&Capability::OciLayout), "the containerd image store is on: {found:?}");
    let engine = found.engine.as_ref().expect("engine");
    assert!(!engine.version.is_empty() && engine.containerd && !engine.podman, "{engine:?}");
    let daemon = found.daemon.as_ref().expect("its BuildKit");
    assert!(daemon.platforms.contains(&stagefreight::core::Platform::host()), "{daemon:?}");

    // The same through a docker context, which the config names.
    let hash = stagefreight::core::Digest::of(b"far");
    let meta = r#"{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///var/run/docker.sock","SkipTLSVerify":false}}}"#;
    let dir = place.path("home/.docker/contexts/meta").join(hash.hex());
    std::fs::create_dir_all(&dir).expect("dir");
    std::fs::write(dir.join("meta.json"), meta).expect("meta");
    let settings = BuilderSettings { context: Some("far".into()), ..BuilderSettings::default() };
    let resolution = place.resolve(&settings).await.expect("resolution");
    assert_eq!(resolution.candidates[0].0.to_string(), "the docker engine of docker context far");
    assert!(resolution.backend().is_some(), "{resolution:?}");
    let settings = BuilderSettings { context: Some("gone".into()), ..BuilderSettings::default() };
    let resolution = place.resolve(&settings).await.expect("resolution");
    assert_eq!(resolution.why_not(), "the docker engine of docker context gone cannot be used: does not exist");
}

#[tokio::test]
async fn a_daemon_at_an_address_needs_no_docker() {
    let place = Place::new();
    let daemon = Daemon::unix(&place.path("daemon"));
    for (programs, tool) in [(vec![("buildx", "buildkit")], Tool::Standalone), (vec![("buildctl", "buildkit")], Tool::Buildctl)] {
        let place = Place::new().with_only(&programs).env("BUILDKIT_HOST", &daemon.address);
        let resolution = place.resolve(&BuilderSettings::default()).await.expect("resolution");
        let found = resolution.backend().unwrap_or_else(|| panic!("{resolution:?}"));
        assert!(found.is_buildkit() && found.daemon.as_ref().is_some_and(|daemon| !daemon.platforms.is_empty()), "{found:?}");
        assert_eq!(resolution.program().map(|program| program.tool), Some(tool));
    }
    // buildctl alone does not reach an engine.
    let place = Place::new().with_only(&[("buildctl", "buildkit")]).env("DOCKER_HOST", "unix:///var/run/docker.sock");
    assert_eq!(place.why_not().await, "docker is not installed and buildx is not installed");
    // The usual place of a rootless daemon.
    let place = Place::new();
    std::fs::create_dir_all(place.path("run/buildkit")).expect("dir");
    std::os::unix::fs::symlink(daemon.address.trim_start_matches("unix://"), place.path("run/buildkit/buildkitd.sock")).expect("link");
    let resolution = place.resolve(&backend(Backend::Buildkitd)).await.expect("resolution");
    assert!(resolution.backend().is_some(), "{resolution:?}");
}

#[tokio::test]
async fn mutual_tls_proves_both_sides() {
    let place = Place::new();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let daemon = Daemon::tls(&place.path("daemon"), &ours);
    ours.issue(&place.path("good"), "client");
    theirs.issue(&place.path("foreign"), "client");
    // A client they let in and that does not know them, and one that knows them and that they do not let in.
    ours.issue(&place.path("unknown"), "client");
    std::fs::copy(place.path("foreign/ca.pem"), place.path("unknown/ca.pem")).expect("copy");
    std::fs::copy(place.path("good/ca.pem"), place.path("foreign/ca.pem")).expect("copy");
    let with =
        |dir: &str| Place::new().env("BUILDKIT_HOST", &daemon.address).env("BUILDKIT_CERT_PATH", place.path(dir).display().to_string());
    let resolution = with("good").resolve(&BuilderSettings::default()).await.expect("resolution");
    assert!(resolution.backend().is_some(), "{resolution:?}");
    for (dir, reason) in [("foreign", "TLS: "), ("unknown", "TLS: ")] {
        let why = with(dir).why_not().await;
        assert!(why.starts_with(&format!("BuildKit at BUILDKIT_HOST = {} ", daemon.address)), "{dir}: {why}");
        // On a busy machine the daemon has hung up before its reason is read.
        assert!(why.contains(reason) || why.contains("connection closed"), "{dir}: {why}");
    }
    std::fs::remove_file(place.path("good/key.pem")).expect("remove");
    let why = with("good").why_not().await;
    let missing = place.path("good/key.pem");
    assert_eq!(why, format!("BuildKit at BUILDKIT_HOST cannot be used: its TLS file {} is missing", missing.display()));
    // Without certificates the daemon does not speak at all.
    let why = Place::new().env("BUILDKIT_HOST", &daemon.address).why_not().await;
    assert!(why.contains("does not speak BuildKit's protocol"), "{why}");
}

#[tokio::test]
async fn what_the_config_names_is_honoured_or_refused() {
    let place = Place::new().env("BUILDKIT_HOST", "unix:///nowhere/buildkitd.sock");
    let resolution = place.resolve(&backend(Backend::Podman)).await.expect("resolution");
    assert!(resolution.insists && resolution.backend().is_none(), "{resolution:?}");
    assert!(resolution.candidates.iter().all(|(candidate, _)| candidate.kind == BackendKind::Podman), "{resolution:?}");
    let resolution = place.resolve(&backend(Backend::Kubernetes)).await.expect("resolution");
    assert!(resolution.why_not().starts_with("Kubernetes cannot be used: no cluster is named: "), "{resolution:?}");
    let settings = BuilderSettings { driver: Some(Driver::Remote), ..backend(Backend::Dind) };
    let error = place.resolve(&settings).await.expect_err("a contradiction");
    assert_eq!((error.kind(), error.message()), (Kind::Usage, "builder.driver remote cannot reach builder.backend dind"));
    let why = Place::new().env("DOCKER_CERT_PATH", "/certs").why_not().await;
    assert_eq!(
        why,
        "the docker engine at DOCKER_CERT_PATH cannot be used: the engine's certificates are named, and the engine is not; \
         set DOCKER_HOST too, or unset DOCKER_CERT_PATH"
    );
}

#[tokio::test]
async fn every_candidate_keeps_its_answer() {
    docker();
    let place = Place::new();
    std::fs::create_dir(place.path("run/buildkit")).expect("dir");
    let _hanging = UnixListener::bind(place.path("run/buildkit/buildkitd.sock")).expect("socket");
    let resolution = place.resolve(&BuilderSettings::default()).await.expect("resolution");
    assert!(resolution.backend().is_some(), "{resolution:?}");
    assert!(resolution.candidates.iter().any(|(_, answer)| *answer == Answer::NotWaitedFor), "{resolution:?}");
    let resolution = place.look(&BuilderSettings::default(), Thoroughness::All).await.expect("resolution");
    assert!(resolution.candidates.iter().all(|(_, answer)| *answer != Answer::NotWaitedFor), "{resolution:?}");
    let details = resolution.details().join("\n");
    assert!(details.contains("buildkitd.sock: nothing within 1.8s") && details.contains("podman.sock: no such file"), "{details}");
}
