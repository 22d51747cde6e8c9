//! SIGKILL at every outbound request, at every answer, and at every journal line; then publish again. Each time it must
//! converge to the same digests, and send no blob more than once more.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stagefreight::event::{Event, Sink};
use stagefreight::world::World;

use crate::support::Sf;
use crate::support::release::Registries;

const POINT: &str = "SF_TEST_CRASH_POINT";

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

/// The process that is killed: this test binary again, running publish with a killer listening. As a test of its own,
/// without a crash point, it publishes nothing and only checks that the harness is wired.
#[test]
fn publisher() {
    let Ok(point) = std::env::var(POINT) else { return };
    let (moment, left) = point.split_once(':').expect("moment:number");
    let moment = match moment {
        "request" => Moment::Request,
        "response" => Moment::Response,
        _ => Moment::JournalLine,
    };
    let killer = Killer { moment, left: AtomicU64::new(left.parse().expect("number")) };
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
