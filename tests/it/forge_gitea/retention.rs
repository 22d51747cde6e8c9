//! Releases that are withdrawn and releases that go, at a real Gitea.

use std::sync::Arc;

use stagefreight::core::Timestamp;
use stagefreight::forge::ForgeErrorKind;
use stagefreight::forge::retention::{Policy, carry_out, is_yanked, look, yank};
use stagefreight::publish::Overrides;
use tokio_util::sync::CancellationToken;

use super::{Desk, TAG};
use crate::support::Gitea;
use crate::support::file_release::{FileRelease, assert_done};

fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T12:00:00Z").expect("a time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_releases_of_ours_go_and_nothing_else() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let desk = Desk::new();
    let forge = desk.publisher.gitea(&gitea.url, &repository.project, &gitea.token);
    for tag in ["v1.0.0", "v1.1.0", "v1.2.0", "v2.0.0-rc.1"] {
        gitea.tag(&repository, tag).await;
        let release = FileRelease::write(&desk.dir.path().join(tag), tag, &repository.commit);
        let state = desk.dir.path().join(format!("state-{tag}"));
        assert_done(&desk.publisher.publish(&release, &[Arc::clone(&forge)], &state, Overrides::default()).await);
    }
    let by_hand = serde_json::json!({ "tag_name": TAG, "name": "by hand", "body": "by hand" });
    let (status, _) = gitea.call("POST", &format!("repos/{}/releases", repository.project), Some(by_hand)).await;
    assert_eq!(status, 201);
    let cancel = CancellationToken::new();
    let policy = Policy { keep_last: 1, ..Policy::default() };
    let decisions = look(&*forge, &policy, now(), &cancel).await.expect("a plan");
    let mut going: Vec<&str> = decisions.iter().filter(|one| one.goes()).map(|one| one.release.tag.as_str()).collect();
    going.sort_unstable();
    assert_eq!(going, ["v1.0.0", "v1.1.0"]);
    assert_eq!(gitea.count(&repository.project).await, 5, "a plan removes nothing");
    let done = carry_out(&*forge, &decisions, false, &cancel).await;
    assert!(done.len() == 2 && done.iter().all(|one| one.failure.is_none()), "{done:#?}");
    assert_eq!(gitea.count(&repository.project).await, 3);
    assert!(gitea.offered(&repository.project, "v1.2.0").await.is_some());
    assert!(forge.tag("v1.0.0", &cancel).await.expect("read").is_some(), "tags stay unless asked for");
    // With the tag, where that was asked for.
    let policy = Policy { keep_yearly: 1, ..Policy::default() };
    let decisions = look(&*forge, &policy, now(), &cancel).await.expect("a plan");
    assert!(decisions.iter().all(|one| !one.goes()), "one of each group is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_is_withdrawn_says_so_and_keeps_its_files() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let desk = Desk::new();
    let forge = desk.publisher.gitea(&gitea.url, &repository.project, &gitea.token);
    let release = desk.release(&repository.commit);
    let cancel = CancellationToken::new();
    let error = yank(&*forge, TAG, "it loses data", &cancel).await.expect_err("nothing is published");
    assert_eq!(error.kind, ForgeErrorKind::NotFound);
    assert_done(&desk.publisher.publish(&release, &[Arc::clone(&forge)], &desk.state(), Overrides::default()).await);
    assert!(yank(&*forge, TAG, "it loses data", &cancel).await.expect("marked"));
    assert!(!yank(&*forge, TAG, "it loses data", &cancel).await.expect("marked already"));
    let (_, held) = gitea.call("GET", &format!("repos/{}/releases/tags/{TAG}", repository.project), None).await;
    assert!(held["prerelease"] == true && held["body"].as_str().is_some_and(is_yanked), "{held}");
    let (status, _) = gitea.call("GET", &format!("repos/{}/releases/latest", repository.project), None).await;
    assert_eq!(status, 404, "it is the latest for nobody");
    assert_eq!(gitea.offered(&repository.project, TAG).await, Some(release.expected()), "its files stay");
    // Publishing again does not take the mark away.
    let writes = desk.heard.writes();
    assert_done(&desk.publisher.publish(&release, &[forge], &desk.state(), Overrides::default()).await);
    assert_eq!(desk.heard.writes(), writes);
}
