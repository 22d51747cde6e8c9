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
    updated_at: Option<String>,
    html_url: Option<Url>,
    #[serde(default)]
    assets: Vec<WireStamp>,
}

#[derive(Debug, Deserialize)]
struct WireStamp {
    updated_at: Option<String>,
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
        // `created_at` is when the commit was made. A draft is as old as what was last done with it; where nobody tells that, it
        // has no age. All times are written alike, in UTC.
        let touched = wire.assets.into_iter().filter_map(|asset| asset.updated_at).chain(wire.updated_at).max();
        let created = if wire.draft { touched } else { wire.created_at };
        Self {
            container: Container { id: wire.id.to_string(), upload: None },
            tag: wire.tag_name,
            title: wire.name.unwrap_or_default(),
            notes: wire.body.unwrap_or_default(),
            visibility,
            prerelease: wire.prerelease,
            target: wire.target_commitish,
            created,
            page: wire.html_url,
            listed: None,
            elsewhere: Vec::new(),
            addresses: Vec::new(),
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
        Self { id: wire.id.to_string(), name: wire.name, size: Some(wire.size), sha256, state, download: wire.url, doubles: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_as_old_as_what_was_last_done_with_it() {
        let age = |draft: bool, updated: &str, file: &str| {
            let text = serde_json::json!({
                "id": 1, "tag_name": "v1", "target_commitish": "main", "draft": draft, "prerelease": false,
                "created_at": "2026-01-02T00:00:00Z", "updated_at": updated, "assets": [{ "updated_at": file }],
            });
            StoredRelease::from(serde_json::from_value::<WireRelease>(text).expect("release")).created
        };
        let (old, new) = ("2026-01-05T00:00:00Z", "2026-01-05T00:10:00Z");
        assert_eq!(age(true, old, new).as_deref(), Some(new));
        assert_eq!(age(true, new, old).as_deref(), Some(new));
        assert_eq!(age(false, new, new).as_deref(), Some("2026-01-02T00:00:00Z"));
        let untold = serde_json::json!({
            "id": 1, "tag_name": "v1", "target_commitish": "main", "draft": true, "prerelease": false, "created_at": old,
        });
        assert_eq!(StoredRelease::from(serde_json::from_value::<WireRelease>(untold).expect("release")).created, None);
    }
}
