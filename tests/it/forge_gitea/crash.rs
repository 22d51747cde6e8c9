//! SIGKILL at every request of a release to a real Gitea; then publish again. Each time it must converge to one published
//! release with the right files.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use stagefreight::publish::Overrides;

use super::TAG;
use crate::crash::{Killer, POINT, publish_until};
use crate::support::Gitea;
use crate::support::file_release::{FileRelease, Publisher, assert_done};
use crate::support::forge_cli::Workspace;

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

/// Two repositories of one release, the second a mirror that gets the tag with it, and a tag that moves with both.
const MIRRORED: &str = r#"  release: { kind: release, repos: [home, mirror], archives: [pack, tool], aliases: ["v{major}"], when: { git_tags: [stable] } }
"#;

struct Mirrored {
    gitea: &'static Gitea,
    runtime: tokio::runtime::Runtime,
    projects: [String; 2],
    workspace: Workspace,
    commit: String,
}

impl Mirrored {
    fn prepared() -> Self {
        let gitea = Gitea::get();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        let projects = runtime.block_on(async { [gitea.empty_repository().await, gitea.empty_repository().await] });
        let workspace = Workspace::new().env("GITEA_TOKEN", &gitea.token);
        let [home, mirror] = &projects;
        let places = format!(
            "forges: {{ one: {{ provider: gitea, url: \"{}\" }} }}\n\
             repos: {{ home: {{ forge: one, project: {home} }}, mirror: {{ forge: one, project: {mirror}, roles: mirror }} }}\n",
            gitea.url.trim_end_matches('/')
        );
        workspace.config(&places, MIRRORED);
        for (project, refs) in projects.iter().zip([&["main", TAG][..], &["main"]]) {
            workspace.sf.git_run(&[&["push", "-q", gitea.remote(project).as_str()], refs].concat());
        }
        workspace.run(&["perform"], 0);
        workspace.run(&["review"], 0);
        let commit = workspace.commit();
        Self { gitea, runtime, projects, workspace, commit }
    }

    /// Both repositories as they were before anything was published, and nothing remembered here.
    fn empty(&self) {
        self.workspace.sf.forget_publishing();
        let [home, mirror] = &self.projects;
        self.runtime.block_on(async {
            self.gitea.remove_releases(home, &["v1"]).await;
            self.gitea.remove_releases(mirror, &["v1", TAG]).await;
        });
    }

    fn offered(&self) -> [Option<Vec<(String, String)>>; 2] {
        let [home, mirror] = &self.projects;
        self.runtime.block_on(async { [self.gitea.offered(home, TAG).await, self.gitea.offered(mirror, TAG).await] })
    }

    /// True when it was killed; in any case both hold everything in the end.
    fn survives(&self, point: &str, expected: &[(String, String)]) -> bool {
        self.empty();
        let killed = publish_until(&self.workspace.sf, point);
        if killed {
            for seen in self.offered().into_iter().flatten() {
                assert_eq!(seen, expected, "{point}: incomplete and visible");
            }
            self.workspace.run(&["publish"], 0);
        }
        for (project, offered) in self.projects.iter().zip(self.offered()) {
            assert_eq!(offered.as_deref(), Some(expected), "{point}: {project}");
            let (releases, (_, tag)) = self.runtime.block_on(async {
                let tag = self.gitea.call("GET", &format!("repos/{project}/tags/v1"), None).await;
                (self.gitea.count(project).await, tag)
            });
            assert_eq!(releases, 1, "{point}: more than one release at {project}");
            assert_eq!(tag["commit"]["sha"], self.commit.as_str(), "{point}: {tag}");
        }
        killed
    }
}

#[test]
fn sigkill_of_the_command_at_every_request_to_a_repository_and_its_mirror() {
    let mirrored = Mirrored::prepared();
    mirrored.workspace.run(&["publish"], 0);
    let [home, mirror] = mirrored.offered();
    let expected = home.expect("a release");
    assert_eq!(Some(&expected), mirror.as_ref());
    for n in 1..400 {
        if !mirrored.survives(&format!("request:{n}"), &expected) {
            assert!(n > 25, "only {n} crash points: the killer does not listen");
            // Nothing is left to do.
            mirrored.workspace.run(&["publish"], 0);
            assert_eq!(mirrored.workspace.writes(), 0);
            mirrored.workspace.run(&["release", "verify"], 0);
            mirrored.workspace.assert_never_seen(&mirrored.gitea.token);
            return;
        }
    }
    panic!("publishing never ended");
}
