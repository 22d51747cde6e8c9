//! Semantic versions as release tags carry them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A semantic version with an optional leading `v` in its text (spec/build.md K.5). Ordered by SemVer 2.0 §11.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(semver::Version);

/// The text is not `major.minor.patch[-prerelease][+build]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a semantic version such as 1.2.3 or v1.2.3-rc.1")]
pub struct VersionError(String);

impl Version {
    /// First number.
    pub fn major(&self) -> u64 {
        self.0.major
    }

    /// Second number.
    pub fn minor(&self) -> u64 {
        self.0.minor
    }

    /// Third number.
    pub fn patch(&self) -> u64 {
        self.0.patch
    }

    /// What follows the `-`, empty for a release.
    pub fn prerelease(&self) -> &str {
        self.0.pre.as_str()
    }

    /// May a name that only moves forward go from `held` to this? Never to an older version, and never from a release
    /// to a pre-release.
    pub fn follows(&self, held: &Self) -> bool {
        self >= held && (self.prerelease().is_empty() || !held.prerelease().is_empty())
    }

    /// `major.minor.patch` alone.
    pub fn base(&self) -> String {
        format!("{}.{}.{}", self.0.major, self.0.minor, self.0.patch)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        semver::Version::parse(bare).map(Self).map_err(|_| VersionError(text.chars().take(80).collect()))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp_precedence(&other.0).then_with(|| self.0.build.cmp(&other.0.build))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
