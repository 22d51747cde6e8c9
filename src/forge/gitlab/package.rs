//! Which package version holds the files of a release.

use crate::core::Digest;

/// Longest version GitLab keeps.
const LONGEST: usize = 255;

/// A version of a generic package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageVersion {
    /// Package: `app`.
    pub name: String,
    /// Version: `v1.4.0`.
    pub version: String,
}

impl PackageVersion {
    /// The one that holds the files of a tag's release: the package is called like the project, the version like the tag.
    /// A tag with characters a version cannot have gets a version of its own that no other tag has.
    pub fn of_tag(project: &str, tag: &str) -> Self {
        let name = kept(project.rsplit('/').next().unwrap_or(project));
        let mut version = kept(tag);
        if version != tag || version.len() > LONGEST {
            version.truncate(LONGEST - 9);
            version = format!("{version}-{}", &Digest::of(tag.as_bytes()).hex()[..8]);
        }
        Self { name, version }
    }

    /// As a container's id: `app/v1.4.0`.
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    /// Reads such an id.
    pub(super) fn of_id(id: &str) -> Self {
        let (name, version) = id.split_once('/').unwrap_or((id, ""));
        Self { name: name.to_owned(), version: version.to_owned() }
    }
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
        let of = |tag: &str| PackageVersion::of_tag("group/sub/app", tag).id();
        assert_eq!(of("v1.4.0"), "app/v1.4.0");
        assert_eq!(of("v1+build"), "app/v1+build");
        assert!(of("release/1.0").starts_with("app/release-1.0-"));
        assert_ne!(of("release/1.0"), of("release-1.0"));
        assert_ne!(of("é"), of("è"));
        assert_eq!(PackageVersion::of_id(&of("release/1")), PackageVersion::of_tag("app", "release/1"));
    }
}
