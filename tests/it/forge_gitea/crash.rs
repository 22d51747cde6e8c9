//! SIGKILL at every request of a release to a real Gitea; then publish again. Each time it must converge to one published
//! release with the right files.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use stagefreight::publish::Overrides;

use super::TAG;
use super::pair::Pair;
use crate::crash::{Killer, POINT, publish_until};
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

fn survives(moment: &str, every: usize) {
    let gitea = Gitea::get();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    for n in (1..200).step_by(every) {
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
    survives("request", 1);
}

#[test]
fn sigkill_at_every_third_answer() {
    survives("response", 3);
}

/// Two repositories of one release, the second a mirror that gets the tag with it, and a tag that moves with both.
const MIRRORED: &str = r#"  release: { kind: release, repos: [home, mirror], archives: [pack, tool], aliases: ["v{major}"], when: { git_tags: [stable] } }
"#;

/// True when it was killed; in any case both hold everything in the end.
fn survives_with_a_mirror(pair: &Pair, point: &str, expected: &[(String, String)]) -> bool {
    pair.empty(&["v1"]);
    let killed = publish_until(&pair.workspace.sf, point);
    let projects = [&pair.home, &pair.mirror];
    if killed {
        for seen in projects.iter().filter_map(|project| pair.offered(project, TAG)) {
            assert_eq!(seen, expected, "{point}: incomplete and visible");
        }
        pair.publish(0);
    }
    for project in projects {
        assert_eq!(pair.offered(project, TAG).as_deref(), Some(expected), "{point}: {project}");
        assert_eq!(pair.count(project), 1, "{point}: more than one release at {project}");
        let tag = pair.ask(&format!("repos/{project}/tags/v1"));
        assert_eq!(tag["commit"]["sha"], pair.workspace.commit().as_str(), "{point}: {tag}");
    }
    killed
}

#[test]
fn sigkill_of_the_command_at_every_third_request_to_a_repository_and_its_mirror() {
    let pair = Pair::releasing(MIRRORED).prepared();
    pair.publish(0);
    let expected = pair.offered(&pair.home, TAG).expect("a release");
    assert_eq!(Some(&expected), pair.offered(&pair.mirror, TAG).as_ref());
    // Every request of one repository is above; here each kind of them is met, at both.
    for n in (1..400).step_by(3) {
        if !survives_with_a_mirror(&pair, &format!("request:{n}"), &expected) {
            assert!(n > 25, "only {n} crash points: the killer does not listen");
            // Nothing is left to do.
            pair.publish(0);
            assert_eq!(pair.workspace.writes(), 0);
            pair.workspace.run(&["release", "verify"], 0);
            return;
        }
    }
    panic!("publishing never ended");
}
