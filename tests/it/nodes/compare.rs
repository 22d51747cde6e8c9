//! Two images held against each other: manifests by digest, and below them the file tree and the config.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use stagefreight::build::merge::Entry;
use stagefreight::core::Digest;
use stagefreight::core::oci::{Manifest, ManifestKind, media_type};

use crate::buildx::bench::{blob, manifest};

/// The image of one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub digest: Digest,
    /// The config without the digests of layers, which depend on how they were packed.
    pub config: Value,
    /// Path → everything about the file but its time and its bytes' place.
    pub files: BTreeMap<String, File>,
}

/// One file, directory or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub kind: String,
    pub mode: u32,
    pub owner: (u64, u64),
    pub target: Option<String>,
    pub content: Digest,
}

/// The images below a root by platform, without attestations.
pub fn images(layout: &Path, root: &Digest) -> BTreeMap<String, Image> {
    let root = manifest(layout, root);
    let listed: Vec<Digest> = match root.kind {
        ManifestKind::Image => vec![root.digest()],
        ManifestKind::Index => {
            root.manifests.iter().filter(|entry| Entry::from(*entry).attests().is_none()).map(|entry| entry.digest.clone()).collect()
        }
    };
    listed.iter().map(|digest| image(layout, &manifest(layout, digest))).collect()
}

/// The same as digests alone.
pub fn digests(layout: &Path, root: &Digest) -> BTreeMap<String, Digest> {
    images(layout, root).into_iter().map(|(platform, image)| (platform, image.digest)).collect()
}

fn image(layout: &Path, manifest: &Manifest) -> (String, Image) {
    let config = blob(layout, &manifest.config.as_ref().expect("config").digest);
    let mut config: Value = serde_json::from_slice(&config).expect("JSON");
    let platform = format!("{}/{}", config["os"].as_str().expect("os"), config["architecture"].as_str().expect("architecture"));
    config.as_object_mut().expect("object").remove("rootfs");
    let mut files = BTreeMap::new();
    for layer in &manifest.layers {
        let bytes = blob(layout, &layer.digest);
        let reader: Box<dyn std::io::Read> = match &*layer.media_type {
            media_type::OCI_LAYER_GZIP => Box::new(flate2::read::GzDecoder::new(bytes.as_slice())),
            media_type::OCI_LAYER => Box::new(bytes.as_slice()),
            other => panic!("a layer of type {other}"),
        };
        for entry in tar::Archive::new(reader).entries().expect("entries") {
            let mut entry = entry.expect("entry");
            let path = entry.path().expect("path").display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("content");
            let header = entry.header();
            let file = File {
                kind: format!("{:?}", header.entry_type()),
                mode: header.mode().expect("mode"),
                owner: (header.uid().expect("uid"), header.gid().expect("gid")),
                target: entry.link_name().expect("link").map(|target| target.display().to_string()),
                content: Digest::of(&content),
            };
            files.insert(path.trim_end_matches('/').to_owned(), file);
        }
    }
    (platform, Image { digest: manifest.digest(), config, files })
}
