//! Go: the compiler, `go vet`, `go.mod`, tests and panics.

use super::found::{Found, Lines, Weight, ahead, brief, located};
use super::rules::GO_WORDS;
use crate::core::Problem;

/// More that the compiler and the go command say, besides the words of the plain rules.
const MORE_WORDS: [&str; 14] = [
    "invalid",
    "expected",
    "no required module",
    "is not in std",
    "not used",
    "no new variables",
    "mismatch",
    "does not implement",
    "must",
    "duplicate",
    "unknown",
    "missing",
    "impossible",
    "malformed",
];

/// What `go: …` lines say when something is wrong; the others report progress.
const GO_TROUBLE: [&str; 16] = [
    "error",
    "not found",
    "no such",
    "cannot",
    "unknown",
    "invalid",
    "requires",
    "missing",
    "updates to go.mod",
    "inconsistent",
    "disabled",
    "failed",
    "mismatch",
    "denied",
    "refused",
    "could not",
];

/// What begins at a line.
pub fn at(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let line = lines[at].trim_end();
    if line.starts_with("--- FAIL: ") || line.trim_start().starts_with("--- FAIL: ") {
        return test(ahead(lines, at));
    }
    if line.starts_with("panic: ") || line.starts_with("fatal error: ") {
        return panic(ahead(lines, at));
    }
    if line.starts_with("# ") {
        return package(lines, at);
    }
    if let Some(text) = line.strip_prefix("go: ") {
        return command(text, ahead(lines, at));
    }
    if !line.contains(".go:") {
        return None;
    }
    let place = located(line.trim().trim_start_matches("vet: ")).filter(|place| place.is_file(&["go"]))?;
    let lower = place.rest.to_ascii_lowercase();
    if !GO_WORDS.iter().chain(&MORE_WORDS).any(|word| lower.contains(word)) {
        return None;
    }
    let (message, taken) = with_continuation(place.rest, ahead(lines, at + 1));
    Some(Found::cause(place.problem("go", &message), 1 + taken))
}

/// `# example.com/app` and the errors of that package, whatever their words.
fn package(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let mut problems = Vec::new();
    let mut next = at + 1;
    while let Some(line) = lines.get(next) {
        let text = line.trim();
        if text.starts_with("# [") {
            next += 1;
            continue;
        }
        if text.ends_with("too many errors") {
            next += 1;
            break;
        }
        let Some(place) = located(text.trim_start_matches("vet: ")).filter(|place| place.is_file(&["go"]) && !place.rest.is_empty()) else {
            break;
        };
        let (message, taken) = with_continuation(place.rest, ahead(lines, next + 1));
        problems.push(place.problem("go", &message));
        next += 1 + taken;
        if problems.len() > super::MAX_PROBLEMS {
            break;
        }
    }
    (!problems.is_empty()).then(|| Found { problems, lines: next - at, weight: Weight::Cause })
}

// `have (int)` and `want (string)`, `go get example.org/x`: told below, behind a tab.
fn with_continuation(message: &str, below: &Lines<'_>) -> (String, usize) {
    let more = below.iter().take(4).take_while(|line| line.starts_with('\t') && !line.contains(".go:"));
    let more: Vec<&str> = more.map(|line| line.trim()).collect();
    let joint = if message.ends_with(':') || message.ends_with("to add it:") { " " } else { "; " };
    let text = if more.is_empty() { message.to_owned() } else { format!("{message}{joint}{}", more.join(", ")) };
    (text, more.len())
}

fn command(text: &str, lines: &Lines<'_>) -> Option<Found> {
    if let Some(place) = lines.get(1).and_then(|line| located(line.trim())).filter(|place| place.file.ends_with("go.mod")) {
        return Some(Found::cause(place.problem("go", place.rest), 2));
    }
    if let Some(place) = located(text).filter(|place| place.file.ends_with("go.mod") || place.is_file(&["go", "mod", "work"])) {
        return Some(Found::cause(place.problem("go", place.rest), 1));
    }
    let lower = text.to_ascii_lowercase();
    let progress = ["downloading ", "finding ", "found ", "added ", "upgraded ", "warning"].iter().any(|word| lower.starts_with(word));
    if progress || !GO_TROUBLE.iter().any(|word| lower.contains(word)) {
        return None;
    }
    let (message, taken) = with_continuation(text, &lines[1..]);
    Some(Found::cause(Problem::new("go", brief(&message)), 1 + taken))
}

/// `--- FAIL: TestX (0.00s)` and what the test said below it.
fn test(lines: &Lines<'_>) -> Option<Found> {
    let name = lines[0].trim().strip_prefix("--- FAIL: ")?.split_whitespace().next()?;
    let said = lines[1..].iter().take_while(|line| line.starts_with("    "));
    let places: Vec<_> =
        said.filter_map(|line| located(line.trim())).filter(|place| place.is_file(&["go"]) && !place.rest.is_empty()).take(5).collect();
    if places.is_empty() {
        // A panic that follows says where.
        return Some(Found::consequence(Problem::new("go", format!("{name} failed"))));
    }
    let problems = places.iter().map(|place| place.problem("go", &format!("{name}: {}", place.rest))).collect();
    let taken = 1 + lines[1..].iter().take_while(|line| line.starts_with("    ")).count();
    Some(Found { problems, lines: taken, weight: Weight::Cause })
}

/// `panic: …`, then goroutines. The place is the first frame that is neither Go's own nor a module's.
fn panic(lines: &Lines<'_>) -> Option<Found> {
    let trace = lines.iter().position(|line| line.starts_with("goroutine ")).filter(|at| *at <= 6)?;
    let foreign = ["/src/runtime/", "/src/testing/", "/src/internal/", "/pkg/mod/"];
    let frame = lines[trace..].iter().filter(|line| line.starts_with('\t')).filter_map(|line| {
        let (place, _) = line.trim().split_once(" +0x").unwrap_or((line.trim(), ""));
        located(place).filter(|place| place.is_file(&["go"]) && !foreign.iter().any(|part| place.file.contains(part)))
    });
    let message = lines[0].trim().split(" [recovered").next()?.to_owned();
    let problem = match frame.into_iter().next() {
        Some(place) => place.problem("go", &message),
        None => Problem::new("go", brief(&message)),
    };
    Some(Found::cause(problem, trace + 1))
}
