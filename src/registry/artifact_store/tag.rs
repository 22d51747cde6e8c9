//! References as tags. Two references never share a tag: `_` becomes `__` and `/` becomes `_.`, which can be read back;
//! what is then longer than a tag may be becomes `_-` and its SHA-256, and its manifest tells the reference.

use crate::core::Digest;
use crate::store::artifact::Ref;

/// Longest tag (distribution specification, "Pulling manifests").
const MAX_TAG: usize = 128;

/// In front of the hash of a reference that is too long. No escaped reference begins so.
const HASHED: &str = "_-";

/// The tag of a reference.
pub fn of(at: &Ref) -> String {
    let escaped = at.as_str().replace('_', "__").replace('/', "_.");
    if escaped.len() <= MAX_TAG { escaped } else { format!("{HASHED}{}", Digest::of(at.as_str().as_bytes()).hex()) }
}

/// Does a tag stand for a reference that it does not tell?
pub fn is_hashed(tag: &str) -> bool {
    tag.strip_prefix(HASHED).is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The reference a tag tells; `None` for other people's tags and for hashed ones.
pub fn to_ref(tag: &str) -> Option<Ref> {
    let mut text = String::with_capacity(tag.len());
    let mut chars = tag.chars();
    while let Some(next) = chars.next() {
        match next {
            '_' => text.push(match chars.next()? {
                '_' => '_',
                '.' => '/',
                _ => return None,
            }),
            other => text.push(other),
        }
    }
    Ref::parse(&text).ok().filter(|at| of(at) == tag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_tell_their_reference_or_hide_it_behind_a_hash() {
        let parse = |text: &str| Ref::parse(text).expect("a reference");
        for (at, tag) in [("a/b", "a_.b"), ("a_.b", "a__.b"), ("a_/b", "a___.b"), ("_", "__"), ("acme/app/1.4.0", "acme_.app_.1.4.0")] {
            assert_eq!(of(&parse(at)), tag);
            assert_eq!(to_ref(tag), Some(parse(at)));
        }
        let long = parse("l/".repeat(100).trim_end_matches('/'));
        assert!(is_hashed(&of(&long)) && to_ref(&of(&long)).is_none());
        for other in ["latest_", "a_b", "sha256-x_-y", ".x"] {
            assert_eq!(to_ref(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_two_references_share_a_tag(one in "[a-b_./]{1,8}", other in "[a-b_./]{1,8}") {
            if let (Ok(one), Ok(other)) = (Ref::parse(&one), Ref::parse(&other)) {
                prop_assert_eq!(of(&one) == of(&other), one == other);
                prop_assert_eq!(to_ref(&of(&one)), Some(one));
            }
        }
    }
}
