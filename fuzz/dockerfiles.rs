//! Dockerfiles, for the inventory.

use stagefreight::build::inventory::{Options, extract};

use crate::random::{Random, damage};

const PIECES: &str = include_str!("pieces.txt");

/// Every line of `pieces.txt`, which writes line feeds and tabs as `\n` and `\t`.
pub fn pieces() -> Vec<String> {
    PIECES.lines().map(|line| line.replace("\\n", "\n").replace("\\t", "\t")).collect()
}

/// Makes one and reads it; whether it was read to its end.
pub fn run(random: &mut Random, pieces: &[String]) -> bool {
    extract(&String::from_utf8_lossy(&dockerfile(random, pieces)), &Options::default()).is_ok()
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
