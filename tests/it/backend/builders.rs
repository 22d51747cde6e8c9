//! Builders taken up, made and made again, on real engines and daemons.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use stagefreight::build::backend::{Resolution, Tool};
use stagefreight::build::lifecycle::{Action, Lease, Order};
use stagefreight::config::{Backend, BuilderSettings, Driver, Node};
use stagefreight::error::{Kind, Result};
use stagefreight::event::Events;
use tokio_util::sync::CancellationToken;

use super::place::{Authority, Daemon, Place, builder_image, wait_for};
use crate::support::docker;

pub async fn acquire(place: &Place, settings: &BuilderSettings, repository: &str) -> Result<Lease> {
    let resolution = place.resolve(settings).await?;
    acquire_on(place, settings, repository, &resolution).await
}

async fn acquire_on(place: &Place, settings: &BuilderSettings, repository: &str, resolution: &Resolution) -> Result<Lease> {
    let (world, workspace, events, cancel) = (place.world(), place.path("ws"), Events::none(), CancellationToken::new());
    let order = Order { world: &world, workspace: &workspace, settings, repository, events: &events, cancel: &cancel };
    Lease::acquire(&order, resolution).await
}

pub async fn remove(place: &Place, settings: &BuilderSettings, repository: &str) -> Result<bool> {
    let resolution = place.resolve(settings).await?;
    let (world, workspace, events, cancel) = (place.world(), place.path("ws"), Events::none(), CancellationToken::new());
    let order = Order { world: &world, workspace: &workspace, settings, repository, events: &events, cancel: &cancel };
    Lease::remove(&order, &resolution).await
}

fn record(place: &Place) -> String {
    std::fs::read_to_string(place.path("ws/.stagefreight/runtime/docker/builder.json")).expect("builder.json")
}

/// Nothing private is left behind.
pub fn assert_tidy(place: &Place) {
    let left: Vec<_> = std::fs::read_dir(place.path("tmp")).expect("dir").map(|entry| entry.expect("entry").file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A repository of its own for a test, so that tests do not share builders.
fn repository(test: &str) -> String {
    format!("test.example/{test}/{}", std::process::id())
}

/// A builder in a container of the local engine.
fn in_container() -> BuilderSettings {
    BuilderSettings { backend: Backend::Dind, driver: Some(Driver::DockerContainer), ..BuilderSettings::default() }
}

fn containers(name: &str) -> String {
    let out =
        Command::new(docker()).args(["ps", "--all", "--format", "{{.Names}} {{.State}}", "--filter", &format!("name={name}")]).output();
    String::from_utf8(out.expect("docker runs").stdout).expect("text").trim().to_owned()
}

#[tokio::test]
async fn the_engines_own_builder_needs_no_making() {
    docker();
    let place = Place::new();
    let settings = BuilderSettings { backend: Backend::Dind, ..BuilderSettings::default() };
    let lease = acquire(&place, &settings, "gitlab.com/org/repo").await.expect("lease");
    assert_eq!((lease.action(), lease.driver(), lease.nodes().len()), (Action::Reused, Driver::Docker, 1));
    assert_eq!(lease.nodes()[0].builder, "default");
    assert!(lease.nodes()[0].platforms.contains(&stagefreight::core::Platform::host()), "{lease:?}");
    let name = format!("sf-{}", &stagefreight::plan::cache::hash("gitlab.com/org/repo")[..8]);
    assert_eq!(record(&place), format!("{{\"name\":\"{name}\",\"action\":\"reused\",\"driver\":\"docker\"}}\n"));
    drop(lease);
    assert_tidy(&place);
    // The vector of spec/build.md E.1 and B.8.
    let lease = acquire(&place, &settings, "https://gitlab.com/org/repo").await.expect("lease");
    assert_eq!(lease.name(), "sf-e2f630c7");
}

#[tokio::test]
async fn a_container_is_made_once_taken_up_again_and_made_again_when_it_is_broken() {
    builder_image();
    let (place, repository) = (Place::new(), repository("container"));
    let lease = acquire(&place, &in_container(), &repository).await.expect("lease");
    let name = lease.name().to_owned();
    assert_eq!((lease.action(), lease.driver()), (Action::Created, Driver::DockerContainer));
    assert!(!lease.nodes()[0].platforms.is_empty() && lease.bootstrap().is_some(), "{lease:?}");
    let error = remove(&place, &in_container(), &repository).await.expect_err("it is in use");
    assert_eq!(error.message(), format!("builder {name} is in use by another job"));
    drop(lease);
    assert_tidy(&place);
    assert_eq!(containers(&name), format!("buildx_buildkit_{name}0 running"), "it lasts");

    let lease = acquire(&place, &in_container(), &repository).await.expect("lease");
    assert_eq!(lease.action(), Action::Reused);
    assert!(record(&place).contains("\"action\":\"reused\",\"driver\":\"docker-container\""));
    drop(lease);

    // Somebody else's container under its name, which is no BuildKit.
    assert!(remove(&place, &in_container(), &repository).await.expect("removed"));
    assert!(!remove(&place, &in_container(), &repository).await.expect("nothing left"));
    let container = format!("buildx_buildkit_{name}0");
    let made = Command::new(docker())
        .args(["create", "--name", &container, "--entrypoint", "/usr/bin/busybox", "moby/buildkit:buildx-stable-1", "false"])
        .output();
    assert!(made.expect("docker runs").status.success());
    let lease = acquire(&place, &in_container(), &repository).await.expect("lease");
    assert_eq!(lease.action(), Action::Recreated);
    drop(lease);
    assert!(remove(&place, &in_container(), &repository).await.expect("removed"));
    assert_eq!(containers(&name), "");
    assert_tidy(&place);
}

#[tokio::test]
async fn two_jobs_that_need_the_same_builder_at_once_make_one() {
    builder_image();
    let (place, other, repository) = (Place::new(), Place::new(), repository("race"));
    // One home, as on a runner whose jobs run as one user; and a job in a container of its own, which sees no lock.
    let home = place.path("home").display().to_string();
    let same_home = Place::new().env("HOME", home);
    let settings = in_container();
    let (a, b, c) = tokio::join!(
        acquire(&place, &settings, &repository),
        acquire(&same_home, &settings, &repository),
        acquire(&other, &settings, &repository)
    );
    let leases = [a.expect("first"), b.expect("second"), c.expect("in another container")];
    let mut actions: Vec<_> = leases.iter().map(|lease| lease.action().name()).collect();
    actions.sort_unstable();
    assert!(actions.contains(&"created") && !actions.contains(&"recreated"), "{actions:?}");
    let name = leases[0].name().to_owned();
    assert_eq!(containers(&name), format!("buildx_buildkit_{name}0 running"));
    drop(leases);
    assert!(remove(&place, &settings, &repository).await.expect("removed"));
    for place in [&place, &same_home, &other] {
        assert_tidy(place);
    }
}

#[tokio::test]
async fn a_remote_builder_over_mutual_tls_and_one_for_buildctl() {
    let place = Place::new();
    let authority = Authority::new();
    let daemon = Daemon::tls(&place.path("daemon"), &authority);
    authority.issue(&place.path("certs"), "client");
    let certs = place.path("certs").display().to_string();
    let place = place.env("BUILDKIT_HOST", &daemon.address).env("BUILDKIT_CERT_PATH", certs);
    let lease = acquire(&place, &BuilderSettings::default(), "test.example/remote").await.expect("lease");
    let node = &lease.nodes()[0];
    assert_eq!((lease.driver(), lease.action()), (Driver::Remote, Action::Created));
    assert_eq!(node.address.as_deref(), Some(daemon.address.as_str()));
    assert_eq!(node.tls.as_ref().map(|tls| tls.key.clone()), Some(place.path("certs/key.pem")));
    // buildx reaches it by that name, in the lease's session.
    let said = lease.program().tool.buildx(&place.world(), lease.session()).args(["inspect", &node.builder]);
    let said = said.run(&CancellationToken::new()).await.expect("buildx runs");
    assert!(said.stdout.contains("Status:") && said.stdout.contains("running"), "{} {}", said.stdout, said.stderr);
    drop(lease);
    assert_tidy(&place);

    let place = place.with_only(&[("buildctl", "buildkit")]);
    let lease = acquire(&place, &BuilderSettings::default(), "test.example/remote").await.expect("lease");
    assert_eq!(lease.program().tool, Tool::Buildctl);
    drop(lease);
    assert_tidy(&place);
}

#[tokio::test]
async fn every_node_of_the_config_becomes_a_builder_of_its_own() {
    let place = Place::new();
    let (one, two) = (Daemon::unix(&place.path("one")), Daemon::unix(&place.path("two")));
    let node = |endpoint: &str, platform: &str| Node {
        endpoint: endpoint.to_owned(),
        platforms: vec![platform.parse().expect("platform")],
        driver_opts: indexmap::IndexMap::default(),
    };
    let mut settings =
        BuilderSettings { nodes: vec![node(&one.address, "linux/amd64"), node(&two.address, "linux/386")], ..BuilderSettings::default() };
    let lease = acquire(&place, &settings, "test.example/nodes").await.expect("lease");
    let nodes: Vec<_> = lease.nodes().iter().map(|node| (node.builder.clone(), node.platforms[0].to_string())).collect();
    let name = lease.name();
    assert_eq!(nodes, [(format!("{name}-0"), "linux/amd64".to_owned()), (format!("{name}-1"), "linux/386".to_owned())]);
    drop(lease);

    let dead = place.path("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).expect("socket"));
    settings.nodes[1].endpoint = format!("unix://{}", dead.display());
    let error = acquire(&place, &settings, "test.example/nodes").await.expect_err("one is dead");
    assert_eq!(error.kind(), Kind::Missing);
    assert_eq!(error.message(), format!("no builder: the node unix://{} does not answer: connection refused", dead.display()));
    assert_tidy(&place);
}

#[tokio::test]
async fn a_spawned_daemon_lives_as_long_as_the_lease_and_its_cache_longer() {
    let (place, settings) = (Place::new(), BuilderSettings { backend: Backend::Spawn, ..BuilderSettings::default() });
    let begun = Instant::now();
    let lease = acquire(&place, &settings, "test.example/spawn").await.expect("lease");
    assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", begun.elapsed());
    assert_eq!(lease.driver(), Driver::Remote);
    let roots = place.path("home/.cache/stagefreight/buildkit").join(lease.name());
    // Another run of the same repository at the same time has a place of its own.
    let second = acquire(&place, &settings, "test.example/spawn").await.expect("second");
    assert_ne!(lease.nodes()[0].address, second.nodes()[0].address);
    assert!(roots.join("0/runc-overlayfs").exists() || roots.join("0/runc-native").exists(), "{roots:?}");
    assert!(roots.join("1").is_dir());
    drop(second);
    let pid: u32 = pid_in(&roots.join("0.pid"));
    drop(lease);
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "it is stopped");
    assert!(roots.join("0").is_dir(), "its cache is kept");
    assert_tidy(&place);
    assert!(remove(&place, &settings, "test.example/spawn").await.expect("removed"));
    assert!(!roots.exists());
}

#[tokio::test]
async fn the_daemon_of_a_run_that_was_killed_is_ended_by_the_next() {
    let (place, settings) = (Place::new(), BuilderSettings { backend: Backend::Spawn, ..BuilderSettings::default() });
    let lease = acquire(&place, &settings, "test.example/killed").await.expect("lease");
    let roots = place.path("home/.cache/stagefreight/buildkit").join(lease.name());
    drop(lease);
    // What a killed run leaves: a daemon that holds its root, and the note of its process.
    let stale = Command::new("setsid").args(["sleep", "600"]).spawn().expect("a process");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", stale.id())).expect("stat");
    let began = stat.rsplit_once(')').expect("name").1.split_whitespace().nth(19).expect("ticks").to_owned();
    std::fs::write(roots.join("0.pid"), format!("{} {began}\n", stale.id())).expect("note");
    let mut stale = stale;
    let reaper = std::thread::spawn(move || stale.wait());
    let lease = acquire(&place, &settings, "test.example/killed").await.expect("lease");
    wait_for(|| reaper.is_finished());
    drop(lease);
    // A number that was given to somebody else since is left alone.
    let mut innocent = Command::new("setsid").args(["sleep", "600"]).spawn().expect("a process");
    std::fs::write(roots.join("0.pid"), format!("{} 1\n", innocent.id())).expect("note");
    drop(acquire(&place, &settings, "test.example/killed").await.expect("lease"));
    assert!(innocent.try_wait().expect("state").is_none());
    innocent.kill().and_then(|()| innocent.wait()).expect("ended");
}

#[tokio::test]
async fn what_a_spawned_daemon_needs_and_lacks_is_said() {
    let settings = BuilderSettings { backend: Backend::Spawn, ..BuilderSettings::default() };
    for (programs, reason) in [
        (vec![("buildx", "buildkit")], "a private BuildKit daemon cannot be used: buildkitd is not installed"),
        (
            vec![("buildx", "buildkit"), ("buildkitd", "buildkit")],
            "a private BuildKit daemon cannot be used: neither runc nor crun is installed",
        ),
    ] {
        let place = Place::new().with_only(&programs);
        let error = acquire(&place, &settings, "test.example/lacks").await.expect_err("it lacks something");
        assert_eq!(error.kind(), Kind::Missing);
        assert!(error.message().contains(reason), "{error}");
    }
}

fn pid_in(note: &Path) -> u32 {
    let text = std::fs::read_to_string(note).expect("note");
    text.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("a process id")
}
