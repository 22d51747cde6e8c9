//! What the parsers of the languages share: the lines they look at, what they found there, and `file:line:col`.

use std::borrow::Cow;

use crate::core::Problem;

/// How far a parser looks ahead: an error is told within so many lines.
pub const LOOK_AHEAD: usize = 60;

/// A message beyond this is cut; the rest is in the log.
const MAX_MESSAGE: usize = 500;

/// Lines of output, cleaned by `plain`.
pub type Lines<'a> = [Cow<'a, str>];

/// How much a finding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// What is wrong.
    Cause,
    /// That something was wrong: `could not compile due to 2 errors`. Worth a row only where no cause is known.
    Consequence,
}

/// What begins at a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The errors; may be none where lines are only to be skipped.
    pub problems: Vec<Problem>,
    /// Lines it took, at least one.
    pub lines: usize,
    /// How much it says.
    pub weight: Weight,
}

impl Found {
    /// A cause told in so many lines.
    pub fn cause(problem: Problem, lines: usize) -> Self {
        Self { problems: vec![problem], lines, weight: Weight::Cause }
    }

    /// A consequence told in one line.
    pub fn consequence(problem: Problem) -> Self {
        Self { problems: vec![problem], lines: 1, weight: Weight::Consequence }
    }
}

/// The lines from `at` on, as far as a parser may look.
pub fn ahead<'a, 'b>(lines: &'b Lines<'a>, at: usize) -> &'b Lines<'a> {
    &lines[at.min(lines.len())..(at + LOOK_AHEAD).min(lines.len())]
}

/// Text that begins with a place.
#[derive(Debug, PartialEq, Eq)]
pub struct Located<'a> {
    /// The file.
    pub file: &'a str,
    /// Line.
    pub line: u32,
    /// Column, where it is told.
    pub column: Option<u32>,
    /// What follows the last colon, trimmed.
    pub rest: &'a str,
}

/// Reads `file:line[:col]: rest`, and `file:line[:col]` alone.
pub fn located(text: &str) -> Option<Located<'_>> {
    for (at, _) in text.match_indices(':').take(8) {
        let file = &text[..at];
        let Some((line, rest)) = number(&text[at + 1..]) else { continue };
        if file.is_empty() || line == 0 {
            return None;
        }
        if rest.is_empty() {
            return Some(Located { file, line, column: None, rest: "" });
        }
        let Some(rest) = rest.strip_prefix(':') else { continue };
        let (column, rest) = match number(rest) {
            Some((column, after)) if after.is_empty() || after.starts_with(':') => (Some(column), after.trim_start_matches(':')),
            _ => (None, rest),
        };
        return Some(Located { file, line, column, rest: rest.trim() });
    }
    None
}

impl Located<'_> {
    /// The problem at this place.
    pub fn problem(&self, tool: &'static str, message: &str) -> Problem {
        Problem::new(tool, brief(message)).at(self.file, Some(self.line), self.column)
    }

    /// Does the file look like one, with one of these endings?
    pub fn is_file(&self, endings: &[&str]) -> bool {
        !self.file.contains(char::is_whitespace) && ends_with_one(self.file, endings)
    }
}

/// Does the name end with a dot and one of these?
pub fn ends_with_one(name: &str, endings: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
}

/// A leading number of at most nine digits, and what follows.
pub fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take(10).take_while(u8::is_ascii_digit).count();
    if digits > 9 {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// One line of bounded length.
pub fn brief(message: &str) -> String {
    let message = message.trim();
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_places() {
        let place = |text| located(text).map(|l| (l.file, l.line, l.column, l.rest));
        assert_eq!(place("main.c:5:10: error: x: y"), Some(("main.c", 5, Some(10), "error: x: y")));
        assert_eq!(place("Main.java:3: error: x"), Some(("Main.java", 3, None, "error: x")));
        assert_eq!(place("C:\\a b.c:5:1: no"), Some(("C:\\a b.c", 5, Some(1), "no")));
        assert_eq!(place("src/main.rs:3:20"), Some(("src/main.rs", 3, Some(20), "")));
        assert_eq!(place("src/main.rs:3"), Some(("src/main.rs", 3, None, "")));
        assert_eq!(place("http://host:8080/x: error"), None);
        assert_eq!(place("x:99999999999: y"), None);
        assert_eq!(place(":3: y"), None);
        assert_eq!(place("no place"), None);
    }
}
