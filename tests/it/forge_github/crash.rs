//! SIGKILL at every outbound request, at every answer, and at every journal line; then publish again. Each time there is
//! one release in the end, with everything, and nothing incomplete was ever visible.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stagefreight::event::{Event, Sink};
use stagefreight::world::World;

use super::cli::{Hub, workspace};
use super::scene::TOKEN;

const POINT: &str = "SF_TEST_FORGE_CRASH_POINT";

struct Killer {
    moment: String,
    left: AtomicU64,
}

impl Sink for Killer {
    fn emit(&self, event: Event) {
        let moment = match event {
            Event::Request { .. } => "request",
            Event::Response { .. } => "response",
            Event::Journalled { .. } => "journal",
            _ => return,
        };
        if moment == self.moment && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).expect("this process ends here");
        }
    }
}

/// The process that is killed: this test binary again. Without a crash point it only checks that the harness is wired.
#[test]
fn publisher() {
    let Ok(point) = std::env::var(POINT) else { return };
    let (moment, left) = point.split_once(':').expect("moment:number");
    let killer = Killer { moment: moment.to_owned(), left: AtomicU64::new(left.parse().expect("number")) };
    let world = World { tap: Some(Arc::new(killer)), ..World::of_process().expect("world") };
    assert_eq!(stagefreight::cli::run(world, ["publish".to_owned()]), 0, "publish ended before the crash point and not well");
}

fn publish_until(workspace: &Path, point: &str) -> bool {
    let status = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "forge_github::crash::publisher", "--quiet"])
        .current_dir(workspace)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", workspace)
        .env("HUB_TOKEN", TOKEN)
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

fn survives_every(moment: &str) {
    let prepared = workspace("", "home");
    let commit = prepared.git_run(&["rev-parse", "HEAD"]);
    let base = prepared.read(".stagefreight.yml");
    let prepared = prepared.env("HUB_TOKEN", TOKEN);
    let mut crashes = 0;
    for n in 1..400 {
        let hub = Hub::start(&["acme/app"], &commit);
        let section = format!("version: 1\n{}repos: {{ home: {{ forge: hub, project: acme/app }} }}\n", hub.config());
        prepared.write(".stagefreight.yml", base.replacen("version: 1\n", &section, 1));
        std::fs::remove_dir_all(prepared.path().join(".stagefreight/journal")).ok();
        prepared.run(&["perform"]).code(0);
        prepared.run(&["review"]).code(0);
        let killed = publish_until(&prepared.path(), &format!("{moment}:{n}"));
        let releases = || hub.ask("/api/v3/repos/acme/app/releases?per_page=100").as_array().cloned().unwrap_or_default();
        let whole = |release: &serde_json::Value| {
            let assets = release["assets"].as_array().expect("assets");
            assets.len() == 5 && assets.iter().all(|asset| asset["state"] == "uploaded")
        };
        if killed {
            crashes += 1;
            assert!(releases().iter().all(|release| release["draft"] == true || whole(release)), "{moment} {n}: incomplete and visible");
            prepared.run(&["publish"]).code(0);
        }
        let made = releases();
        assert_eq!(made.len(), 1, "{moment} {n}: {made:#?}");
        assert!(made[0]["draft"] == false && whole(&made[0]), "{moment} {n}: {:#}", made[0]);
        assert_eq!(hub.ask("/api/v3/repos/acme/app/git/ref/tags%2Fv1")["object"]["sha"], commit.as_str(), "{moment} {n}");
        hub.heard.assert_valid();
        if !killed {
            assert!(crashes >= 10, "only {crashes} crash points of kind {moment}");
            return;
        }
    }
    panic!("publishing never ended");
}

#[test]
fn at_every_request() {
    survives_every("request");
}

#[test]
fn at_every_answer() {
    survives_every("response");
}

#[test]
fn at_every_journal_line() {
    survives_every("journal");
}
