//! Generations are whole, readers keep theirs, and retention drops whole ones.

#![expect(clippy::disallowed_methods, reason = "the test lays out directories")]

use super::*;

const DAY: i64 = 86_400;

fn at(day: i64) -> Timestamp {
    Timestamp::from_unix(1_700_000_000 + day * DAY)
}

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("dir") }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn repository(&self) -> PathBuf {
        self.root().join("0123456789abcdef")
    }

    fn slot(&self, name: &str) -> Slot {
        Slot::open(&self.root(), &self.repository().join(name)).expect("available")
    }

    fn export(&self, slot: &str, bytes: usize, now: Timestamp) -> Generation {
        let writing = self.slot(slot).write().expect("writing");
        fill(&writing, bytes);
        writing.install(now).expect("installed")
    }
}

fn fill(writing: &Writing, bytes: usize) {
    std::fs::create_dir(writing.path()).expect("layout");
    std::fs::write(writing.path().join("index.json"), "x".repeat(bytes)).expect("index");
}

fn content(reading: &Reading) -> usize {
    std::fs::read(reading.path().join("index.json")).expect("index").len()
}

#[test]
fn a_reader_keeps_what_it_reads_and_the_next_sees_the_new_one() {
    let bench = Bench::new();
    let slot = bench.slot("app");
    assert!(slot.read().expect("read").is_none());
    bench.export("app", 10, at(0));
    let old = slot.read().expect("read").expect("a generation");
    let second = bench.export("app", 20, at(1));
    assert_eq!((content(&old), content(&slot.read().expect("read").expect("newer"))), (10, 20));
    assert_eq!(slot.generations().expect("list").len(), 2, "the old one is read");
    drop(old);
    let third = bench.export("app", 30, at(2));
    assert_eq!(slot.generations().expect("list"), std::slice::from_ref(&third));
    assert!(third.path > second.path && third.size == 30);
}

#[test]
fn a_killed_writer_leaves_the_last_generation_and_is_swept() {
    let bench = Bench::new();
    bench.export("app", 10, at(0));
    // As after kill -9: the directory is there, and nobody holds its lock.
    let dead = bench.repository().join("app/.sf-new-dead/layout");
    std::fs::create_dir_all(&dead).expect("dead");
    std::fs::write(dead.join("index.json"), "torn").expect("torn");
    let alive = bench.slot("app").write().expect("writing");
    fill(&alive, 5);
    let swept = prune_local(&bench.repository(), LocalKeep { max_age: Duration::MAX, max_size: ByteSize(u64::MAX) }, at(0), false);
    assert!(swept.expect("pruned").removed.is_empty());
    assert!(!bench.repository().join("app/.sf-new-dead").exists(), "nobody's");
    assert!(alive.path().exists(), "somebody's");
    assert_eq!(content(&bench.slot("app").read().expect("read").expect("a generation")), 10);
    drop(alive);
    let empty = bench.slot("app").write().expect("writing");
    let refused = empty.install(at(1)).expect_err("nothing was written");
    assert!(refused.message().starts_with("BuildKit wrote no cache"), "{refused}");
    assert_eq!(std::fs::read_dir(bench.repository().join("app")).expect("dir").count(), 2, "the generation and the lock");
}

#[test]
fn writers_at_the_same_time_each_install_a_whole_one() {
    let bench = Bench::new();
    let writers: Vec<Writing> = (1..=4).map(|_| bench.slot("app").write().expect("writing")).collect();
    std::thread::scope(|scope| {
        for (index, writing) in writers.into_iter().enumerate() {
            scope.spawn(move || {
                fill(&writing, index + 1);
                writing.install(at(0)).expect("installed")
            });
        }
    });
    let reading = bench.slot("app").read().expect("read").expect("a generation");
    assert!((1..=4).contains(&content(&reading)));
}

#[test]
fn retention_drops_the_old_then_the_oldest_and_says_the_same_beforehand() {
    let bench = Bench::new();
    for (slot, size, day) in [("a", 100, 0), ("b", 100, 5), ("c", 100, 8), ("d", 100, 9)] {
        bench.export(slot, size, at(day));
    }
    // Not dated: never old, last to go.
    let unknown = bench.repository().join("e/generation-0000000001");
    std::fs::create_dir_all(&unknown).expect("unknown");
    std::fs::write(unknown.join("blob"), "x".repeat(50)).expect("blob");
    let keep = LocalKeep { max_age: Duration::from_secs(7 * 86_400), max_size: ByteSize(260) };
    let names = |report: &LocalRetention| report.removed.iter().map(|gone| gone.slot.clone()).collect::<Vec<_>>();
    let said = prune_local(&bench.repository(), keep, at(10), true).expect("dry run");
    assert_eq!((names(&said), said.before, said.removed_bytes), (vec!["a".to_owned(), "b".to_owned()], 5, 200));
    assert_eq!(list_local(&bench.repository()).expect("list").len(), 5, "a dry run removes nothing");
    let reading = bench.slot("b").read().expect("read").expect("a generation");
    let done = prune_local(&bench.repository(), keep, at(10), false).expect("pruned");
    assert_eq!((names(&done), done.in_use.len()), (vec!["a".to_owned()], 1));
    drop(reading);
    let done = prune_local(&bench.repository(), keep, at(10), false).expect("pruned");
    assert_eq!(names(&done), ["b"]);
    let nothing = LocalKeep { max_size: ByteSize(0), ..keep };
    let done = prune_local(&bench.repository(), nothing, at(10), false).expect("pruned");
    assert_eq!(names(&done), ["c", "d", "e"]);
    assert!(list_local(&bench.repository()).expect("list").is_empty());
}

#[test]
fn a_missing_mount_and_an_unwritable_one_are_said() {
    let bench = Bench::new();
    let root = bench.dir.path().join("mount/cache");
    let gone = Slot::open(&root, &root.join("0123456789abcdef/app")).expect_err("no mount");
    assert_eq!(gone.to_string(), format!("{} is not there", bench.dir.path().join("mount").display()));
    let file = bench.dir.path().join("file");
    std::fs::write(&file, "").expect("file");
    assert!(Slot::open(&bench.root(), &file.join("app")).is_err());
}
