//! Package managers: which of their commands install something, which of their options have a value, and how they write
//! a package with its version. Pinned means an exact version: a range, a channel or a branch may be other bytes tomorrow.

mod arguments;
mod language;
mod system;

use arguments::Arguments;

/// One package a command installs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The manager's name.
    pub manager: &'static str,
    /// Name of the package.
    pub name: String,
    /// The version that is asked for.
    pub version: Option<String>,
    /// Is it an exact one?
    pub pinned: bool,
    /// Where it comes from, when that is an address.
    pub url: Option<String>,
}

impl Found {
    fn new(name: &str, version: Option<&str>, pinned: bool) -> Self {
        let version = version.map(str::trim).filter(|version| !version.is_empty()).map(str::to_owned);
        // What a variable nobody defines holds is not known to be exact.
        let pinned = pinned && version.as_ref().is_some_and(|version| !version.contains(['$', '`']));
        Self { name: name.to_owned(), version, pinned, ..Self::default() }
    }

    fn at(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }
}

/// How a manager is called.
struct Manager {
    name: &'static str,
    /// Names of the program.
    programs: &'static [&'static str],
    /// Words that begin an installation; one alternative each.
    verbs: &'static [&'static [&'static str]],
    /// Options that have a value.
    valued: &'static [&'static str],
    /// Options are words after one dash (`-ldflags`), as Go's are.
    one_dash: bool,
    /// Reads what is to be installed.
    read: fn(&Arguments<'_>) -> Vec<Found>,
}

const MANAGERS: &[&[Manager]] = &[system::MANAGERS, language::MANAGERS];

/// What one command installs. `words` are expanded, the program first.
pub fn installed(words: &[String]) -> Vec<Found> {
    let Some((program, rest)) = words.split_first() else { return Vec::new() };
    let program = program.rsplit('/').next().unwrap_or(program);
    // `python3 -m pip install`
    if program.starts_with("python")
        && let Some(at) = rest.iter().position(|word| word == "-m")
        && let Some(module) = rest.get(at + 1)
        && matches!(module.as_str(), "pip" | "pipx" | "uv" | "poetry")
    {
        return installed(&rest[at + 1..]);
    }
    for manager in MANAGERS.iter().copied().flatten().filter(|manager| manager.programs.contains(&versionless(program))) {
        let mut arguments = Arguments::read(rest, manager.valued, manager.one_dash);
        // `cargo +nightly install`
        if arguments.plain.first().is_some_and(|word| word.starts_with('+')) {
            arguments.plain.remove(0);
        }
        let verb = manager.verbs.iter().find(|verb| arguments.plain.starts_with(verb));
        let Some(verb) = verb else { continue };
        arguments.plain.drain(..verb.len());
        let mut found = (manager.read)(&arguments);
        found.retain(|package| !package.name.is_empty());
        for package in &mut found {
            package.manager = manager.name;
        }
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

// `pip3.12` is `pip`.
fn versionless(program: &str) -> &str {
    let base = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if base == "pip" { base } else { program }
}

/// Is it an exact version: `1.2.3`, `v1.2.3-rc.1+b`? At least `parts` numbers, no wildcard, no range.
fn exact(version: &str, parts: usize) -> bool {
    let plain = version.trim_start_matches(['v', 'V', '=']);
    let core = plain.split(['-', '+']).next().unwrap_or_default();
    let numbers = core.split('.').collect::<Vec<_>>();
    let number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+._~:".contains(&b));
    text && numbers.len() >= parts && numbers.iter().all(number)
}

/// Is it a git commit?
fn commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b.is_ascii_digit())
}

/// Last part of an address or path, without its query.
fn last_segment(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// Is it an address?
fn is_url(text: &str) -> bool {
    text.contains("://")
}

#[cfg(test)]
mod tests;
