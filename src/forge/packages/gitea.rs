//! Generic packages of Gitea and Forgejo. They belong to an owner, not to a repository; the directory is package and
//! version. What is there cannot be replaced, so there are no pointers.

use std::collections::HashMap;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::host::{At, FileHost, Held, Pointed, carrying, hash_at};
use crate::core::{BoxFuture, Digest};
use crate::error::Kind;
use crate::forge::api::Api;
use crate::forge::asset::AssetSource;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::Place;
use crate::http::{Method, StatusCode, Url, header};
use crate::publish::{Inquiry, Preflight, Problem};

/// The most of an answer to an upload that is read.
const LARGEST_ANSWER: usize = 1 << 20;

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
            let url = self.api.url(&["packages", &self.owner, "generic", name, version, "files"], &[]);
            let doing = format!("list the files of package {} of {}", at.directory, self.place);
            let found: Option<Vec<File>> = self.api.get(&doing, url, cancel).await?;
            listed.insert(at.directory.clone(), found.unwrap_or_default());
        }
        Ok(listed.get(&at.directory).and_then(|files| files.iter().find(|file| file.name == at.file)).cloned())
    }

    async fn put(&self, at: &At, file: &AssetSource, over: bool, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let doing = format!("send {} to {}", at.path(), self.place);
        if over {
            let answer = self.api.send(&self.api.request(Method::DELETE, self.file_url(at)), cancel).await?;
            if !answer.status.is_success() && answer.status != StatusCode::NOT_FOUND {
                return Err(self.api.refused(&doing, &answer));
            }
        }
        let request = self.api.request(Method::PUT, self.file_url(at)).header(header::CONTENT_TYPE, "application/octet-stream");
        self.api.pace().turn().await;
        let sent = self.api.http().send(&carrying(request, file), cancel).await;
        // Whatever came of it, what was listed is old.
        self.listed.lock().await.remove(&at.directory);
        let response = sent?;
        let (status, headers, method, url) =
            (response.status(), response.headers().clone(), response.method().clone(), response.url().clone());
        let body = response.bytes(LARGEST_ANSWER).await.unwrap_or_default();
        let answer = crate::forge::api::Answer { status, headers, body, method, url };
        // Said in plain text, and as a matter of rights.
        let too_large = String::from_utf8_lossy(&answer.body).contains("size exceeded");
        match status.as_u16() {
            200..=299 => Ok(()),
            403 if too_large => Err(ForgeError { kind: ForgeErrorKind::TooLarge, ..self.api.refused(&doing, &answer) }
                .hint("raise `[packages] LIMIT_SIZE_GENERIC` of the server, or split the file")),
            409 => Err(ForgeError { kind: ForgeErrorKind::Exists, ..self.api.refused(&doing, &answer) }),
            413 => Err(self.api.refused(&doing, &answer).hint("raise the limit of what stands before the server, or split the file")),
            401 | 403 => Err(self.api.refused(&doing, &answer).hint("give the token the scope `write:package`")),
            _ => Err(self.api.refused(&doing, &answer)),
        }
    }
}

impl FileHost for GiteaPackages {
    fn place(&self) -> &str {
        &self.place
    }

    fn preflight<'a>(&'a self, _: Inquiry, cancel: &'a CancellationToken) -> BoxFuture<'a, Preflight> {
        Box::pin(async move {
            let mut found = Preflight::default();
            let doing = format!("list packages of {}", self.place);
            let url = self.api.url(&["packages", &self.owner], &[("type", "generic"), ("limit", "1")]);
            let asked = match self.api.send(&self.api.request(Method::GET, url), cancel).await {
                Ok(answer) if answer.status.is_success() => Ok(()),
                Ok(answer) => Err(self.api.refused(&doing, &answer).hint("give the token the scope `write:package`")),
                Err(error) => Err(error),
            };
            match asked {
                Ok(()) => found.checked.push(format!("may read packages of {}", self.place)),
                Err(error) => {
                    let command = crate::error::Error::from(error);
                    let kind = if command.kind() == Kind::Missing { Kind::Missing } else { Kind::Failed };
                    let hint = command.hint_text().map(str::to_owned);
                    found.problems.push(Problem { kind, message: command.message().to_owned(), hint });
                }
            }
            found
        })
    }

    fn look<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Held>, ForgeError>> {
        Box::pin(async move {
            let found = self.find(at, cancel).await?;
            Ok(found.map(|file| Held { size: file.size, sha256: file.sha256.and_then(|hex| format!("sha256:{hex}").parse().ok()) }))
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

    fn pointer<'a>(&'a self, _: &'a At, _: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Pointed>, ForgeError>> {
        Box::pin(async { Ok(None) })
    }

    fn point<'a>(
        &'a self,
        at: &'a At,
        _: Vec<u8>,
        _: Option<&'a Pointed>,
        _: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            Err(ForgeError::new(ForgeErrorKind::Rejected, format!("{} cannot be at {}: {NO_POINTERS}", at.path(), self.place)))
        })
    }
}
