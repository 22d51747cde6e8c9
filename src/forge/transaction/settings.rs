//! What `destinations.json` says of a release, beside what it says of every destination. Written by perform, approved by
//! review, read here, strictly: it may come from another job.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::Digest;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::release_links::ReleaseLink;
use crate::manifest::Destination;

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSettings {
    /// Title.
    pub title: String,
    /// Notes, without markers.
    pub notes: String,
    /// Marked as not ready for everybody.
    pub prerelease: bool,
    /// Full commit id its tag names.
    pub commit: String,
    /// The forge may make the tag.
    pub may_make_tag: bool,
    /// Everything that must be attached before it is visible.
    pub assets: Vec<ListedAsset>,
    /// What the file is called that tells what review verified of it; it is added when review approved. `None`: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<String>,
    /// What it links to beside its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ReleaseLink>,
    /// Names of releases that must be seen before this one, where they are part of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// What a plan says is still to be made of it; gone when it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub making: Option<Value>,
}

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedAsset {
    /// Name it has at the forge.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where it lies, relative to the workspace, when no artifact is it: `SHA256SUMS`, a list of digests. Absent: a
    /// destination of its own brings it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// The mark of the latest release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatestSettings {
    /// Tag of the release that shall be the latest.
    pub release: String,
}

/// A tag that moves with releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollingTagSettings {
    /// Tag of the release it follows.
    pub release: String,
    /// Full commit id it shall name.
    pub commit: String,
}

/// A release that moves: it has the notes and the files of the one that was made last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollingReleaseSettings {
    /// Tag of the release it follows.
    pub release: String,
    /// Title.
    pub title: String,
    /// Notes, without markers.
    pub notes: String,
    /// Marked as not ready for everybody.
    pub prerelease: bool,
    /// Full commit id its tag shall name.
    pub commit: String,
    /// Everything it shall have; each says where it lies.
    pub assets: Vec<ListedAsset>,
}

/// Reads the settings of a destination.
pub(super) fn of<T: serde::de::DeserializeOwned>(destination: &Destination) -> Result<T, ForgeError> {
    let settings = destination.settings.clone().unwrap_or(Value::Null);
    serde_json::from_value(settings).map_err(|error| {
        ForgeError::new(ForgeErrorKind::Source, format!("what destinations.json says of {} cannot be used: {error}", destination.name))
            .hint("it must not be edited, and is written by the same version of this program; run perform again")
    })
}
