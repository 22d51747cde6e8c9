//! Throws damaged input at every parser of foreign bytes here, and reports how many times a second:
//! `cargo bench --bench fuzz -- TARGET SECONDS [SEED]`. Inputs are made from pieces and from seeds that are cut, doubled,
//! spliced and overwritten; a panic ends the run with the seed that repeats it, and so does an input that takes longer
//! than a second. There is no coverage feedback: it needs no nightly compiler and runs wherever the tests do.

mod dockerfiles;
mod layers;
mod random;
mod remote;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use random::Random;

/// Longer than any input of this size may take.
const SLOW: Duration = Duration::from_secs(1);
const TARGETS: &str = "inventory, layers, messages, lockfiles, receipts";

#[expect(clippy::print_stdout, reason = "a program that reads its arguments and prints its result")]
fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let [target, seconds, rest @ ..] = args.as_slice() else {
        println!("usage: cargo bench --bench fuzz -- TARGET SECONDS [SEED], where TARGET is one of {TARGETS}");
        return;
    };
    let seconds: u64 = seconds.parse().unwrap_or(10);
    let first: u64 = rest.first().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let pieces = dockerfiles::pieces();
    let run: &dyn Fn(&mut Random) -> bool = match target.as_str() {
        "inventory" => &|random| dockerfiles::run(random, &pieces),
        "layers" => &layers::run,
        "messages" => &remote::messages,
        "lockfiles" => &remote::lockfiles,
        "receipts" => &remote::receipts,
        _ => {
            println!("there is no target {target}: {TARGETS}");
            std::process::exit(2);
        }
    };
    let began = Instant::now();
    let (mut runs, mut slowest, mut read) = (0_u64, Duration::ZERO, 0_u64);
    while began.elapsed() < Duration::from_secs(seconds) {
        let seed = first.wrapping_add(runs);
        let mut random = Random::new(seed);
        let once = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut random)));
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
