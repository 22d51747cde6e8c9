//! Releases on Gitea: the adapter and the transaction against a real one.

mod cli;
mod crash;
mod moving;
mod pair;
mod policy;
mod registry;
mod retention;

use std::sync::Arc;

use stagefreight::forge::ForgeErrorKind;
use stagefreight::publish::{Inquiry, Overrides, PlaceErrorKind, StepReport, StepState, Target as _};
use tokio_util::sync::CancellationToken;

use crate::support::Gitea;
use crate::support::file_release::{FileRelease, Heard, Publisher, assert_done, left_behind, noise};

const TAG: &str = "v1.4.0";

struct Desk {
    dir: tempfile::TempDir,
    heard: Arc<Heard>,
    publisher: Publisher,
}

impl Desk {
    fn new() -> Self {
        let heard = Arc::new(Heard::default());
        let publisher = Publisher::patient(Some(Arc::clone(&heard) as Arc<_>));
        Self { dir: tempfile::tempdir().expect("temporary directory"), heard, publisher }
    }

    fn release(&self, commit: &str) -> FileRelease {
        FileRelease::write(&self.dir.path().join("dist"), TAG, commit)
    }

    fn state(&self) -> std::path::PathBuf {
        self.dir.path().join("state")
    }
}

fn failures(reports: &[StepReport]) -> Vec<&stagefreight::publish::PlaceError> {
    reports
        .iter()
        .filter_map(|report| match &report.state {
            StepState::Failed(error) | StepState::Conflict(error) => Some(error),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publish_then_again_writes_nothing() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let desk = Desk::new();
    let forge = desk.publisher.gitea(&gitea.url, &repository.project, &gitea.token);
    let release = desk.release(&repository.commit);
    let preflight = desk.publisher.target(&forge, &release).preflight(&desk.publisher.cx(), Inquiry::Write).await;
    assert!(preflight.problems.is_empty(), "{preflight:#?}");
    assert_eq!(gitea.count(&repository.project).await, 0, "preflight leaves nothing behind");
    assert_done(&desk.publisher.publish(&release, &[Arc::clone(&forge)], &desk.state(), Overrides::default()).await);
    assert_eq!(gitea.offered(&repository.project, TAG).await, Some(release.expected()));
    let (writes, requests) = (desk.heard.writes(), desk.heard.requests());
    assert_done(&desk.publisher.publish(&release, &[forge], &desk.state(), Overrides::default()).await);
    assert_eq!(desk.heard.writes(), writes, "the second run writes");
    assert!(desk.heard.requests() - requests <= 4, "{} requests", desk.heard.requests() - requests);
    let all = format!("{}{}", desk.heard.all(), left_behind(&desk.state()));
    assert!(!all.contains(&gitea.token), "the token was seen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_is_gone_costs_reading_and_no_writing() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let desk = Desk::new();
    let forge = desk.publisher.gitea(&gitea.url, &repository.project, &gitea.token);
    let release = desk.release(&repository.commit);
    assert_done(&desk.publisher.publish(&release, &[Arc::clone(&forge)], &desk.state(), Overrides::default()).await);
    let writes = desk.heard.writes();
    // Another machine: it remembers nothing, so what is attached is read and hashed.
    assert_done(&desk.publisher.publish(&release, &[forge], &desk.dir.path().join("elsewhere"), Overrides::default()).await);
    assert_eq!(desk.heard.writes(), writes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_any_kind_and_empty_files_arrive_as_they_are() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let desk = Desk::new();
    let forge = desk.publisher.gitea(&gitea.url, &repository.project, &gitea.token);
    let files = vec![
        ("my app (1).zip".to_owned(), noise(1, 100)),
        ("app+debug~1@x.tar.gz".to_owned(), noise(2, 100)),
        ("größe.txt".to_owned(), noise(3, 100)),
        ("nothing.txt".to_owned(), Vec::new()),
    ];
    let release = FileRelease::of(&desk.dir.path().join("dist"), TAG, &repository.commit, files);
    assert_done(&desk.publisher.publish(&release, &[Arc::clone(&forge)], &desk.state(), Overrides::default()).await);
    assert_eq!(gitea.offered(&repository.project, TAG).await, Some(release.expected()));
    let writes = desk.heard.writes();
    assert_done(&desk.publisher.publish(&release, &[forge], &desk.dir.path().join("elsewhere"), Overrides::default()).await);
    assert_eq!(desk.heard.writes(), writes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_that_fails_first_is_finished_later_and_the_primary_is_not_touched_again() {
    let gitea = Gitea::get();
    let (primary, mirror) = (gitea.repository().await, gitea.repository().await);
    let desk = Desk::new();
    // The mirror got the commits under another id and no tag of ours yet.
    let (status, _) = gitea.call("DELETE", &format!("repos/{}/tags/{TAG}", mirror.project), None).await;
    assert_eq!(status, 204);
    let forges =
        [desk.publisher.gitea(&gitea.url, &primary.project, &gitea.token), desk.publisher.gitea(&gitea.url, &mirror.project, &gitea.token)];
    let release = desk.release(&primary.commit);
    let both = async || {
        let mut steps = Vec::new();
        for (forge, commit) in forges.iter().zip([&primary.commit, &mirror.commit]) {
            let mut release = release.clone();
            release.commit.clone_from(commit);
            steps.extend(desk.publisher.target(forge, &release).bind_all(&release.artifacts(&**forge), &[release.own(&**forge)]));
        }
        desk.publisher.run(&steps, &desk.state(), Overrides::default()).await
    };
    let first = both().await;
    let failed = failures(&first);
    assert!(failed.iter().all(|error| error.kind == PlaceErrorKind::Rejected && error.message.contains("no tag")), "{failed:#?}");
    assert_eq!(gitea.offered(&primary.project, TAG).await, Some(release.expected()), "the primary does not wait for the mirror");
    assert_eq!(gitea.offered(&mirror.project, TAG).await, None);
    gitea.tag(&mirror, TAG).await;
    let before = desk.heard.all();
    assert_done(&both().await);
    assert_eq!(gitea.offered(&mirror.project, TAG).await, Some(release.expected()));
    let since = desk.heard.all()[before.len()..].to_owned();
    let touched = |line: &&str| line.starts_with("Request") && !line.contains("\"GET\"") && line.contains(&format!("{}/", primary.project));
    assert_eq!(since.lines().find(touched), None, "the primary was complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_holds_is_left_alone() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let desk = Desk::new();
    let forge = desk.publisher.gitea(&gitea.url, &repository.project, &gitea.token);
    let release = desk.release(&repository.commit);
    // A draft that a person began.
    let asked = serde_json::json!({ "tag_name": TAG, "name": "mine", "body": "by hand", "draft": true });
    let (status, draft) = gitea.call("POST", &format!("repos/{}/releases", repository.project), Some(asked)).await;
    assert_eq!(status, 201, "{draft}");
    let reports = desk.publisher.publish(&release, &[Arc::clone(&forge)], &desk.state(), Overrides::default()).await;
    let failed = failures(&reports);
    assert!(failed.iter().any(|error| error.kind == PlaceErrorKind::Conflict && error.message.contains("somebody else")), "{failed:#?}");
    // Taken over by decision, it keeps its text.
    let adopt = std::collections::BTreeMap::from([(release.name_at(&*forge), "it is ours".to_owned())]);
    let overrides = Overrides { adopt, ..Overrides::default() };
    assert_done(&desk.publisher.publish(&release, &[forge], &desk.state(), overrides).await);
    assert_eq!(gitea.offered(&repository.project, TAG).await, Some(release.expected()));
    let (_, held) = gitea.call("GET", &format!("repos/{}/releases/tags/{TAG}", repository.project), None).await;
    assert!(held["body"].as_str().is_some_and(|body| body.starts_with("by hand") && body.contains("what is new")), "{held}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_bytes_under_a_name_are_a_conflict_and_doubles_are_cleared() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let desk = Desk::new();
    let forge = desk.publisher.gitea(&gitea.url, &repository.project, &gitea.token);
    let release = desk.release(&repository.commit);
    let cancel = CancellationToken::new();
    // An earlier run of ours that ended after one file arrived twice, as an answer that was lost does it.
    let spec = stagefreight::forge::ReleaseSpec {
        tag: TAG.to_owned(),
        commit: repository.commit.clone(),
        may_make_tag: false,
        title: TAG.to_owned(),
        notes: stagefreight::forge::notes::merge("", "what is new"),
        prerelease: false,
        links: Vec::new(),
    };
    let draft = forge.open(&spec, &cancel).await.expect("a draft");
    let (name, bytes) = &release.files[1];
    let path = desk.dir.path().join("dist").join(name);
    let source = stagefreight::forge::AssetSource {
        name: name.clone(),
        path,
        size: bytes.len() as u64,
        sha256: stagefreight::core::Digest::of(bytes),
        media_type: "application/zip".to_owned(),
    };
    for _ in 0..2 {
        let request = forge.upload(&draft.container, &source).expect("a request");
        let response = desk.publisher.http.send(&request, &cancel).await.expect("an answer");
        assert_eq!(response.status().as_u16(), 201, "Gitea accepts a second file of one name");
    }
    assert_done(&desk.publisher.publish(&release, &[Arc::clone(&forge)], &desk.state(), Overrides::default()).await);
    assert_eq!(gitea.offered(&repository.project, TAG).await, Some(release.expected()), "one file of each name");
    assert_eq!(gitea.count(&repository.project).await, 1);
    // The same names with other bytes are another release.
    let other = FileRelease::of(&desk.dir.path().join("other"), TAG, &repository.commit, vec![(name.clone(), noise(99, bytes.len()))]);
    // So they are where the first is remembered, though this forge tells nothing but lengths.
    for state in [desk.dir.path().join("elsewhere"), desk.state()] {
        let reports = desk.publisher.publish(&other, &[Arc::clone(&forge)], &state, Overrides::default()).await;
        let failed = failures(&reports);
        assert!(failed.iter().any(|error| error.kind == PlaceErrorKind::Conflict), "{failed:#?}");
    }
    assert_eq!(gitea.offered(&repository.project, TAG).await, Some(release.expected()), "nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_is_elsewhere_and_a_file_that_is_too_large_stop_before_anything_is_seen() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let desk = Desk::new();
    let forge = desk.publisher.gitea(&gitea.url, &repository.project, &gitea.token);
    let elsewhere = desk.release("3333333333333333333333333333333333333333");
    let reports = desk.publisher.publish(&elsewhere, &[Arc::clone(&forge)], &desk.state(), Overrides::default()).await;
    assert!(failures(&reports).iter().any(|error| error.kind == PlaceErrorKind::Conflict), "{reports:#?}");
    let crowded = gitea.repository().await;
    let there = desk.publisher.gitea(&gitea.url, &crowded.project, &gitea.token);
    let large = vec![("large.bin".to_owned(), noise(1, 5 << 20))];
    let large = FileRelease::of(&desk.dir.path().join("large"), TAG, &crowded.commit, large);
    let reports = desk.publisher.publish(&large, &[there], &desk.dir.path().join("elsewhere"), Overrides::default()).await;
    let failed = failures(&reports);
    let told = |error: &&&stagefreight::publish::PlaceError| error.hint.as_ref().is_some_and(|hint| hint.contains("FILE_MAX_SIZE"));
    assert!(failed.iter().any(|error| told(&error)), "{failed:#?}");
    assert_eq!(gitea.offered(&crowded.project, TAG).await, None);
    assert_eq!(gitea.offered(&repository.project, TAG).await, None);
    // And the right files afterwards.
    let release = desk.release(&repository.commit);
    let reports = desk.publisher.publish(&release, &[forge], &desk.state(), Overrides::default()).await;
    assert_done(&reports);
    assert_eq!(gitea.offered(&repository.project, TAG).await, Some(release.expected()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn preflight_names_the_scope_that_is_missing() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let desk = Desk::new();
    let asked = serde_json::json!({ "name": format!("reads-{}", repository.project.replace('/', "-")), "scopes": ["read:repository"] });
    let weak = gitea.token_with(asked).await;
    let release = desk.release(&repository.commit);
    let ask = async |token: &str| {
        let forge = desk.publisher.gitea(&gitea.url, &repository.project, token);
        desk.publisher.target(&forge, &release).preflight(&desk.publisher.cx(), Inquiry::Write).await
    };
    let found = ask(&weak).await;
    let problem = &found.problems[0];
    assert_eq!(problem.kind, stagefreight::error::Kind::Missing);
    assert!(problem.hint.as_ref().is_some_and(|hint| hint.contains("write:repository")), "{problem:?}");
    let unknown = ask("0123456789012345678901234567890123456789").await;
    assert_eq!(unknown.problems[0].kind, stagefreight::error::Kind::Missing, "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_is_moved_in_place() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let desk = Desk::new();
    let forge = desk.publisher.gitea(&gitea.url, &repository.project, &gitea.token);
    let cancel = CancellationToken::new();
    forge.make_tag("v1", &repository.commit, &cancel).await.expect("made");
    let error = forge.make_tag("v1", &repository.commit, &cancel).await.expect_err("twice");
    assert_eq!(error.kind, ForgeErrorKind::Exists, "{error:?}");
    let next = gitea.commit(&repository, "x").await;
    forge.move_tag("v1", &next, &cancel).await.expect("moved");
    assert_eq!(forge.tag("v1", &cancel).await.expect("read").map(|tag| tag.commit), Some(next.clone()));
    forge.move_tag("v1", &next, &cancel).await.expect("there already");
    // Somebody who still thinks that it is where it was moves nothing.
    let refs = desk.publisher.refs(&gitea.url, &repository.project, &gitea.token);
    let late = refs.move_tag("v1", &repository.commit, &repository.commit, &cancel).await.expect_err("it moved meanwhile");
    assert_eq!(late.kind, ForgeErrorKind::Conflict, "{late:?}");
    assert_eq!(refs.tag("v1", &cancel).await.expect("read").map(|tag| tag.commit), Some(next));
    // Names with a slash, as monorepos have them.
    forge.make_tag("cli/v2", &repository.commit, &cancel).await.expect("made");
    assert_eq!(forge.tag("cli/v2", &cancel).await.expect("read").map(|tag| tag.commit), Some(repository.commit.clone()));
    forge.remove_tag("cli/v2", &cancel).await.expect("removed");
    forge.remove_tag("cli/v2", &cancel).await.expect("gone already");
    assert_eq!(forge.tag("cli/v2", &cancel).await.expect("read"), None);
}
