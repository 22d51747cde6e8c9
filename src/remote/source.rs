//! Where adapters come from when they are pinned: the port that rooms with a host of their own implement, and plain https.

use std::io::Write as _;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::core::{BoxFuture, PathError, Platform};
use crate::error::{Error, Result};
use crate::fs;
use crate::http::{Client, Method, Request, Url};

/// The most an adapter may weigh, in bytes.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// Somewhere adapters come from: a registry, the releases of a forge, an address. Brings bytes; what they must be is for the
/// caller to check.
pub trait AdapterSource: Send + Sync {
    /// The word of the lockfile: `url`, `oci`, `release`.
    fn kind(&self) -> &'static str;

    /// Brings the adapter that `reference` names for a platform into a new file at `into`, and tells what the reference
    /// resolved to, where it can mean different things at different times.
    fn fetch<'a>(
        &'a self,
        reference: &'a str,
        platform: &'a Platform,
        into: &'a Path,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Option<String>>>;
}

/// Adapters at https addresses. `{os}` and `{arch}` of the address are those of the platform.
#[derive(Debug)]
pub struct UrlSource {
    http: Client,
}

impl UrlSource {
    /// Over this client.
    pub fn new(http: Client) -> Self {
        Self { http }
    }
}

impl AdapterSource for UrlSource {
    fn kind(&self) -> &'static str {
        "url"
    }

    fn fetch<'a>(
        &'a self,
        reference: &'a str,
        platform: &'a Platform,
        into: &'a Path,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let text = platform.to_string();
            let (os, arch) = text.split_once('/').unwrap_or((&text, ""));
            let address = reference.replace("{os}", os).replace("{arch}", arch);
            let url = Url::parse(&address).map_err(|_| Error::usage("the address of an adapter is no URL"))?;
            let failed = |error: crate::http::HttpError| Error::failed("cannot fetch the adapter").because(&error);
            let mut response = self.http.send(&Request::new(Method::GET, url), cancel).await.map_err(failed)?;
            if !response.status().is_success() {
                return Err(Error::failed(format!("{} answered {} where the adapter should be", response.url(), response.status())));
            }
            let mut file = fs::create_new(into)?;
            let mut size = 0;
            while let Some(piece) = response.chunk().await.map_err(failed)? {
                size += piece.len() as u64;
                if size > MAX_BYTES {
                    return Err(Error::failed(format!(
                        "the adapter at {} is larger than {}",
                        response.url(),
                        crate::core::ByteSize(MAX_BYTES)
                    )));
                }
                file.write_all(&piece).map_err(PathError::at("write", into))?;
            }
            file.sync_all().map_err(PathError::at("make durable", into))?;
            Ok(None)
        })
    }
}
