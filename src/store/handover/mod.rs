//! Handing what was built from job to job: artifact services drop hard links and modes and carry a shared layer once per
//! image. A pack is one tar: an index of the images and of the files of `dist`, then the bytes of each once, by digest.

mod files;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use files::{PackedFile, Staged};

use super::{ContentStore, Layout, LayoutWriter, StoreError, entry};
use crate::core::Digest;
use crate::core::oci::Descriptor;
use crate::fs::{self, Scratch};

/// First entry of the tar.
const INDEX: &str = "stagefreight-store.json";

/// Largest index that is read.
const MAX_INDEX: u64 = 16 * 1024 * 1024;

/// What the pack holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    /// Descriptors of the images' roots.
    images: Vec<Descriptor>,
    /// Files below `dist`.
    files: Vec<PackedFile>,
}

/// What a pack or unpack moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HandOver {
    /// Images.
    pub images: u64,
    /// Files below `dist`: binaries, archives and what lies beside them.
    pub files: u64,
    /// Blobs of images, each once.
    pub blobs: u64,
    /// Bytes of blobs and files, each once.
    pub bytes: u64,
}

/// Writes the whole store and every file below `dist` to `file`, which appears complete or not at all. Everything is
/// verified on the way. No `dist` is an empty one.
pub fn pack(store: &ContentStore, dist: &Path, file: &Path) -> Result<HandOver, StoreError> {
    let mut sources = Vec::new();
    let mut roots = Vec::new();
    for digest in store.list()? {
        let (layout, closure) = store.resolve_complete(&digest)?;
        let wanted: BTreeSet<Digest> = closure.digests().filter(|digest| layout.has_blob(digest)).cloned().collect();
        roots.push(closure.root.clone());
        sources.push((layout, wanted));
    }
    let index = Index { images: roots, files: files::list(dist)? };
    let mut moved = HandOver { images: index.images.len() as u64, files: index.files.len() as u64, ..HandOver::default() };
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = Scratch::below(parent, "pack")?;
    let temporary = scratch.path().join("store.tar");
    let mut tar = tar::Builder::new(fs::create_new(&temporary)?);
    let at = |source| StoreError::from(crate::core::PathError { doing: "write", path: file.to_owned(), source });
    let text = serde_json::to_vec(&index).map_err(|error| at(error.into()))?;
    entry::append(&mut tar, tar::Header::new_gnu(), INDEX, text.len() as u64, text.as_slice()).map_err(at)?;
    let mut seen = BTreeSet::new();
    for (layout, wanted) in &sources {
        for digest in wanted.iter().filter(|digest| seen.insert((*digest).clone())) {
            let (blob, size) = layout.open_blob(digest)?;
            entry::append(&mut tar, tar::Header::new_gnu(), &blob_name(digest), size, blob).map_err(at)?;
            moved.blobs += 1;
            moved.bytes += size;
        }
    }
    moved.bytes += files::append(&mut tar, dist, &index.files)?;
    let mut done = tar.into_inner().map_err(at)?;
    done.flush().and_then(|()| done.sync_all()).map_err(at)?;
    fs::rename(&temporary, file)?;
    Ok(moved)
}

/// Reads a pack. Every byte is hashed on the way in; an image enters the store only with its whole closure, and files get
/// their places only after all of the pack was read.
pub fn unpack(store: &ContentStore, dist: &Path, file: &Path) -> Result<HandOver, StoreError> {
    let at = |source| StoreError::from(crate::core::PathError { doing: "read", path: file.to_owned(), source });
    let foreign = |what: &str| StoreError::integrity(file, what);
    let scratch = Scratch::below(store.root(), "unpack")?;
    let all = LayoutWriter::create(&scratch.path().join("all"))?;
    let mut moved = HandOver::default();
    let mut index: Option<Index> = None;
    let mut staged = Staged::new(scratch.path())?;
    let mut archive = tar::Archive::new(fs::open(file)?);
    for entry in archive.entries().map_err(at)? {
        let mut entry = entry.map_err(at)?;
        let name = entry.path().map_err(at)?.to_string_lossy().into_owned();
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(foreign(&format!("entry {name} is not a regular file")));
        }
        if name == INDEX {
            let mut bytes = Vec::new();
            (&mut entry).take(MAX_INDEX).read_to_end(&mut bytes).map_err(at)?;
            index = Some(serde_json::from_slice(&bytes).map_err(|error| foreign(&error.to_string()))?);
            continue;
        }
        if let Some(digest) = files::digest_of(&name) {
            let size = staged.take(&mut entry, &digest).map_err(at)?;
            moved.bytes += size.ok_or_else(|| foreign(&format!("{name} is not what its name says")))?;
            continue;
        }
        let digest = name.strip_prefix("blobs/").map(|rest| rest.replacen('/', ":", 1)).and_then(|text| text.parse::<Digest>().ok());
        let Some(digest) = digest else { return Err(foreign(&format!("entry {name} is not part of a packed store"))) };
        let temporary = scratch.path().join("blob");
        let mut file = fs::create_new(&temporary)?;
        let copied = entry::copy_hashed(&mut entry, &mut file, &digest).map_err(at)?;
        moved.bytes += copied.ok_or_else(|| foreign(&format!("{name} is not what its name says")))?;
        file.sync_all().map_err(at)?;
        moved.blobs += 1;
        all.adopt(&temporary, &digest)?;
    }
    let Index { images: roots, files } = index.ok_or_else(|| foreign("it has no index"))?;
    moved.images = roots.len() as u64;
    moved.files = files.len() as u64;
    staged.check(&files).map_err(|problem| foreign(&problem))?;
    if let Some(first) = roots.first().cloned() {
        store_images(store, scratch.path(), all, &first, &roots)?;
    }
    staged.place(dist, &files)?;
    Ok(moved)
}

/// Each image with its closure, out of one layout that holds the blobs of all.
fn store_images(
    store: &ContentStore,
    scratch: &Path,
    all: LayoutWriter,
    first: &Descriptor,
    roots: &[Descriptor],
) -> Result<(), StoreError> {
    let all = all.finish(first)?;
    for root in roots {
        let one = LayoutWriter::create(&scratch.join(root.digest.hex()))?;
        for digest in all.closure_unhashed(&root.digest)?.digests().filter(|digest| all.has_blob(digest)) {
            one.copy_blob_from(&all, digest)?;
        }
        let layout: Layout = one.finish(root)?;
        store.put_complete(&root.digest, &layout)?;
    }
    Ok(())
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}
