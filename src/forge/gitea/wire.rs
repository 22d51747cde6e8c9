//! JSON of Gitea's API, as far as it is read and written. Unknown fields are left out: its versions differ.

use serde::{Deserialize, Serialize};

/// A release or draft.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Release {
    pub(super) id: u64,
    pub(super) tag_name: String,
    #[serde(default)]
    pub(super) target_commitish: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) body: String,
    #[serde(default)]
    pub(super) html_url: Option<String>,
    #[serde(default)]
    pub(super) draft: bool,
    #[serde(default)]
    pub(super) prerelease: bool,
    #[serde(default)]
    pub(super) created_at: Option<String>,
}

/// A file of a release.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Attachment {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) size: Option<u64>,
    #[serde(default)]
    pub(super) browser_download_url: Option<String>,
}

/// A release that shall be, or what changes of one.
#[derive(Debug, Serialize)]
pub(super) struct Shall<'a> {
    pub(super) tag_name: &'a str,
    pub(super) target_commitish: &'a str,
    pub(super) name: &'a str,
    pub(super) body: &'a str,
    pub(super) prerelease: bool,
    pub(super) draft: bool,
}

/// What changes of a release that stays as visible as it is.
#[derive(Debug, Serialize)]
pub(super) struct Changes<'a> {
    pub(super) name: &'a str,
    pub(super) body: &'a str,
    pub(super) prerelease: bool,
}

/// A git tag.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Tag {
    pub(super) commit: Commit,
}

/// A commit.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Commit {
    pub(super) sha: String,
}

/// A git tag that shall be.
#[derive(Debug, Serialize)]
pub(super) struct NewTag<'a> {
    pub(super) tag_name: &'a str,
    pub(super) target: &'a str,
}

/// A repository, and what we may do in it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Repository {
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) empty: bool,
    #[serde(default)]
    pub(super) permissions: Option<Permissions>,
    #[serde(default = "yes")]
    pub(super) has_releases: bool,
}

/// By membership.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Permissions {
    #[serde(default)]
    pub(super) push: bool,
}

fn yes() -> bool {
    true
}
