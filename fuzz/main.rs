//! Throws damaged input at every parser of foreign bytes here, and reports how many times a second:
//! `cargo bench --bench fuzz -- TARGET SECONDS [SEED]`, where TARGET is `inventory` (Dockerfiles) or `layers` (tars laid
//! over each other). Inputs are made from pieces and from seeds that are cut, doubled, spliced and overwritten; a panic
//! ends the run with the seed that repeats it, and so does an input that takes longer than a second. There is no coverage
//! feedback: it needs no nightly compiler and runs wherever the tests do.

use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use stagefreight::build::inspect::{Archive, Entry, Limits, Tree, lay};
use stagefreight::build::inventory::{Options, extract};

/// Longer than any input of this size may take.
const SLOW: Duration = Duration::from_secs(1);
const PIECES: &str = include_str!("pieces.txt");

/// xorshift64*: the same seed, the same inputs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }
}

/// Cuts, doubles, moves and overwrites stretches of bytes.
fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..random.below(6) {
        let length = bytes.len();
        let at = random.below(length + 1);
        let end = (at + random.below(40)).min(length);
        match random.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            2 if at < length => bytes[at] ^= 1 << random.below(8),
            3 if at < length => bytes[at] = [0, 0xff, b'\n', b'/', b'$', b'\\', b'"', b'<', b'0', 0x80][random.below(10)],
            4 => bytes.truncate(at),
            _ => bytes.insert(at, u8::try_from(random.below(256)).unwrap_or(0)),
        }
    }
}

fn dockerfile(random: &mut Random, pieces: &[String]) -> Vec<u8> {
    let mut text = if random.below(4) > 0 { "FROM alpine:3.20\n".to_owned() } else { String::new() };
    for _ in 0..random.below(50) {
        text.push_str(&pieces[random.below(pieces.len())]);
    }
    let mut bytes = text.into_bytes();
    damage(random, &mut bytes);
    bytes
}

fn tar_of(random: &mut Random) -> Vec<u8> {
    const NAMES: [&str; 18] = [
        "a",
        "b",
        "d/",
        "d/a",
        "d/b/c",
        ".wh.a",
        ".wh.d",
        "d/.wh..wh..opq",
        ".wh..wh..opq",
        ".wh..wh.x",
        "../x",
        "l/a",
        "l",
        "",
        "/",
        "d/l/../a",
        ".wh.",
        "l/l/l",
    ];
    const KINDS: &[u8] = b"0123456701xgLKS\0V5500";
    const RECORDS: [&str; 6] =
        ["13 path=a/b/\n", "12 size=100\n", "15 linkpath=d\n", "22 GNU.sparse.major=1\n", "9 uid=12\n", "99 path=x\n"];
    let mut bytes = Vec::new();
    for _ in 0..random.below(10) {
        let mut header = tar::Header::new_gnu();
        let kind = KINDS[random.below(KINDS.len())];
        let content: Vec<u8> = match kind {
            b'x' | b'g' => (0..random.below(3)).flat_map(|_| RECORDS[random.below(RECORDS.len())].bytes()).collect(),
            b'L' | b'K' => NAMES[random.below(NAMES.len())].as_bytes().to_vec(),
            _ => vec![b'x'; random.below(700)],
        };
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let (name, link) = (NAMES[random.below(NAMES.len())], NAMES[random.below(NAMES.len())]);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        // Damage inside a header with its checksum made right again goes deeper than damage the checksum finds.
        if random.below(8) == 0 {
            let at = random.below(512);
            header.as_mut_bytes()[at] = u8::try_from(random.below(256)).unwrap_or(0);
        }
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    if random.below(3) == 0 {
        damage(random, &mut bytes);
    }
    bytes
}

fn layers(random: &mut Random) -> Vec<Vec<u8>> {
    (0..=random.below(3)).map(|_| tar_of(random)).collect()
}

fn read_layers(layers: &[Vec<u8>]) {
    let mut tree = Tree::new(Limits { entries: 1000, names: 100_000, unpacked: None });
    for (number, layer) in layers.iter().enumerate() {
        let mut archive = Archive::new(layer.as_slice());
        let mut entry = Entry::default();
        while matches!(archive.next(&mut entry), Ok(true)) {
            if lay(&mut tree, &entry, u16::try_from(number).unwrap_or(0)).is_err() {
                return;
            }
        }
        let mut rest = Vec::new();
        let _left = archive.into_inner().read_to_end(&mut rest);
    }
    let mut count = 0;
    let _walked = tree.walk::<()>(|file| {
        let _found = tree.find(file.path);
        let mut parts = file.path.split(|byte| *byte == b'/');
        assert!(!parts.clone().any(|part| part.is_empty() || part == b".."), "{file:?}");
        // Runtimes make directories of that name when a file is put below one; nothing else is called like a whiteout.
        assert!(file.implied || !parts.next_back().is_some_and(|name| name.starts_with(b".wh.")), "{file:?}");
        count += 1;
        Ok(())
    });
    assert_eq!(count, tree.len());
}

#[expect(clippy::print_stdout, reason = "a program that reads its arguments and prints its result")]
fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let [target, seconds, rest @ ..] = args.as_slice() else {
        println!("usage: cargo bench --bench fuzz -- inventory|layers SECONDS [SEED]");
        return;
    };
    let seconds: u64 = seconds.parse().unwrap_or(10);
    let first: u64 = rest.first().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let pieces: Vec<String> = PIECES.lines().map(|line| line.replace("\\n", "\n").replace("\\t", "\t")).collect();
    let began = Instant::now();
    let (mut runs, mut slowest, mut read) = (0_u64, Duration::ZERO, 0_u64);
    while began.elapsed() < Duration::from_secs(seconds) {
        let seed = first.wrapping_add(runs);
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        let once = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if target == "inventory" {
                return extract(&String::from_utf8_lossy(&dockerfile(&mut random, &pieces)), &Options::default()).is_ok();
            }
            read_layers(&layers(&mut random));
            true
        }));
        let took = once.elapsed();
        slowest = slowest.max(took);
        assert!(outcome.is_ok(), "{target}: seed {seed} panics");
        assert!(took < SLOW, "{target}: seed {seed} takes {took:?}");
        read += u64::from(outcome.unwrap_or(false));
        runs += 1;
    }
    let rate = runs as f64 / began.elapsed().as_secs_f64();
    println!(
        "{target}: {runs} executions in {seconds} s, {rate:.0} a second; {read} were read, the others refused; the slowest took {slowest:?}; no finding"
    );
}
