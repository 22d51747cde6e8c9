//! Java and Kotlin: javac, kotlinc, Maven, Gradle, and exceptions nobody caught.

use super::found::{Found, Lines, Weight, ahead, brief, ends_with_one, located, number};
use crate::core::Problem;

/// What begins at a line.
pub fn at(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let line = lines[at].trim();
    if let Some(text) = line.strip_prefix("[ERROR]").or_else(|| line.strip_prefix("[FATAL]")) {
        return Some(maven(text.trim(), ahead(lines, at)));
    }
    if line == "* What went wrong:" {
        return gradle(lines, at);
    }
    if let Some(text) = line.strip_prefix("e: ") {
        return kotlin(text);
    }
    if line.starts_with("Exception in thread ") {
        return exception(ahead(lines, at));
    }
    javac(line, ahead(lines, at))
}

/// `Main.java:4: error: cannot find symbol`, with `symbol:` and `location:` below the source.
fn javac(line: &str, lines: &Lines<'_>) -> Option<Found> {
    if line.starts_with("error: ") && line.ends_with("(use -source 8 or higher to enable)") {
        return None;
    }
    let place = located(line).filter(|place| place.is_file(&["java"]))?;
    let message = place.rest.strip_prefix("error: ")?;
    let (details, taken) = details(&lines[1..], 2);
    Some(Found::cause(place.problem("javac", &with_details(message, &details)), 1 + taken))
}

/// The details below an error: at once in Maven's output, behind the source and a caret in javac's.
fn details(below: &Lines<'_>, source: usize) -> (Vec<String>, usize) {
    let detail = |line: &str| {
        let text = line.trim_start_matches("[ERROR]").trim_start();
        let known = ["symbol:", "location:", "required:", "found:", "reason:"].iter().any(|word| text.starts_with(word));
        (known && line.len() > text.len()).then(|| text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let first = below.iter().take(source + 1).position(|line| detail(line).is_some());
    let Some(first) = first else { return (Vec::new(), 0) };
    let details: Vec<String> = below[first..].iter().map_while(|line| detail(line)).collect();
    let taken = first + details.len();
    (details, taken)
}

fn with_details(message: &str, details: &[String]) -> String {
    if details.is_empty() { message.to_owned() } else { format!("{message} ({})", details.join(", ")) }
}

/// `[ERROR] /src/A.java:[3,5] ';' expected`. Maven says everything twice, and ends with advice.
fn maven(text: &str, lines: &Lines<'_>) -> Found {
    if text.is_empty() || text.starts_with("-> [Help") || text.starts_with("COMPILATION ERROR") {
        return Found { problems: Vec::new(), lines: 1, weight: Weight::Consequence };
    }
    if let Some((file, rest)) = text.split_once(":[")
        && let Some((line, rest)) = number(rest)
        && let Some((column, message)) = rest.strip_prefix(',').and_then(number)
    {
        let (details, taken) = details(&lines[1..], 0);
        let message = with_details(message.trim_start_matches(']').trim(), &details);
        return Found::cause(Problem::new("maven", brief(&message)).at(file, Some(line), Some(column)), 1 + taken);
    }
    let advice = ["To see the full stack trace", "Re-run Maven", "For more information about", "[Help ", "After correcting the problems"];
    if advice.iter().any(|start| text.starts_with(start)) {
        return Found { problems: Vec::new(), lines: 1, weight: Weight::Consequence };
    }
    let text = text.split(" -> [Help").next().unwrap_or(text);
    // `… @ line 3, column 5` in a POM.
    if let Some((message, place)) = text.split_once(" @ ")
        && let Some((line, column)) = line_and_column(place)
    {
        let file = place.split_once(", line ").map(|(file, _)| file.trim()).filter(|file| !file.is_empty());
        let file =
            file.or_else(|| message.split_whitespace().map(|word| word.trim_end_matches(':')).find(|word| ends_with_one(word, &["xml"])));
        let problem = Problem::new("maven", brief(message));
        let problem = match file {
            Some(file) => problem.at(file, Some(line), column),
            None => problem,
        };
        return Found::cause(problem, 1);
    }
    Found::consequence(Problem::new("maven", brief(text)))
}

fn line_and_column(text: &str) -> Option<(u32, Option<u32>)> {
    let (line, rest) = number(&text[text.find("line ")? + "line ".len()..])?;
    Some((line, rest.strip_prefix(", column ").and_then(number).map(|(column, _)| column)))
}

/// `* What went wrong:`, the sentence, and `> ` the reasons; `* Where:` above says which build script.
fn gradle(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let below = ahead(lines, at + 1);
    let block: Vec<&str> =
        below.iter().map(|line| line.trim()).take_while(|line| !line.is_empty() && !line.starts_with("* ")).take(8).collect();
    let (sentence, reasons) = block.split_first()?;
    let reasons: Vec<&str> = reasons.iter().filter_map(|line| line.strip_prefix("> ")).collect();
    let message = if reasons.is_empty() { (*sentence).to_owned() } else { format!("{sentence} {}", reasons.join(" ")) };
    let mut problem = Problem::new("gradle", brief(&message));
    let above = &lines[at.saturating_sub(4)..at];
    let script = above.iter().find_map(|line| {
        let (_, rest) = line.trim().split_once("file '")?;
        let (file, rest) = rest.split_once("' line: ")?;
        Some((file, number(rest)?.0))
    });
    if let Some((file, line)) = script {
        problem = problem.at(file, Some(line), None);
    }
    let weight =
        if message.contains("Compilation failed") || message.contains("Compilation error") { Weight::Consequence } else { Weight::Cause };
    Some(Found { problems: vec![problem], lines: 1 + block.len(), weight })
}

/// `e: file:///src/A.kt:3:5 Unresolved reference: x`, before Kotlin 1.9 `e: /src/A.kt: (3, 5): Unresolved …`.
fn kotlin(text: &str) -> Option<Found> {
    let text = text.strip_prefix("file://").unwrap_or(text);
    let end = [".kt", ".kts"].iter().filter_map(|ending| text.find(&format!("{ending}:")).map(|at| at + ending.len())).min()?;
    let (file, rest) = (&text[..end], &text[end + 1..]);
    let (open, separator) = if rest.starts_with(" (") { (" (", ", ") } else { ("", ":") };
    let (line, rest) = number(rest.strip_prefix(open)?)?;
    let (column, message) = number(rest.strip_prefix(separator)?)?;
    let message = message.trim_start_matches([')', ':', ' ']);
    Some(Found::cause(Problem::new("kotlin", brief(message)).at(file, Some(line), Some(column)), 1))
}

/// `Exception in thread "main" java.lang.X: boom` and its first frame.
fn exception(lines: &Lines<'_>) -> Option<Found> {
    let message = lines[0].trim().strip_prefix("Exception in thread ")?;
    let message = message.rsplit_once("\" ").map_or(message, |(_, text)| text);
    let frames = lines[1..].iter().take_while(|line| line.trim_start().starts_with("at ") || line.starts_with("Caused by: "));
    let place = frames.clone().find_map(|line| {
        let (_, place) = line.trim_end_matches(')').rsplit_once('(')?;
        let (file, line) = place.split_once(':')?;
        ends_with_one(file, &["java", "kt"]).then_some((file, number(line)?.0))
    });
    let mut problem = Problem::new("java", brief(message));
    if let Some((file, line)) = place {
        problem = problem.at(file, Some(line), None);
    }
    Some(Found::cause(problem, 1 + frames.count()))
}
