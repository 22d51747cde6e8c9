//! SIGKILL at every outbound request, at every answer, and at every journal line; then publish again. Each time it must
//! converge to the same digests, and send no blob more than once more.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stagefreight::event::{Event, Sink};
use stagefreight::rehearse::fault::FaultPlan;
use stagefreight::world::World;

use crate::attestation_forms::adopted::{self, scene};
use crate::faults::release::{Publisher, Release, TAGS};
use crate::faults::{readback, row};
use crate::support::Sf;
use crate::support::release::Registries;

pub(crate) const POINT: &str = "SF_TEST_CRASH_POINT";
const HOSTS: &str = "SF_TEST_CRASH_HOSTS";

/// Ends the process, as the machine would, at the n-th moment of a kind.
pub(crate) struct Killer {
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
    pub(crate) fn at(point: &str) -> Self {
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
pub(crate) fn publish_until(sf: &Sf, point: &str) -> bool {
    let publisher = sf.program(std::env::current_exe().expect("this binary"), &["--exact", "crash::publisher", "--nocapture"]);
    let status = publisher.env(POINT, point).output().status;
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
        let killed = publish_until(&sf, &format!("{moment}:{n}"));
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

/// A publish by the command, with what is derived for each registry: two registries, one of them without the referrers API,
/// three tags, two platforms, two statements about each. Killed at every request, published again.
struct Derived {
    scene: adopted::Scene,
    registries: Registries,
    forms: [&'static str; 2],
}

/// Only the second registry keeps lists of referrers itself.
const API: [bool; 2] = [false, true];

impl Derived {
    fn new(forms: [&'static str; 2]) -> Self {
        let registries = Registries::described(API.map(|api| (FaultPlan::default(), api)).to_vec());
        let hosts: Vec<String> = registries.servers.iter().map(stagefreight::rehearse::registry::Running::host).collect();
        let keys = forms.map(|form| format!(", attestations: {form}"));
        let scene = scene(&[(&hosts[0], &keys[0]), (&hosts[1], &keys[1])]);
        // What the seed has, it had before.
        scene.sf.run(&["publish", "--only", "seed"]).code(0);
        Self { scene, registries, forms }
    }

    /// True when it was killed.
    fn survives(&mut self, n: usize) -> bool {
        for (at, api) in API.into_iter().enumerate() {
            self.registries.empty(at, api);
        }
        let sf = &self.scene.sf;
        let state = sf.path().join(".stagefreight");
        let _none_yet = std::fs::remove_dir_all(state.join("journal"));
        let _none_yet = std::fs::remove_file(state.join("placements.json"));
        let killed = publish_until(sf, &format!("request:{n}"));
        if killed {
            sf.run(&["publish"]).code(0);
        }
        let digest = self.scene.expected("r0");
        for (server, form) in self.registries.servers.iter().zip(self.forms) {
            let visible = readback::tags(server.addr);
            for tag in adopted::TAGS {
                assert_eq!(visible.get(tag).map(ToString::to_string).as_deref(), Some(digest.as_str()), "request {n}: {tag}");
            }
            for image in &self.scene.image.images {
                let referrers = readback::referrers(server.addr, image).len();
                let tagged = visible.contains_key(&format!("sha256-{}.att", image.hex()));
                let expected = if form == "tag" { (0, true) } else { (2, false) };
                assert_eq!((referrers, tagged), expected, "request {n}: {form} of {image}");
            }
            for (digest, count) in row::arrivals(&server.log().entries()) {
                assert_eq!(count, 1, "request {n}: {digest} was sent again to a registry that had it");
            }
        }
        killed
    }
}

fn survives_with_forms(forms: [&'static str; 2], every: usize) {
    let next = AtomicU64::new(1);
    let crashes = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut derived = Derived::new(forms);
                let step = |n: u64| usize::try_from(n).expect("a small number") * every;
                while derived.survives(step(next.fetch_add(1, Ordering::SeqCst))) {
                    assert!(crashes.fetch_add(1, Ordering::SeqCst) < 500, "more than 500 crash points");
                }
            });
        }
    });
    let crashes = crashes.into_inner();
    assert!(crashes > 60 / every as u64, "only {crashes} crash points: the killer does not listen");
}

#[test]
fn sigkill_at_every_request_of_a_publish_with_derived_referrers() {
    survives_with_forms(["referrers", "referrers"], 1);
}

#[test]
fn sigkill_at_every_third_request_of_a_publish_with_attestations_under_tags() {
    survives_with_forms(["tag", "tag"], 3);
}
