//! JSON of GitLab's API, as far as it is read and written. Unknown fields are left out: its versions differ.

use serde::{Deserialize, Serialize};

/// A release.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Release {
    pub(super) tag_name: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) commit: Option<Commit>,
    pub(super) assets: Assets,
    #[serde(default, rename = "_links")]
    pub(super) pages: Option<Pages>,
}

/// A commit.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Commit {
    pub(super) id: String,
}

/// Where people look at it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pages {
    #[serde(default, rename = "self")]
    pub(super) page: Option<String>,
}

/// What a release offers.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Assets {
    #[serde(default)]
    pub(super) links: Vec<Link>,
}

/// A link of a release.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Link {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) url: String,
}

/// A link that shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct NewLink {
    pub(super) name: String,
    pub(super) url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) direct_asset_path: Option<String>,
    pub(super) link_type: &'static str,
}

/// A release that shall be.
#[derive(Debug, Serialize)]
pub(super) struct NewRelease<'a> {
    pub(super) tag_name: &'a str,
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<&'a str>,
    pub(super) assets: NewAssets,
}

/// Its links.
#[derive(Debug, Serialize)]
pub(super) struct NewAssets {
    pub(super) links: Vec<NewLink>,
}

/// What changes of a release.
#[derive(Debug, Serialize)]
pub(super) struct Changes<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
}

/// A package.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Package {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) created_at: Option<String>,
}

/// A file of a package.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PackageFile {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) package_id: Option<u64>,
    #[serde(default)]
    pub(super) file_name: Option<String>,
    #[serde(default)]
    pub(super) size: Option<u64>,
    #[serde(default)]
    pub(super) file_sha256: Option<String>,
}

/// A git tag.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Tag {
    pub(super) target: String,
    #[serde(default)]
    pub(super) commit: Option<Commit>,
}

/// A git tag that shall be.
#[derive(Debug, Serialize)]
pub(super) struct NewTag<'a> {
    pub(super) tag_name: &'a str,
    #[serde(rename = "ref")]
    pub(super) at: &'a str,
}

/// A project, and what we may do in it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Project {
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) permissions: Option<Permissions>,
}

/// Access by membership of the project, and of its group.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Permissions {
    #[serde(default)]
    pub(super) project_access: Option<Access>,
    #[serde(default)]
    pub(super) group_access: Option<Access>,
}

/// 20 Reporter, 30 Developer, 40 Maintainer, 50 Owner.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Access {
    #[serde(default)]
    pub(super) access_level: u32,
}
