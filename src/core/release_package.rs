//! Where the files of a release are at GitLab, whose releases hold none: in a version of a generic package.
//!
//! Publishing puts them there, and planning sees to it that nothing else goes there.

use super::Digest;

/// Longest version GitLab keeps.
const LONGEST: usize = 255;

/// Package and version that hold the files of a tag's release: the package is called like the project, the version like the
/// tag. A tag with characters a version cannot have gets a version of its own that no other tag has.
pub fn release_package(project: &str, tag: &str) -> (String, String) {
    let name = kept(project.rsplit('/').next().unwrap_or(project));
    let mut version = kept(tag);
    if version != tag || version.len() > LONGEST {
        version.truncate(LONGEST - 9);
        version = format!("{version}-{}", &Digest::of(tag.as_bytes()).hex()[..8]);
    }
    (name, version)
}

/// What is no letter, digit, `.`, `_`, `-` or `+` becomes `-`.
fn kept(text: &str) -> String {
    text.chars().map(|ch| if ch.is_ascii_alphanumeric() || matches!(ch, '.' | '_' | '-' | '+') { ch } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_versions_of_their_own() {
        let of = |tag: &str| release_package("group/sub/app", tag);
        assert_eq!(of("v1.4.0"), ("app".to_owned(), "v1.4.0".to_owned()));
        assert_eq!(of("v1+build").1, "v1+build");
        assert!(of("release/1.0").1.starts_with("release-1.0-"));
        assert_ne!(of("release/1.0"), of("release-1.0"));
        assert_ne!(of("é"), of("è"));
        assert_eq!(of(&"1".repeat(300)).1.len(), LONGEST);
    }
}
