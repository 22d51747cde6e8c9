//! `.dockerignore`, with the meaning of moby's pattern matcher, which BuildKit and Docker use: patterns apply in order,
//! `!` brings back, `**` crosses directories, what is below a match matches.

use std::path::Path;

use regex::Regex;

/// The patterns of one ignore file.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    regex: Regex,
    brings_back: bool,
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{pattern}` is not a pattern: {why}")]
pub struct IgnoreError {
    /// Line, from 1.
    pub line: usize,
    /// As written.
    pub pattern: String,
    /// What is wrong.
    pub why: &'static str,
}

/// Which patterns matched a directory, so that they match what is below it.
pub type Verdict = Vec<bool>;

impl Ignore {
    /// Reads an ignore file: one pattern a line, `#` at the beginning of a line is a comment.
    pub fn parse(text: &str) -> Result<Self, IgnoreError> {
        let mut patterns = Vec::new();
        for (index, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let trimmed = raw.trim();
            if raw.starts_with('#') || trimmed.is_empty() {
                continue;
            }
            let fail = |why| IgnoreError { line: index + 1, pattern: trimmed.chars().take(200).collect(), why };
            let (brings_back, body) = match trimmed.strip_prefix('!') {
                Some(body) => (true, body.trim()),
                None => (false, trimmed),
            };
            if body.is_empty() {
                return Err(fail("nothing follows the `!`"));
            }
            let cleaned = clean(body);
            let regex = Regex::new(&translate(&cleaned)).map_err(|_| fail("a bracket is not closed or a range is reversed"))?;
            patterns.push(Pattern { regex, brings_back });
        }
        Ok(Self { patterns })
    }

    /// Is the path left out? `above` is the verdict on its directory, empty at the top.
    pub fn check(&self, path: &Path, above: &[bool]) -> (bool, Verdict) {
        let text = path.to_string_lossy();
        let mut left_out = false;
        let mut verdict = vec![false; self.patterns.len()];
        for (index, pattern) in self.patterns.iter().enumerate() {
            let mut hit = above.get(index).copied().unwrap_or(false);
            if !hit {
                // Only a pattern that would change the outcome is tried.
                if pattern.brings_back != left_out {
                    continue;
                }
                hit = pattern.regex.is_match(&text);
            }
            verdict[index] = hit;
            if hit {
                left_out = !pattern.brings_back;
            }
        }
        (left_out, verdict)
    }

    /// Could something below a left-out directory come back?
    pub fn brings_back(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.brings_back)
    }
}

// Go's filepath.Clean, without the leading slash.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if pattern.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

fn translate(pattern: &str) -> String {
    let mut regex = String::from("^");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                }
                // At the end it takes everything; before more, any number of directories.
                regex.push_str(if chars.peek().is_none() { ".*" } else { "(.*/)?" });
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '\\' => regex.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
            '[' | ']' | '-' | '^' => regex.push(c),
            c => regex.push_str(&regex::escape(&c.to_string())),
        }
    }
    regex.push('$');
    // `.` takes line feeds too: names may hold them.
    format!("(?s){regex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Decides as a walk does: every directory above first.
    fn left_out(ignore: &Ignore, path: &str) -> bool {
        let path = Path::new(path);
        let mut above = Verdict::new();
        let mut out = false;
        let mut dirs: Vec<&Path> = path.ancestors().filter(|p| !p.as_os_str().is_empty()).collect();
        dirs.reverse();
        for part in dirs {
            (out, above) = ignore.check(part, &above);
        }
        out
    }

    #[test]
    fn decides_as_moby_does() {
        for (file, path, expected) in [
            ("a", "a", true),
            ("a", "a/b/c", true),
            ("a", "x/a", false),
            ("/a/", "a/b", true),
            ("*.md", "README.md", true),
            ("*.md", "docs/README.md", false),
            ("**/*.md", "docs/README.md", true),
            ("**/*.md", "README.md", true),
            ("**", "a/b", true),
            ("a/**", "a/b", true),
            ("a/**", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("*.md\n!README.md", "README.md", false),
            ("*.md\n!README.md", "OTHER.md", true),
            ("!README.md\n*.md", "README.md", true),
            ("docs\n!docs/keep", "docs/keep", false),
            ("docs\n!docs/keep", "docs/keep/x", false),
            ("docs\n!docs/keep", "docs/drop", true),
            ("docs\n!docs/keep\ndocs/keep/x", "docs/keep/x", true),
            ("# comment\n \n a ", "a", true),
            (" #a", "#a", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "dx", true),
            ("a.c", "abc", false),
            ("a+b(c)", "a+b(c)", true),
            ("\\!a", "!a", true),
            ("\u{feff}a", "a", true),
            ("./a/../b", "b", true),
            ("node_modules", "src/node_modules/x", false),
            ("**/node_modules", "src/node_modules/x", true),
        ] {
            let ignore = Ignore::parse(file).expect("pattern");
            assert_eq!(left_out(&ignore, path), expected, "{file:?} {path}");
        }
    }

    #[test]
    fn names_the_line_of_a_bad_pattern() {
        let error = Ignore::parse("a\n!\n").expect_err("bad");
        assert_eq!(error.to_string(), "line 2: `!` is not a pattern: nothing follows the `!`");
        assert_eq!(Ignore::parse("x\n\n[z").expect_err("bad").line, 3);
    }
}
