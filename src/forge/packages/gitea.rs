//! Generic packages of Gitea and Forgejo. They belong to an owner, not to a repository; the directory is package and
//! version. What is there cannot be replaced, so there are no pointers.

use std::collections::HashMap;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::host::{At, Document, FileHost, Held, HeldVersion, carrying, hash_at};
use super::index::MOST;
use crate::core::{BoxFuture, Digest};
use crate::forge::api::{Answer, Api};
use crate::forge::asset::AssetSource;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::Place;
use crate::http::{Body, Method, Replay, Request, StatusCode, Url, header};
use crate::publish::{Inquiry, Preflight};

/// Entries of a page: what servers give at most, unless `[api] MAX_RESPONSE_ITEMS` says more.
const PAGE: &str = "50";

const SCOPE: &str = "give the token the scope `write:package`";

const NO_POINTERS: &str = "a file of a generic package cannot be replaced there";

/// Packages of one owner. What was listed is remembered until something is sent.
pub struct GiteaPackages {
    place: String,
    owner: String,
    api: Api,
    files: Url,
    listed: Mutex<HashMap<String, Vec<File>>>,
}

#[derive(Debug, Clone, Deserialize)]
struct File {
    name: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    sha256: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: u64,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    version: String,
    #[serde(default)]
    created_at: Option<String>,
}

impl GiteaPackages {
    /// `api` is at `…/api/v1`; `instance` is what people open in a browser.
    pub fn new(place: &Place, api: Api, instance: &Url) -> Self {
        let owner = place.project.split('/').next().unwrap_or_default().to_owned();
        let mut files = instance.clone();
        if let Ok(mut path) = files.path_segments_mut() {
            path.pop_if_empty().extend(["api", "packages", owner.as_str(), "generic"]);
        }
        Self { place: format!("{}/{owner}", place.host), owner, api, files, listed: Mutex::default() }
    }

    fn file_url(&self, at: &At) -> Url {
        let mut url = self.files.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(at.directory.split('/')).push(&at.file);
        }
        url
    }

    async fn find(&self, at: &At, cancel: &CancellationToken) -> Result<Option<File>, ForgeError> {
        let mut listed = self.listed.lock().await;
        if !listed.contains_key(&at.directory) {
            let (name, version) = at.directory.split_once('/').unwrap_or((&at.directory, ""));
            let found = self.files(name, version, cancel).await?;
            listed.insert(at.directory.clone(), found);
        }
        Ok(listed.get(&at.directory).and_then(|files| files.iter().find(|file| file.name == at.file)).cloned())
    }

    async fn put(&self, at: &At, file: &AssetSource, over: bool, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let doing = format!("send {} to {}", at.path(), self.place);
        if over {
            self.take_away(at, cancel).await?;
        }
        let request = self.api.request(Method::PUT, self.file_url(at)).header(header::CONTENT_TYPE, "application/octet-stream");
        self.written(at, &carrying(request, file), &doing, cancel).await
    }

    /// Makes room for what somebody decided to replace.
    async fn take_away(&self, at: &At, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let answer = self.api.send(&self.api.request(Method::DELETE, self.file_url(at)), cancel).await?;
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(self.api.refused(&format!("remove {} at {}", at.path(), self.place), &answer))
    }

    async fn written(&self, at: &At, request: &Request, doing: &str, cancel: &CancellationToken) -> Result<(), ForgeError> {
        self.api.pace().turn().await;
        let sent = self.api.http().send(request, cancel).await;
        // Whatever came of it, what was listed is old.
        self.listed.lock().await.remove(&at.directory);
        let answer = Answer::of_upload(sent?).await?;
        // Said in plain text, and as a matter of rights.
        let too_large = String::from_utf8_lossy(&answer.body).contains("size exceeded");
        match answer.status.as_u16() {
            200..=299 => Ok(()),
            403 if too_large => Err(ForgeError { kind: ForgeErrorKind::TooLarge, ..self.api.refused(doing, &answer) }
                .hint("raise `[packages] LIMIT_SIZE_GENERIC` of the server, or split the file")),
            409 => Err(ForgeError { kind: ForgeErrorKind::Exists, ..self.api.refused(doing, &answer) }),
            413 => Err(self.api.refused(doing, &answer).hint("raise the limit of what stands before the server, or split the file")),
            401 | 403 => Err(self.api.refused(doing, &answer).hint(SCOPE)),
            _ => Err(self.api.refused(doing, &answer)),
        }
    }

    async fn files(&self, name: &str, version: &str, cancel: &CancellationToken) -> Result<Vec<File>, ForgeError> {
        let url = self.api.url(&["packages", &self.owner, "generic", name, version, "files"], &[]);
        let doing = format!("list the files of package {name}/{version} of {}", self.place);
        Ok(self.api.get(&doing, url, cancel).await?.unwrap_or_default())
    }
}

impl File {
    fn held(self) -> Held {
        Held { size: self.size, sha256: self.sha256.and_then(|hex| format!("sha256:{hex}").parse().ok()) }
    }
}

impl FileHost for GiteaPackages {
    fn place(&self) -> &str {
        &self.place
    }

    fn preflight<'a>(&'a self, _: Inquiry, cancel: &'a CancellationToken) -> BoxFuture<'a, Preflight> {
        Box::pin(async move {
            let doing = format!("list packages of {}", self.place);
            let url = self.api.url(&["packages", &self.owner], &[("type", "generic"), ("limit", "1")]);
            let asked = match self.api.send(&self.api.request(Method::GET, url), cancel).await {
                Ok(answer) if answer.status.is_success() => Ok(format!("may read packages of {}", self.place)),
                Ok(answer) => Err(self.api.refused(&doing, &answer).hint(SCOPE)),
                Err(error) => Err(error),
            };
            asked.map(|checked| vec![checked]).into()
        })
    }

    fn look<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Held>, ForgeError>> {
        Box::pin(async move {
            let found = self.find(at, cancel).await?;
            Ok(found.map(File::held))
        })
    }

    fn send<'a>(
        &'a self,
        at: &'a At,
        file: &'a AssetSource,
        over: bool,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(self.put(at, file, over, cancel))
    }

    fn hash<'a>(&'a self, at: &'a At, most: u64, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Digest>, ForgeError>> {
        Box::pin(async move { hash_at(self.api.http(), &self.api.request(Method::GET, self.file_url(at)), most, cancel).await })
    }

    fn refuses_pointers(&self) -> Option<&'static str> {
        Some(NO_POINTERS)
    }

    fn document<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Document>, ForgeError>> {
        Box::pin(async move {
            let response = self.api.http().send(&self.api.request(Method::GET, self.file_url(at)), cancel).await?;
            match response.status().as_u16() {
                200 => Ok(Some(Document { bytes: response.bytes(MOST).await?, state: None })),
                404 => Ok(None),
                status => {
                    let text = format!("cannot read {} at {}: answered {status}", at.path(), self.place);
                    Err(ForgeError::new(ForgeErrorKind::Unavailable, text).status(status))
                }
            }
        })
    }

    /// Over nothing, or instead of what somebody decided to replace. Pointers, which would move again and again, are refused.
    fn write<'a>(
        &'a self,
        at: &'a At,
        bytes: Vec<u8>,
        over: Option<&'a Document>,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            if over.is_some() {
                self.take_away(at, cancel).await?;
            }
            let request = self.api.request(Method::PUT, self.file_url(at)).header(header::CONTENT_TYPE, "application/json");
            let request = request.body(Body::Bytes(bytes.into())).replay(Replay::Once);
            self.written(at, &request, &format!("send {} to {}", at.path(), self.place), cancel).await
        })
    }

    fn versions<'a>(&'a self, package: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<HeldVersion>, ForgeError>> {
        Box::pin(async move {
            let doing = format!("list package {package} of {}", self.place);
            let page = |number: usize| {
                let number = number.to_string();
                self.api.url(&["packages", &self.owner], &[("type", "generic"), ("q", package), ("limit", PAGE), ("page", &number)])
            };
            let packages: Vec<Package> = self.api.list(&doing, page, PAGE.parse().unwrap_or(50), cancel).await?;
            let mut found = Vec::new();
            // `q` is a part of a name.
            for listed in packages.into_iter().filter(|listed| listed.name == package && listed.kind == "generic") {
                let files = self.files(package, &listed.version, cancel).await?;
                found.push(HeldVersion {
                    id: listed.id.to_string(),
                    directory: format!("{package}/{}", listed.version),
                    created: listed.created_at,
                    files: files.into_iter().map(|file| (file.name.clone(), file.held())).collect(),
                });
            }
            Ok(found)
        })
    }

    fn remove<'a>(&'a self, version: &'a HeldVersion, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let doing = format!("remove package {} of {}", version.directory, self.place);
            let (name, number) = version.directory.split_once('/').unwrap_or((&version.directory, ""));
            let url = self.api.url(&["packages", &self.owner, "generic", name, number], &[]);
            let answer = self.api.send(&self.api.request(Method::DELETE, url), cancel).await?;
            self.listed.lock().await.remove(&version.directory);
            match answer.status {
                StatusCode::NOT_FOUND => Ok(()),
                status if status.is_success() => Ok(()),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.api.refused(&doing, &answer).hint(SCOPE)),
                _ => Err(self.api.refused(&doing, &answer)),
            }
        })
    }
}
