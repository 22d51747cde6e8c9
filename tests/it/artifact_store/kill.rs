//! `kill -9` in the middle of puts: what was acknowledged is there, nothing is half there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use stagefreight::store::artifact::{ArtifactStore, Call, FileOptions, FileStore, Ref};

use super::from_env;

/// Directory that a child of the test puts into until it is killed.
const CHILD_STORE: &str = "SF_TEST_KILLED_STORE";

/// Puts of a child that nobody kills.
const PUTS: u32 = 20;

fn half(number: u32, what: &str) -> Vec<u8> {
    format!("{what} of put {number} ").repeat(200).into_bytes()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime")
}

/// Puts, with fsync, and says after each which one is acknowledged. Every second one overwrites the same reference.
fn put_and_tell(root: &Path, puts: u32, first: u32, mut told: impl FnMut(u32)) {
    let store = FileStore::new("local", root, FileOptions::default());
    runtime().block_on(async {
        for number in first..first.saturating_add(puts) {
            let at = if number % 2 == 0 { "same".to_owned() } else { format!("own/{number}") };
            let at = Ref::parse(&at).expect("a reference");
            store.put(&at, &half(number, "data"), &half(number, "manifest"), &Call::default()).await.expect("put");
            told(number);
        }
    });
}

/// The child of the test below. Run by itself it is a small test of its own.
#[test]
fn putting_until_killed() {
    let Some(root) = std::env::var_os(CHILD_STORE) else {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut last = 0;
        put_and_tell(dir.path(), PUTS, 1, |number| last = number);
        assert_eq!(last, PUTS);
        check(dir.path(), &(1..=PUTS).collect::<Vec<_>>());
        return;
    };
    let first = from_env("SF_TEST_KILLED_FIRST", 1);
    put_and_tell(Path::new(&root), u32::MAX, first, |number| {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "acknowledged {number}").and_then(|()| stdout.flush()).expect("told");
    });
}

/// Everything acknowledged can be read, and what was overwritten holds one put's halves, not older than acknowledged.
fn check(root: &Path, acknowledged: &[u32]) {
    let store = FileStore::new("local", root, FileOptions::default());
    runtime().block_on(async {
        for number in acknowledged.iter().filter(|number| **number % 2 == 1) {
            let at = Ref::parse(&format!("own/{number}")).expect("a reference");
            let (data, manifest) = store.get(&at, &Call::default()).await.unwrap_or_else(|error| panic!("{at}: {error}"));
            assert!(data == half(*number, "data") && manifest == half(*number, "manifest"), "{at} holds something else");
        }
        let Some(newest) = acknowledged.iter().filter(|number| **number % 2 == 0).max() else { return };
        let (data, manifest) = store.get(&Ref::parse("same").expect("a reference"), &Call::default()).await.expect("same");
        let text = String::from_utf8(data.clone()).expect("text");
        let number: u32 = text.split_whitespace().nth(3).and_then(|word| word.parse().ok()).expect("a number");
        assert!(data == half(number, "data") && manifest == half(number, "manifest"), "a mixed pair");
        assert!(number >= *newest, "put {newest} was acknowledged, and {number} is there");
        // Whatever is listed can be read.
        for at in store.list(None, &Call::default()).await.expect("list") {
            store.get(&at, &Call::default()).await.unwrap_or_else(|error| panic!("{at}: {error}"));
        }
    });
}

#[test]
fn every_acknowledged_put_survives_being_killed() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let root = dir.path().join("store");
    let kills = from_env("SF_STORE_KILLS", 12);
    let mut acknowledged = Vec::new();
    for kill in 0..kills {
        let first = acknowledged.last().map_or(1, |last| last + 2);
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "artifact_store::kill::putting_until_killed", "--nocapture"])
            .env(CHILD_STORE, &root)
            .env("SF_TEST_KILLED_FIRST", first.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the child starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout"));
        // Killed after another number of puts each time, at whatever it does then.
        let mut line = String::new();
        let wanted = kill % 7 + 1;
        let mut seen = 0;
        while seen < wanted {
            line.clear();
            assert!(lines.read_line(&mut line).expect("a line") > 0, "the child ended by itself");
            if let Some((_, number)) = line.split_once("acknowledged ") {
                acknowledged.push(number.trim().parse().expect("a number"));
                seen += 1;
            }
        }
        child.kill().expect("killed");
        // What it still told before it died counts too.
        for line in lines.lines().map_while(Result::ok) {
            if let Some((_, number)) = line.split_once("acknowledged ") {
                acknowledged.push(number.trim().parse().expect("a number"));
            }
        }
        child.wait().expect("reaped");
        check(&root, &acknowledged);
    }
    println!("{kills} kills, {} acknowledged puts, all there", acknowledged.len());
    // Putting goes on as if nothing had been, and a collection finds only garbage.
    put_and_tell(&root, 4, 1_000_001, |number| acknowledged.push(number));
    let store = FileStore::new("local", &root, FileOptions::default());
    runtime().block_on(store.collect(std::time::Duration::ZERO, &Call::default())).expect("collected");
    check(&root, &acknowledged);
}
