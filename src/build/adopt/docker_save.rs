//! `docker save` before OCI layouts (Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset
//! Format"), as podman, skopeo and crane still write it: `manifest.json`, configs and layers. The OCI manifest is made
//! here, from nothing but these bytes, so that the same archive always becomes the same image; config and layers stay as
//! they are.

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::image_tar::Unpacked;
use super::names::shown;
use super::oci::{damaged, image};
use super::staging::refused;
use super::{AdoptCx, Found, json};
use crate::build::embedded::layer_source::Packing;
use crate::core::oci::{Descriptor, media_type};
use crate::core::{Algorithm, ByteSize, Digest, Digester};
use crate::error::{Error, Result};
use crate::fs;
use crate::store::LayoutWriter;

/// Layers of one image. Overlay file systems end far below.
const MAX_LAYERS: usize = 1_000;
/// Images of one archive.
const MAX_IMAGES: usize = 1_000;
const MAX_CONFIG: u64 = 8 << 20;
const PIECE: usize = 256 * 1024;

#[derive(Deserialize)]
struct Saved {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    names: Option<Vec<String>>,
    #[serde(rename = "Layers", default)]
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<Digest>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: &'a Descriptor,
    layers: &'a [Descriptor],
}

/// Reads every image of `manifest.json`.
pub(super) fn read(cx: &AdoptCx<'_>, unpacked: &Unpacked, told: &str, found: &mut Found) -> Result<()> {
    let file = format!("{told}: manifest.json");
    let (path, _, _) = unpacked.file("manifest.json").ok_or_else(|| refused(&file, "it leads nowhere"))?;
    let saved: Vec<Saved> = json::read(path, &file, &cx.limits)?;
    if saved.is_empty() || saved.len() > MAX_IMAGES {
        return Err(refused(&file, &format!("it lists {} images; 1 to {MAX_IMAGES} are taken over", saved.len())));
    }
    for (number, one) in saved.iter().enumerate() {
        let at = format!("{file}: image {}", number + 1);
        let dir = fs::Scratch::below(cx.scratch, "saved")?.keep();
        found.images.push(convert(cx, unpacked, one, &dir, &at, told)?);
    }
    Ok(())
}

fn convert(cx: &AdoptCx<'_>, unpacked: &Unpacked, saved: &Saved, dir: &Path, at: &str, told: &str) -> Result<super::FoundImage> {
    let writer = LayoutWriter::create(dir)?;
    let (path, digest, size) =
        unpacked.file(&saved.config).ok_or_else(|| refused(at, &format!("its config `{}` is not in the archive", shown(&saved.config))))?;
    let bytes = fs::read_regular(path, MAX_CONFIG)?;
    // Its name is its digest where a tool says so.
    let name = saved.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
    if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) && name != digest.hex() {
        return Err(refused(at, &format!("its config is called {}, but hashes to {digest}", shown(&saved.config))));
    }
    let config: Config = json::parse(&bytes, &format!("{told}: {}", shown(&saved.config)))?;
    let layers = saved.layers.as_deref().unwrap_or_default();
    if layers.len() > MAX_LAYERS || layers.len() != config.rootfs.diff_ids.len() {
        let problem = format!("it has {} layers, and its config {}", layers.len(), config.rootfs.diff_ids.len());
        return Err(refused(at, &problem));
    }
    let config_descriptor = Descriptor::new(media_type::OCI_CONFIG, digest.clone(), size);
    link(&writer, path, digest)?;
    let mut descriptors = Vec::with_capacity(layers.len());
    for (number, (layer, diff_id)) in layers.iter().zip(&config.rootfs.diff_ids).enumerate() {
        let at = format!("{at}: layer {} `{}`", number + 1, shown(layer));
        let (path, digest, size) = unpacked.file(layer).ok_or_else(|| refused(&at, "it is not in the archive"))?;
        let (kind, unpacked_digest) = examine(cx, path, digest, size, &at)?;
        if unpacked_digest != *diff_id {
            return Err(refused(&at, &format!("it hashes to {unpacked_digest}, and the config says {diff_id}")));
        }
        link(&writer, path, digest)?;
        descriptors.push(Descriptor::new(kind, digest.clone(), size));
    }
    let manifest = Manifest { schema_version: 2, media_type: media_type::OCI_MANIFEST, config: &config_descriptor, layers: &descriptors };
    let manifest = serde_json::to_vec(&manifest).map_err(|error| Error::failed("cannot write a manifest").because(&error))?;
    let root = writer.put_bytes(media_type::OCI_MANIFEST, &manifest)?;
    let layout = writer.finish(&root)?;
    let closure = layout.closure_unhashed(&root.digest).map_err(|error| damaged(told, &error))?;
    image(dir.to_owned(), &root, saved.names.clone().unwrap_or_default(), &closure, &layout, told)
}

// A layer may belong to several images of the archive.
fn link(writer: &LayoutWriter, path: &Path, digest: &Digest) -> Result<()> {
    if !writer.has(digest) {
        let temporary = writer.path().join(".link");
        fs::link_or_copy(path, &temporary)?;
        writer.adopt(&temporary, digest)?;
    }
    Ok(())
}

// Media type and digest of the uncompressed tar. Docker saves layers uncompressed, crane as they are in the registry.
fn examine(cx: &AdoptCx<'_>, path: &Path, digest: &Digest, size: u64, at: &str) -> Result<(&'static str, Digest)> {
    let failed = |error: std::io::Error| refused(at, &format!("it cannot be read: {error}"));
    let (file, _) = fs::open_regular(path)?;
    let mut file = std::io::BufReader::with_capacity(PIECE, file);
    let most = cx.limits.unpacked_of(size);
    match Packing::of(std::io::BufRead::fill_buf(&mut file).map_err(failed)?) {
        Packing::Plain => Ok((media_type::OCI_LAYER, digest.clone())),
        Packing::Gzip => Ok((media_type::OCI_LAYER_GZIP, hash(cx, flate2::bufread::MultiGzDecoder::new(file), most, at)?)),
        Packing::Zstd => {
            let unpacked = zstd::stream::read::Decoder::with_buffer(file).map_err(failed)?;
            Ok((media_type::OCI_LAYER_ZSTD, hash(cx, unpacked, most, at)?))
        }
        Packing::Bzip2 | Packing::Xz => Err(refused(at, "it is compressed in a way no image layer is")),
    }
}

fn hash(cx: &AdoptCx<'_>, mut bytes: impl Read, most: u64, at: &str) -> Result<Digest> {
    let mut hash = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; PIECE];
    let mut total = 0_u64;
    loop {
        cx.check()?;
        let read = bytes.read(&mut buffer).map_err(|error| refused(at, &format!("it cannot be read: {error}")))?;
        if read == 0 {
            return Ok(hash.finish());
        }
        total += read as u64;
        if total > most {
            return Err(refused(at, &format!("it unpacks to more than {}, as no honest layer does", ByteSize(most))));
        }
        hash.update(&buffer[..read]);
    }
}
