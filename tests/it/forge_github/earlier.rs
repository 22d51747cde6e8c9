//! What earlier runs left and remember, and what became of it since.

use serde_json::json;
use stagefreight::publish::PlaceErrorKind;
use stagefreight::rehearse::FaultPlan;

use super::scene::{PROJECT, Publisher, Scene, TAG, commit, marked};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_of_an_earlier_commit_does_not_decide_where_the_tag_is() {
    let scene = Scene::with(FaultPlan::default(), |options| Scene::repository(options).tags.clear()).await;
    let draft = json!({ "tag_name": TAG, "target_commitish": "e".repeat(40), "draft": true, "body": marked("old"), "name": "1.4.0" });
    scene.ask("POST", &format!("/api/v3/repos/{PROJECT}/releases"), Some(draft)).await;
    let outcome = scene.publish(&Publisher { may_make_tag: true, ..Publisher::default() }).await;
    assert_eq!(outcome.failure(), None, "{}", outcome.message());
    let tag = scene.ask("GET", &format!("/api/v3/repos/{PROJECT}/git/ref/tags%2F{TAG}"), None).await;
    assert_eq!(tag["object"]["sha"], commit());
    assert_eq!(scene.releases().await.len(), 1, "it is the draft that was there");
    scene.heard.assert_valid();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_brought_counts_for_the_bytes_that_were_brought() {
    let scene = Scene::with(FaultPlan::default(), |options| options.digests = false).await;
    let with = |bytes: &'static [u8]| Publisher { further: Some(("tool", bytes)), ..Publisher::default() };
    let outcome = scene.publish(&with(b"one")).await;
    assert_eq!(outcome.failure(), None, "{}", outcome.message());
    // Built again, differently and as long, in the workspace that remembers.
    std::fs::remove_file(scene.dir.path().join("ws/tool")).expect("file");
    let outcome = scene.publish(&with(b"two")).await;
    assert_eq!(outcome.failure(), Some(PlaceErrorKind::Conflict), "{}", outcome.message());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_withdrawn_stays_withdrawn() {
    let scene = Scene::with(FaultPlan::default(), |_| {}).await;
    assert_eq!(scene.publish(&Publisher::default()).await.failure(), None);
    let release = scene.visible().await.expect("a release");
    let notes = stagefreight::forge::retention::yanked_notes(release["body"].as_str().expect("notes"), "it loses data");
    let path = format!("/api/v3/repos/{PROJECT}/releases/{}", release["id"]);
    scene.ask("PATCH", &path, Some(json!({ "body": notes, "prerelease": true }))).await;
    // Again, on another machine and with other notes.
    for (publisher, writes) in [
        (Publisher { workspace: Some("other"), ..Publisher::default() }, 0),
        (Publisher { notes: Some("what changed, in other words"), ..Publisher::default() }, 1),
    ] {
        let outcome = scene.publish(&publisher).await;
        assert_eq!((outcome.failure(), outcome.writes()), (None, writes), "{}", outcome.message());
        let now = scene.visible().await.expect("a release");
        let body = now["body"].as_str().expect("notes");
        assert!(now["prerelease"] == true && stagefreight::forge::retention::is_yanked(body), "{now:#}");
    }
    scene.heard.assert_valid();
}
