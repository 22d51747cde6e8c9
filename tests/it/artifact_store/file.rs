//! The directory and the memory.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stagefreight::store::artifact::conformance::Plan;
use stagefreight::store::artifact::{ArtifactErrorKind, ArtifactStore, Call, FileOptions, FileStore, MemoryStore, Mode, Ref};

use super::subjects::{Directory, Memory};
use super::{conforms, from_env, left_out};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("runtime").block_on(work)
}

fn at(text: &str) -> Ref {
    Ref::parse(text).expect("a reference")
}

#[test]
fn a_directory_conforms() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let plan = Plan { tries: from_env("SF_STORE_TRIES", 5_000), ..Plan::new(dir.path()) };
    let report = conforms(&Directory { root: dir.path().join("store"), durable: false }, &plan);
    assert!(left_out(&report).is_empty(), "{report:?}");
}

#[test]
fn a_directory_with_fsync_conforms() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let plan = Plan { tries: 200, large: 1 << 20, puts_beside_collections: 40, ..Plan::new(dir.path()) };
    let report = conforms(&Directory { root: dir.path().join("store"), durable: true }, &plan);
    assert!(left_out(&report).is_empty(), "{report:?}");
}

#[test]
fn memory_conforms() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let subject = Memory(MemoryStore::new("scratch", Mode::Overwrite));
    let report = conforms(&subject, &Plan::new(dir.path()));
    let expected = ["what was put survives a restart", "damage is noticed", "a place that cannot be written", "a collection removes"];
    let left_out = left_out(&report);
    assert!(
        left_out.len() == expected.len() && left_out.iter().zip(expected).all(|(check, known)| check.starts_with(known)),
        "{left_out:?}"
    );
}

#[test]
fn a_changed_byte_anywhere_is_damage_and_not_absence() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let subject = Directory { root: dir.path().to_owned(), durable: false };
    let store = FileStore::new("local", dir.path(), FileOptions { durable: false, ..FileOptions::default() });
    let (at, call) = (at("a/b"), Call::default());
    block_on(async {
        store.put(&at, b"the data", b"{\"the\":\"manifest\"}", &call).await.expect("put");
        for path in [subject.pointer(&at), subject.blob(&at, "data"), subject.blob(&at, "manifest")] {
            let good = std::fs::read(&path).expect("a file");
            for position in 0..good.len() {
                let mut bad = good.clone();
                bad[position] ^= 1;
                std::fs::write(&path, &bad).expect("damaged");
                let error = store.get(&at, &call).await.expect_err("damaged");
                assert_eq!(error.kind, ArtifactErrorKind::Integrity, "{} byte {position}: {error}", path.display());
            }
            std::fs::write(&path, &good).expect("as it was");
        }
        store.get(&at, &call).await.expect("whole again");
    });
}

/// Nothing but time passing may remove what is named: any sequence of puts, removals and collections, beside each other.
#[test]
fn collections_beside_writers_never_remove_what_is_named() {
    #[derive(Debug, Clone)]
    enum Act {
        Put(u8, u8, u8),
        Remove(u8),
        Collect,
    }
    let act = prop_oneof![
        6 => (0_u8..4, 0_u8..3, 0_u8..3).prop_map(|(at, data, manifest)| Act::Put(at, data, manifest)),
        1 => (0_u8..4).prop_map(Act::Remove),
        2 => Just(Act::Collect),
    ];
    let lanes = prop::collection::vec(prop::collection::vec(act, 1..25), 2..5);
    let cases = from_env("SF_STORE_CASES", 24);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&lanes, |lanes| {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = Arc::new(FileStore::new("local", dir.path(), FileOptions { durable: false, ..FileOptions::default() }));
        let done = block_on(async {
            let mut tasks = Vec::new();
            for (lane, acts) in lanes.into_iter().enumerate() {
                let store = Arc::clone(&store);
                // Contents are shared between lanes, references are not: so each lane knows what it must find.
                tasks.push(tokio::spawn(async move {
                    let call = Call::default();
                    let mut holds = [None; 4];
                    for act in acts {
                        match act {
                            Act::Put(at, data, manifest) => {
                                let name = Ref::parse(&format!("{lane}/{at}")).expect("a reference");
                                store.put(&name, &[data; 9], &[manifest; 5], &call).await.map_err(|error| error.to_string())?;
                                holds[usize::from(at)] = Some((data, manifest));
                            }
                            Act::Remove(at) => {
                                let name = Ref::parse(&format!("{lane}/{at}")).expect("a reference");
                                let removed = store.remove(&name, &call).await.map_err(|error| error.to_string())?;
                                if removed != holds[usize::from(at)].take().is_some() {
                                    return Err(format!("{name}: remove says {removed}"));
                                }
                            }
                            Act::Collect => match store.collect(Duration::ZERO, &call).await {
                                Err(error) if error.kind != ArtifactErrorKind::Busy => return Err(error.to_string()),
                                _ => {}
                            },
                        }
                        for (at, held) in holds.iter().enumerate() {
                            let name = Ref::parse(&format!("{lane}/{at}")).expect("a reference");
                            let found = match store.get(&name, &call).await {
                                Ok((data, manifest)) => Some((data[0], manifest[0])),
                                Err(error) if error.is_not_found() => None,
                                Err(error) => return Err(error.to_string()),
                            };
                            if found != *held {
                                return Err(format!("{name} holds {found:?}, and {held:?} was put"));
                            }
                        }
                    }
                    Ok::<_, String>(())
                }));
            }
            for task in tasks {
                task.await.expect("a lane")?;
            }
            Ok::<_, String>(())
        });
        done.map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn a_collection_that_was_killed_costs_nothing_but_another_one() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = FileStore::new("local", dir.path(), FileOptions { durable: false, ..FileOptions::default() });
    let call = Call::default();
    block_on(async {
        store.put(&at("a"), b"1", b"2", &call).await.expect("put");
        // As a killed collector leaves it.
        std::fs::write(dir.path().join("gc/running"), b"").expect("mark");
        store.put(&at("b"), b"3", b"4", &call).await.expect("put beside the mark");
        store.remove(&at("b"), &call).await.expect("removed");
        let leftover = dir.path().join("tmp/leftover");
        std::fs::write(&leftover, b"half a blob").expect("leftover");
        let young = store.collect(Duration::ZERO, &call).await.expect("collected");
        assert_eq!((young.references, young.removed), (1, 2));
        assert!(leftover.exists(), "its writer may live");
        let long_ago = SystemTime::now() - Duration::from_secs(2 * 3600);
        std::fs::File::options().write(true).open(&leftover).expect("leftover").set_modified(long_ago).expect("older");
        store.collect(Duration::ZERO, &call).await.expect("collected");
        assert!(!leftover.exists());
        assert!(!dir.path().join("gc/running").exists() && !dir.path().join("gc/keep").exists());
        assert_eq!(store.get(&at("a"), &call).await.expect("kept"), (b"1".to_vec(), b"2".to_vec()));
    });
}

#[test]
fn a_damaged_pointer_stops_a_collection() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let subject = Directory { root: dir.path().to_owned(), durable: false };
    let store = FileStore::new("local", dir.path(), FileOptions { durable: false, ..FileOptions::default() });
    let call = Call::default();
    block_on(async {
        store.put(&at("a"), b"precious", b"{}", &call).await.expect("put");
        let good = std::fs::read(subject.pointer(&at("a"))).expect("pointer");
        std::fs::write(subject.pointer(&at("a")), b"{").expect("damaged");
        let error = store.collect(Duration::ZERO, &call).await.expect_err("nobody knows what it names");
        assert_eq!(error.kind, ArtifactErrorKind::Integrity);
        std::fs::write(subject.pointer(&at("a")), good).expect("restored");
        assert_eq!(store.get(&at("a"), &call).await.expect("still there").0, b"precious");
    });
}

#[test]
fn files_can_be_read_by_other_users_and_links_are_not_followed() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let subject = Directory { root: dir.path().to_owned(), durable: false };
    let store = FileStore::new("local", dir.path(), FileOptions::default());
    let call = Call::default();
    block_on(async {
        store.put(&at("a"), b"data", b"{}", &call).await.expect("put");
        for path in [subject.pointer(&at("a")), subject.blob(&at("a"), "data")] {
            assert_eq!(path.metadata().expect("metadata").permissions().mode() & 0o777, 0o644, "{}", path.display());
        }
        let blob = subject.blob(&at("a"), "data");
        let elsewhere = dir.path().join("elsewhere");
        std::fs::rename(&blob, &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, &blob).expect("link");
        assert!(store.get(&at("a"), &call).await.is_err(), "a link was followed");
    });
    let leftovers = std::fs::read_dir(dir.path().join("tmp")).expect("tmp").count();
    assert_eq!(leftovers, 0);
}

#[test]
fn a_file_where_the_directory_should_be_is_an_error() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let root = dir.path().join("file");
    std::fs::write(&root, b"").expect("a file");
    let store = FileStore::new("local", root, FileOptions::default());
    let call = Call::default();
    block_on(async {
        assert_eq!(store.put(&at("a"), b"", b"", &call).await.expect_err("no directory").kind, ArtifactErrorKind::Local);
        assert_eq!(store.exists(&at("a"), &call).await.expect_err("cannot be told").kind, ArtifactErrorKind::Local);
        assert_eq!(store.get(&at("a"), &call).await.expect_err("cannot be told").kind, ArtifactErrorKind::Local);
    });
}
