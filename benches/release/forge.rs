//! An embedded GitHub for measurements, in a process of its own.
//!
//!     bench-forge DIR TAG COMMIT LATENCY_MILLIS [stall]
//!
//! Has one repository, `acme/app`, with one tag. With `stall` the first upload is taken in by nobody. Prints its port; then, for each line it reads, how many requests and how
//! many writes arrived since the last, until its input ends.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program of its own that says where it listens")]

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::time::Duration;

use stagefreight::rehearse::api::Options as ServerOptions;
use stagefreight::rehearse::fault::{Fault, FaultPlan, Moment};
use stagefreight::rehearse::forge_github::{Options, Repository, serve};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (args, stalls) = match args.split_last() {
        Some((last, rest)) if last == "stall" => (rest, true),
        _ => (args.as_slice(), false),
    };
    let [dir, tag, commit, latency] = args else { panic_with_usage() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let repository = Repository { tags: BTreeMap::from([(tag.clone(), commit.clone())]), ..Repository::default() };
    let mut options = Options::new(dir, [("acme/app".to_owned(), repository)]);
    let latency = Duration::from_millis(latency.parse().expect("milliseconds"));
    let stall = Fault::Stall { millis: 600_000, moment: Moment::Before };
    let faults = if stalls { FaultPlan::default().nth("POST", "*/assets*", 1, stall) } else { FaultPlan::default() };
    options.server = ServerOptions { latency, faults, ..ServerOptions::default() };
    let running = runtime.block_on(serve(options)).expect("forge");
    println!("{}", running.addr.port());
    for _line in std::io::stdin().lock().lines() {
        let (requests, writes) = (running.log().entries().len(), running.log().writes().len());
        running.log().clear();
        println!("{requests} {writes}");
    }
}

#[expect(clippy::exit, clippy::print_stderr, reason = "a program of its own")]
fn panic_with_usage() -> ! {
    eprintln!("usage: bench-forge DIR TAG COMMIT LATENCY_MILLIS [stall]");
    std::process::exit(2);
}
