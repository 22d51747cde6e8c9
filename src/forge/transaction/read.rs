//! Reading destinations back, for `status` and `verify`. Each release is looked at once in a run.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::settings::{self, LatestSettings, ListedAsset, ReleaseSettings, RollingReleaseSettings, RollingTagSettings};
use super::target::{Kind, asset_name};
use crate::core::Digest;
use crate::forge::asset::{AssetState, StoredAsset};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::hash;
use crate::forge::port::Forge;
use crate::forge::release::StoredRelease;
use crate::http;
use crate::manifest::Destination;
use crate::publish::{Cx, Depth, Reading};

/// A release, when it is visible.
type Seen = Option<SeenRelease>;

struct SeenRelease {
    assets: HashMap<String, StoredAsset>,
    /// Commit its tag names.
    commit: Option<String>,
    /// Names of the files it shows and leads to, where that is a thing of its own.
    listed: Option<Vec<String>>,
}

pub(super) struct Reader {
    forge: Arc<dyn Forge>,
    http: http::Client,
    seen: Mutex<HashMap<String, Arc<Seen>>>,
}

impl Reader {
    pub(super) fn new(forge: Arc<dyn Forge>, http: http::Client) -> Self {
        Self { forge, http, seen: Mutex::default() }
    }

    pub(super) async fn read(&self, cx: &Cx, destination: &Destination, depth: Depth) -> Result<Reading, ForgeError> {
        // A destination without an artifact has no digest: what it shall hold is what it says.
        let as_expected = || Digest::of(destination.name.as_bytes());
        let whole = |missing: Option<String>| Reading {
            digest: Some(destination.digest.parse().unwrap_or_else(|_| as_expected())),
            missing,
            ..Reading::default()
        };
        match Kind::of(destination) {
            Some(Kind::Asset) => self.asset(cx, destination, depth).await,
            Some(Kind::Release) => {
                let seen = self.release(cx, &destination.tag).await?;
                let Some(seen) = &*seen else { return Ok(Reading::default()) };
                let commit = &seen.commit;
                let expected = settings::of::<ReleaseSettings>(destination)?.assets;
                // Artifacts have destinations of their own.
                let hashed = |listed: &ListedAsset| depth == Depth::Closure && listed.path.is_some();
                let wrong = self.first_wrong(cx, seen, &expected, hashed).await?;
                Ok(Reading { revision: commit.clone(), ..whole(wrong) })
            }
            Some(Kind::Latest) => {
                let wanted = settings::of::<LatestSettings>(destination)?.release;
                let held = self.forge.latest(&cx.cancel).await?;
                Ok(match held {
                    Some(held) if held.tag == wanted => whole(None),
                    Some(held) => Reading { digest: Some(Digest::of(held.tag.as_bytes())), version: Some(held.tag), ..Reading::default() },
                    None => Reading::default(),
                })
            }
            Some(Kind::RollingTag) => {
                let wanted = settings::of::<RollingTagSettings>(destination)?.commit;
                let held = self.forge.tag(&destination.tag, &cx.cancel).await?;
                Ok(match held {
                    Some(held) if held.commit == wanted => whole(None),
                    Some(held) => {
                        Reading { digest: Some(Digest::of(held.commit.as_bytes())), revision: Some(held.commit), ..Reading::default() }
                    }
                    None => Reading::default(),
                })
            }
            Some(Kind::RollingRelease) => {
                let RollingReleaseSettings { commit: wanted, assets: expected, .. } = settings::of(destination)?;
                let seen = self.release(cx, &destination.tag).await?;
                let Some(seen) = &*seen else { return Ok(Reading::default()) };
                let commit = &seen.commit;
                if commit.as_ref() != Some(&wanted) {
                    let other = Digest::of(commit.as_deref().unwrap_or_default().as_bytes());
                    return Ok(Reading { digest: Some(other), revision: commit.clone(), ..Reading::default() });
                }
                let wrong = self.first_wrong(cx, seen, &expected, |_| depth == Depth::Closure).await?;
                Ok(Reading { revision: commit.clone(), ..whole(wrong) })
            }
            None => Err(ForgeError::new(
                ForgeErrorKind::Source,
                format!("{} is of kind {}, which releases do not know", destination.name, destination.kind),
            )),
        }
    }

    /// The first file that is not there, not shown, or not what it should be. Where the forge tells no digest, what is there is
    /// read and hashed, if it shall be.
    async fn first_wrong(
        &self,
        cx: &Cx,
        seen: &SeenRelease,
        expected: &[ListedAsset],
        hashed: impl Fn(&ListedAsset) -> bool,
    ) -> Result<Option<String>, ForgeError> {
        for listed in expected {
            let is_shown = seen.listed.as_ref().is_none_or(|names| names.contains(&listed.name));
            let held = seen.assets.get(&listed.name).filter(|_| is_shown);
            let right = match held.map(|stored| (stored, stored.holds(listed.size, &listed.sha256))) {
                None => false,
                Some((_, Some(known))) => known,
                Some((stored, None)) if hashed(listed) => {
                    hash::of_stored(&*self.forge, &self.http, stored, listed.size, &cx.cancel).await? == listed.sha256
                }
                Some((_, None)) => true,
            };
            if !right {
                return Ok(Some(listed.name.clone()));
            }
        }
        Ok(None)
    }

    async fn asset(&self, cx: &Cx, destination: &Destination, depth: Depth) -> Result<Reading, ForgeError> {
        let seen = self.release(cx, &destination.tag).await?;
        let Some(SeenRelease { assets: there, commit, listed: _ }) = &*seen else { return Ok(Reading::default()) };
        let stored = there.get(&asset_name(destination)).filter(|stored| stored.state == AssetState::Complete);
        let Some(stored) = stored else { return Ok(Reading::default()) };
        let expected: Option<Digest> = destination.digest.parse().ok();
        let digest = match (&stored.sha256, stored.size, expected) {
            (Some(told), _, _) => told.clone(),
            // By its length, as far as a status asks.
            (None, Some(size), Some(expected)) if size == destination.size && depth != Depth::Closure => expected,
            _ => hash::of_stored(&*self.forge, &self.http, stored, destination.size, &cx.cancel).await?,
        };
        Ok(Reading { digest: Some(digest), revision: commit.clone(), ..Reading::default() })
    }

    async fn release(&self, cx: &Cx, tag: &str) -> Result<Arc<Seen>, ForgeError> {
        let mut seen = self.seen.lock().await;
        if let Some(known) = seen.get(tag) {
            return Ok(Arc::clone(known));
        }
        let visible = self.forge.releases_of(tag, &cx.cancel).await?.into_iter().find(StoredRelease::is_visible);
        let found = match visible {
            None => None,
            Some(release) => {
                let assets = self.forge.assets(&release.container, &cx.cancel).await?;
                let commit = self.forge.tag(tag, &cx.cancel).await?.map(|target| target.commit);
                let assets = assets.into_iter().map(|asset| (asset.name.clone(), asset)).collect();
                let elsewhere = release.elsewhere;
                let listed = release.listed.map(|names| names.into_iter().filter(|name| !elsewhere.contains(name)).collect());
                Some(SeenRelease { assets, commit, listed })
            }
        };
        let found = Arc::new(found);
        seen.insert(tag.to_owned(), Arc::clone(&found));
        Ok(found)
    }
}
