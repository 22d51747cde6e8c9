//! Handing the store from job to job: artifact services drop hard links and carry a shared layer once per image. A
//! packed store is one tar with every blob once, in the order of digests, and one small index per image.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{ContentStore, Layout, LayoutWriter, StoreError, entry};
use crate::core::Digest;
use crate::core::oci::Descriptor;
use crate::fs::{self, Scratch};

/// First entry of the tar: the images, as descriptors of their roots.
const INDEX: &str = "stagefreight-store.json";

/// Largest index that is read.
const MAX_INDEX: u64 = 16 * 1024 * 1024;

/// What a pack or unpack moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HandOver {
    /// Images.
    pub images: u64,
    /// Blobs, each once.
    pub blobs: u64,
    /// Bytes of the blobs.
    pub bytes: u64,
}

/// Writes the whole store to `file`, which appears complete or not at all. Everything is verified on the way.
pub fn pack(store: &ContentStore, file: &Path) -> Result<HandOver, StoreError> {
    let mut sources = Vec::new();
    let mut roots = Vec::new();
    for digest in store.list()? {
        let (layout, closure) = store.resolve_complete(&digest)?;
        let wanted: BTreeSet<Digest> = closure.digests().filter(|digest| layout.has_blob(digest)).cloned().collect();
        roots.push(closure.root.clone());
        sources.push((layout, wanted));
    }
    let mut moved = HandOver { images: roots.len() as u64, ..HandOver::default() };
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = Scratch::below(parent, "pack")?;
    let temporary = scratch.path().join("store.tar");
    let mut tar = tar::Builder::new(fs::create_new(&temporary)?);
    let at = |source| StoreError::from(crate::core::PathError { doing: "write", path: file.to_owned(), source });
    let index = serde_json::to_vec(&roots).unwrap_or_default();
    entry::append(&mut tar, tar::Header::new_gnu(), INDEX, index.len() as u64, index.as_slice()).map_err(at)?;
    let mut seen = BTreeSet::new();
    for (layout, wanted) in &sources {
        for digest in wanted.iter().filter(|digest| seen.insert((*digest).clone())) {
            let (blob, size) = layout.open_blob(digest)?;
            entry::append(&mut tar, tar::Header::new_gnu(), &blob_name(digest), size, blob).map_err(at)?;
            moved.blobs += 1;
            moved.bytes += size;
        }
    }
    let mut done = tar.into_inner().map_err(at)?;
    done.flush().and_then(|()| done.sync_all()).map_err(at)?;
    fs::rename(&temporary, file)?;
    Ok(moved)
}

/// Reads a packed store. Every blob is hashed on the way in; an image enters the store only with its whole closure.
pub fn unpack(store: &ContentStore, file: &Path) -> Result<HandOver, StoreError> {
    let at = |source| StoreError::from(crate::core::PathError { doing: "read", path: file.to_owned(), source });
    let foreign = |what: &str| StoreError::integrity(file, what);
    let scratch = Scratch::below(store.root(), "unpack")?;
    let all = LayoutWriter::create(&scratch.path().join("all"))?;
    let mut moved = HandOver::default();
    let mut roots: Option<Vec<Descriptor>> = None;
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
            roots = Some(serde_json::from_slice(&bytes).map_err(|error| foreign(&error.to_string()))?);
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
    let roots = roots.ok_or_else(|| foreign("it has no index"))?;
    let first = roots.first().cloned();
    moved.images = roots.len() as u64;
    let Some(first) = first else { return Ok(moved) };
    let all = all.finish(&first)?;
    for root in roots {
        let one = LayoutWriter::create(&scratch.path().join(root.digest.hex()))?;
        for digest in all.closure_unhashed(&root.digest)?.digests().filter(|digest| all.has_blob(digest)) {
            one.copy_blob_from(&all, digest)?;
        }
        let layout: Layout = one.finish(&root)?;
        store.put_complete(&root.digest, &layout)?;
    }
    Ok(moved)
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}
