//! From lines to problems: at each line the parsers of the languages are asked in turn, then the plain rules.

use std::borrow::Cow;

use super::found::{Found, Lines, Weight};
use super::{c, go, jvm, node, packages, python, rules, rust, text};
use crate::core::Problem;

/// Problems told of one build (spec/build.md M).
pub const MAX_PROBLEMS: usize = 15;

/// Lines that are read: of longer output the last ones.
const MAX_LINES: usize = 50_000;

/// Whose lines they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Printed by a step of the build.
    Step,
    /// Printed by the tool that builds.
    Builder,
}

type Parser = for<'a, 'b> fn(&'b Lines<'a>, usize) -> Option<Found>;

/// The order matters where two could read a line: those that want more of it come first.
const PARSERS: [Parser; 7] = [go::at, rust::at, python::at, node::at, jvm::at, c::at, packages::at];

/// The problems in these lines, in the order in which they were printed, each once, at most [`MAX_PROBLEMS`]. Where
/// causes are known, lines that only look like errors and lines that only say that something failed are left out.
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>, origin: Origin) -> Vec<Problem> {
    let mut lines: Vec<Cow<'_, str>> = lines.into_iter().map(text::plain).collect();
    lines.drain(..lines.len().saturating_sub(MAX_LINES));
    let mut causes = Vec::new();
    let mut consequences = Vec::new();
    let mut at = 0;
    while at < lines.len() && causes.len() < MAX_PROBLEMS {
        if lines[at].trim().is_empty() {
            at += 1;
        } else if let Some(found) = PARSERS.iter().find_map(|parser| parser(&lines, at)) {
            let into = if found.weight == Weight::Cause { &mut causes } else { &mut consequences };
            found.problems.into_iter().for_each(|problem| add(into, at, problem));
            at += found.lines.max(1);
        } else {
            if let Some(problem) = rules::line(&lines[at], origin) {
                let known = problem.tool != Problem::GENERIC && problem.tool != "process";
                add(if known { &mut causes } else { &mut consequences }, at, problem);
            }
            at += 1;
        }
    }
    let mut all = if causes.is_empty() { consequences } else { causes };
    all.sort_by_key(|(at, _)| *at);
    all.truncate(MAX_PROBLEMS);
    all.into_iter().map(|(_, problem)| problem).collect()
}

fn add(into: &mut Vec<(usize, Problem)>, at: usize, problem: Problem) {
    if into.len() < MAX_PROBLEMS && !into.iter().any(|(_, known)| *known == problem) {
        into.push((at, problem));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn at_most_fifteen_each_once_and_none_from_nothing() {
        let text: Vec<String> = (1..=40).flat_map(|n| vec![format!("m.go:{n}:1: undefined: x"); 2]).collect();
        let found = parse(text.iter().map(String::as_str), Origin::Step);
        assert_eq!(found.len(), MAX_PROBLEMS);
        assert_eq!(found.iter().map(|problem| problem.line).collect::<Vec<_>>(), (1..=15).map(Some).collect::<Vec<_>>());
        assert_eq!(parse(["", "   ", "\t"], Origin::Step), []);
    }

    #[test]
    fn causes_win_over_what_only_looks_like_one() {
        let lines = ["3 tests failed: see above", "main.c:2:3: error: x", "make: *** [Makefile:2: all] Error 1", "exit status 2"];
        let shown = |lines: &[&str]| parse(lines.iter().copied(), Origin::Step).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(&lines), ["[cc] main.c:2:3: x"]);
        assert_eq!(shown(&lines[2..]), ["[make] Makefile:2: all: Error 1", "[process] exit status 2"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(lines in prop::collection::vec(any::<String>(), 0..40)) {
            let _problems = parse(lines.iter().map(String::as_str), Origin::Step);
        }

        #[test]
        fn no_shuffled_output_makes_it_panic(words in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..120)) {
            let text = words.concat();
            for origin in [Origin::Step, Origin::Builder] {
                prop_assert!(parse(text.lines(), origin).len() <= MAX_PROBLEMS);
            }
        }
    }

    /// What outputs are made of, to be put together wrongly.
    const PIECES: &[&str] = &[
        "\n",
        "\n",
        "\n",
        " ",
        "\t",
        ":",
        "3",
        "0",
        "99999999999",
        "error",
        "error: ",
        "error[E0425]: ",
        " --> ",
        "src/main.rs",
        "main.go",
        "main.c",
        "Main.java",
        "app.py",
        "a.ts",
        "(3,5)",
        ": ",
        "# pkg",
        "--- FAIL: TestX (0.00s)",
        "panic: ",
        "thread 'x' panicked at ",
        "Traceback (most recent call last):",
        "  File \"a.py\", line 3",
        "SyntaxError: ",
        "npm ERR! ",
        "npm error ",
        "code ",
        "[ERROR] ",
        ":[3,5] ",
        "* What went wrong:",
        "> ",
        "e: ",
        "file://",
        "Exception in thread ",
        "\tat x(Y.java:3)",
        "/usr/bin/ld: ",
        "undefined reference to ",
        "make: *** ",
        "[",
        "]",
        "`",
        "'",
        "\"",
        "CMake Error at ",
        "✘ [ERROR] ",
        "ü",
        "\u{1b}[",
        "\u{1b}]",
        "\r",
        "Caused by:",
        "error: failed to ",
        "E   ",
        "ERROR in ",
        "ERROR: ",
        "E: ",
        "sh: ",
        "not found",
        "/",
        "..",
        "(",
        ")",
        "@",
    ];

    #[test]
    fn hostile_output_costs_no_more_than_its_length() {
        let hostile = [
            "a".repeat(10 << 20),
            "a:".repeat(5 << 20),
            "\u{1b}[".repeat(5 << 20),
            "error: x\n".repeat((10 << 20) / 9),
            "# p\nm.go:1:1: fine\n".repeat((10 << 20) / 20),
            "Traceback (most recent call last):\n".repeat((10 << 20) / 35),
            "panic: x\n".repeat((10 << 20) / 9),
            "npm ERR! \n".repeat((10 << 20) / 10),
            "\n".repeat(10 << 20),
            "/a.js\n  1:1  warning  x  y\n".repeat((10 << 20) / 26),
        ];
        for text in &hostile {
            let started = Instant::now();
            let found = parse(text.lines(), Origin::Step);
            assert!(found.len() <= MAX_PROBLEMS);
            assert!(started.elapsed() < Duration::from_secs(20), "{:?} for {:?}…", started.elapsed(), &text[..20]);
        }
    }
}
