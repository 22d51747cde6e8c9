//! Python: tracebacks, syntax errors, pip, pytest.

use super::found::{Found, Lines, Weight, ahead, brief, located, number};
use crate::core::Problem;

/// What pip says when it gives up; BuildKit's own errors begin with `ERROR: ` too.
const PIP: [&str; 12] = [
    "Could not find a version",
    "No matching distribution",
    "Could not install",
    "Could not build wheels",
    "Could not open requirements file",
    "Failed building wheel",
    "Failed to build",
    "Cannot install",
    "Invalid requirement",
    "ResolutionImpossible",
    "Exception:",
    "Package ",
];

/// What begins at a line.
pub fn at(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let line = lines[at].trim_end();
    let text = line.trim_start();
    if text == "Traceback (most recent call last):" {
        return traceback(lines, at);
    }
    if text.starts_with("File \"") {
        return syntax_error(ahead(lines, at));
    }
    if let Some(message) = text.strip_prefix("ERROR: ").filter(|message| PIP.iter().any(|start| message.starts_with(start))) {
        return Some(pip(message, ahead(lines, at)));
    }
    if text == "error: subprocess-exited-with-error" || text == "× Encountered error while generating package metadata." {
        return Some(Found::consequence(Problem::new("pip", text.trim_start_matches("error: ").trim_start_matches("× "))));
    }
    if let Some((program, message)) = text.split_once(": can't open file ")
        && program.rsplit('/').next().is_some_and(|name| name.starts_with("python"))
    {
        return Some(Found::cause(Problem::new("python", brief(&format!("can't open file {message}"))), 1));
    }
    pytest(text, lines, at)
}

struct Frame<'a> {
    file: &'a str,
    line: u32,
}

/// `File "app.py", line 4, in f`.
fn frame(line: &str) -> Option<Frame<'_>> {
    let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    Some(Frame { file, line: number(rest)?.0 })
}

/// Of a chain of tracebacks the last counts: it is the one nobody caught.
fn traceback(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let (mut problem, mut end) = one_traceback(lines, at)?;
    for _ in 0..8 {
        let below = ahead(lines, end);
        let Some(next) = below.iter().take(12).position(|line| line.trim() == "Traceback (most recent call last):") else { break };
        let chained =
            |line: &str| line.starts_with("During handling of the above") || line.starts_with("The above exception was the direct");
        if !below[..next].iter().any(|line| chained(line.trim_start())) {
            break;
        }
        let Some((later, later_end)) = one_traceback(lines, end + next) else { break };
        (problem, end) = (later, later_end);
    }
    Some(Found::cause(problem, end - at))
}

fn one_traceback(lines: &Lines<'_>, at: usize) -> Option<(Problem, usize)> {
    let indent = lines[at].len() - lines[at].trim_start().len();
    let below = &lines[at + 1..(at + 400).min(lines.len())];
    let inside = |line: &str| line.len() - line.trim_start().len() > indent || line.trim().is_empty();
    let end = below.iter().position(|line| !inside(line))?;
    let frames: Vec<Frame<'_>> = below[..end].iter().filter_map(|line| frame(line)).collect();
    // The deepest frame of the project itself; libraries only pass mistakes on.
    let library =
        |frame: &&Frame<'_>| frame.file.starts_with('<') || frame.file.contains("site-packages") || frame.file.contains("/lib/python");
    let place = frames.iter().rev().find(|frame| !library(frame));
    let problem = Problem::new("python", brief(below[end].trim()));
    let problem = match place {
        Some(frame) => problem.at(frame.file, Some(frame.line), None),
        None => problem,
    };
    Some((problem, at + 1 + end + 1))
}

/// `  File "x.py", line 1`, the source, then `SyntaxError: …`, without a traceback.
fn syntax_error(lines: &Lines<'_>) -> Option<Found> {
    let frame = frame(&lines[0])?;
    let kinds = ["SyntaxError: ", "IndentationError: ", "TabError: ", "_IncompleteInputError: "];
    let end = lines.iter().take(6).position(|line| {
        let text = line.trim_start_matches("Sorry: ").trim_start();
        kinds.iter().any(|kind| text.starts_with(kind))
    })?;
    Some(Found::cause(Problem::new("python", brief(lines[end].trim())).at(frame.file, Some(frame.line), None), end + 1))
}

/// Pip says the same twice; the second time shorter.
fn pip(message: &str, lines: &Lines<'_>) -> Found {
    let again = lines.get(1).is_some_and(|line| line.trim_start().starts_with("ERROR: No matching distribution found"));
    Found::cause(Problem::new("pip", brief(message)), if again && message.starts_with("Could not find a version") { 2 } else { 1 })
}

/// `tests/test_x.py:3: AssertionError` below lines that begin with `E`; `FAILED tests/test_x.py::test_a - assert …`.
fn pytest(text: &str, lines: &Lines<'_>, at: usize) -> Option<Found> {
    if let Some((file, rest)) = text.strip_prefix("FAILED ").and_then(|rest| rest.split_once("::")) {
        let mut problem = Problem::new("pytest", brief(rest));
        problem.file = Some(file.to_owned());
        return Some(Found { problems: vec![problem], lines: 1, weight: Weight::Consequence });
    }
    let place = located(text).filter(|place| place.is_file(&["py"]))?;
    let exception = !place.rest.is_empty() && place.rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_');
    let above = &lines[at.saturating_sub(30)..at];
    let said = above.iter().rev().skip_while(|line| line.trim().is_empty()).take_while(|line| line.starts_with("E ")).last();
    let message = match said {
        Some(line) if exception => format!("{}: {}", place.rest, line[1..].trim().trim_start_matches(&format!("{}: ", place.rest))),
        _ => return None,
    };
    Some(Found::cause(place.problem("pytest", &message), 1))
}
