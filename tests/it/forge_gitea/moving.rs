//! Releases that move: changed in place, forward only, and whole again after every kill.

use stagefreight::core::Digest;
use stagefreight::forge::AssetSource;
use tokio_util::sync::CancellationToken;

use super::TAG;
use super::pair::Pair;
use crate::crash::publish_until;
use crate::support::file_release::Publisher;

const NIGHTLY: &str = r#"  release: { kind: release, repos: home, archives: [pack, tool], rolling: [nightly] }
"#;

/// Where the state of a destination stands after a publish.
fn state(pair: &Pair, part: &str) -> String {
    let placements = pair.workspace.sf.placements();
    let all = placements["destinations"].as_array().expect("destinations");
    let found = all.iter().find(|one| one["name"].as_str().is_some_and(|name| name.ends_with(part)));
    found.unwrap_or_else(|| panic!("no {part} in {placements:#}"))["state"].as_str().expect("state").to_owned()
}

#[test]
fn a_release_that_moves_is_changed_in_place_and_never_back() {
    let pair = Pair::releasing(NIGHTLY).prepared();
    pair.publish(0);
    let home = pair.home.clone();
    let first = pair.ask(&format!("repos/{home}/releases/tags/nightly"));
    assert_eq!(pair.offered(&home, "nightly"), pair.offered(&home, TAG));
    assert!(pair.offered(&home, TAG).is_some_and(|files| files.len() == 6));
    pair.workspace.run(&["verify"], 0);
    pair.publish(0);
    assert_eq!(pair.workspace.writes(), 0, "it is up to date");
    // From nothing that is remembered, too: the sums vouch for the rest.
    pair.workspace.sf.forget_publishing();
    pair.publish(0);
    assert_eq!(pair.workspace.writes(), 0);

    let pair = pair.next("v1.5.0").prepared();
    pair.publish(0);
    assert_eq!(state(&pair, "@nightly"), "placed");
    let now = pair.ask(&format!("repos/{home}/releases/tags/nightly"));
    assert_eq!(now["id"], first["id"], "it is the same release");
    assert_eq!(pair.offered(&home, "nightly"), pair.offered(&home, "v1.5.0"), "with the files of the new one, and no others");
    assert!(now["body"].as_str().is_some_and(|body| body.contains("what is new in v1.5.0") && !body.contains("1.4.0")), "{now}");
    let tag = pair.ask(&format!("repos/{home}/tags/nightly"));
    assert_eq!(tag["commit"]["sha"], pair.workspace.commit().as_str());
    pair.workspace.run(&["verify"], 0);
    pair.publish(0);
    assert_eq!(pair.workspace.writes(), 0);

    // The older pipeline, run again, leaves it where it is.
    let pair = pair.back_at(TAG).prepared();
    pair.publish(0);
    assert_eq!(state(&pair, "@nightly"), "superseded");
    assert_eq!(pair.offered(&home, "nightly"), pair.offered(&home, "v1.5.0"));
    assert_eq!(pair.count(&home), 3);
}

/// Puts bytes of the same length in the place of a file.
fn falsify(pair: &Pair, tag: &str, name: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let publisher = Publisher::new(None);
        let forge = publisher.gitea(&pair.gitea.url, &pair.home, &pair.gitea.token);
        let cancel = CancellationToken::new();
        let held = forge.releases_of(tag, &cancel).await.expect("releases").remove(0);
        let all = forge.assets(&held.container, &cancel).await.expect("files");
        let sums = all.into_iter().find(|file| file.name == name).expect("the file");
        forge.remove_asset(&held.container, &sums, &cancel).await.expect("removed");
        let bytes = vec![b'0'; usize::try_from(sums.size.expect("a length")).expect("small")];
        let path = pair.workspace.sf.path().join(".stagefreight/false-sums");
        std::fs::write(&path, &bytes).expect("file");
        let source = AssetSource {
            name: sums.name,
            path,
            size: bytes.len() as u64,
            sha256: Digest::of(&bytes),
            media_type: "text/plain".to_owned(),
        };
        let request = forge.upload(&held.container, &source).expect("a request");
        assert_eq!(publisher.http.send(&request, &cancel).await.expect("an answer").status().as_u16(), 201);
    });
}

#[test]
fn verify_reads_what_the_forge_tells_no_digest_of() {
    let pair = Pair::releasing(NIGHTLY).prepared();
    pair.publish(0);
    pair.workspace.run(&["release", "verify"], 0);
    for tag in [TAG, "nightly"] {
        falsify(&pair, tag, "SHA256SUMS");
        let said = pair.workspace.sf.run(&["release", "verify"]).code(7);
        assert!(said.stdout().contains("SHA256SUMS") || said.stderr().contains("SHA256SUMS"), "{}{}", said.stdout(), said.stderr());
    }
}

#[test]
fn sums_vouch_for_nothing_while_files_are_exchanged() {
    let pair = Pair::releasing(NIGHTLY).prepared();
    pair.publish(0);
    let (home, expected) = (pair.home.clone(), pair.offered(&pair.home, TAG));
    // A run of another commit was cut after its first file, which is as long as ours; sums and tag are still ours.
    falsify(&pair, "nightly", "tool-linux-amd64");
    let held = pair.ask(&format!("repos/{home}/releases/tags/nightly"));
    let body = held["body"].as_str().expect("notes").replacen(
        "<!-- stagefreight:notes -->",
        "<!-- stagefreight:notes -->\n<!-- stagefreight:changing -->",
        1,
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let change = serde_json::json!({ "body": body });
    assert_eq!(runtime.block_on(pair.gitea.call("PATCH", &format!("repos/{home}/releases/{}", held["id"]), Some(change))).0, 200);
    pair.workspace.sf.forget_publishing();
    pair.publish(0);
    assert_eq!(pair.offered(&home, "nightly"), expected);
    let now = pair.ask(&format!("repos/{home}/releases/tags/nightly"));
    assert!(now["body"].as_str().is_some_and(|body| !body.contains("stagefreight:changing")), "{now}");
    pair.publish(0);
    assert_eq!(pair.workspace.writes(), 0);
}

#[test]
fn a_release_of_that_name_that_somebody_else_made_is_left_alone() {
    let pair = Pair::releasing(NIGHTLY).prepared();
    let gitea = pair.gitea;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let by_hand = serde_json::json!({ "tag_name": "nightly", "target_commitish": "main", "name": "mine", "body": "by hand" });
    let path = format!("repos/{}/releases", pair.home);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    // A repository counts as empty until Gitea worked off what was pushed.
    while runtime.block_on(gitea.call("POST", &path, Some(by_hand.clone()))).0 != 201 {
        assert!(std::time::Instant::now() < deadline, "no release can be made by hand");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    pair.publish(4);
    assert_eq!(state(&pair, "@nightly"), "conflict");
    assert_eq!(pair.offered(&pair.home, "nightly"), Some(Vec::new()));
    assert!(pair.offered(&pair.home, TAG).is_some(), "the release itself is there");
}

#[test]
fn sigkill_at_every_third_request_while_it_moves() {
    const ANY: &str = r#"  release: { kind: release, repos: home, archives: [pack, tool], rolling: [{ tag: nightly, moving: any }] }
"#;
    let older = Pair::releasing(ANY).prepared();
    older.publish(0);
    let home = older.home.clone();
    let expected = older.offered(&home, TAG);
    let id = older.ask(&format!("repos/{home}/releases/tags/nightly"))["id"].clone();
    // Another workspace of the same repositories, one tag on.
    let newer = older.beside().next("v1.5.0").prepared();
    newer.publish(0);
    let moved = newer.offered(&home, "v1.5.0");
    assert!(expected.is_some() && moved.is_some() && expected != moved);
    let mut crashes = 0;
    // There and back again, each time killed a little later.
    for (turn, n) in (1..400).step_by(3).enumerate() {
        let (pair, shall) = if turn % 2 == 0 { (&older, &expected) } else { (&newer, &moved) };
        let killed = publish_until(&pair.workspace.sf, &format!("request:{n}"));
        if killed {
            crashes += 1;
            pair.publish(0);
        }
        assert_eq!(&pair.offered(&home, "nightly"), shall, "request {n}");
        let now = pair.ask(&format!("repos/{home}/releases/tags/nightly"));
        assert_eq!(now["id"], id, "request {n}: it is the same release");
        let tag = pair.ask(&format!("repos/{home}/tags/nightly"));
        assert_eq!(tag["commit"]["sha"], pair.workspace.commit().as_str(), "request {n}");
        if !killed {
            assert!(crashes > 5, "only {crashes} crash points: the killer does not listen");
            return;
        }
    }
    panic!("publishing never ended");
}
