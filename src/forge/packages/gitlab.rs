//! GitLab's generic packages. The directory is package and version.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::host::{At, Document, FileHost, Held, HeldVersion, carrying, hash_at};
use super::index::MOST;
use crate::core::BoxFuture;
use crate::forge::api::Answer;
use crate::forge::asset::{AssetSource, StoredAsset};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::gitlab::Gitlab;
use crate::forge::port::Forge;
use crate::forge::release::Container;
use crate::http;
use crate::publish::{Inquiry, Preflight};

/// Packages of one project. What was listed is remembered until something is sent.
pub struct GitlabPackages {
    place: String,
    forge: Arc<Gitlab>,
    http: http::Client,
    listed: Mutex<HashMap<String, Vec<StoredAsset>>>,
    // Files of one version are sent one after the other: the first makes it.
    turn: Mutex<()>,
}

impl GitlabPackages {
    /// `forge` is the adapter of the project's GitLab.
    pub fn new(forge: Arc<Gitlab>, http: http::Client) -> Self {
        Self { place: forge.place().to_string(), forge, http, listed: Mutex::default(), turn: Mutex::default() }
    }

    async fn find(&self, at: &At, cancel: &CancellationToken) -> Result<Option<StoredAsset>, ForgeError> {
        let mut listed = self.listed.lock().await;
        if !listed.contains_key(&at.directory) {
            let container = Container { id: at.directory.clone(), upload: None };
            listed.insert(at.directory.clone(), self.forge.assets(&container, cancel).await?);
        }
        Ok(listed.get(&at.directory).and_then(|files| files.iter().find(|file| file.name == at.file)).cloned())
    }

    async fn put(&self, at: &At, file: &AssetSource, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let _turn = self.turn.lock().await;
        let container = Container { id: at.directory.clone(), upload: None };
        let request = carrying(self.forge.upload(&container, file)?, file);
        let sent = self.http.send(&request, cancel).await;
        // Whatever came of it, what was listed is old.
        self.listed.lock().await.remove(&at.directory);
        self.forge.uploaded(file, &Answer::of_upload(sent?).await?)?;
        Ok(())
    }
}

impl FileHost for GitlabPackages {
    fn place(&self) -> &str {
        &self.place
    }

    fn preflight<'a>(&'a self, inquiry: Inquiry, cancel: &'a CancellationToken) -> BoxFuture<'a, Preflight> {
        self.forge.preflight(inquiry, cancel)
    }

    fn look<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Held>, ForgeError>> {
        Box::pin(async move {
            let found = self.find(at, cancel).await?;
            Ok(found.map(|stored| Held { size: stored.size, sha256: stored.sha256 }))
        })
    }

    /// GitLab keeps the new file beside the old one and gives out the new one.
    fn send<'a>(
        &'a self,
        at: &'a At,
        file: &'a AssetSource,
        _: bool,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(self.put(at, file, cancel))
    }

    fn hash<'a>(
        &'a self,
        at: &'a At,
        most: u64,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Option<crate::core::Digest>, ForgeError>> {
        Box::pin(async move {
            let Some(stored) = self.find(at, cancel).await? else { return Ok(None) };
            hash_at(&self.http, &self.forge.download(&stored)?, most, cancel).await
        })
    }

    fn document<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Document>, ForgeError>> {
        Box::pin(async move {
            self.listed.lock().await.remove(&at.directory);
            let Some(stored) = self.find(at, cancel).await? else { return Ok(None) };
            let response = self.http.send(&self.forge.download(&stored)?, cancel).await?;
            if !response.status().is_success() {
                let text = format!("cannot read {} at {}: answered {}", at.path(), self.place, response.status().as_u16());
                return Err(ForgeError::new(ForgeErrorKind::Unavailable, text));
            }
            Ok(Some(Document { bytes: response.bytes(MOST).await?, state: None }))
        })
    }

    fn write<'a>(
        &'a self,
        at: &'a At,
        bytes: Vec<u8>,
        _: Option<&'a Document>,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            let container = Container { id: at.directory.clone(), upload: None };
            let source = AssetSource {
                name: at.file.clone(),
                path: std::path::PathBuf::new(),
                size: bytes.len() as u64,
                sha256: crate::core::Digest::of(&bytes),
                media_type: "application/json".to_owned(),
            };
            // Described as a file, sent from memory.
            let request = self.forge.upload(&container, &source)?.body(http::Body::Bytes(bytes.into()));
            let sent = self.http.send(&request, cancel).await;
            self.listed.lock().await.remove(&at.directory);
            self.forge.uploaded(&source, &Answer::of_upload(sent?).await?)?;
            Ok(())
        })
    }

    fn versions<'a>(&'a self, package: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<HeldVersion>, ForgeError>> {
        Box::pin(self.forge.package_versions(package, cancel))
    }

    fn remove<'a>(&'a self, version: &'a HeldVersion, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let outcome = self.forge.remove_package(&version.directory, &version.id, cancel).await;
            self.listed.lock().await.remove(&version.directory);
            outcome.map_err(|error| match error.kind {
                ForgeErrorKind::Denied => error.hint("removing packages needs a token (scope api) of somebody who is Maintainer"),
                _ => error,
            })
        })
    }
}
