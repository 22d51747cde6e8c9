//! Blobs: bytes shared by digest, linked from each repository that holds them.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Storage, below};
use crate::core::Digest;
use crate::fs;

impl Storage {
    /// Size of a blob the repository holds.
    pub fn blob_size(&self, name: &str, digest: &Digest) -> fs::Result<Option<u64>> {
        found(fs::size_of(&self.blob_link(name, digest)))
    }

    /// A blob the repository holds, for reading, with its size.
    pub fn open_blob(&self, name: &str, digest: &Digest) -> fs::Result<Option<(File, u64)>> {
        let path = self.blob_link(name, digest);
        let Some(file) = found(fs::open(&path))? else { return Ok(None) };
        let size = file.metadata().map_err(crate::core::PathError::at("inspect", &path))?.len();
        Ok(Some((file, size)))
    }

    /// Makes `name` hold a blob that `from` holds. `false` when it does not.
    pub fn mount_blob(&self, name: &str, from: &str, digest: &Digest) -> fs::Result<bool> {
        self.adopt(name, &self.blob_link(from, digest), digest)
    }

    /// Makes `name` hold a blob that any repository holds. `false` when none does.
    pub fn discover_blob(&self, name: &str, digest: &Digest) -> fs::Result<bool> {
        self.adopt(name, &self.shared_blob(digest), digest)
    }

    /// The repository lets go of a blob; the bytes go with the last one. `false` when it did not hold it.
    pub fn delete_blob(&self, name: &str, digest: &Digest) -> fs::Result<bool> {
        let link = self.blob_link(name, digest);
        if !fs::exists(&link) {
            return Ok(false);
        }
        let _held = self.lock(name)?;
        if !fs::remove_file(&link)? {
            return Ok(false);
        }
        let shared = self.shared_blob(digest);
        // A link made between these two lines keeps the bytes; only the shared name is lost, and the next upload makes it anew.
        if fs::link_count(&shared).is_ok_and(|names| names == 1) {
            fs::remove_file(&shared)?;
        }
        Ok(true)
    }

    /// Takes an fsync'd file of verified content in as a blob of the repository.
    pub(super) fn admit(&self, name: &str, file: &Path, size: u64, digest: &Digest) -> fs::Result<()> {
        let shared = self.shared_blob(digest);
        make_parent(&shared)?;
        // Bytes of another length under this digest are damage; the verified ones take their place.
        let intact = found(fs::size_of(&shared))?.is_none_or(|found| found == size);
        if !intact {
            fs::remove_file(&shared)?;
        }
        fs::link_file(file, &shared)?;
        sync_parent(&shared);
        if !self.adopt(name, &shared, digest)? {
            // Another repository let go of it meanwhile: link our own copy.
            self.adopt(name, file, digest)?;
        }
        Ok(())
    }

    fn adopt(&self, name: &str, bytes: &Path, digest: &Digest) -> fs::Result<bool> {
        let link = self.blob_link(name, digest);
        if !fs::exists(bytes) {
            return Ok(false);
        }
        make_parent(&link)?;
        let linked = found(fs::link_file(bytes, &link))?;
        if linked == Some(false) && fs::size_of(&link)? != fs::size_of(bytes)? {
            fs::remove_file(&link)?;
            fs::link_file(bytes, &link)?;
        }
        sync_parent(&link);
        Ok(linked.is_some())
    }

    pub(super) fn blob_link(&self, name: &str, digest: &Digest) -> PathBuf {
        below(&self.repository(name).join("_blobs"), digest)
    }

    fn shared_blob(&self, digest: &Digest) -> PathBuf {
        below(&self.root.join("blobs"), digest)
    }
}

/// Absence as `None`.
pub(super) fn found<T>(outcome: fs::Result<T>) -> fs::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn make_parent(path: &Path) -> fs::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir)
}

fn sync_parent(path: &Path) {
    if let Some(parent) = path.parent() {
        fs::sync_dir(parent);
    }
}
