//! Making image tags that every registry accepts (spec/build.md W.10; grammar: OCI distribution specification).

use crate::core::reference::MAX_TAG_LEN;
use crate::core::{Digest, Tag};
use crate::error::{Error, Result};

/// A rendered part of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Stood in the config: must be legal as it is.
    Literal(String),
    /// Came from a token: is made legal.
    Value(String),
}

/// Length of `-` and the digest that keeps shortened texts apart.
const MARK: usize = 9;

/// Any text as a tag: what a tag cannot hold becomes `-`, too long a text is cut and marked with a digest of the
/// whole, and so is one that lost letters, so that different branches do not meet in one tag.
pub fn tag_slug(text: &str) -> Tag {
    // A slug of one value always fits; the fallback is here because the types cannot say so.
    tag(&[Part::Value(text.to_owned())]).unwrap_or_else(|_| digest_tag(text))
}

/// Joins the parts to one tag of at most 128 characters, shortening the longest values where it would be longer.
pub(super) fn tag(parts: &[Part]) -> Result<Tag> {
    let mut texts: Vec<Shortenable> = Vec::with_capacity(parts.len());
    for (index, part) in parts.iter().enumerate() {
        let first = texts.iter().all(|before| before.slug.is_empty());
        match part {
            Part::Literal(text) => texts.push(Shortenable { slug: literal(text, first)?, whole: None }),
            Part::Value(text) => {
                let alone = parts.len() == 1 && index == 0;
                texts.push(Shortenable { slug: slug(text, first, alone), whole: Some(text) });
            }
        }
    }
    let length = |texts: &[Shortenable]| texts.iter().map(|text| text.slug.len()).sum::<usize>();
    while length(&texts) > MAX_TAG_LEN {
        let excess = length(&texts) - MAX_TAG_LEN;
        let longest = texts.iter_mut().filter(|text| text.whole.is_some() && text.slug.len() > MARK).max_by_key(|text| text.slug.len());
        let Some(longest) = longest else {
            return Err(Error::usage(format!("is longer than {MAX_TAG_LEN} characters without the values filled in")));
        };
        longest.shorten(excess);
    }
    let whole: String = texts.iter().map(|text| text.slug.as_str()).collect();
    whole
        .parse()
        .map_err(|_| if whole.is_empty() { Error::usage("is empty") } else { Error::usage(format!("becomes `{whole}`, which is no tag")) })
}

struct Shortenable<'a> {
    slug: String,
    whole: Option<&'a str>,
}

impl Shortenable<'_> {
    fn shorten(&mut self, excess: usize) {
        let Some(whole) = self.whole.take() else { return };
        let keep = self.slug.len().saturating_sub(excess + MARK);
        let kept = self.slug[..keep].trim_end_matches(['-', '.']).to_owned();
        self.slug = marked(&kept, whole);
    }
}

fn literal(text: &str, first: bool) -> Result<String> {
    match text.chars().enumerate().find(|(at, c)| !is_tag_char(*c) || (first && *at == 0 && matches!(c, '.' | '-'))) {
        None => Ok(text.to_owned()),
        Some((0, c)) if first && matches!(c, '.' | '-') => Err(Error::usage(format!("starts with `{c}`, and a tag cannot"))),
        Some((_, c)) => Err(Error::usage(format!("has `{}` in its text, and a tag cannot", c.escape_default()))),
    }
}

fn slug(text: &str, first: bool, alone: bool) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars() {
        if is_tag_char(c) {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let kept = if first { slug.trim_start_matches(['.', '-']) } else { slug.as_str() };
    let lost_letters = !text.is_ascii();
    let nothing_left = kept.is_empty() && (alone || !text.is_empty());
    if lost_letters || nothing_left { marked(kept.trim_end_matches(['-', '.']), text) } else { kept.to_owned() }
}

fn marked(kept: &str, whole: &str) -> String {
    let digest = Digest::of(whole.as_bytes()).hex().chars().take(MARK - 1).collect::<String>();
    if kept.is_empty() { digest } else { format!("{kept}-{digest}") }
}

fn is_tag_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn digest_tag(text: &str) -> Tag {
    #[expect(clippy::expect_used, reason = "a hex digest is a tag")]
    Digest::of(text.as_bytes()).hex().parse().expect("hex digits are a tag")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(parts: &[Part]) -> Result<String> {
        tag(parts).map(|tag| tag.to_string())
    }

    fn literal(text: &str) -> Part {
        Part::Literal(text.to_owned())
    }

    fn value(text: &str) -> Part {
        Part::Value(text.to_owned())
    }

    #[test]
    fn values_are_made_legal() {
        for (text, expected) in [
            ("1.4.0", "1.4.0"),
            ("1.4.0-dev+3f9c2ab", "1.4.0-dev-3f9c2ab"),
            ("feature/login", "feature-login"),
            ("feat/#12: x@y", "feat-12-x-y"),
            (".hidden", "hidden"),
            ("--x", "x"),
            ("_ok", "_ok"),
        ] {
            assert_eq!(tag_slug(text).as_str(), expected, "{text}");
        }
    }

    #[test]
    fn lost_letters_are_told_apart() {
        let (one, other) = (tag_slug("ветка"), tag_slug("лавка"));
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 8);
        assert!(tag_slug("größe").as_str().starts_with("gr-e-"));
        assert_eq!(tag_slug("").as_str().len(), 8);
    }

    #[test]
    fn the_whole_tag_has_one_budget() {
        let long = "x".repeat(200);
        let tag = joined(&[literal("pr-"), value(&long), literal("-"), value("3f9c2ab")]).expect("a tag");
        assert_eq!(tag.len(), MAX_TAG_LEN);
        assert!(tag.starts_with("pr-xxx") && tag.ends_with("-3f9c2ab"), "{tag}");
        let other = joined(&[literal("pr-"), value(&format!("{long}y")), literal("-"), value("3f9c2ab")]).expect("a tag");
        assert_ne!(tag, other);
        assert!(joined(&[literal(&"l".repeat(129))]).is_err());
        assert!(joined(&[literal(&"l".repeat(125)), value(&long)]).is_err());
    }

    #[test]
    fn literals_must_be_legal() {
        for bad in ["a:b", "a/b", "-a", ".a", "a b", "ä"] {
            assert!(joined(&[literal(bad)]).is_err(), "{bad}");
        }
        assert!(joined(&[value("x"), literal("-a")]).is_ok());
        assert!(joined(&[value(""), literal("-a")]).is_err());
        assert!(joined(&[literal(""), value("")]).is_err());
    }

    proptest! {
        #[test]
        fn every_text_becomes_a_tag(text in any::<String>()) {
            let slug = tag_slug(&text);
            prop_assert!(slug.as_str().parse::<Tag>().is_ok());
            prop_assert_eq!(slug.clone(), tag_slug(&text));
        }

        #[test]
        fn legal_texts_stay(text in "[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}") {
            let slug = tag_slug(&text);
            prop_assert_eq!(slug.as_str(), text.as_str());
        }

        #[test]
        fn long_values_stay_within_the_budget(a in "[a-z/]{0,300}", b in "\\PC{0,300}") {
            let tag = joined(&[literal("x-"), value(&a), literal("."), value(&b)]);
            prop_assert!(tag.is_ok_and(|tag| tag.len() <= MAX_TAG_LEN));
        }
    }
}
