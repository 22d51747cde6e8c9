//! What a complete release costs when it is published again.

use stagefreight::rehearse::FaultPlan;

use super::scene::{Publisher, Scene};

/// Requests of another run, from a fresh journal, with this many files told along with the release.
async fn asked_again(most_told: usize) -> Vec<String> {
    let scene = Scene::with(FaultPlan::default(), |options| options.most_told = most_told).await;
    let first = scene.publish(&Publisher::default()).await;
    assert_eq!(first.failure(), None, "{}", first.message());
    scene.server.log().clear();
    let again = scene.publish(&Publisher { workspace: Some("another machine"), ..Publisher::default() }).await;
    assert_eq!((again.failure(), again.writes()), (None, 0), "{}", again.message());
    scene.heard.assert_valid();
    scene.server.log().entries().iter().map(|entry| entry.path.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_told_along_with_a_release_are_not_listed_again() {
    // The tag, the release with its files, the latest release, the tag that moves: however many files there are.
    let asked = asked_again(usize::MAX).await;
    assert_eq!(asked.len(), 4, "{asked:#?}");
    assert!(!asked.iter().any(|path| path.contains("/assets")), "{asked:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_told_along_is_looked_for_in_the_list() {
    for most_told in [0, 3] {
        let asked = asked_again(most_told).await;
        assert_eq!(asked.iter().filter(|path| path.contains("/assets")).count(), 1, "{most_told}: {asked:#?}");
    }
}
