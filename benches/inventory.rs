//! How long the inventory of 1 000 Dockerfiles takes, next to parsing them with `parse-dockerfile` alone, in the same run.
//! `cargo bench --bench inventory`. The Dockerfiles are made here: between 10 and 60 lines, no two the same.

use std::time::{Duration, Instant};

use stagefreight::build::inventory::{Options, extract};

const COUNT: usize = 1000;
const ROUNDS: usize = 5;
/// What the project asks for.
const ASKED: Duration = Duration::from_millis(300);

fn dockerfile(number: usize) -> String {
    let mut text =
        format!("# syntax=docker/dockerfile:1\nARG GO=1.{}\nFROM golang:${{GO}}-alpine3.{} AS build\n", number % 30, number % 23);
    for step in 0..=number % 9 {
        text.push_str(&format!(
            "ARG TOOL_{step}_VERSION={step}.{number}.0\nRUN apk add --no-cache --virtual .deps-{step} \\\n    git=2.{step}-r0 \\\n    # tools\n    make{number} \\\n && go install github.com/acme/tool{step}/cmd/x@v1.{number}.{step} \\\n && curl -fsSL \"https://github.com/acme/t{step}/releases/download/v${{TOOL_{step}_VERSION}}/t-linux-amd64.tar.gz\" | tar xz\n"
        ));
    }
    text.push_str("FROM debian:bookworm-slim\nRUN <<EOF\nset -eux\napt-get update\napt-get install -y --no-install-recommends curl=7.88.1-10 ca-certificates\n");
    text.push_str(&format!("pip install flask==3.0.{number} 'uvicorn[standard]>=0.30' && npm install -g pnpm@9.{number}.0\nEOF\n"));
    text.push_str("COPY --from=build /app /app\nENTRYPOINT [\"/app\"]\n");
    text
}

fn best(mut run: impl FnMut() -> usize) -> (Duration, usize) {
    let timed = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        let count = run();
        (began.elapsed(), count)
    });
    timed.min().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn main() {
    let texts: Vec<String> = (0..COUNT).map(dockerfile).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let options = Options::default();
    let (ours, found) = best(|| texts.iter().filter_map(|text| extract(text, &options).ok()).map(|found| found.packages.len()).sum());
    let (theirs, parsed) =
        best(|| texts.iter().filter_map(|text| parse_dockerfile::parse(text).ok()).map(|file| file.instructions.len()).sum());
    println!("{COUNT} Dockerfiles, {} KiB, {found} packages, {parsed} instructions; best of {ROUNDS}", bytes / 1024);
    println!("inventory         {:8.1} ms  (asked: {} ms)", ours.as_secs_f64() * 1e3, ASKED.as_millis());
    println!(
        "parse-dockerfile  {:8.1} ms  the inventory takes {:.1} x as long",
        theirs.as_secs_f64() * 1e3,
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
    assert!(found > COUNT, "the Dockerfiles were not read");
    assert!(ours < ASKED, "slower than asked");
}
