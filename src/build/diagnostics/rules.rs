//! The plain rules of spec/build.md M, line by line: they know Go, BuildKit, exit codes, and anything that says
//! "error". The parsers of the languages go first; these read what is left.

use super::found::{brief, located};
use super::parse::Origin;
use crate::core::Problem;

/// What a Go compiler says in an error.
pub(super) const GO_WORDS: [&str; 11] = [
    "undefined",
    "cannot",
    "imported and not used",
    "too many errors",
    "syntax error",
    "declared and not used",
    "not enough arguments",
    "too many arguments",
    "missing return",
    "type mismatch",
    "redeclared",
];

/// The problem in one line, by the first rule that fits. A line that a step of the build printed is nothing BuildKit
/// said, whatever it begins with.
pub fn line(line: &str, origin: Origin) -> Option<Problem> {
    let line = line.trim();
    let lower = line.to_ascii_lowercase();
    if let Some(problem) = go(line, &lower) {
        return Some(problem);
    }
    if let Some(message) = line.strip_prefix("ERROR:").or_else(|| line.strip_prefix("error:")) {
        return Some(match origin {
            Origin::Builder => Problem::new("docker", brief(message)),
            Origin::Step => Problem::new(Problem::GENERIC, brief(line)),
        });
    }
    if line.contains("did not complete successfully") {
        return Some(Problem::new("docker", brief(line)));
    }
    if line.contains("exit code:") || line.contains("exit status") {
        return Some(Problem::new("process", brief(line)));
    }
    let says_so = ["error", "undefined", "failed"].iter().any(|word| lower.contains(word));
    if !line.contains(':') || !says_so || line.starts_with('#') || line.starts_with("---") || line.contains(" => ") {
        return None;
    }
    Some(match located(line) {
        Some(place) => place.problem(Problem::GENERIC, place.rest),
        None => Problem::new(Problem::GENERIC, brief(line)),
    })
}

fn go(line: &str, lower: &str) -> Option<Problem> {
    let end = line.find(".go:")? + ".go".len();
    if !GO_WORDS.iter().any(|word| lower.contains(word)) {
        return None;
    }
    let place = located(line).filter(|place| place.file.len() == end);
    Some(match place {
        Some(place) => place.problem("go", place.rest),
        None => Problem::new("go", brief(&line[end + 1..])).at(&line[..end], None, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors from the text of spec/build.md M: which rule takes a line, and what is made of it.
    #[test]
    fn the_first_rule_that_fits_takes_the_line() {
        for (text, expected) in [
            // 1: `.go:` and one of the words, whatever their case.
            ("./main.go:10:14: undefined: x", Some("[go] ./main.go:10:14: undefined: x")),
            ("  main.go:3: Syntax Error: unexpected }", Some("[go] main.go:3: Syntax Error: unexpected }")),
            ("a.go:1:2: cannot use x", Some("[go] a.go:1:2: cannot use x")),
            ("a.go:1:2: \"os\" imported and not used", Some("[go] a.go:1:2: \"os\" imported and not used")),
            ("a.go:1:2: too many errors", Some("[go] a.go:1:2: too many errors")),
            ("a.go:1:2: declared and not used: x", Some("[go] a.go:1:2: declared and not used: x")),
            ("a.go:1:2: not enough arguments in call", Some("[go] a.go:1:2: not enough arguments in call")),
            ("a.go:1:2: too many arguments in call", Some("[go] a.go:1:2: too many arguments in call")),
            ("a.go:1:2: missing return", Some("[go] a.go:1:2: missing return")),
            ("a.go:1:2: type mismatch", Some("[go] a.go:1:2: type mismatch")),
            ("a.go:1:2: x redeclared in this block", Some("[go] a.go:1:2: x redeclared in this block")),
            // A file keeps what stands before it; BuildKit's stamps are taken off earlier, which is better than M.
            ("vet: a.go:1:2: undefined: x", Some("[go] vet: a.go:1:2: undefined: x")),
            // Rule 1 goes before rule 2.
            ("ERROR: a.go:1:2: undefined: x", Some("[go] ERROR: a.go:1:2: undefined: x")),
            // 2: what BuildKit says.
            ("ERROR: failed to solve: no", Some("[docker] failed to solve: no")),
            ("error: no builder \"x\" found", Some("[docker] no builder \"x\" found")),
            // 3: also without the prefix.
            (
                "process \"/bin/sh -c make\" did not complete successfully: exit code: 2",
                Some("[docker] process \"/bin/sh -c make\" did not complete successfully: exit code: 2"),
            ),
            // 4: exit codes.
            ("it ended with exit code: 3", Some("[process] it ended with exit code: 3")),
            ("exit status 1", Some("[process] exit status 1")),
            // 5: a colon and a word, with a place where one is told.
            ("conf/app.ini:7:bad key, Failed", Some("[generic] conf/app.ini:7: bad key, Failed")),
            ("linker: undefined reference", Some("linker: undefined reference")),
            ("Error: it broke", Some("Error: it broke")),
            // and what it leaves out
            ("#7 ERROR: x", None),
            ("--- error: x", None),
            ("[build 2/3] => error: x", None),
            ("an error without a colon", None),
            ("a: fine", None),
            ("", None),
        ] {
            assert_eq!(line(text, Origin::Builder).map(|problem| problem.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_step_prints_is_not_said_by_docker() {
        let problem = line("error: cannot open x", Origin::Step).expect("an error");
        assert_eq!((problem.tool, problem.message.as_str()), (Problem::GENERIC, "error: cannot open x"));
    }
}
