//! Moving the bytes of a pack as a host does.

use std::path::{Path, PathBuf};

use super::bench::Bench;
use crate::event::Events;
use crate::fs;
use crate::http::{self, Body, Method, Replay, Request, Url, header};
use crate::remote::protocol::{DownloadInfo, UploadInfo};

/// The most that is downloaded.
const MAX_DOWNLOAD: usize = 16 * 1024 * 1024;

/// Why bytes did not move.
#[derive(Debug, thiserror::Error)]
pub enum Unmoved {
    /// It was not said that such addresses may be used.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// The address, the place or the way there is not what it should be.
    #[error("{0}")]
    Refused(String),
}

/// Where an address leads.
enum Place {
    File(PathBuf),
    Web(Url),
}

impl Bench<'_> {
    /// Sends a file where the adapter said.
    pub async fn upload(&self, upload: &UploadInfo, file: &Path) -> Result<(), Unmoved> {
        if upload.is_skip() {
            return Ok(());
        }
        match self.place(&upload.url)? {
            Place::File(to) => copy(file, &to).map_err(refused),
            Place::Web(url) => {
                let method = Method::from_bytes(upload.method.as_bytes()).ok().filter(|_| !upload.method.is_empty());
                let method =
                    method.ok_or_else(|| refused(format!("upload.method `{}` is no method", super::asking::short(&upload.method))))?;
                let len = fs::size_of(file).map_err(refused)?;
                let body = Body::File { path: file.to_owned(), offset: 0, len, digest: None };
                let request = Request::new(method, url).body(body).replay(Replay::Safe).without_redirects();
                self.send(with_headers(request, &upload.headers)).await.map(|_| ())
            }
        }
    }

    /// Reads what the adapter points at.
    pub async fn download(&self, download: &DownloadInfo) -> Result<Vec<u8>, Unmoved> {
        match self.place(&download.url)? {
            Place::File(from) => fs::read_regular(&from, MAX_DOWNLOAD as u64).map_err(refused),
            Place::Web(url) => {
                let method = if download.method.is_empty() { "GET" } else { &download.method };
                let method = Method::from_bytes(method.as_bytes()).map_err(|_| refused("download.method is no method"))?;
                let request = Request::new(method, url).header(header::ACCEPT_ENCODING, "identity");
                let answer = self.send(with_headers(request, &download.headers)).await?;
                answer.bytes(MAX_DOWNLOAD).await.map_err(refused)
            }
        }
    }

    async fn send(&self, request: Request) -> Result<http::Response, Unmoved> {
        let options = http::Options::of_environment(&self.world.env).map_err(refused)?;
        let client = http::Client::new(self.world, Events::none(), &options).map_err(refused)?;
        let answer = client.send(&request, self.cancel).await.map_err(refused)?;
        let status = answer.status();
        if status.is_success() { Ok(answer) } else { Err(refused(format!("{} {}: {status}", request.method(), request.url()))) }
    }

    /// An address that could not be used: the adapter's fault, unless this examination was not told that it may.
    pub fn refused_address(&mut self, problem: &Unmoved, why: &str) {
        match problem {
            Unmoved::NotAllowed(_) => self.findings.unproven(&["SF-012"], why),
            Unmoved::Refused(_) => self.findings.fail("SF-012", why),
        }
    }

    /// Is this an address hosts accept?
    fn place(&self, text: &str) -> Result<Place, Unmoved> {
        let url = Url::parse(text).map_err(|_| refused(format!("`{}` is no URL", super::asking::short(text))))?;
        match url.scheme() {
            "https" if url.host_str().is_some() => Ok(Place::Web(url)),
            "http" if http::is_loopback(&url) && self.options.loopback_http => Ok(Place::Web(url)),
            "http" if http::is_loopback(&url) => {
                Err(Unmoved::NotAllowed("the address is http on this machine: give --allow-loopback-http"))
            }
            "file" => {
                let path = url.to_file_path().map_err(|()| refused("a file: address names another host"))?;
                let Some(root) = &self.options.file_root else {
                    return Err(Unmoved::NotAllowed("the address is a file: give the directory with --file-root"));
                };
                if path.starts_with(root) { Ok(Place::File(path)) } else { Err(refused("a file: address is outside of --file-root")) }
            }
            scheme => Err(refused(format!("hosts refuse `{}:` addresses", super::asking::short(scheme)))),
        }
    }
}

fn refused(why: impl std::fmt::Display) -> Unmoved {
    Unmoved::Refused(why.to_string())
}

fn with_headers(request: Request, headers: &std::collections::BTreeMap<String, String>) -> Request {
    headers.iter().fold(request, |request, (name, value)| match header::HeaderName::from_bytes(name.as_bytes()) {
        Ok(header::AUTHORIZATION) => request.authorization(Some(crate::core::Secret::new(value))),
        Ok(name) => request.header(name, value),
        Err(_) => request,
    })
}

fn copy(from: &Path, to: &Path) -> fs::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir(parent)?;
    }
    let bytes = fs::read_bounded(from, MAX_DOWNLOAD as u64)?;
    fs::write_atomic(to, &bytes, 0o644)
}
