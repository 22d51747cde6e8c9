//! Names of builders, caches and scopes (spec/build.md B.8, E.1).

use std::fmt;

use super::repository::RepositoryId;
use crate::core::Digest;
use crate::core::reference::MAX_TAG_LEN;
use crate::error::{Error, Result};

/// First part of cache tags where the config names none.
pub const DEFAULT_PREFIX: &str = "cache";

/// Longest text of a reference before its hash, so that text, `-` and hash are a tag by themselves.
const MAX_REF_TEXT: usize = 119;

/// Hex digits of a hash within a name, and the `-` before it.
const SHORT: usize = 8;
const MARK: usize = SHORT + 1;

/// Longest prefix: leaves the text of a branch 69 characters before its hash.
const MAX_PREFIX: usize = 40;

/// `repoHash`: the first 8 bytes of the SHA-256 of a repository's id as 16 hex digits. Takes the text as it is; what
/// makes ids equal is [`RepositoryId`].
pub fn hash(id: &str) -> String {
    first_hex(id, 16)
}

/// `BuilderName`: `sf-` and eight digits of the repository's hash. Repositories do not share builders, so the cache
/// policy of one never evicts the cache of another.
pub fn builder_name(repository: &RepositoryId) -> String {
    format!("sf-{}", first_hex(repository.as_str(), SHORT))
}

/// `CanonicalizeRef`: any branch as the end of a tag, at most 128 characters. Lower case; what a tag cannot hold becomes
/// `-`; the hash of the whole keeps branches apart that look the same afterwards.
pub fn canonicalize_ref(reference: &str) -> String {
    canonicalize_within(reference, MAX_REF_TEXT)
}

fn canonicalize_within(reference: &str, longest: usize) -> String {
    let mut text = String::with_capacity(reference.len());
    for c in reference.chars().flat_map(char::to_lowercase) {
        if matches!(c, 'a'..='z' | '0'..='9' | '.') {
            text.push(c);
        } else if !text.ends_with('-') {
            text.push('-');
        }
    }
    let text = text.trim_matches('-');
    // ASCII by now: every byte is a character.
    let text = text.get(..longest).unwrap_or(text);
    format!("{text}-{}", first_hex(reference, SHORT))
}

/// Is this a prefix whose tags can be told from every other tag?
///
/// # Errors
/// Kind `Usage`: it cannot begin a tag, it is too long, or one of its parts after the first looks like the hash that
/// follows it, so that its tags would be read as another repository's (spec/build.md W.4).
pub fn check_prefix(prefix: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let problem = match prefix {
        "" => "is empty".to_owned(),
        _ if prefix.starts_with(['.', '-']) => "starts with `.` or `-`, and a tag cannot".to_owned(),
        _ if !prefix.chars().all(legal) => "is the first part of tags: only letters, digits, `_`, `.` and `-`".to_owned(),
        _ if prefix.len() > MAX_PREFIX => format!("is longer than {MAX_PREFIX} characters"),
        _ => match prefix.split('-').skip(1).find(|part| is_short_hash(part)) {
            Some(part) => format!("has the part `{part}`, which reads as the hash of a repository"),
            None => return Ok(()),
        },
    };
    Err(Error::usage(format!("the cache prefix `{prefix}` {problem}")).hint("use a word such as `cache`"))
}

/// Whose caches: everything one repository writes below one prefix. Retention works on one scope and never sees another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    prefix: String,
    hash: String,
}

impl Scope {
    /// The scope of a repository below a prefix; an empty prefix is [`DEFAULT_PREFIX`].
    ///
    /// # Errors
    /// Those of [`check_prefix`].
    pub fn new(prefix: &str, repository: &RepositoryId) -> Result<Self> {
        let prefix = if prefix.is_empty() { DEFAULT_PREFIX } else { prefix };
        check_prefix(prefix)?;
        Ok(Self { prefix: prefix.to_owned(), hash: first_hex(repository.as_str(), SHORT) })
    }

    /// The cache tag of a branch, at most 128 characters whatever the branch is called: the text of the branch is cut, its
    /// hash stays whole.
    pub fn tag(&self, branch: &str) -> CacheTag {
        let taken = self.prefix.len() + 1 + SHORT + 1 + MARK;
        let longest = MAX_TAG_LEN.saturating_sub(taken).min(MAX_REF_TEXT);
        CacheTag { scope: self.clone(), reference: canonicalize_within(branch, longest) }
    }

    /// `IsSFCacheTag`: is this tag a cache of this scope? Only what [`CacheTag`] writes is; everything else, ours or
    /// foreign, is somebody else's.
    pub fn owns(&self, tag: &str) -> bool {
        CacheTag::parse(tag).is_some_and(|parsed| parsed.scope == *self)
    }
}

/// `ScopePrefix`: `cache-e2f630c7`.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.prefix, self.hash)
    }
}

/// The tag of one branch's cache: `cache-e2f630c7-main-0d6e4079`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheTag {
    scope: Scope,
    reference: String,
}

impl CacheTag {
    /// Reads a tag back; `None` when it is not one of ours. What does not print as it was read is none either: it was not
    /// written by us.
    pub fn parse(tag: &str) -> Option<Self> {
        let (rest, last) = tag.rsplit_once('-').filter(|(_, last)| is_short_hash(last))?;
        let parts: Vec<&str> = rest.split('-').collect();
        let at = parts.iter().skip(1).position(|part| is_short_hash(part))? + 1;
        let scope = Scope { prefix: parts[..at].join("-"), hash: parts[at].to_owned() };
        let parsed = Self { scope, reference: format!("{}-{last}", parts[at + 1..].join("-")) };
        (check_prefix(&parsed.scope.prefix).is_ok() && tag.len() <= MAX_TAG_LEN && parsed.to_string() == tag).then_some(parsed)
    }

    /// Whose it is.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The branch, as [`canonicalize_ref`] writes it: its name cannot be had back from a tag.
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

impl fmt::Display for CacheTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.scope, self.reference)
    }
}

fn is_short_hash(text: &str) -> bool {
    text.len() == SHORT && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn first_hex(text: &str, digits: usize) -> String {
    Digest::of(text.as_bytes()).hex().chars().take(digits).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The vectors hash ids as they are.
    fn scope(prefix: &str, raw_id: &str) -> Scope {
        Scope { prefix: prefix.to_owned(), hash: hash(raw_id)[..8].to_owned() }
    }

    #[test]
    fn the_vectors_of_the_specification() {
        for (reference, expected) in [
            ("main", "main-0d6e4079"),
            ("develop", "develop-947726dd"),
            ("v1.2.3", "v1.2.3-e3cad1a6"),
            ("feature/a-b", "feature-a-b-10b80f5c"),
            ("feature-a/b", "feature-a-b-5dcb4b02"),
            ("Feature/Foo_Bar", "feature-foo-bar-c22572b9"),
            ("release/1.2", "release-1.2-bacdc8a6"),
            ("feature/my-branch", "feature-my-branch-93a15044"),
            ("", "-e3b0c442"),
            ("--x--", "x-cf0e7da1"),
            ("renovate/é", "renovate-e2ec4162"),
        ] {
            assert_eq!(canonicalize_ref(reference), expected, "{reference}");
        }
        assert_eq!(canonicalize_ref(&"a".repeat(130)), format!("{}-1e3c4f47", "a".repeat(119)));
        for (id, expected) in [
            ("https://gitlab.com/org/repo", "e2f630c71fae904f"),
            ("https://gitlab.com/org/repo-a", "b5cdd4c55e66cd7c"),
            ("https://gitlab.com/org/repo-b", "d8f6a3e40a328cf0"),
            ("org/repo", "57b681c5cf8efdc2"),
        ] {
            assert_eq!(hash(id), expected, "{id}");
        }
        let reference = scope("cache", "https://gitlab.com/org/repo");
        assert_eq!(reference.tag("main").to_string(), "cache-e2f630c7-main-0d6e4079");
        assert_eq!(reference.to_string(), "cache-e2f630c7");
        // The same format on an id of ours: scheme and `.git` are not part of it.
        let id = RepositoryId::of_address("https://gitlab.com/org/repo.git").expect("an address");
        assert_eq!(builder_name(&id), format!("sf-{}", &hash("gitlab.com/org/repo")[..8]));
    }

    #[test]
    fn repositories_and_branches_are_told_apart() {
        let (a, b) = (scope("cache", "https://gitlab.com/org/repo-a"), scope("cache", "https://gitlab.com/org/repo-b"));
        assert_ne!(a.tag("main").to_string(), b.tag("main").to_string());
        assert_ne!(a.to_string(), b.to_string());
        assert_ne!(a.tag("main"), a.tag("develop"));
        assert_eq!(a.tag("main").scope(), a.tag("develop").scope());
        assert_eq!(a.tag("main"), a.tag("main"));
        let id = RepositoryId::of_address("https://gitlab.com/org/repo").expect("an address");
        assert!(Scope::new("", &id).expect("the default prefix").to_string().starts_with("cache-"));
        for branch in ["main", "feature/my-branch", ""] {
            let tag = a.tag(branch);
            assert_eq!(CacheTag::parse(&tag.to_string()), Some(tag.clone()), "{branch}");
            assert_eq!(tag.reference(), canonicalize_ref(branch));
            assert!(a.owns(&tag.to_string()) && !b.owns(&tag.to_string()));
        }
    }

    #[test]
    fn nothing_else_is_ever_taken_for_a_cache() {
        let a = scope("cache", "https://gitlab.com/org/repo-a");
        let without_hash = format!("{a}-no-hash-suffix");
        let without_reference = format!("{a}-0d6e4079");
        let too_long = format!("{a}-{}-0d6e4079", "b".repeat(120));
        for tag in [
            "latest",
            "v1.0.0",
            "cache-main",
            "cache-something-without-hash",
            "no-hash-suffix-here",
            "",
            &without_hash,
            &without_reference,
            &too_long,
            "cache-B5CDD4C5-main-0d6e4079",
            "cache-b5cdd4c5-main-0D6E4079",
            "b5cdd4c5-main-0d6e4079",
            "-b5cdd4c5-main-0d6e4079",
        ] {
            assert!(!a.owns(tag), "{tag}");
        }
        assert!(!scope("ci-cache", "https://gitlab.com/org/repo-a").owns(&a.tag("main").to_string()));
        assert!(!a.owns(&scope("ci-cache", "https://gitlab.com/org/repo-a").tag("main").to_string()));
    }

    #[test]
    fn a_prefix_that_reads_as_a_hash_is_refused() {
        for good in ["cache", "ci-cache", "deadbeef", "x-deadbee", "x-deadbeef0", "x-DEADBEEF", "Cache_2.1"] {
            assert!(check_prefix(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("my-deadbeef", "the cache prefix `my-deadbeef` has the part `deadbeef`, which reads as the hash of a repository"),
            ("a-deadbeef-b", "the cache prefix `a-deadbeef-b` has the part `deadbeef`, which reads as the hash of a repository"),
            ("group/cache", "the cache prefix `group/cache` is the first part of tags: only letters, digits, `_`, `.` and `-`"),
            ("-x", "the cache prefix `-x` starts with `.` or `-`, and a tag cannot"),
            ("", "the cache prefix `` is empty"),
        ] {
            assert_eq!(check_prefix(bad).expect_err(bad).message(), why);
        }
        assert!(check_prefix(&"p".repeat(41)).is_err());
    }

    #[test]
    fn the_whole_tag_has_one_budget() {
        let id = RepositoryId::of_address("https://gitlab.com/org/repo").expect("an address");
        for prefix in ["cache", &"p".repeat(40)] {
            let scope = Scope::new(prefix, &id).expect("a prefix");
            let long = "feature/".to_owned() + &"x".repeat(300);
            let (one, other) = (scope.tag(&long), scope.tag(&format!("{long}y")));
            assert_eq!(one.to_string().len(), MAX_TAG_LEN);
            assert_ne!(one, other, "the hash tells cut names apart");
            assert!(scope.owns(&one.to_string()));
        }
    }

    proptest! {
        #[test]
        fn every_branch_of_every_repository_has_a_tag_of_its_scope(
            prefix in "[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,45}",
            id in "\\PC{0,40}",
            other in "\\PC{0,40}",
            branch in "\\PC{0,200}",
        ) {
            prop_assume!(check_prefix(&prefix).is_ok());
            let (mine, theirs) = (scope(&prefix, &id), scope(&prefix, &other));
            let tag = mine.tag(&branch);
            let text = tag.to_string();
            prop_assert!(text.parse::<crate::core::Tag>().is_ok(), "{}", text);
            prop_assert_eq!(CacheTag::parse(&text), Some(tag));
            prop_assert!(mine.owns(&text));
            prop_assert_eq!(theirs.owns(&text), mine == theirs);
        }

        #[test]
        fn any_tag_can_be_read(tag in "\\PC{0,140}") {
            if let Some(parsed) = CacheTag::parse(&tag) {
                prop_assert_eq!(parsed.to_string(), tag);
            }
        }
    }
}
