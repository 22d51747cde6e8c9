//! The port between the logic of releases and a place that can hold bytes.

use std::path::PathBuf;

use super::{About, Record, Result, Settings};
use crate::core::{BoxFuture, Digest};
use crate::remote::protocol::{DownloadInfo, ErrorCode, ErrorInfo, RunStatus, UploadInfo, WhoamiIdentity};

/// A file on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// File name.
    pub name: String,
    /// Hash of its bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
    /// Where it lies on this machine; `push.finalize` may come when it lies there no more.
    pub path: Option<PathBuf>,
    /// Names this upload among all others: hexadecimal digits.
    pub upload: String,
}

/// A run whose record is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Key: `runs/` and three parts.
    pub key: String,
    /// The record, as it was hashed.
    pub result: Vec<u8>,
}

/// What opens shelves: one per request, because the config comes with it.
pub trait Backend: Send + Sync {
    /// What the adapter says of itself.
    fn about(&self) -> About;

    /// The shelf the config names, or what is wrong with the config.
    fn open<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Box<dyn Shelf>>>;

    /// Who we are there.
    fn whoami<'a>(&'a self, _settings: &'a Settings) -> BoxFuture<'a, Result<WhoamiIdentity>> {
        Box::pin(async { Ok(WhoamiIdentity::default()) })
    }
}

/// A place that holds files by digest and records by key. Keys are lower-case parts of `[a-z0-9_-]`, joined by `/`.
pub trait Shelf: Send + Sync {
    /// How a file gets here. [`UploadInfo::skip`]: it is here, also when this call brought it.
    fn admit<'a>(&'a self, piece: &'a Piece) -> BoxFuture<'a, Result<UploadInfo>>;

    /// Takes an uploaded file in, once it is whole. Asked again it says the same. `false`: it is not here, or not whole.
    fn settle<'a>(&'a self, piece: &'a Piece) -> BoxFuture<'a, Result<bool>>;

    /// Keeps a record under a key where there is none. What was there already, if anything: it stays.
    fn keep<'a>(&'a self, key: &'a str, record: &'a Record) -> BoxFuture<'a, Result<Option<Record>>>;

    /// The record of a key.
    fn read<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>>>;

    /// The first keys below a prefix that ends with `/`, in byte order, at most that many.
    fn first<'a>(&'a self, prefix: &'a str, most: usize) -> BoxFuture<'a, Result<Vec<String>>>;

    /// Where a file can be read.
    fn download<'a>(&'a self, digest: &'a Digest, size: u64) -> BoxFuture<'a, Result<DownloadInfo>>;

    /// Keeps the record of a run. Only asked of backends that declare `runs_sync`.
    fn keep_run<'a>(&'a self, _run: &'a Run) -> BoxFuture<'a, Result<RunStatus>> {
        Box::pin(async { Err(ErrorInfo::new(ErrorCode::InvalidRequest, "this adapter keeps no runs")) })
    }

    /// Addresses of a release for people.
    fn links(&self, _record: &Record) -> Vec<(String, String)> {
        Vec::new()
    }
}
