//! Making an OCI image layout.

use std::path::{Path, PathBuf};

use super::{Layout, StoreError, index};
use crate::core::Digest;
use crate::core::oci::Descriptor;
use crate::fs;

/// A layout in the making. Until [`LayoutWriter::finish`] it has no `index.json`, so nothing takes it for complete.
/// Bytes become durable when the store adopts the layout, not here.
#[derive(Debug)]
pub struct LayoutWriter {
    root: PathBuf,
    blobs: PathBuf,
}

impl LayoutWriter {
    /// Begins a layout in a directory that is made when it does not exist.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let blobs = root.join("blobs").join("sha256");
        fs::create_dir(&blobs)?;
        Ok(Self { root: root.to_owned(), blobs })
    }

    /// The layout's directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Adds bytes held in memory and describes them.
    pub fn put_bytes(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, StoreError> {
        let descriptor = Descriptor::of(media_type, bytes);
        let path = self.blobs.join(descriptor.digest.hex());
        if !fs::exists(&path) {
            fs::write_atomic(&path, bytes, 0o644)?;
        }
        Ok(descriptor)
    }

    /// Moves a file into the layout. The caller hashed it while writing; it is not hashed again here.
    pub fn adopt(&self, file: &Path, digest: &Digest) -> Result<(), StoreError> {
        let path = self.blob_path(digest)?;
        fs::set_mode(file, 0o644)?;
        fs::move_file(file, &path)?;
        Ok(())
    }

    /// Adds a blob of another layout: a second name for the same file, or a copy of it on another file system.
    pub fn copy_blob_from(&self, source: &Layout, digest: &Digest) -> Result<(), StoreError> {
        let path = self.blob_path(digest)?;
        if fs::exists(&path) {
            return Ok(());
        }
        // Opened first, so that a link is refused rather than given a second name.
        source.open_blob(digest)?;
        fs::link_or_copy(&source.blob_path(digest), &path)?;
        Ok(())
    }

    /// Is a blob there already?
    pub fn has(&self, digest: &Digest) -> bool {
        self.blob_path(digest).is_ok_and(|path| fs::exists(&path))
    }

    /// Writes `oci-layout` and an `index.json` listing the root.
    pub fn finish(self, root: &Descriptor) -> Result<Layout, StoreError> {
        self.finish_with(std::slice::from_ref(root))
    }

    /// The same with several roots: an image and what refers to it.
    pub fn finish_with(self, roots: &[Descriptor]) -> Result<Layout, StoreError> {
        let index = index::listing(roots).map_err(|error| StoreError::integrity(&self.root, error.to_string()))?;
        fs::write_atomic(&self.root.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644)?;
        fs::write_atomic(&self.root.join("index.json"), &index, 0o644)?;
        Layout::open(&self.root)
    }

    fn blob_path(&self, digest: &Digest) -> Result<PathBuf, StoreError> {
        if digest.algorithm() == crate::core::Algorithm::Sha256 {
            return Ok(self.blobs.join(digest.hex()));
        }
        let dir = self.root.join("blobs").join(digest.algorithm().name());
        fs::create_dir(&dir)?;
        Ok(dir.join(digest.hex()))
    }
}
