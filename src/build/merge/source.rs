//! One layout that takes part, taken to pieces: its images by platform, what attests them, and the index's words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Entry;
use super::entry::EntryPlatform;
use crate::core::oci::{Manifest, ManifestKind, media_type};
use crate::core::{Digest, Platform};
use crate::error::{Error, Result};
use crate::fs;
use crate::store::{Closure, Layout, StoreError};

/// Image configs are a few kilobytes; one with a long history may be more.
const MAX_CONFIG: u64 = 8 * 1024 * 1024;

/// The most an `index.json` may weigh.
const MAX_INDEX: u64 = 16 * 1024 * 1024;

/// A layout to be joined.
#[derive(Debug, Clone)]
pub struct Source {
    /// What people call it: `linux/386 on sf-1a2b3c4d1`, a directory.
    pub name: String,
    /// The OCI layout.
    pub layout: PathBuf,
    /// Its root: an image manifest, or an index.
    pub root: Digest,
}

/// A source that was read.
pub(super) struct Parts {
    pub name: String,
    pub layout: Layout,
    pub closure: Closure,
    /// Images in the order of the source.
    pub images: Vec<(Platform, Entry)>,
    /// Attestation manifests in the order of the source; each names an image of this source.
    pub attestations: Vec<Entry>,
    /// What the index says of itself; nothing where the root is an image, whose own words stay in it.
    pub annotations: BTreeMap<String, String>,
}

impl Source {
    /// Reads the manifests; layers are looked for and not read. What is wrong with it is said of its name.
    pub(super) fn read(&self) -> Result<Parts> {
        self.take_apart().map_err(|error| error.context(format!("cannot merge {}", self.name)))
    }

    fn take_apart(&self) -> Result<Parts> {
        let layout = Layout::open(&self.layout)?;
        let closure = layout.closure_unhashed(&self.root)?;
        let Some(root) = closure.root_manifest().cloned() else {
            return Err(StoreError::NotFound { digest: self.root.to_string() }.into());
        };
        let mut parts =
            Parts { name: self.name.clone(), layout, closure, images: Vec::new(), attestations: Vec::new(), annotations: BTreeMap::new() };
        match root.kind {
            ManifestKind::Image => parts.take_image(listed_entry(&self.layout, &self.root, &root)?)?,
            ManifestKind::Index => {
                if root.subject.is_some() || root.artifact_type.is_some() {
                    return Err(Error::failed(format!("index {} is an artifact of its own", self.root.short()))
                        .hint("only images are merged: what refers to them is attached after publishing"));
                }
                for entry in entries(&root.raw)? {
                    if media_type::is_index(&entry.media_type) {
                        return Err(Error::failed(format!("index {} lists another index, {}", self.root.short(), entry.digest.short())));
                    }
                    match entry.attests() {
                        Some(_) => parts.attestations.push(entry),
                        None => parts.take_image(entry)?,
                    }
                }
                parts.check_attestations()?;
                parts.annotations = root.annotations;
            }
        }
        Ok(parts)
    }
}

impl Parts {
    /// Platforms of the images, in the order of the source.
    pub fn platforms(&self) -> impl Iterator<Item = &Platform> {
        self.images.iter().map(|(platform, _)| platform)
    }

    /// What attests an image, in the order of the source.
    pub fn attesting<'a>(&'a self, image: &'a Entry) -> impl Iterator<Item = &'a Entry> {
        self.attestations.iter().filter(|entry| entry.attests() == Some(image.digest.as_str()))
    }

    // The platform is the entry's; where it tells none, the config's. Both say the same, or one of them lies.
    fn take_image(&mut self, mut entry: Entry) -> Result<()> {
        let config = self.config_of(&entry.digest)?;
        match (entry.platform(), config.as_ref().and_then(EntryPlatform::named)) {
            (Some(told), Some(config)) if (&told.os, &told.arch) != (&config.os, &config.arch) => {
                return Err(Error::failed(format!("{} is listed for {told}, but its config is of {config}", entry.digest.short())));
            }
            (Some(platform), _) => self.images.push((platform, entry)),
            (None, Some(platform)) => {
                entry.platform = config.map(EntryPlatform::normalized);
                self.images.push((platform, entry));
            }
            (None, None) => {
                return Err(Error::failed(format!("neither the index nor the config of {} tells its platform", entry.digest.short()))
                    .hint("build it with BuildKit or the embedded builder, which write `os` and `architecture` into the config"));
            }
        }
        Ok(())
    }

    fn config_of(&self, image: &Digest) -> Result<Option<EntryPlatform>> {
        let manifest = self.layout.read_manifest(image)?;
        let config = manifest.config.filter(|config| matches!(&*config.media_type, media_type::OCI_CONFIG | media_type::DOCKER_CONFIG));
        let Some(config) = config else { return Ok(None) };
        let bytes = self.layout.read_blob(&config.digest, MAX_CONFIG)?;
        let platform = serde_json::from_slice::<EntryPlatform>(&bytes);
        let invalid = |error: serde_json::Error| Error::failed(format!("config {} is not valid", config.digest.short())).because(&error);
        platform.map(Some).map_err(invalid)
    }

    fn check_attestations(&self) -> Result<()> {
        let about_nobody = |entry: &&Entry| !self.images.iter().any(|(_, image)| entry.attests() == Some(image.digest.as_str()));
        match self.attestations.iter().find(about_nobody) {
            None => Ok(()),
            Some(entry) => {
                let about = entry.attests().filter(|digest| !digest.is_empty()).unwrap_or("nothing").to_owned();
                Err(Error::failed(format!("attestation manifest {} is about {about}, which is not an image of it", entry.digest.short())))
            }
        }
    }
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    manifests: Option<Vec<Entry>>,
}

fn entries(index: &[u8]) -> Result<Vec<Entry>> {
    let listing: Listing = serde_json::from_slice(index).map_err(|error| Error::failed("the index is not valid").because(&error))?;
    Ok(listing.manifests.unwrap_or_default())
}

// The line for an image without an index is the one its layout's `index.json` has: BuildKit writes the platform and
// the annotations of `manifest-descriptor` there.
fn listed_entry(layout: &Path, digest: &Digest, manifest: &Manifest) -> Result<Entry> {
    let listed = entries(&fs::read_regular(&layout.join("index.json"), MAX_INDEX)?)?;
    let mut entry =
        listed.into_iter().find(|entry| entry.digest == *digest).map_or_else(|| Entry::from(&manifest.descriptor()), Entry::of_an_index);
    entry.media_type.clone_from(&manifest.media_type);
    Ok(entry)
}
