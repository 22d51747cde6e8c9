//! An OCI layout as one tar file, the `oci-archive` of other tools. Written the same for the same content; read with
//! every blob hashed.

use std::io::{Read as _, Write as _};
use std::path::{Component, Path};

use super::{Closure, Layout, LayoutWriter, StoreError, entry};
use crate::core::Digest;
use crate::core::oci::Descriptor;
use crate::fs::{self, Scratch};

/// Entries of one archive, beyond what any image has.
const MAX_ENTRIES: usize = 200_000;

/// `oci-layout` and `index.json`.
const MAX_SMALL: u64 = 16 * 1024 * 1024;

/// Writes closures of a layout as one tar, which appears complete or not at all.
pub fn write_archive(layout: &Layout, closures: &[Closure], file: &Path) -> Result<(), StoreError> {
    let at = |source| StoreError::from(crate::core::PathError { doing: "write", path: file.to_owned(), source });
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = Scratch::below(parent, "archive")?;
    let temporary = scratch.path().join("image.tar");
    let mut tar = tar::Builder::new(fs::create_new(&temporary)?);
    let roots: Vec<Descriptor> = closures.iter().map(|closure| closure.root.clone()).collect();
    let index = super::index::listing(&roots).map_err(|error| StoreError::integrity(file, error.to_string()))?;
    let marker = br#"{"imageLayoutVersion":"1.0.0"}"#;
    entry::append(&mut tar, tar::Header::new_ustar(), "oci-layout", marker.len() as u64, marker.as_slice()).map_err(at)?;
    entry::append(&mut tar, tar::Header::new_ustar(), "index.json", index.len() as u64, index.as_slice()).map_err(at)?;
    let mut digests: Vec<&Digest> = closures.iter().flat_map(Closure::digests).collect();
    digests.sort_by_key(ToString::to_string);
    digests.dedup();
    for digest in digests {
        let (blob, size) = layout.open_blob(digest)?;
        entry::append(&mut tar, tar::Header::new_ustar(), &format!("blobs/{}/{}", digest.algorithm().name(), digest.hex()), size, blob)
            .map_err(at)?;
    }
    let mut done = tar.into_inner().map_err(at)?;
    done.flush().and_then(|()| done.sync_all()).map_err(at)?;
    fs::rename(&temporary, file)?;
    Ok(())
}

/// Reads such a tar into a new layout. Links, and names that are no part of a layout, are refused.
pub fn read_archive(file: &Path, into: &Path) -> Result<Layout, StoreError> {
    let at = |source| StoreError::from(crate::core::PathError { doing: "read", path: file.to_owned(), source });
    let foreign = |what: &str| StoreError::integrity(file, what);
    let writer = LayoutWriter::create(into)?;
    let temporary = into.join(".unpacking");
    let mut index = None;
    let mut archive = tar::Archive::new(fs::open(file)?);
    for (count, entry) in archive.entries().map_err(at)?.enumerate() {
        let mut entry = entry.map_err(at)?;
        let name = entry.path().map_err(at)?.into_owned();
        let kind = entry.header().entry_type();
        if count >= MAX_ENTRIES {
            return Err(foreign("it has more entries than any image"));
        }
        if kind == tar::EntryType::Directory {
            continue;
        }
        let parts: Option<Vec<&str>> = name
            .components()
            .filter(|part| *part != Component::CurDir)
            .map(|part| match part {
                Component::Normal(text) => text.to_str(),
                _ => None,
            })
            .collect();
        let shown = name.display();
        let Some(parts) = parts.filter(|_| kind == tar::EntryType::Regular) else {
            return Err(foreign(&format!("entry {shown} is not a regular file of a layout")));
        };
        match parts.as_slice() {
            ["index.json"] => {
                let mut bytes = Vec::new();
                (&mut entry).take(MAX_SMALL).read_to_end(&mut bytes).map_err(at)?;
                index = Some(super::index::entries(&bytes).map_err(|error| foreign(&format!("index.json: {error}")))?);
            }
            ["blobs", algorithm, hex] => {
                let digest: Digest = format!("{algorithm}:{hex}").parse().map_err(|_| foreign(&format!("entry {shown} is no blob")))?;
                let mut file = fs::create_private(&temporary)?;
                entry::copy_hashed(&mut entry, &mut file, &digest)
                    .map_err(at)?
                    .ok_or_else(|| foreign(&format!("{shown} is not what its name says")))?;
                writer.adopt(&temporary, &digest)?;
            }
            // `oci-layout`, which we write anew; `manifest.json` of docker's own format, which describes the same blobs again.
            [_] => {}
            _ => return Err(foreign(&format!("entry {shown} is no part of an OCI layout"))),
        }
    }
    let roots = index.ok_or_else(|| foreign("it has no index.json: it is not an OCI archive"))?;
    writer.finish_with(&roots)
}
