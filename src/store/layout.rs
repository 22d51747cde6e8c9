//! Reading an OCI image layout on disk (image-spec, "Image Layout").

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use serde::Deserialize;

use super::{Closure, StoreError, closure, index};
use crate::core::oci::{Descriptor, MAX_MANIFEST_SIZE, Manifest};
use crate::core::{Digest, PathError};
use crate::fs;

/// How much of a blob is in memory while it is hashed, in bytes.
const BUFFER: usize = 256 * 1024;

/// An OCI image layout: `oci-layout`, `index.json`, `blobs/<algorithm>/<hex>`. Nothing in it is trusted; links are
/// refused wherever one would be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Opens a layout: a directory with an `oci-layout` of version 1 and a real `blobs` directory.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Marker {
            image_layout_version: String,
        }
        let marker = root.join("oci-layout");
        let bytes = match fs::read_regular(&marker, 64 * 1024) {
            Ok(bytes) => bytes,
            Err(error) => return Err(unreadable(&marker, error)),
        };
        let version = serde_json::from_slice::<Marker>(&bytes).map_err(|error| StoreError::integrity(&marker, error.to_string()))?;
        if !version.image_layout_version.starts_with("1.") {
            let problem = format!("image layout version `{}` is not supported; 1.0.0 is", version.image_layout_version);
            return Err(StoreError::integrity(&marker, problem));
        }
        if !fs::is_dir(&root.join("blobs")) {
            return Err(StoreError::integrity(root, "there is no blobs directory"));
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// What `index.json` lists, in its order.
    pub fn entries(&self) -> Result<Vec<Descriptor>, StoreError> {
        let path = self.root.join("index.json");
        let bytes = fs::read_regular(&path, index::MAX_INDEX_SIZE).map_err(|error| unreadable(&path, error))?;
        index::entries(&bytes).map_err(|error| StoreError::integrity(&path, format!("not a valid index: {error}")))
    }

    /// Where the blob with a digest lies, whether it is there or not.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// Does a blob exist, as a regular file?
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.open_blob(digest).is_ok()
    }

    /// Opens a blob for reading and gives its length in bytes. Its bytes are not checked.
    pub fn open_blob(&self, digest: &Digest) -> Result<(std::fs::File, u64), StoreError> {
        let path = self.blob_path(digest);
        if path.parent().is_some_and(|parent| !fs::is_dir(parent)) {
            return Err(StoreError::integrity(&path, "the blob is missing"));
        }
        fs::open_regular(&path).map_err(|error| unreadable(&path, error))
    }

    /// Reads a manifest of at most 4 MiB and checks its bytes against the digest.
    pub fn read_manifest(&self, digest: &Digest) -> Result<Manifest, StoreError> {
        let path = self.blob_path(digest);
        let raw = self.read_blob(digest, MAX_MANIFEST_SIZE as u64)?;
        Manifest::parse(raw).map_err(|error| StoreError::integrity(&path, error.to_string()))
    }

    /// Reads a small blob (a config) of at most `limit` bytes and checks its bytes against the digest.
    pub fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.blob_path(digest);
        let (file, size) = self.open_blob(digest)?;
        if size > limit {
            return Err(StoreError::integrity(&path, format!("{size} bytes; at most {limit} are accepted here")));
        }
        let mut raw = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        file.take(limit).read_to_end(&mut raw).map_err(PathError::at("read", &path))?;
        let mut hash = digest.digester();
        hash.update(&raw);
        expect(&path, digest, &hash.finish())?;
        Ok(raw)
    }

    /// Hashes a blob as a stream and compares with its digest.
    pub fn verify_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.blob_path(digest);
        let (mut file, _) = self.open_blob(digest)?;
        let mut hash = digest.digester();
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = file.read(&mut buffer).map_err(PathError::at("read", &path))?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
        }
        expect(&path, digest, &hash.finish())
    }

    /// Everything reachable from a root: present as regular files, of the stated sizes, every byte hashed.
    ///
    /// The root is described as `index.json` lists it, or by its own bytes when it is only a blob (one platform of an
    /// index, say). Foreign layers may be absent and are then left out.
    pub fn closure(&self, root: &Digest) -> Result<Closure, StoreError> {
        let closure = self.closure_unhashed(root)?;
        self.verify_blobs(&closure.blobs)?;
        Ok(closure)
    }

    /// Hashes every blob once, on all cores, the largest first. What is told of damage is the first in the closure's order.
    fn verify_blobs(&self, blobs: &[Descriptor]) -> Result<(), StoreError> {
        let mut order: Vec<usize> = (0..blobs.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(blobs[*at].size));
        let next = AtomicUsize::new(0);
        let work = || {
            let mut damage = Vec::new();
            while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = self.verify_blob(&blobs[*at].digest) {
                    damage.push((*at, error));
                }
            }
            damage
        };
        let threads = available_parallelism().map_or(1, usize::from).min(blobs.len());
        let mut damage = std::thread::scope(|scope| {
            // This thread is one of them; a thread that cannot be had leaves its share to the others.
            let others: Vec<_> = (1..threads).filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
            let mut damage = work();
            for other in others {
                match other.join() {
                    Ok(found) => damage.extend(found),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            damage
        });
        damage.sort_by_key(|(at, _)| *at);
        damage.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// The same structure and sizes without hashing configs and layers (manifests are hashed as they are read): for
    /// a quick second look at bytes that were verified when they entered the store.
    pub fn closure_unhashed(&self, root: &Digest) -> Result<Closure, StoreError> {
        closure::walk(self, root)
    }
}

fn expect(path: &Path, expected: &Digest, found: &Digest) -> Result<(), StoreError> {
    if found == expected {
        return Ok(());
    }
    Err(StoreError::integrity(path, format!("the bytes hash to {found}")))
}

/// An absent file or a link in its place is damage; other failures are the system's.
fn unreadable(path: &Path, error: PathError) -> StoreError {
    match error.source.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => StoreError::integrity(path, "the file is missing"),
        std::io::ErrorKind::InvalidInput => StoreError::integrity(path, "it is not a regular file"),
        std::io::ErrorKind::FileTooLarge => StoreError::integrity(path, error.source.to_string()),
        _ => StoreError::Path(error),
    }
}
