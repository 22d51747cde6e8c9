//! Which package version holds the files of a release.

use crate::core::release_package;

/// A version of a generic package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageVersion {
    /// Package: `app`.
    pub name: String,
    /// Version: `v1.4.0`.
    pub version: String,
}

impl PackageVersion {
    /// The one that holds the files of a tag's release.
    pub fn of_tag(project: &str, tag: &str) -> Self {
        let (name, version) = release_package(project, tag);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back() {
        for tag in ["v1.4.0", "release/1"] {
            let version = PackageVersion::of_tag("group/app", tag);
            assert_eq!(PackageVersion::of_id(&version.id()), version);
        }
    }
}
