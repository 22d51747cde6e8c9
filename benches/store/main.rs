//! What the file store costs: gets, puts from several threads, lists, and memory while a large pair streams. Each number
//! beside what plain files cost on the same disk in the same run. `scripts/bench/store` runs it.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, and works on plain files too"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stagefreight::store::artifact::{ArtifactStore, Call, FileOptions, FileStore, Mode, Pair, Ref, Source};

const PUTS: usize = 10_000;
const THREADS: usize = 8;
const REFS: usize = 100_000;
const GETS: u32 = 2_000;
const LARGE: u64 = 64 * 1024 * 1024;

fn open(root: &Path, durable: bool) -> Arc<FileStore> {
    Arc::new(FileStore::new("bench", root, FileOptions { mode: Mode::Overwrite, durable }))
}

fn at(text: &str) -> Ref {
    Ref::parse(text).expect("a reference")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime")
}

/// Puts from several threads, each with a runtime of its own; how long all of them took.
fn puts(store: &Arc<FileStore>, count: usize) -> Duration {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = Arc::clone(store);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
                runtime.block_on(async {
                    for put in 0..count / THREADS {
                        let (data, manifest) = (format!("data {thread} {put}"), format!("manifest {thread} {put}"));
                        let at = at(&format!("{thread}/{put}"));
                        store.put(&at, data.as_bytes(), manifest.as_bytes(), &Call::default()).await.expect("put");
                    }
                });
            });
        }
    });
    started.elapsed()
}

/// The same with three plain files for each, written beside and renamed, and nothing checked.
fn plain_files(root: &Path, count: usize) -> Duration {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let root = root.join(thread.to_string());
            std::fs::create_dir_all(&root).expect("directory");
            scope.spawn(move || {
                for put in 0..count / THREADS {
                    for half in ["data", "manifest", "ref"] {
                        let (temporary, path) = (root.join(format!("{put}.{half}.tmp")), root.join(format!("{put}.{half}")));
                        std::fs::write(&temporary, format!("{half} {thread} {put}")).expect("written");
                        std::fs::rename(temporary, path).expect("renamed");
                    }
                }
            });
        }
    });
    started.elapsed()
}

fn gets(root: &Path) {
    let store = open(&root.join("gets"), false);
    let (at, call) = (at("a/pair"), Call::default());
    let data = vec![7; 4096];
    runtime().block_on(async {
        store.put(&at, &data, b"{}", &call).await.expect("put");
        let mut each: Vec<Duration> = Vec::new();
        for _ in 0..GETS {
            let started = Instant::now();
            let (found, _) = store.get(&at, &call).await.expect("get");
            each.push(started.elapsed());
            assert_eq!(found.len(), data.len());
        }
        each.sort_unstable();
        let plain = root.join("plain-file");
        std::fs::write(&plain, &data).expect("written");
        let started = Instant::now();
        for _ in 0..GETS {
            assert_eq!(std::fs::read(&plain).expect("read").len(), data.len());
        }
        let read = started.elapsed() / GETS;
        let (median, most) = (each[each.len() / 2], each[each.len() * 99 / 100]);
        println!(
            "get of a 4 KiB pair      median {:.3} ms, 99 % within {:.3} ms   reading a plain file {:.3} ms   ratio {:.1}   wanted < 1 ms",
            median.as_secs_f64() * 1000.0,
            most.as_secs_f64() * 1000.0,
            read.as_secs_f64() * 1000.0,
            median.as_secs_f64() / read.as_secs_f64()
        );
    });
}

fn all_puts(root: &Path) {
    let per_second = |took: Duration, count: usize| count as f64 / took.as_secs_f64();
    let ours = per_second(puts(&open(&root.join("puts"), false), PUTS), PUTS);
    let plain = per_second(plain_files(&root.join("plain"), PUTS), PUTS);
    println!(
        "{PUTS} puts, {THREADS} threads    {ours:.0}/s without fsync   three plain files each {plain:.0}/s   ratio {:.2}   wanted >= 2000/s",
        ours / plain
    );
    let few = PUTS / 10;
    println!("{few} puts, {THREADS} threads     {:.0}/s with fsync", per_second(puts(&open(&root.join("durable"), true), few), few));
}

fn lists(root: &Path) {
    let root = root.join("list");
    let store = open(&root, false);
    // Pointers alone: a list reads no bytes.
    runtime().block_on(store.put(&at("seed"), b"", b"", &Call::default())).expect("put");
    let pointer = std::fs::read_to_string(root.join("refs/seed@")).expect("pointer");
    for number in 0..REFS {
        let name = format!("stacks/t_{}/web/{number}", number % 100);
        let path = root.join("refs").join(format!("{name}@"));
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directory");
        std::fs::write(path, pointer.replace("\"seed\"", &format!("\"{name}\""))).expect("pointer");
    }
    let started = Instant::now();
    let found = runtime().block_on(store.list(None, &Call::default())).expect("list");
    let took = started.elapsed();
    assert_eq!(found.len(), REFS + 1);
    let started = Instant::now();
    let output = Command::new("find").arg(root.join("refs")).args(["-name", "*@"]).output().expect("find");
    let find = started.elapsed();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), REFS + 1);
    println!(
        "list of {REFS} refs      {:.2} s   find(1) {:.2} s   ratio {:.2}   wanted < 2 s",
        took.as_secs_f64(),
        find.as_secs_f64(),
        took.as_secs_f64() / find.as_secs_f64()
    );
}

/// Streams a large pair in and out, in a process of its own, and tells the most memory it had.
fn stream(root: &Path) {
    let store = open(&root.join("stream"), false);
    let large = root.join("large");
    let (at, call) = (at("large"), Call::default());
    runtime().block_on(async {
        let pair = Pair { data: Source::File(large), manifest: Source::from(b"{}".as_slice()) };
        store.save(&at, &pair, &call).await.expect("put");
        store.fetch(&at, &root.join("back"), &root.join("said"), &call).await.expect("get");
    });
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let peak: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok()).expect("VmHWM");
    println!("64 MiB pair in and out   {:.1} MiB of memory at most   wanted <= 32 MiB", peak as f64 / 1024.0);
}

fn large_file(root: &Path) {
    let mut file = std::fs::File::create(root.join("large")).expect("file");
    let piece: Vec<u8> = (0..1024 * 1024_u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    for _ in 0..LARGE / piece.len() as u64 {
        file.write_all(&piece).expect("written");
    }
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let root = args.next().map_or_else(std::env::temp_dir, std::path::PathBuf::from);
    if args.next().as_deref() == Some("stream") {
        return stream(&root);
    }
    let dir = tempfile::Builder::new().prefix("store-bench-").tempdir_in(&root).expect("directory");
    gets(dir.path());
    all_puts(dir.path());
    lists(dir.path());
    large_file(dir.path());
    let me = std::env::current_exe().expect("this program");
    let streamed = Command::new(me).arg(dir.path()).arg("stream").status().expect("the second process");
    assert!(streamed.success());
}
