//! The file of a package version that says what was published: its name.
//!
//! A place for files has no notion of who published a version. So each publish leaves an index beside what it brought:
//! which files, with which digests, of which commit. Whoever downloads can compare, and cleaning up takes away nothing
//! that no index vouches for.

use super::Digest;

/// What the name begins with.
const STEM: &str = "stagefreight-";

/// What it ends with.
const ENDING: &str = ".json";

/// Hex digits between them.
const DIGITS: usize = 12;

/// The name of the index of these files of a version. It follows from what is published, since several jobs may each
/// bring their part of one version, and nowhere may one file replace another: the same publish comes to the same name,
/// another one to another.
pub fn index_file<'a>(version: &str, commit: &str, files: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = files.into_iter().collect();
    names.sort_unstable();
    let digest = Digest::of(format!("{version}\n{commit}\n{}\n", names.join("\n")).as_bytes());
    format!("{STEM}{}{ENDING}", &digest.hex()[..DIGITS])
}

/// Is this the name of an index?
pub fn is_index_file(name: &str) -> bool {
    let digits = name.strip_prefix(STEM).and_then(|rest| rest.strip_suffix(ENDING));
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_from_what_is_published() {
        let one = index_file("1.4.0", "c0ffee", ["b.zip", "a.zip"]);
        assert_eq!(one, index_file("1.4.0", "c0ffee", ["a.zip", "b.zip"]));
        for other in [index_file("1.4.1", "c0ffee", ["a.zip", "b.zip"]), index_file("1.4.0", "c0ffee", ["a.zip"])] {
            assert_ne!(one, other);
            assert!(is_index_file(&other), "{other}");
        }
        for no in ["index.json", "stagefreight-.json", "stagefreight-c0ffee.json", "stagefreight-XXXXXXXXXXXX.json", "app.json"] {
            assert!(!is_index_file(no), "{no}");
        }
    }
}
