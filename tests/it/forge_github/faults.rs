//! Runs the table: each row ends as it says, nothing incomplete is ever visible, no release of a tag is made twice, no
//! secret is said, and the next run converges.

use std::time::Duration;

use serde_json::json;
use stagefreight::publish::PlaceErrorKind as P;
use stagefreight::rehearse::fault::{Fault, FaultPlan, Moment};
use stagefreight::rehearse::forge_github::{Lags, Permission};

use super::rows::{Before, Row, rows};
use super::scene::{ALIAS, PROJECT, Publisher, Scene, TAG, commit, files, marked};
use crate::support::every_row;

#[test]
fn every_fault_ends_as_the_table_says_and_the_next_run_converges() {
    every_row(rows(), 100, 8, |row| row.name.clone(), run);
}

async fn run(row: Row) {
    let Row { name, faults, before, publisher, first, says, second } = row;
    let scene = prepared(Scene::with(faults, |options| change(before, options)).await, before).await;
    let outcome = scene.publish(&publisher).await;
    let message = outcome.message();
    assert_eq!(outcome.failure(), first, "{name}: {message}");
    assert!(message.contains(says), "{name}: `{says}` is not in: {message}");
    check(&scene, &name, first.is_none(), before).await;

    let scene = scene
        .healed(|options| {
            // What was only this run's trouble is over.
            let passing = [Before::ReadOnly, Before::Invisible, Before::SmallFiles];
            if passing.contains(&before) {
                let fresh = stagefreight::rehearse::forge_github::Options::new("", []);
                options.largest_asset = fresh.largest_asset;
                Scene::repository(options).permission = Permission::Write;
            }
            options.lags = Lags::default();
        })
        .await;
    let outcome = scene.publish(&publisher).await;
    assert_eq!(outcome.failure(), second, "{name}, again: {}", outcome.message());
    check(&scene, &format!("{name}, again"), second.is_none(), before).await;
    if second.is_none() {
        scene.server.log().clear();
        let outcome = scene.publish(&Publisher { replace: None, ..publisher }).await;
        assert_eq!(outcome.failure(), None, "{name}, a third time: {}", outcome.message());
        assert_eq!((outcome.writes(), scene.server.log().writes().len()), (0, 0), "{name}: what is complete is not touched");
        let asked = scene.server.log().entries().len();
        assert!(asked <= 6, "{name}: {asked} requests to find everything in place");
        let drafts = scene.releases().await.iter().filter(|one| one["draft"] == true).count();
        assert_eq!(drafts, 0, "{name}: drafts are left");
    }
    scene.heard.assert_valid();
}

// Whatever happened: what is visible is whole, unless somebody else made it visible.
async fn check(scene: &Scene, name: &str, well: bool, before: Before) {
    let visible = scene.visible().await;
    if well {
        let visible = visible.as_ref().unwrap_or_else(|| panic!("{name}: it ended well, and nothing is visible"));
        for (file, digest) in Scene::expected() {
            assert_eq!(Scene::set(visible).get(&file), Some(&digest), "{name}: {file}");
        }
        let body = visible["body"].as_str().expect("notes");
        assert!(body.contains("what changed"), "{name}: {body}");
        if matches!(before, Before::ByHand | Before::ForeignDraft) {
            assert!(body.contains("By hand."), "{name}: what people wrote is gone: {body}");
        }
        let latest = scene.ask("GET", &format!("/api/v3/repos/{PROJECT}/releases/latest"), None).await;
        let expected = if before == Before::NewerLatest { "v2.0.0" } else { TAG };
        assert_eq!(latest["tag_name"], expected, "{name}: latest");
        let alias = scene.ask("GET", &format!("/api/v3/repos/{PROJECT}/git/ref/tags%2F{ALIAS}"), None).await;
        assert_eq!(alias["object"]["sha"], commit(), "{name}: alias");
    } else if let Some(visible) = visible.filter(|_| !matches!(before, Before::ImmutableWithout | Before::OtherBytes)) {
        assert_eq!(Scene::set(&visible), Scene::expected(), "{name}: something incomplete is visible");
    }
}

fn change(before: Before, options: &mut stagefreight::rehearse::forge_github::Options) {
    let repository = Scene::repository(options);
    match before {
        Before::NoTag => repository.tags.clear(),
        Before::TagElsewhere => {
            repository.tags.insert(TAG.to_owned(), "b".repeat(40));
        }
        Before::AnnotatedTag => repository.annotated.push(TAG.to_owned()),
        Before::ProtectedTag => {
            repository.tags.clear();
            repository.protected_tags.push(TAG.to_owned());
        }
        Before::Immutable | Before::ImmutableWithout => repository.immutable_releases = true,
        Before::Burnt => repository.burnt.push(TAG.to_owned()),
        Before::ReadOnly => repository.permission = Permission::Read,
        Before::Invisible => repository.permission = Permission::None,
        Before::AliasElsewhere => {
            repository.tags.insert(ALIAS.to_owned(), "c".repeat(40));
        }
        Before::NewerLatest => {
            repository.tags.insert("v2.0.0".to_owned(), "d".repeat(40));
        }
        Before::OlderLatest => {
            repository.tags.insert("v1.3.0".to_owned(), "d".repeat(40));
        }
        Before::LaggingList => options.lags = Lags { list: 3, by_tag: 0 },
        Before::LaggingTag => options.lags = Lags { list: 0, by_tag: 3 },
        Before::SmallFiles => options.largest_asset = 500_000,
        _ => {}
    }
}

async fn prepared(scene: Scene, before: Before) -> Scene {
    let releases = format!("/api/v3/repos/{PROJECT}/releases");
    let draft = |body: &str| json!({ "tag_name": TAG, "draft": true, "body": body, "name": "1.4.0" });
    let file = async |release: &serde_json::Value, name: &str, bytes: Vec<u8>| {
        let url = format!(
            "{}/api/uploads/repos/{PROJECT}/releases/{}/assets?name={}",
            scene.server.url(),
            release["id"],
            name.replace('+', "%2B")
        );
        super::scene::ask(&url, "POST", bytes).await
    };
    match before {
        Before::ForeignDraft => {
            scene.ask("POST", &releases, Some(draft("By hand."))).await;
        }
        Before::OurDrafts => {
            for _ in 0..2 {
                scene.ask("POST", &releases, Some(draft(&marked("old")))).await;
            }
        }
        Before::HalfFile => {
            let made = scene.ask("POST", &releases, Some(draft(&marked("old")))).await;
            // More is promised than comes.
            let (addr, id) = (scene.server.addr, made["id"].clone());
            tokio::task::spawn_blocking(move || {
                use std::io::Write as _;
                let mut stream = std::net::TcpStream::connect(addr).expect("connect");
                let path = format!("/api/uploads/repos/{PROJECT}/releases/{id}/assets?name=app.big.bin");
                let head = format!(
                    "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\nhalf",
                    super::scene::TOKEN
                );
                stream.write_all(head.as_bytes()).expect("half");
                stream.flush().expect("sent");
            })
            .await
            .expect("half a file");
            let assets = format!("{releases}/{}/assets", made["id"]);
            for _ in 0..500 {
                if scene.ask("GET", &assets, None).await.as_array().is_some_and(|list| !list.is_empty()) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Before::OtherBytesInDraft => {
            let made = scene.ask("POST", &releases, Some(draft(&marked("old")))).await;
            file(&made, "tool+x.exe", b"other".to_vec()).await;
        }
        Before::OtherBytes | Before::ByHand | Before::ImmutableWithout => {
            let made = scene.ask("POST", &releases, Some(draft("By hand."))).await;
            if before == Before::OtherBytes {
                file(&made, "tool+x.exe", b"other".to_vec()).await;
            }
            if before == Before::ImmutableWithout {
                let (name, bytes) = files().swap_remove(0);
                file(&made, name, bytes).await;
            }
            scene.ask("PATCH", &format!("{releases}/{}", made["id"]), Some(json!({ "draft": false }))).await;
        }
        Before::NewerLatest | Before::OlderLatest => {
            let tag = if before == Before::NewerLatest { "v2.0.0" } else { "v1.3.0" };
            scene.ask("POST", &releases, Some(json!({ "tag_name": tag }))).await;
        }
        _ => {}
    }
    scene.server.log().clear();
    scene
}

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(test);
}

#[test]
fn two_publishers_make_one_release() {
    block_on(async {
        let scene = Scene::with(FaultPlan::default(), |_| {}).await;
        let (one, other) = (Publisher::default(), Publisher { workspace: Some("other"), ..Publisher::default() });
        let (first, second) = tokio::join!(scene.publish(&one), scene.publish(&other));
        // Whoever is overtaken may have to come again; nobody breaks anything.
        for outcome in [&first, &second] {
            let failure = outcome.failure();
            assert!(matches!(failure, None | Some(P::Unavailable | P::Conflict | P::Ambiguous)), "{failure:?}: {}", outcome.message());
        }
        assert!(first.failure().is_none() || second.failure().is_none(), "{} / {}", first.message(), second.message());
        let again = scene.publish(&one).await;
        assert_eq!((again.failure(), again.writes()), (None, 0), "{}", again.message());
        let visible = scene.visible().await.expect("a release");
        assert_eq!(Scene::set(&visible), Scene::expected());
        scene.heard.assert_valid();
    });
}

#[test]
fn a_server_that_tells_no_digests_is_read_back_and_storage_sees_no_token() {
    block_on(async {
        let scene = Scene::with(FaultPlan::default(), |options| (options.digests, options.storage) = (false, true)).await;
        assert_eq!(scene.publish(&Publisher::default()).await.failure(), None);
        scene.server.log().clear();
        // Another machine: it remembers nothing of what arrived.
        let elsewhere = Publisher { workspace: Some("other"), ..Publisher::default() };
        let again = scene.publish(&elsewhere).await;
        assert_eq!((again.failure(), again.writes()), (None, 0), "{}", again.message());
        let entries = scene.server.log().entries();
        let stored: Vec<_> = entries.iter().filter(|entry| entry.path.starts_with("/storage/")).collect();
        assert_eq!(stored.len(), 4, "every file is read");
        assert!(stored.iter().all(|entry| entry.credentials.is_empty()), "the token went to another host: {stored:?}");
        assert!(entries.iter().filter(|entry| entry.path.starts_with("/api/")).all(|entry| !entry.credentials.is_empty()));
    });
}

#[test]
fn what_people_write_into_the_notes_survives() {
    block_on(async {
        let scene = Scene::with(FaultPlan::default(), |_| {}).await;
        assert_eq!(scene.publish(&Publisher::default()).await.failure(), None);
        let made = scene.visible().await.expect("a release");
        let body = format!("Dear all,\n\n{}\n\nThanks!", made["body"].as_str().expect("notes"));
        scene.ask("PATCH", &format!("/api/v3/repos/{PROJECT}/releases/{}", made["id"]), Some(json!({ "body": body }))).await;
        let same = scene.publish(&Publisher::default()).await;
        assert_eq!((same.failure(), same.writes()), (None, 0), "{}", same.message());
        let changed = scene.publish(&Publisher { notes: Some("what changed, in other words"), ..Publisher::default() }).await;
        assert_eq!((changed.failure(), changed.writes()), (None, 1), "{}", changed.message());
        let body = scene.visible().await.expect("a release")["body"].as_str().expect("notes").to_owned();
        assert!(body.starts_with("Dear all,") && body.ends_with("Thanks!") && body.contains("in other words"), "{body}");
    });
}

#[test]
fn what_people_write_while_files_are_sent_survives() {
    block_on(async {
        let slow = Fault::Stall { millis: 600, moment: Moment::After };
        let scene = Scene::with(FaultPlan::default().nth("POST", "*/assets*", 1, slow), |_| {}).await;
        let publisher = Publisher::default();
        let somebody = async {
            let draft = loop {
                if let Some(draft) = scene.releases().await.pop() {
                    break draft;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            };
            let body = format!("Dear all,\n\n{}", draft["body"].as_str().expect("notes"));
            scene.ask("PATCH", &format!("/api/v3/repos/{PROJECT}/releases/{}", draft["id"]), Some(json!({ "body": body }))).await;
        };
        let (outcome, ()) = tokio::join!(scene.publish(&publisher), somebody);
        assert_eq!(outcome.failure(), None, "{}", outcome.message());
        let body = scene.visible().await.expect("a release")["body"].as_str().expect("notes").to_owned();
        assert!(body.starts_with("Dear all,") && body.contains("what changed"), "{body}");
        scene.heard.assert_valid();
    });
}
