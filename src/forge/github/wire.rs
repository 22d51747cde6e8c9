//! GitHub's JSON forms, as far as they are read.

use serde::Deserialize;

use crate::forge::asset::{AssetState, StoredAsset};
use crate::forge::release::{Container, StoredRelease, Visibility};
use crate::http::Url;

#[derive(Debug, Deserialize)]
pub(super) struct WireRepository {
    #[serde(default)]
    pub(super) archived: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireRelease {
    id: u64,
    tag_name: String,
    target_commitish: String,
    name: Option<String>,
    body: Option<String>,
    draft: bool,
    prerelease: bool,
    #[serde(default)]
    immutable: bool,
    created_at: Option<String>,
    html_url: Option<Url>,
}

/// The same with its files. They are not in pages here, and nothing promises that they are all of them.
#[derive(Debug, Deserialize)]
pub(super) struct WireReleaseWithFiles {
    #[serde(flatten)]
    release: WireRelease,
    #[serde(default)]
    assets: Vec<WireAsset>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireAsset {
    id: u64,
    name: String,
    state: String,
    size: u64,
    digest: Option<String>,
    url: Option<Url>,
}

/// A reference, or a tag object: both lead to an object.
#[derive(Debug, Deserialize)]
pub(super) struct WireRef {
    pub(super) object: WireObject,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireObject {
    pub(super) sha: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

impl From<WireRelease> for StoredRelease {
    fn from(wire: WireRelease) -> Self {
        let visibility = match (wire.draft, wire.immutable) {
            (true, _) => Visibility::Draft,
            (false, true) => Visibility::Sealed,
            (false, false) => Visibility::Published,
        };
        Self {
            container: Container { id: wire.id.to_string(), upload: None },
            tag: wire.tag_name,
            title: wire.name.unwrap_or_default(),
            notes: wire.body.unwrap_or_default(),
            visibility,
            prerelease: wire.prerelease,
            target: wire.target_commitish,
            created: wire.created_at,
            page: wire.html_url,
            listed: None,
            elsewhere: Vec::new(),
            files: Vec::new(),
        }
    }
}

impl From<WireReleaseWithFiles> for StoredRelease {
    fn from(wire: WireReleaseWithFiles) -> Self {
        Self { files: wire.assets.into_iter().map(StoredAsset::from).collect(), ..wire.release.into() }
    }
}

impl From<WireAsset> for StoredAsset {
    fn from(wire: WireAsset) -> Self {
        // `uploaded` is whole; `open`, `new` and `starter` are not.
        let state = if wire.state == "uploaded" { AssetState::Complete } else { AssetState::Unfinished };
        let sha256 = wire.digest.and_then(|digest| digest.parse().ok());
        Self { id: wire.id.to_string(), name: wire.name, size: Some(wire.size), sha256, state, download: wire.url }
    }
}
