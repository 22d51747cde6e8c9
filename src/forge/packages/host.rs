//! The port: a place that keeps files below directories.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::core::{Algorithm, BoxFuture, Digest, Digester};
use crate::forge::asset::AssetSource;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::http::{self, Replay, Request, Response};
use crate::publish::{Inquiry, Preflight};

/// Slowest transfer that is not given up, over a whole file, in bytes per second. Stalls are cut long before.
const SLOWEST: u64 = 32 * 1024;

/// Time a file of any size may take.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(120);

/// Where a file is: `app/1.4.0` and `app.tar.gz`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct At {
    /// Directory: package and version, or a path. No slash at either end.
    pub directory: String,
    /// Name.
    pub file: String,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its length in bytes, where the place tells.
    pub size: Option<u64>,
    /// Its digest, where the place tells one that it computed itself.
    pub sha256: Option<Digest>,
}

/// A version that is there, with what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldVersion {
    /// What the place calls it, where that is not its directory.
    pub id: String,
    /// Its directory: `app/1.4.0`.
    pub directory: String,
    /// When it was made, RFC 3339, as far as the place tells.
    pub created: Option<String>,
    /// Its files, with their names.
    pub files: Vec<(String, Held)>,
}

/// A small document that is there: a pointer, an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its bytes, as they are kept.
    pub bytes: Vec<u8>,
    /// What changes when somebody writes it (an entity tag); `None` where the place has no such thing.
    pub state: Option<String>,
}

/// A place that keeps files below directories. Methods make the calls they say; a write that ended without a clear answer
/// comes back as `Ambiguous`, and whoever called looks what is there.
pub trait FileHost: Send + Sync {
    /// For people and names: `gitlab.acme.dev/acme/app`, `s3://bucket/prefix`.
    fn place(&self) -> &str;

    /// Checks credentials and permissions, and leaves nothing behind.
    fn preflight<'a>(&'a self, inquiry: Inquiry, cancel: &'a CancellationToken) -> BoxFuture<'a, Preflight>;

    /// What is there; `None` when nothing is.
    fn look<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Held>, ForgeError>>;

    /// Sends a file to where nothing is; kind `Exists` when there is something by now. With `over`, what is there is
    /// replaced, because somebody decided that.
    fn send<'a>(
        &'a self,
        at: &'a At,
        file: &'a AssetSource,
        over: bool,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>>;

    /// Reads a file and hashes it; no more than `most` bytes. `None` when nothing is there.
    fn hash<'a>(&'a self, at: &'a At, most: u64, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Digest>, ForgeError>>;

    /// Why pointers cannot be here; `None` when they can.
    fn refuses_pointers(&self) -> Option<&'static str> {
        None
    }

    /// Reads a small document: a pointer, an index.
    fn document<'a>(&'a self, at: &'a At, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Document>, ForgeError>>;

    /// Writes a small document over what was read, in one piece; where nothing was, over nothing. Kind `Exists` when somebody
    /// wrote it meanwhile and the place notices.
    fn write<'a>(
        &'a self,
        at: &'a At,
        bytes: Vec<u8>,
        over: Option<&'a Document>,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>>;

    /// Why versions cannot be found and taken away here; `None` when they can.
    fn refuses_removal(&self) -> Option<&'static str> {
        None
    }

    /// Every version below a directory, and what each holds.
    fn versions<'a>(&'a self, package: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<HeldVersion>, ForgeError>>;

    /// Takes a version away with all that was listed of it. Gone already is a success.
    fn remove<'a>(&'a self, version: &'a HeldVersion, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>>;
}

impl HeldVersion {
    /// The last part of its directory: `1.4.0`.
    pub fn version(&self) -> &str {
        self.directory.rsplit('/').next().unwrap_or(&self.directory)
    }
}

impl At {
    /// `app/1.4.0/app.tar.gz`.
    pub fn path(&self) -> String {
        if self.directory.is_empty() { self.file.clone() } else { format!("{}/{}", self.directory, self.file) }
    }
}

/// A request made ready to carry a file: its length known, on a connection of its own, never repeated blindly.
pub(super) fn carrying(request: Request, file: &AssetSource) -> Request {
    let deadline = SHORTEST_DEADLINE.max(Duration::from_secs(file.size / SLOWEST));
    let body = file.body();
    request.body(body).replay(Replay::Once).deadline(deadline).bulk(true)
}

/// Hashes an answer's body, `most` bytes of it and no more than one piece beyond.
pub(super) async fn hash_of(mut response: Response, most: u64) -> Result<Digest, ForgeError> {
    let mut digester = Digester::new(Algorithm::Sha256);
    let mut read = 0_u64;
    while let Some(piece) = response.chunk().await? {
        read += piece.len() as u64;
        digester.update(&piece);
        if read > most {
            break;
        }
    }
    Ok(digester.finish())
}

/// Asks with GET and hashes what comes; `None` for 404.
pub(super) async fn hash_at(
    http: &http::Client,
    request: &Request,
    most: u64,
    cancel: &CancellationToken,
) -> Result<Option<Digest>, ForgeError> {
    let response = http.send(request, cancel).await?;
    match response.status().as_u16() {
        200 => hash_of(response, most).await.map(Some),
        404 => Ok(None),
        status => {
            let kind = if status >= 500 { ForgeErrorKind::Unavailable } else { ForgeErrorKind::Rejected };
            Err(ForgeError::new(kind, format!("cannot read {}: answered {status}", request.url())).status(status))
        }
    }
}
