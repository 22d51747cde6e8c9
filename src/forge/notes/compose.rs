//! Notes made from what is known: commits by kind, the part of a changelog, tables of what is attached. Markdown that all
//! forges show.

use std::collections::BTreeMap;

use crate::core::{ByteSize, Digest};
use crate::forge::release_links::ReleaseLink;

/// The most characters of one line that are taken from a commit.
const LONGEST_LINE: usize = 300;

/// The most changes that are listed.
const MOST_CHANGES: usize = 500;

/// The most names that are listed.
pub(super) const MOST_AUTHORS: usize = 50;

/// A change: a commit's first line, and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Full commit id.
    pub id: String,
    /// Author's name.
    pub author: String,
    /// First line.
    pub subject: String,
    /// The rest, which may tell that something breaks.
    pub body: String,
}

/// Kinds of conventional commits and what they are called, in the order they are told (spec/build.md V.1).
const CATEGORIES: [(&str, &[&str]); 13] = [
    ("Features", &["feat", "feature"]),
    ("Bug Fixes", &["fix", "bugfix"]),
    ("Performance", &["perf"]),
    ("Security", &["security", "sec"]),
    ("Refactoring", &["refactor"]),
    ("Documentation", &["docs", "doc"]),
    ("Tests", &["test", "tests"]),
    ("CI/CD", &["ci", "cd", "build"]),
    ("Maintenance", &["chore", "deps"]),
    ("Style", &["style"]),
    ("Migrations", &["migration", "migrate"]),
    ("Hotfixes", &["hotfix"]),
    ("Reverts", &["revert"]),
];
const BREAKING: &str = "Breaking Changes";
const OTHER: &str = "Other Changes";

/// Changes as a list, by kind or as they are, and who made them.
pub fn of_changes(changes: &[Change], grouped: bool) -> String {
    if changes.is_empty() {
        return "No changes since the release before.".to_owned();
    }
    let about = |change: &Change| (change.clone(), format!(" ({})", change.id.chars().take(7).collect::<String>()));
    let mut text = by_kind(changes.iter().map(about), grouped);
    text.push_str(&by(changes.iter().map(|change| change.author.as_str())));
    text
}

/// Changes as lists below titles, each with what is said about it.
pub(super) fn by_kind(changes: impl ExactSizeIterator<Item = (Change, String)>, grouped: bool) -> String {
    let more = changes.len().saturating_sub(MOST_CHANGES);
    let mut by_title: BTreeMap<usize, (&str, Vec<String>)> = BTreeMap::new();
    for (change, about) in changes.take(MOST_CHANGES) {
        let (rank, title, text) = if grouped { kind_of(&change) } else { (0, "Changes", line(&change.subject)) };
        by_title.entry(rank).or_insert((title, Vec::new())).1.push(format!("- {text}{about}"));
    }
    let mut text = String::new();
    for (title, lines) in by_title.values() {
        text.push_str(&format!("### {title}\n\n{}\n\n", lines.join("\n")));
    }
    if more > 0 {
        text.push_str(&format!("… and {more} more.\n\n"));
    }
    text
}

/// Names as they are listed: each once.
pub fn authors<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut authors: Vec<String> = Vec::new();
    for name in names.map(line).filter(|name| !name.is_empty()) {
        if !authors.contains(&name) {
            authors.push(name);
        }
    }
    authors.truncate(MOST_AUTHORS);
    authors
}

/// Who it was.
pub(super) fn by<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let authors = authors(names);
    if authors.is_empty() { String::new() } else { format!("By {}.", authors.join(", ")) }
}

/// A conventional commit's line, taken apart (conventionalcommits.org): `type(scope)!: text`.
pub(super) struct Parts<'a> {
    /// In small letters; empty for a line without one.
    pub(super) kind: String,
    /// Empty where it says none.
    pub(super) scope: &'a str,
    /// The rest of the line, or all of it.
    pub(super) text: &'a str,
    /// The line or the text below it says that something breaks.
    pub(super) breaks: bool,
}

impl Change {
    /// Takes its first line apart.
    pub(super) fn parts(&self) -> Parts<'_> {
        let subject = self.subject.trim();
        let breaks = self.body.contains("BREAKING CHANGE:") || self.body.contains("BREAKING-CHANGE:");
        let plain = Parts { kind: String::new(), scope: "", text: subject, breaks };
        let Some((head, text)) = subject.split_once(':') else { return plain };
        let (head, bang) = head.trim().strip_suffix('!').map_or((head.trim(), false), |head| (head, true));
        let (word, scope) = match head.split_once('(') {
            Some((word, scope)) => (word, scope.strip_suffix(')').unwrap_or_default()),
            None => (head, ""),
        };
        if word.is_empty() || !word.chars().all(|ch| ch.is_ascii_alphanumeric() || ch == '_') {
            return plain;
        }
        Parts { kind: word.to_ascii_lowercase(), scope, text, breaks: breaks || bang }
    }
}

// Rank, title and line of a change.
fn kind_of(change: &Change) -> (usize, &'static str, String) {
    let parts = change.parts();
    let text = if parts.scope.is_empty() { line(parts.text) } else { format!("**{}:** {}", line(parts.scope), line(parts.text)) };
    if parts.breaks {
        return (0, BREAKING, text);
    }
    match CATEGORIES.iter().position(|(_, words)| words.contains(&parts.kind.as_str())) {
        Some(at) => (at + 1, CATEGORIES[at].0, text),
        None => (99, OTHER, line(&change.subject)),
    }
}

// One line of Markdown that does nothing but say something: no mention of people, no HTML, no hidden characters.
pub(super) fn line(text: &str) -> String {
    let mut clean = String::new();
    for ch in text.trim().chars().take(LONGEST_LINE) {
        match ch {
            // A name after an @ would be told by mail.
            '@' => clean.push_str("@\u{200b}"),
            '<' => clean.push_str("&lt;"),
            ch if ch.is_control() || matches!(ch, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {}
            ch => clean.push(ch),
        }
    }
    clean
}

/// The part of a changelog that is about a version: what follows its heading, up to the next of the same level
/// (keepachangelog.com and alike). `None` when it has none.
pub fn of_changelog(text: &str, version: &str) -> Option<String> {
    let version = version.trim_start_matches('v');
    let level = |line: &str| line.bytes().take_while(|byte| *byte == b'#').count();
    let names_it = |line: &str| {
        line.split(|ch: char| ch.is_whitespace() || matches!(ch, '[' | ']' | '(' | ')' | ','))
            .any(|word| word.trim_start_matches('v') == version)
    };
    let mut lines = text.lines();
    let heading = lines.by_ref().find(|line| level(line) > 0 && names_it(line))?;
    let own = level(heading);
    let part: Vec<&str> = lines.take_while(|line| level(line) == 0 || level(line) > own).collect();
    Some(part.join("\n").trim().to_owned()).filter(|part| !part.is_empty())
}

/// A table of attached files.
pub fn downloads(files: &[(String, u64, Digest)]) -> String {
    let mut text = "### Downloads\n\n| File | Size | SHA-256 |\n|---|---|---|\n".to_owned();
    for (name, size, sha256) in files {
        text.push_str(&format!("| {} | {} | `{}` |\n", line(name), ByteSize(*size), sha256.hex()));
    }
    text.trim_end().to_owned()
}

/// A list of images, with the digests to pull them by.
pub fn images(images: &[(String, String)]) -> String {
    let mut text = "### Images\n\n".to_owned();
    for (reference, digest) in images {
        text.push_str(&format!("- `{reference}` (`{digest}`)\n"));
    }
    text.trim_end().to_owned()
}

/// Versions of packages that were published with a release: where they are, with links to those that can be looked at.
pub fn packages(packages: &[(String, Option<ReleaseLink>)]) -> String {
    let mut text = "### Packages\n\n".to_owned();
    for (place, link) in packages {
        match link {
            Some(link) => text.push_str(&format!("- [`{place}`]({})\n", link.url)),
            None => text.push_str(&format!("- `{place}`\n")),
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(subject: &str, body: &str) -> Change {
        Change { id: "0123456789abcdef".into(), author: "Ann".into(), subject: subject.into(), body: body.into() }
    }

    #[test]
    fn commits_are_told_by_kind() {
        let changes = [
            change("fix(cli): say what is wrong", ""),
            change("feat!: drop the old way", ""),
            change("Update the readme", ""),
            change("feat: new way", ""),
            change("chore: tidy", "BREAKING CHANGE: it breaks"),
        ];
        let text = of_changes(&changes, true);
        let titles: Vec<&str> = text.lines().filter(|line| line.starts_with("###")).collect();
        assert_eq!(titles, ["### Breaking Changes", "### Features", "### Bug Fixes", "### Other Changes"]);
        assert!(text.contains("- **cli:** say what is wrong (0123456)\n") && text.contains("- tidy (0123456)"), "{text}");
        assert!(text.ends_with("By Ann."));
        assert!(of_changes(&changes, false).starts_with("### Changes\n\n- fix(cli): say what is wrong"));
    }

    #[test]
    fn a_commit_can_neither_call_people_nor_hide_anything() {
        let text = of_changes(&[change("thanks @octocat <!-- stagefreight:notes --> \u{202e}x", "")], true);
        assert!(!text.contains("@octocat") && !text.contains("<!--") && !text.contains('\u{202e}'), "{text}");
    }

    #[test]
    fn a_changelog_gives_the_part_of_its_version() {
        let text = "# Changelog\n\n## [Unreleased]\n\n- soon\n\n## [1.2.0] - 2026-01-01\n\n### Added\n\n- it\n\n## [1.1.0]\n\n- old\n";
        assert_eq!(of_changelog(text, "v1.2.0").as_deref(), Some("### Added\n\n- it"));
        assert_eq!(of_changelog(text, "1.1.0").as_deref(), Some("- old"));
        assert_eq!(of_changelog(text, "1.3.0"), None);
    }
}
