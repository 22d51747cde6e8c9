//! The content store of one workspace.
//!
//! Two layers. `put`, `resolve`, `verify` and `retire` keep the wire contract of spec/manifest.md §9, including what it
//! does not check, so that stores travel between us and older readers. `put_complete` and `resolve_complete` are what
//! our own stages use: the whole closure, links refused, damage repaired from verified bytes.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{Closure, Layout, LayoutWriter, StoreError, index};
use crate::core::{Algorithm, Digest, Digester, PathError};
use crate::fs::{self, EntryKind, Scratch};
use crate::names;

/// OCI image layouts by digest below `.stagefreight/objects` of a workspace.
#[derive(Debug, Clone)]
pub struct ContentStore {
    objects: PathBuf,
}

impl ContentStore {
    /// The store of a workspace. Nothing is created until the first put.
    pub fn new(workspace: &Path) -> Self {
        Self { objects: workspace.join(names::path::OBJECTS) }
    }

    /// A store whose directory is known: one that was handed over from another job.
    pub fn at(objects: &Path) -> Self {
        Self { objects: objects.to_owned() }
    }

    /// Where the entry of a digest lies, whether it is there or not.
    pub fn entry_path(&self, digest: &Digest) -> PathBuf {
        self.objects.join(digest.algorithm().name()).join(digest.hex())
    }

    /// The same relative to the workspace, with `/`: what manifests carry (spec/build.md W.7).
    pub fn relative_path(digest: &Digest) -> String {
        format!("{}/{}/{}", names::path::OBJECTS, digest.algorithm().name(), digest.hex())
    }

    /// Stores a layout under a digest its `index.json` lists, hard-linking its files, and gives the stored directory.
    /// An existing entry is verified and kept, or the put fails; it is never repaired.
    ///
    /// # Errors
    /// `Integrity` when the source or the stored copy does not verify; nothing is created when the source does not.
    pub fn put(&self, digest: &str, source: &Path) -> Result<PathBuf, StoreError> {
        self.verify(digest, source)?;
        let entry = self.entry_path(&parse(digest)?);
        if !fs::exists(&entry) {
            self.copy_in(source, &entry)?;
        }
        self.verify(digest, &entry)?;
        Ok(entry)
    }

    /// The stored directory of a digest, verified.
    ///
    /// # Errors
    /// `NotFound` when nothing is stored, `Integrity` when it does not verify.
    pub fn resolve(&self, digest: &str) -> Result<PathBuf, StoreError> {
        let entry = self.entry_path(&parse(digest)?);
        if !fs::is_present(&entry)? {
            return Err(StoreError::NotFound { digest: digest.to_owned() });
        }
        self.verify(digest, &entry)?;
        Ok(entry)
    }

    /// Checks a layout anywhere on disk: its `index.json` lists the digest and every file below `blobs` is named by
    /// its hash. Proves nothing about blobs that are absent.
    pub fn verify(&self, digest: &str, layout: &Path) -> Result<(), StoreError> {
        let digest = parse(digest)?;
        let index = layout.join("index.json");
        let bytes = match fs::read_bounded(&index, index::MAX_INDEX_SIZE) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Err(StoreError::integrity(&index, "the file is missing")),
            Err(error) => return Err(error.into()),
        };
        let listed = index::listed_digests(&bytes).map_err(|error| StoreError::integrity(&index, format!("not a valid index: {error}")))?;
        if !listed.iter().any(|text| text == digest.as_str()) {
            return Err(StoreError::integrity(&index, format!("it does not list {digest}")));
        }
        let blobs = layout.join("blobs");
        if !fs::is_dir(&blobs) {
            return Err(StoreError::integrity(&blobs, "there is no blobs directory"));
        }
        let mut files = fs::walk(&blobs, &|_| true)?;
        files.retain(|entry| entry.kind != EntryKind::Dir);
        files.sort_by(|a, b| a.relative.cmp(&b.relative));
        files.iter().try_for_each(|entry| named_by_hash(&entry.path))
    }

    /// Removes the whole store; nothing beside it. Not an error when it is already gone.
    pub fn retire(&self) -> Result<(), StoreError> {
        Ok(fs::remove_tree(&self.objects)?)
    }

    /// Stores the complete closure of a digest listed in the source's `index.json`. The bytes are linked into a
    /// temporary sibling, hashed there, made durable and renamed into place. A complete entry is kept as it is; a
    /// damaged one is replaced, because verified bytes are at hand.
    pub fn put_complete(&self, digest: &Digest, source: &Layout) -> Result<(Layout, Closure), StoreError> {
        parse(digest.as_str())?;
        match self.resolve_complete(digest) {
            Err(StoreError::NotFound { .. } | StoreError::Integrity { .. }) => {}
            found => return found,
        }
        if !source.entries()?.iter().any(|entry| &entry.digest == digest) {
            return Err(StoreError::integrity(&source.path().join("index.json"), format!("it does not list {digest}")));
        }
        let plan = source.closure_unhashed(digest)?;
        let entry = self.entry_path(digest);
        let scratch = Scratch::below(&self.objects, "put")?;
        let staged = scratch.path().join("new");
        let writer = LayoutWriter::create(&staged)?;
        for wanted in plan.manifests.iter().map(|(descriptor, _)| descriptor).chain(&plan.blobs) {
            writer.copy_blob_from(source, &wanted.digest)?;
        }
        let layout = writer.finish(&plan.root)?;
        // Hashed where they will stay, so that a source that changes while we link it cannot slip in. What a builder has
        // just written is on its way to the disk meanwhile: both take their time, and neither needs the other.
        let closure = std::thread::scope(|scope| {
            let durable = std::thread::Builder::new().spawn_scoped(scope, || fs::sync_tree(&staged));
            let closure = layout.closure(digest)?;
            match durable.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(durable)) => durable?,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // No thread to be had.
                Err(_) => fs::sync_tree(&staged)?,
            }
            Ok::<_, StoreError>(closure)
        })?;
        self.move_in(&scratch, &staged, &entry, digest)?;
        Ok((Layout::open(&entry)?, closure))
    }

    /// The stored layout of a digest with its complete closure, every byte hashed.
    pub fn resolve_complete(&self, digest: &Digest) -> Result<(Layout, Closure), StoreError> {
        let layout = self.locate(digest)?;
        let closure = layout.closure(digest)?;
        Ok((layout, closure))
    }

    /// Like [`Self::resolve_complete`] without hashing configs and layers.
    pub fn resolve_unhashed(&self, digest: &Digest) -> Result<(Layout, Closure), StoreError> {
        let layout = self.locate(digest)?;
        let closure = layout.closure_unhashed(digest)?;
        Ok((layout, closure))
    }

    /// The directory everything is kept in.
    pub fn root(&self) -> &Path {
        &self.objects
    }

    /// Digests of every entry, in order. Entries with foreign names are passed over.
    pub fn list(&self) -> Result<Vec<Digest>, StoreError> {
        let dir = self.objects.join(Algorithm::Sha256.name());
        if !fs::is_dir(&dir) {
            return Ok(Vec::new());
        }
        let entries = fs::walk(&dir, &|_| false)?;
        let digest = |name: &Path| format!("sha256:{}", name.display()).parse().ok();
        Ok(entries.iter().filter(|entry| entry.kind == EntryKind::Dir).filter_map(|entry| digest(&entry.relative)).collect())
    }

    fn locate(&self, digest: &Digest) -> Result<Layout, StoreError> {
        parse(digest.as_str())?;
        let entry = self.entry_path(digest);
        if !fs::is_present(&entry)? {
            return Err(StoreError::NotFound { digest: digest.to_string() });
        }
        if !fs::is_dir(&entry) {
            return Err(StoreError::integrity(&entry, "it is not a directory"));
        }
        let layout = Layout::open(&entry)?;
        if !layout.entries()?.iter().any(|listed| &listed.digest == digest) {
            return Err(StoreError::integrity(&entry.join("index.json"), format!("it does not list {digest}")));
        }
        Ok(layout)
    }

    /// Copies a whole layout as it is. Renamed into place before it is verified there: a crash leaves nothing, and a
    /// copy that does not verify stays visible, as the contract has it.
    fn copy_in(&self, source: &Path, entry: &Path) -> Result<(), StoreError> {
        let scratch = Scratch::below(&self.objects, "put")?;
        let staged = scratch.path().join("new");
        fs::create_dir(&staged)?;
        for found in fs::walk(source, &|_| true)? {
            let target = staged.join(&found.relative);
            match found.kind {
                EntryKind::Dir => fs::create_dir(&target)?,
                _ => fs::link_or_copy(&found.path, &target)?,
            }
        }
        fs::sync_tree(&staged)?;
        if let Some(parent) = entry.parent() {
            fs::create_dir(parent)?;
        }
        Ok(fs::rename(&staged, entry)?)
    }

    fn move_in(&self, scratch: &Scratch, staged: &Path, entry: &Path, digest: &Digest) -> Result<(), StoreError> {
        if let Some(parent) = entry.parent() {
            fs::create_dir(parent)?;
        }
        if fs::exists(entry) {
            fs::rename(entry, &scratch.path().join("damaged"))?;
        }
        match fs::rename(staged, entry) {
            Ok(()) => Ok(()),
            // Another process was faster. Its entry counts if it is whole.
            Err(error) => self.resolve_complete(digest).map(drop).map_err(|_| error.into()),
        }
    }
}

/// A digest as the store uses it: sha256 and 64 lower-case hex digits, stricter than the contract, whose 64 arbitrary
/// bytes may lead out of the store (spec/manifest.md §10.9).
fn parse(text: &str) -> Result<Digest, StoreError> {
    let digest: Digest = text.parse()?;
    match digest.algorithm() {
        Algorithm::Sha256 => Ok(digest),
        Algorithm::Sha512 => Err(StoreError::Algorithm(digest.short().to_owned())),
    }
}

/// The directory is called `sha256` and the file by the hash of its bytes. A link is followed, as the contract has it.
fn named_by_hash(path: &Path) -> Result<(), StoreError> {
    if path.parent().and_then(Path::file_name) != Some(std::ffi::OsStr::new("sha256")) {
        return Err(StoreError::integrity(path, "it does not lie in a directory called sha256"));
    }
    let mut file = fs::open(path)?;
    let mut hash = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer).map_err(PathError::at("read", path))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let found = hash.finish();
    if path.file_name() == Some(std::ffi::OsStr::new(found.hex())) {
        return Ok(());
    }
    Err(StoreError::integrity(path, format!("the bytes hash to {found}")))
}

#[cfg(test)]
mod tests;
