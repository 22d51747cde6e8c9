//! JavaScript and TypeScript: tsc, eslint, esbuild, webpack, node itself, and npm, yarn, pnpm.

use super::found::{Found, Lines, Weight, ahead, brief, ends_with_one, located, number};
use crate::core::Problem;

const SOURCES: [&str; 12] = ["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "vue", "svelte", "astro", "json"];

/// What begins at a line.
pub fn at(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let line = lines[at].trim_end();
    if let Some(rest) = npm_line(line) {
        return Some(npm(rest, lines, at));
    }
    if let Some(message) = line.trim_start().strip_prefix("✘ [ERROR] ") {
        return Some(esbuild(message, ahead(lines, at)));
    }
    if let Some(file) = line.strip_prefix("ERROR in ") {
        return webpack(file, ahead(lines, at));
    }
    if let Some(rest) = line.trim_start().strip_prefix("ERR_PNPM_") {
        let (code, message) = rest.split_once("  ").unwrap_or((rest, ""));
        return Some(Found::cause(Problem::new("pnpm", brief(&format!("{} [ERR_PNPM_{code}]", message.trim()))), 1));
    }
    if line.starts_with("error Command failed with exit code ") || line.starts_with(" ELIFECYCLE ") {
        let tool = if line.starts_with(' ') { "pnpm" } else { "yarn" };
        return Some(Found::consequence(Problem::new(tool, brief(line.trim().trim_start_matches("error ")))));
    }
    typescript(line).or_else(|| eslint(lines, at)).or_else(|| crash(ahead(lines, at)))
}

/// `a.ts(1,7): error TS2322: …`, in colour `a.ts:1:7 - error TS2322: …`, and `error TS5058: …` without a place.
fn typescript(line: &str) -> Option<Found> {
    let at = line.find("error TS")?;
    let (code, message) = number(&line[at + "error TS".len()..])?;
    let message = brief(&format!("{} [TS{code}]", message.strip_prefix(": ")?.trim()));
    let before = line[..at].trim_end_matches([' ', '-', ':']);
    let problem = Problem::new("tsc", message);
    if before.is_empty() {
        return Some(Found::cause(problem, 1));
    }
    if let Some(place) = located(before) {
        return Some(Found::cause(problem.at(place.file, Some(place.line), place.column), 1));
    }
    let (file, place) = before.strip_suffix(')')?.rsplit_once('(')?;
    let (line, rest) = number(place)?;
    let (column, _) = number(rest.strip_prefix(',')?)?;
    Some(Found::cause(problem.at(file, Some(line), Some(column)), 1))
}

/// A line with nothing but a file, and below it `  2:1  error  'x' is not defined  no-undef`.
fn eslint(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let file = lines[at].as_ref();
    if file.starts_with(' ') || !ends_with_one(file, &SOURCES) {
        return None;
    }
    let mut problems = Vec::new();
    let mut taken = 1;
    for line in &lines[at + 1..] {
        let text = line.trim();
        let Some(place) = number(text).and_then(|(row, rest)| Some((row, number(rest.strip_prefix(':')?)?))) else { break };
        let (row, (column, rest)) = place;
        taken += 1;
        if let Some(message) = rest.trim_start().strip_prefix("error ").filter(|_| problems.len() <= super::MAX_PROBLEMS) {
            // The rule stands in a column of its own.
            let message = match message.trim().rsplit_once("  ") {
                Some((message, rule)) if !rule.contains(' ') => format!("{} [{rule}]", message.trim()),
                _ => message.trim().to_owned(),
            };
            problems.push(Problem::new("eslint", brief(&message)).at(file, Some(row), Some(column)));
        } else if !rest.trim_start().starts_with("warning ") && !rest.trim_start().starts_with("error ") {
            return None;
        }
    }
    (taken > 1).then_some(Found { problems, lines: taken, weight: Weight::Cause })
}

/// What node prints when it ends by an exception: a place, the source, a caret, then the error and its stack.
fn crash(lines: &Lines<'_>) -> Option<Found> {
    let place = located(lines[0].trim()).filter(|place| place.rest.is_empty() && place.column.is_none())?;
    let own = place.file.starts_with("node:");
    if !own && !place.is_file(&SOURCES) {
        return None;
    }
    let caret = lines.iter().take(8).position(|line| !line.trim().is_empty() && line.trim().bytes().all(|b| b == b'^' || b == b'~'))?;
    let at = caret + 1 + lines[caret + 1..].iter().take(4).position(|line| !line.trim().is_empty())?;
    let mut problem = Problem::new("node", brief(lines[at].trim()));
    let stack = lines[at + 1..].iter().take_while(|line| !line.starts_with("Node.js v"));
    if own {
        // Not node is wrong, but who called it.
        let caller = stack.clone().find_map(|line| {
            let text = line.trim();
            let file = text.strip_prefix("- ").filter(|file| ends_with_one(file, &SOURCES));
            file.map(|file| (file, None)).or_else(|| {
                let place = text.strip_prefix("at ")?.rsplit(['(', ' ']).next()?.trim_end_matches(')');
                let place = located(place).filter(|place| place.is_file(&SOURCES))?;
                Some((place.file, Some((place.line, place.column))))
            })
        });
        if let Some((file, at)) = caller {
            problem = problem.at(without_scheme(file), at.map(|(line, _)| line), at.and_then(|(_, column)| column));
        } else if let Some((_, from)) = lines[at].rsplit_once(" imported from ") {
            problem.file = Some(without_scheme(from.trim()).to_owned());
        }
    } else {
        problem = problem.at(without_scheme(place.file), Some(place.line), None);
    }
    Some(Found::cause(problem, at + 1 + stack.count()))
}

fn without_scheme(file: &str) -> &str {
    file.strip_prefix("file://").unwrap_or(file)
}

/// The rest of a line npm prints on an error: `npm ERR! …` until npm 9, `npm error …` since.
fn npm_line(line: &str) -> Option<&str> {
    line.strip_prefix("npm ERR!").or_else(|| line.strip_prefix("npm error")).map(str::trim)
}

/// All lines of one error of npm: its code and the first sentence that says something.
fn npm(first: &str, lines: &Lines<'_>, at: usize) -> Found {
    let block: Vec<&str> = lines[at..].iter().map_while(|line| npm_line(line)).collect();
    let code = first.strip_prefix("code ").map(str::trim);
    let boring =
        ["code ", "syscall ", "path ", "errno ", "A complete log", "dest ", "file ", "command ", "node ", "npm ", "cwd ", "network "];
    let ending = block.iter().position(|line| line.starts_with("A complete log of this run"));
    let told = &block[..ending.unwrap_or(block.len())];
    let say = |line: &&&str| !line.is_empty() && !boring.iter().any(|start| line.starts_with(start));
    let mut sentence = told.iter().find(say).map_or("", |line| *line);
    // `enoent Could not read …`, `404 Not Found - GET …`: the code again, in front of each line.
    if let Some((word, rest)) = sentence.split_once(' ') {
        let known =
            code.is_some_and(|code| code.eq_ignore_ascii_case(word) || code.trim_start_matches('E') == word) || word == "JSON.parse";
        sentence = if known { rest } else { sentence };
    }
    let message = match code {
        Some(code) if sentence.is_empty() => code.to_owned(),
        Some(code) => format!("{sentence} [{code}]"),
        None => sentence.to_owned(),
    };
    let weight = if first.starts_with("Lifecycle script") || code == Some("ELIFECYCLE") || message.is_empty() {
        Weight::Consequence
    } else {
        Weight::Cause
    };
    let problems = if message.is_empty() { Vec::new() } else { vec![Problem::new("npm", brief(&message))] };
    Found { problems, lines: block.len().max(1), weight }
}

/// `✘ [ERROR] Could not resolve "./x"` with the place in the lines below.
fn esbuild(message: &str, lines: &Lines<'_>) -> Found {
    let place =
        lines[1..].iter().take(3).find_map(|line| located(line.trim().trim_end_matches(':')).filter(|place| place.column.is_some()));
    let problem = Problem::new("esbuild", brief(message));
    match place {
        // Its columns count from 0.
        Some(place) => Found::cause(problem.at(place.file, Some(place.line), place.column.map(|column| column + 1)), 1),
        None => Found::cause(problem, 1),
    }
}

/// `ERROR in ./src/a.js 3:5-10` and the message in the next line.
fn webpack(rest: &str, lines: &Lines<'_>) -> Option<Found> {
    let (file, place) = rest.split_once(' ').unwrap_or((rest, ""));
    if !ends_with_one(file, &SOURCES) {
        return None;
    }
    let message = lines.get(1).map(|line| line.trim()).filter(|line| !line.is_empty())?;
    let place = number(place).and_then(|(line, rest)| Some((line, number(rest.strip_prefix(':')?)?.0)));
    let problem = Problem::new("webpack", brief(message)).at(file, place.map(|(line, _)| line), place.map(|(_, column)| column + 1));
    Some(Found::cause(problem, 2))
}
