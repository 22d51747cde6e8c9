//! SIGKILL at every request of a release to a real Gitea; then publish again. Each time it must converge to one published
//! release with the right files.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use stagefreight::publish::Overrides;

use super::TAG;
use crate::crash::{Killer, POINT};
use crate::support::Gitea;
use crate::support::file_release::{FileRelease, Publisher, assert_done};

const PLACE: &str = "SF_TEST_GITEA_PLACE";

/// The process that is killed: this binary again, publishing with a killer listening. As a test of its own it publishes
/// nothing and only checks that the harness is wired.
#[test]
fn publisher() {
    let (Ok(point), Ok(place)) = (std::env::var(POINT), std::env::var(PLACE)) else { return };
    let [url, project, commit] = place.split(' ').collect::<Vec<_>>().try_into().expect("three words");
    let token = std::env::var("GITEA_TOKEN").expect("a token");
    let here = std::env::current_dir().expect("directory");
    let release = FileRelease::write(&here.join("dist"), TAG, commit);
    let publisher = Publisher::patient(Some(Arc::new(Killer::at(&point))));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let forge = publisher.gitea(url, project, &token);
    assert_done(&runtime.block_on(publisher.publish(&release, &[forge], &here.join("state"), Overrides::default())));
}

/// True when it was killed.
fn publish(dir: &Path, place: &str, token: &str, point: &str) -> bool {
    let status = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "forge_gitea::crash::publisher", "--quiet"])
        .current_dir(dir)
        .env(POINT, point)
        .env(PLACE, place)
        .env("GITEA_TOKEN", token)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("publisher");
    assert!(status.code().is_none_or(|code| code == 0), "publisher ended with {status} at {point}");
    status.code().is_none()
}

fn survives(moment: &str) {
    let gitea = Gitea::get();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    for n in 1..200 {
        let dir = tempfile::tempdir().expect("temporary directory");
        let repository = runtime.block_on(gitea.repository());
        let place = format!("{} {} {}", gitea.url, repository.project, repository.commit);
        let killed = publish(dir.path(), &place, &gitea.token, &format!("{moment}:{n}"));
        if killed {
            assert!(!publish(dir.path(), &place, &gitea.token, "request:0"), "the second run is not killed");
        }
        let release = FileRelease::write(&dir.path().join("dist"), TAG, &repository.commit);
        runtime.block_on(async {
            assert_eq!(gitea.offered(&repository.project, TAG).await, Some(release.expected()), "{moment} {n}");
            assert_eq!(gitea.count(&repository.project).await, 1, "{moment} {n}: more than one release");
        });
        if !killed {
            assert!(n > 10, "only {n} crash points: the killer does not listen");
            return;
        }
    }
    panic!("more than 200 crash points");
}

#[test]
fn sigkill_at_every_request() {
    survives("request");
}

#[test]
fn sigkill_at_every_answer() {
    survives("response");
}
