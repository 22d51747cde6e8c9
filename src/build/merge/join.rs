//! The join itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::source::Parts;
use super::{Entry, Source, index_bytes};
use crate::core::oci::{Descriptor, MAX_MANIFEST_SIZE, media_type};
use crate::core::{Digest, Platform};
use crate::error::{Error, Result};
use crate::store::LayoutWriter;

/// Layouts that are joined at once. Nobody builds for more platforms.
const MAX_SOURCES: usize = 64;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The root: an index, or what the only source had.
    pub digest: Digest,
    /// The new layout.
    pub layout: PathBuf,
}

/// Joins `sources` into a new layout at `into`, an image for each of `platforms` and no other. `annotations` are added
/// to the index. A single source is taken as it is, so that nobody's bytes are written anew without need.
///
/// Layers are linked, not read: whoever takes the layout into a store verifies it there. Blocks.
///
/// # Errors
/// A platform twice, missing or not asked for; annotations of two indexes that differ; a source that is damaged, or
/// more than 64 of them.
pub fn merge(sources: &[Source], platforms: &[Platform], annotations: &BTreeMap<String, String>, into: &Path) -> Result<Merged> {
    if sources.len() > MAX_SOURCES {
        return Err(Error::failed(format!("cannot merge {} layouts; at most {MAX_SOURCES} are joined at once", sources.len())));
    }
    let sources = sources.iter().map(Source::read).collect::<Result<Vec<_>>>()?;
    let platforms: Vec<Platform> = platforms.iter().map(Platform::normalized).collect();
    let entries = arrange(&sources, &platforms)?;
    let writer = LayoutWriter::create(into)?;
    for source in &sources {
        for digest in source.closure.digests() {
            writer.copy_blob_from(&source.layout, digest)?;
        }
    }
    let root = match &*sources {
        [only] if annotations.is_empty() => only.closure.root.clone(),
        several => write_index(&writer, &entries, &all_annotations(several, annotations)?)?,
    };
    writer.finish(&root)?;
    Ok(Merged { digest: root.digest, layout: into.to_owned() })
}

/// The lines of the index: images in the order of `platforms`, then what attests them in the same order.
fn arrange(sources: &[Parts], platforms: &[Platform]) -> Result<Vec<Entry>> {
    let mut found: BTreeMap<&Platform, (&Parts, &Entry)> = BTreeMap::new();
    for source in sources {
        for (platform, entry) in &source.images {
            if let Some((earlier, _)) = found.insert(platform, (source, entry)) {
                let places = if earlier.name == source.name {
                    format!("twice in {}", source.name)
                } else {
                    format!("in {} and in {}", earlier.name, source.name)
                };
                return Err(
                    Error::failed(format!("cannot merge: {platform} is {places}")).hint("give each platform to one node or one job")
                );
            }
        }
    }
    let missing: Vec<&Platform> = platforms.iter().filter(|platform| !found.contains_key(platform)).collect();
    if !missing.is_empty() {
        return Err(have(sources, Error::failed(format!("cannot merge: nobody built {}", list(&missing)))));
    }
    let unasked: Vec<&Platform> = found.keys().copied().filter(|platform| !platforms.contains(platform)).collect();
    if !unasked.is_empty() {
        return Err(have(sources, Error::failed(format!("cannot merge: {} was built and not asked for", list(&unasked)))));
    }
    let ordered: Vec<&(&Parts, &Entry)> = platforms.iter().filter_map(|platform| found.get(platform)).collect();
    let images = ordered.iter().map(|(_, entry)| (*entry).clone());
    let attestations = ordered.iter().flat_map(|(source, entry)| source.attesting(entry).cloned());
    Ok(images.chain(attestations).collect())
}

fn have(sources: &[Parts], error: Error) -> Error {
    sources.iter().fold(error, |error, source| error.note(format!("{}  {}", source.name, list(&source.platforms().collect::<Vec<_>>()))))
}

fn list(platforms: &[&Platform]) -> String {
    platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What the indexes say of themselves, and what is added. A key has one value.
fn all_annotations(sources: &[Parts], added: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let mut all: BTreeMap<String, (String, &str)> = BTreeMap::new();
    let own = sources.iter().flat_map(|source| source.annotations.iter().map(|(key, value)| (key, value, source.name.as_str())));
    for (key, value, from) in own.chain(added.iter().map(|(key, value)| (key, value, "the config"))) {
        match all.get(key) {
            Some((known, source)) if known != value => {
                return Err(Error::failed(format!("cannot merge: the annotation `{key}` differs"))
                    .note(format!("{source}  {known}"))
                    .note(format!("{from}  {value}"))
                    .hint("an index has one value for it: build every platform from the same config"));
            }
            Some(_) => {}
            None => drop(all.insert(key.clone(), (value.clone(), from))),
        }
    }
    Ok(all.into_iter().map(|(key, (value, _))| (key, value)).collect())
}

fn write_index(writer: &LayoutWriter, entries: &[Entry], annotations: &BTreeMap<String, String>) -> Result<Descriptor> {
    let bytes = index_bytes(entries, annotations).map_err(|error| Error::failed("cannot write the merged index").because(&error))?;
    if bytes.len() > MAX_MANIFEST_SIZE {
        return Err(Error::failed(format!(
            "the merged index would be {} bytes; registries accept at most {MAX_MANIFEST_SIZE}",
            bytes.len()
        )));
    }
    Ok(writer.put_bytes(media_type::OCI_INDEX, &bytes)?)
}
