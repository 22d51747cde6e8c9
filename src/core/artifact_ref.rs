//! The name of a pair in an artifact store. What is not a good name is refused, never rewritten: two texts that both
//! parse are two names, in every backend (spec/remote.md E.4).

use std::fmt;
use std::str::FromStr;

use super::portable_name;

/// Longest reference, in bytes.
const MAX_REF: usize = 1024;

/// Longest part between two `/`, in bytes: a file name with room for what a backend adds.
const MAX_SEGMENT: usize = 200;

/// A checked reference, such as `stacks/t_123/web/42`: 1 to 1024 bytes, parts of 1 to 200 letters, digits, `.`, `_` and
/// `-` between single `/`, none beginning with `.` or `-`, none the name of a device on Windows. Upper and lower case
/// differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ref(Box<str>);

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a reference of an artifact store: {why}")]
pub struct RefError {
    /// The text, shortened and without control characters.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl Ref {
    /// Checks a text.
    ///
    /// # Errors
    /// For every text that is not as [`Ref`] says; nothing is trimmed, replaced or escaped.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        let refuse = |why: String| {
            let shown: String = text.chars().take(120).flat_map(char::escape_debug).collect();
            RefError { text: if text.chars().count() > 120 { format!("{shown}…") } else { shown }, why }
        };
        if text.is_empty() {
            return Err(refuse("it is empty".to_owned()));
        }
        if text.len() > MAX_REF {
            return Err(refuse(format!("it has {} bytes, and {MAX_REF} are the most", text.len())));
        }
        for segment in text.split('/') {
            check_segment(segment).map_err(|why| refuse(why.to_owned()))?;
        }
        Ok(Self(text.into()))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Is it `other`, or below it?
    pub fn is_at_or_below(&self, other: &Self) -> bool {
        self.0.strip_prefix(other.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn check_segment(segment: &str) -> Result<(), &'static str> {
    if segment.is_empty() {
        return Err("there is nothing before, after or between two `/`");
    }
    if segment.len() > MAX_SEGMENT {
        return Err("a part between two `/` has more than 200 bytes");
    }
    if !segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
        return Err("only letters, digits, `.`, `_`, `-` and `/` are allowed");
    }
    if segment.starts_with(['.', '-']) {
        return Err("no part may begin with `.` or `-`");
    }
    // What Windows drops from the end of a name does not hide a device.
    portable_name(segment.trim_end_matches('.')).map_err(|_| "a part is the name of a device on Windows")
}

impl FromStr for Ref {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        Self::parse(text)
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Texts that are no references: what a hostile or careless caller hands in.
pub const BAD_REFS: &[&str] = &[
    "", "/", "a/", "/a", "a//b", ".", "..", "../up", "a/../b", "a/./b", ".hidden", "a/.b", "-flag", "a/-b", "a b", "q r", "a\0b", "a\nb",
    "a\\b", "a:b", "a%2fb", "a@b", "ü", "CON", "con", "nul.txt", "a/COM1/b", "lpt9", "aux.", "a*b", "~", "a?b",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_what_is_a_name_everywhere() {
        for good in
            ["a", "stacks/t_123/web/42", "rows/dns_settings/singleton", "computes/sha256/0a", "x.manifest.json", "A", "a.", "_", "1/2"]
        {
            assert_eq!(Ref::parse(good).map(|parsed| parsed.to_string()), Ok(good.to_owned()));
        }
        assert!(Ref::parse(&"a".repeat(200)).is_ok());
        assert!(Ref::parse(&["a".repeat(200).as_str(); 5].join("/")).is_ok());
    }

    #[test]
    fn refuses_the_rest() {
        for bad in BAD_REFS {
            assert!(Ref::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["a".repeat(201), "b".repeat(300), ["a".repeat(200).as_str(); 6].join("/")] {
            let error = Ref::parse(&bad).expect_err("too long");
            assert!(error.to_string().len() < 300, "{error}");
        }
        let error = Ref::parse("a\nb").expect_err("control character");
        assert!(!error.to_string().contains('\n'), "{error}");
    }

    #[test]
    fn knows_what_lies_below() {
        let parse = |text: &str| Ref::parse(text).expect("a reference");
        assert!(parse("a/b").is_at_or_below(&parse("a")));
        assert!(parse("a").is_at_or_below(&parse("a")));
        assert!(!parse("ab").is_at_or_below(&parse("a")));
        assert!(!parse("a").is_at_or_below(&parse("a/b")));
    }

    proptest! {
        #[test]
        fn whatever_parses_is_unchanged_and_stays_below_a_directory(text in "[a-zA-Z0-9._/@ -]{0,40}") {
            if let Ok(parsed) = Ref::parse(&text) {
                prop_assert_eq!(parsed.as_str(), text.as_str());
                let path = std::path::Path::new("root").join(parsed.as_str());
                prop_assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            }
        }
    }
}
