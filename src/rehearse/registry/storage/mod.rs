//! The registry on disk. Every function blocks; callers run it off the connection's task.
//!
//! ```text
//! stagefreight-registry.json              what made this directory, and its layout version
//! blobs/sha256/<hex>                      bytes, shared by all repositories
//! repositories/<name>/_blobs/sha256/<hex>        a hard link to the bytes: this repository holds the blob
//! repositories/<name>/_manifests/sha256/<hex>    a manifest's bytes, and <hex>.json: its media type
//! repositories/<name>/_tags/<tag>                the digest
//! repositories/<name>/_referrers/sha256/<hex>/…  descriptors of manifests whose subject is <hex>
//! repositories/<name>/_uploads/<id>              bytes of an upload session
//! repositories/<name>/_lock                      held while manifests, tags and links of this repository change
//! ```
//!
//! A part of a repository's name never begins with `_`, so the two cannot meet. A blob's link count says who holds it:
//! the last repository to let go removes the shared name too. Files are written aside, fsync'd and renamed or linked,
//! so a crash leaves the old state or the new one, and two servers may share a directory.

mod blobs;
mod manifests;
mod referrers;
mod uploads;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use manifests::{Stored, Target};
pub use uploads::{Session, Writer};

use crate::core::Digest;
use crate::error::{Error, Kind};
use crate::fs;

const MARKER: &str = "stagefreight-registry.json";
const LAYOUT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Marker {
    layout: u32,
}

/// The directory.
#[derive(Debug, Clone)]
pub struct Storage {
    root: PathBuf,
}

impl Storage {
    /// Opens a directory of ours, or makes one of an empty or missing directory.
    pub fn open(root: &Path, read_only: bool) -> Result<Self, Error> {
        let marker = root.join(MARKER);
        let unusable =
            |error| Error::from(error).context("cannot open the registry").hint("choose a directory this user can write, or --read-only");
        let storage = Self { root: root.to_owned() };
        if fs::exists(&marker) {
            let bytes = fs::read_bounded(&marker, 4096)?;
            let layout = serde_json::from_slice::<Marker>(&bytes).map(|marker| marker.layout);
            if layout.as_ref().ok() != Some(&LAYOUT) {
                let found = layout.map_or_else(|_| "an unreadable marker".to_owned(), |layout| format!("layout {layout}"));
                return Err(Error::usage(format!("cannot serve {}: it has {found}, this version reads layout {LAYOUT}", root.display()))
                    .hint("use the version of stagefreight that wrote it, or another --dir"));
            }
        } else if !fs::names_in(root).map_err(unusable)?.is_empty() {
            return Err(Error::usage(format!("cannot serve {}: the directory holds something else than a registry", root.display()))
                .hint("give --dir an empty or missing directory, or one an embedded registry made"));
        } else if read_only {
            return Err(Error::missing(format!("cannot serve {} read-only: there is no registry in it", root.display()))
                .hint("start it once without --read-only, or give --dir the directory of an embedded registry"));
        }
        if !read_only {
            let text = serde_json::to_vec(&Marker { layout: LAYOUT }).map_err(|error| Error::failed(error.to_string()))?;
            // Written on every start: finds out at once whether the directory can be written.
            fs::write_atomic(&marker, &text, 0o644).map_err(|error| unusable(error).with_kind(Kind::Failed))?;
        }
        Ok(storage)
    }

    /// Does the repository exist: was anything ever pushed to it?
    pub fn has_repository(&self, name: &str) -> bool {
        let dir = self.repository(name);
        fs::is_dir(&dir.join("_blobs")) || fs::is_dir(&dir.join("_manifests"))
    }

    /// Names of repositories in byte order, after `last`, at most `limit` and whether there are more.
    pub fn catalog(&self, last: &str, limit: usize) -> fs::Result<(Vec<String>, bool)> {
        let mut names = Vec::new();
        let mut pending = vec![String::new()];
        while let Some(prefix) = pending.pop() {
            let dir = self.root.join("repositories").join(&prefix);
            for part in fs::names_in(&dir)?.into_iter().filter(|part| !part.starts_with(['_', '.'])) {
                let name = if prefix.is_empty() { part } else { format!("{prefix}/{part}") };
                if self.has_repository(&name) && name.as_str() > last {
                    names.push(name.clone());
                }
                pending.push(name);
            }
        }
        names.sort_unstable();
        let more = names.len() > limit;
        names.truncate(limit);
        Ok((names, more))
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.root.join("repositories").join(name)
    }

    /// Waits for the right to change what a repository links, lists and tags.
    fn lock(&self, name: &str) -> fs::Result<fs::Lock> {
        let path = self.repository(name).join("_lock");
        fs::Lock::take(&path).map_err(|error| match error {
            fs::LockError::Path(error) => error,
            // `take` waits; it never reports a held lock.
            fs::LockError::Held(path) => crate::core::PathError::at("lock", &path)(std::io::ErrorKind::WouldBlock.into()),
        })
    }
}

fn below(dir: &Path, digest: &Digest) -> PathBuf {
    dir.join(digest.algorithm().name()).join(digest.hex())
}
