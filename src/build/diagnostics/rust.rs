//! Rust: rustc in its long and short form, cargo, and panics of tests.

use super::found::{Found, Lines, ahead, brief, ends_with_one, located};
use crate::core::Problem;

/// Cargo's own sentences that say what is wrong.
const CARGO: [&str; 14] = [
    "failed to ",
    "no matching package",
    "package `",
    "package ID",
    "could not find `Cargo.toml`",
    "the lock file",
    "cannot update the lock file",
    "unable to ",
    "invalid character",
    "no bin target",
    "no such command",
    "linker `",
    "linking with ",
    "toolchain ",
];

/// Sentences that say that something was wrong.
const CONSEQUENCES: [&str; 5] = ["could not compile ", "aborting due to ", "test failed", "build failed", "process didn't exit"];

/// What begins at a line.
pub fn at(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let line = lines[at].trim_end();
    if line.starts_with("thread '") {
        return panic(ahead(lines, at));
    }
    if let Some(place) = located(line).filter(|place| place.is_file(&["rs"]))
        && let Some(message) = message(place.rest)
    {
        return Some(Found::cause(place.problem("rustc", &message), 1));
    }
    let text = message(line)?;
    let lines = ahead(lines, at);
    let arrow = lines[1..].iter().take(8).take_while(|line| !line.is_empty()).position(|line| line.trim_start().starts_with("--> "));
    if let Some(arrow) = arrow {
        let place = located(lines[1 + arrow].trim_start().trim_start_matches("--> "));
        let tool = if place.as_ref().is_some_and(|place| ends_with_one(place.file, &["toml"])) { "cargo" } else { "rustc" };
        let problem = match place {
            Some(place) => place.problem(tool, &text),
            None => Problem::new(tool, brief(&text)),
        };
        // The source below it is not looked at again: it may hold any text.
        let source = lines[2 + arrow..].iter().take_while(|line| !line.trim().is_empty()).count();
        return Some(Found::cause(problem, 2 + arrow + source));
    }
    if text.starts_with("linking with ") {
        return Some(linking(&text, lines));
    }
    if CONSEQUENCES.iter().any(|start| text.starts_with(start)) {
        return Some(Found::consequence(Problem::new("cargo", brief(&text))));
    }
    CARGO.iter().any(|start| text.starts_with(start)).then(|| cargo(&text, lines))
}

/// `error[E0425]: cannot find value` → `cannot find value [E0425]`.
fn message(line: &str) -> Option<String> {
    let rest = line.strip_prefix("error")?;
    if let Some(text) = rest.strip_prefix(": ") {
        return Some(text.trim().to_owned());
    }
    let (code, text) = rest.strip_prefix('[')?.split_once("]: ")?;
    Some(format!("{} [{code}]", text.trim()))
}

/// A sentence and its last cause, which says most.
fn cargo(text: &str, lines: &Lines<'_>) -> Found {
    let block: Vec<&str> = lines[1..].iter().map(|line| line.trim_end()).take_while(|line| !line.starts_with("error")).take(30).collect();
    let causes: Vec<&str> =
        block.windows(2).filter(|pair| pair[0] == "Caused by:").map(|pair| pair[1].trim()).filter(|text| !text.is_empty()).collect();
    let message = causes.last().map_or_else(|| text.to_owned(), |cause| format!("{text}: {cause}"));
    let mut problem = Problem::new("cargo", brief(&message));
    if let Some(manifest) = text.split('`').nth(1).filter(|name| name.ends_with("Cargo.toml")) {
        problem.file = Some(manifest.to_owned());
    }
    let taken = block.iter().rposition(|line| *line == "Caused by:").map_or(1, |at| at + 3);
    Found::cause(problem, taken.min(lines.len()))
}

/// What the linker missed stands in notes below, often behind a very long command line.
fn linking(text: &str, lines: &Lines<'_>) -> Found {
    let words = ["undefined symbol: ", "undefined reference to ", "unable to find library ", "cannot find "];
    let block = lines[1..].iter().take_while(|line| !line.starts_with("error"));
    let missing = block.clone().find_map(|line| words.iter().find_map(|word| line.find(word).map(|at| line[at..].trim())));
    let message = missing.map_or_else(|| text.to_owned(), |missing| format!("{text}: {missing}"));
    Found::cause(Problem::new("rustc", brief(&message)), 1 + block.count())
}

/// `thread 'main' panicked at src/main.rs:2:5:` and its message on the next line; before Rust 1.73
/// `thread 'main' panicked at 'message', src/main.rs:2:5`.
fn panic(lines: &Lines<'_>) -> Option<Found> {
    let (thread, rest) = lines[0].split_once(" panicked at ")?;
    let name = thread.split('\'').nth(1)?;
    let (place, message, taken) = match rest.strip_prefix('\'') {
        Some(old) => {
            let (message, place) = old.rsplit_once("', ")?;
            (place, message, 1)
        }
        None => (rest.trim_end_matches(':'), lines.get(1).map_or("", |line| line.trim()), 2),
    };
    let text = format!("`{name}` panicked: {message}");
    let problem = match located(place).filter(|place| place.is_file(&["rs"]) && !place.file.starts_with("/rustc/")) {
        Some(place) => place.problem("rust", &text),
        None => Problem::new("rust", brief(&text)),
    };
    Some(Found::cause(problem, taken))
}
