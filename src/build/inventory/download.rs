//! Programs that are downloaded rather than installed: the addresses `curl`, `wget` and `ADD` are given.

use super::managers::Found;
use crate::build::embedded::expand::{Lexer, Variables};

/// Ends of file names that say nothing about what a file is.
const ENDINGS: [&str; 16] = [
    ".sha256",
    ".asc",
    ".sig",
    ".tar.gz",
    ".tgz",
    ".tar.xz",
    ".tar.bz2",
    ".tar.zst",
    ".tar",
    ".zip",
    ".gz",
    ".deb",
    ".rpm",
    ".apk",
    ".AppImage",
    ".exe",
];
const MACHINES: [&str; 12] =
    ["linux", "amd64", "arm64", "x86_64", "aarch64", "darwin", "unknown", "musl", "gnu", "armv7", "i386", "windows"];

/// What an address downloads, when it names a version: with a variable, or as a release. `word` is as written.
pub fn downloaded(word: &str, lexer: Lexer, variables: &Variables) -> Option<Found> {
    let keeping = Lexer { keep_unknown: true, ..lexer };
    let plain = word.replace(['"', '\''], "");
    let begin = plain.find("http://").or_else(|| plain.find("https://"))?;
    // `-o=https://…` is an option's value; anything else in front is another word.
    if begin > 0 && !plain[..begin].ends_with('=') {
        return None;
    }
    let raw = &plain[begin..];
    let url = keeping.word(raw, variables).unwrap_or_else(|_| raw.to_owned());
    let released = release_tag(&url);
    let version = match version_variable(raw, variables) {
        Some(value) => value,
        None => released?.to_owned(),
    };
    // The address names one file; whether it stays the same file is its host's word, as for any exact version.
    let pinned = !version.is_empty()
        && !version.contains(['$', '`'])
        && !matches!(version.as_str(), "latest" | "stable" | "nightly" | "main" | "master");
    let name = name_of(raw, &version);
    Some(Found { manager: "binary", name, version: Some(version).filter(|v| !v.is_empty()), pinned, url: Some(raw.to_owned()) })
}

// `https://github.com/o/r/releases/download/TAG/file`
fn release_tag(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("/releases/download/")?;
    rest.split('/').next().filter(|tag| !tag.is_empty())
}

/// The value of the variable that is the version: one that is called so, else the first of the address that is known and
/// is not an architecture. In the address's own order, so that the answer is always the same.
fn version_variable(raw: &str, variables: &Variables) -> Option<String> {
    let mut names = Vec::new();
    let mut rest = raw;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        let braced = rest.strip_prefix('{').unwrap_or(rest);
        let length = braced.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(braced.len());
        let (name, after) = braced.split_at(length);
        let default = after.strip_prefix(":-").or_else(|| after.strip_prefix('-')).and_then(|rest| rest.split('}').next());
        let known = variables.get(name).filter(|value| !value.is_empty()).map(String::as_str);
        if let Some(value) = known.or(default.filter(|_| braced.len() < rest.len())) {
            names.push((name, value));
        }
    }
    let says_so = |name: &str| {
        let upper = name.to_ascii_uppercase();
        upper.contains("VERSION") || upper.ends_with("_VER") || upper == "VER" || upper.ends_with("_TAG") || upper.ends_with("RELEASE")
    };
    let machine = |name: &str| {
        let upper = name.to_ascii_uppercase();
        upper.contains("ARCH")
            || upper.contains("PLATFORM")
            || upper.contains("OS") && upper.len() <= 8
            || upper.contains("HOST")
            || upper.contains("MIRROR")
    };
    let address = |value: &str| value.contains("://") || value.contains('/');
    let best =
        names.iter().find(|(name, _)| says_so(name)).or_else(|| names.iter().find(|(name, value)| !machine(name) && !address(value)));
    best.map(|(_, value)| (*value).to_owned())
}

// The path's part before `releases`, else the file without version, machine and endings; lower case (spec/build.md L.4).
fn name_of(raw: &str, version: &str) -> String {
    let path = raw.split(['?', '#']).next().unwrap_or(raw);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if let Some(at) = parts.iter().position(|part| *part == "releases" || *part == "release")
        && let Some(before) = at.checked_sub(1).and_then(|at| parts.get(at)).filter(|_| at > 2)
    {
        return before.to_ascii_lowercase();
    }
    let file = parts.last().copied().unwrap_or_default();
    let mut name = String::new();
    let mut rest = file;
    while let Some(at) = rest.find('$') {
        name.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        rest = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').map_or("", |(_, rest)| rest),
            None => after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_'),
        };
    }
    name.push_str(rest);
    let mut name = name.as_str();
    let mut length = usize::MAX;
    while name.len() < length {
        length = name.len();
        for ending in ENDINGS {
            name = name.strip_suffix(ending).unwrap_or(name);
        }
        for machine in MACHINES {
            name = name.strip_suffix(machine).map_or(name, |name| name.trim_end_matches(['-', '_', '.']));
        }
        name = name.strip_suffix(version).filter(|_| !version.is_empty()).unwrap_or(name).trim_matches(['-', '_', '.']);
        name = name.strip_suffix("-v").unwrap_or(name);
    }
    if name.is_empty() {
        // The file is only a version: what is above it says what it is.
        name = parts
            .iter()
            .rev()
            .skip(1)
            .find(|part| !part.contains('$') && !part.starts_with(|c: char| c.is_ascii_digit()))
            .copied()
            .unwrap_or_default();
    }
    name.to_ascii_lowercase()
}
