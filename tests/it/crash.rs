//! SIGKILL at every outbound request, at every answer, and at every journal line; then publish again. Each time it must
//! converge to the same digests, and send no blob more than once more.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stagefreight::event::{Event, Sink};
use stagefreight::world::World;

use crate::faults::release::{Publisher, Release, TAGS};
use crate::faults::{readback, row};
use crate::support::Sf;
use crate::support::release::Registries;

const POINT: &str = "SF_TEST_CRASH_POINT";
const HOSTS: &str = "SF_TEST_CRASH_HOSTS";

/// Ends the process, as the machine would, at the n-th moment of a kind.
struct Killer {
    moment: Moment,
    left: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Request,
    Response,
    JournalLine,
}

impl Sink for Killer {
    fn emit(&self, event: Event) {
        let moment = match event {
            Event::Request { .. } => Moment::Request,
            Event::Response { .. } => Moment::Response,
            Event::Journalled { .. } => Moment::JournalLine,
            _ => return,
        };
        if moment == self.moment && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).expect("this process ends here");
        }
    }
}

impl Killer {
    fn at(point: &str) -> Self {
        let (moment, left) = point.split_once(':').expect("moment:number");
        let moment = match moment {
            "request" => Moment::Request,
            "response" => Moment::Response,
            _ => Moment::JournalLine,
        };
        Self { moment, left: AtomicU64::new(left.parse().expect("number")) }
    }
}

/// The process that is killed: this test binary again, running publish with a killer listening. As a test of its own,
/// without a crash point, it publishes nothing and only checks that the harness is wired.
#[test]
fn publisher() {
    let Ok(point) = std::env::var(POINT) else { return };
    let killer = Killer::at(&point);
    let world = World { tap: Some(Arc::new(killer)), ..World::of_process().expect("world") };
    let code = stagefreight::cli::run(world, ["publish".to_owned()]);
    assert_eq!(code, 0, "publish ended before the crash point and not well");
}

/// Publishes up to the crash point. True when it was killed there, false when it ended before.
fn publish_until(workspace: &Path, point: &str) -> bool {
    let status = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "crash::publisher", "--quiet"])
        .current_dir(workspace)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", workspace)
        .env(POINT, point)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .expect("publisher");
    match status.code() {
        Some(0) => false,
        Some(code) => panic!("publisher ended with {code} at {point}"),
        None => true,
    }
}

// How often each blob arrived whole at each server.
fn uploads(registries: &Registries) -> HashMap<(usize, String), usize> {
    let mut counts = HashMap::new();
    for (at, server) in registries.servers.iter().enumerate() {
        for entry in server.log().entries() {
            let closes_upload = entry.method == "PUT" && entry.path.contains("/blobs/uploads/") && entry.status == Some(201);
            if let Some(digest) = entry.query.split('&').find_map(|pair| pair.strip_prefix("digest=")).filter(|_| closes_upload) {
                *counts.entry((at, digest.to_owned())).or_default() += 1;
            }
        }
    }
    counts
}

fn survives_every(moment: &str) {
    let mut crashes = 0;
    for n in 1..500 {
        let registries = Registries::two();
        let sf = Sf::releasing_to(&registries).prepared();
        registries.clear_logs();
        let killed = publish_until(&sf.path(), &format!("{moment}:{n}"));
        if killed {
            crashes += 1;
            sf.run(&["publish"]).code(0);
        }
        for at in 0..2 {
            for tag in ["1.4.0", "1.4", "latest"] {
                assert_eq!(registries.digest(at, "acme/app", tag), Some(sf.artifact_digest()), "{moment} {n}");
            }
        }
        for ((at, digest), count) in uploads(&registries) {
            assert!(count <= 2, "{moment} {n}: registry {at} received {digest} {count} times");
        }
        if !killed {
            assert!(crashes > 5, "only {crashes} crash points: the killer does not listen");
            return;
        }
    }
    panic!("more than 500 crash points");
}

#[test]
fn sigkill_at_every_request() {
    survives_every("request");
}

#[test]
fn sigkill_at_every_answer() {
    survives_every("response");
}

#[test]
fn sigkill_at_every_journal_line() {
    survives_every("journal");
}

/// The process that is killed while it publishes a release with everything in it (see `faults/release.rs`) to two
/// registries, in the current directory.
#[test]
fn publisher_with_evidence() {
    let (Ok(point), Ok(hosts)) = (std::env::var(POINT), std::env::var(HOSTS)) else { return };
    let here = std::env::current_dir().expect("directory");
    let release = Release::write(&here.join("image"));
    let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
    let publisher = Publisher { sink: Some(Arc::new(Killer::at(&point))), patient: true, ..Publisher::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(publisher.publish(&release, &hosts, &here));
}

/// Two registries, three tags, two platforms, attestations as child and as referrers: killed at one request, published
/// again. True when it was killed.
fn survives_with_evidence(n: usize) -> bool {
    let registries = Registries::two();
    let dir = tempfile::tempdir().expect("temporary directory");
    let hosts: Vec<String> = registries.servers.iter().map(stagefreight::rehearse::registry::Running::host).collect();
    let publish = |point: &str| {
        let status = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "crash::publisher_with_evidence", "--quiet"])
            .current_dir(dir.path())
            .env(POINT, point)
            .env(HOSTS, hosts.join(","))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .expect("publisher");
        assert!(status.code().is_none_or(|code| code == 0), "publisher ended with {status} at {point}");
        status.code().is_none()
    };
    let killed = publish(&format!("request:{n}"));
    if killed {
        assert!(!publish("request:0"), "the second run is not killed");
    }
    let release = Release::write(&dir.path().join("image"));
    for server in &registries.servers {
        let visible = readback::tags(server.addr);
        for (tag, _) in TAGS {
            assert_eq!(visible.get(tag), Some(&release.digest), "request {n}: {tag}");
        }
        let mut subject = release.digest.clone();
        for referrer in &release.referrers {
            assert_eq!(readback::referrers(server.addr, &subject), [referrer.to_string()], "request {n}");
            subject = referrer.clone();
        }
        for (digest, count) in row::arrivals(&server.log().entries()) {
            assert_eq!(count, 1, "request {n}: {digest} was sent again to a registry that had it");
        }
    }
    killed
}

#[test]
fn sigkill_at_every_request_of_a_release_with_referrers() {
    let next = AtomicU64::new(1);
    let crashes = AtomicU64::new(0);
    // Each has its own registries; a publisher mostly waits.
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while survives_with_evidence(usize::try_from(next.fetch_add(1, Ordering::SeqCst)).expect("a small number")) {
                    let crashes = crashes.fetch_add(1, Ordering::SeqCst);
                    assert!(crashes < 500, "more than 500 crash points");
                }
            });
        }
    });
    let crashes = crashes.into_inner();
    assert!(crashes > 60, "only {crashes} crash points: the killer does not listen");
}
