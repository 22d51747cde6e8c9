//! OCI image layouts (image-spec, "Image Layout"), as directories and out of archives. Every image is copied whole into a
//! layout of its own scratch, each blob hashed, so that the store never shares a file with a directory others write to.

use std::io::{Read as _, Write as _};
use std::path::Path;

use serde::Deserialize;

use super::image_tar::{Held, Unpacked};
use super::names::shown;
use super::staging::refused;
use super::{AdoptCx, Format, Found, FoundImage};
use crate::core::oci::{Descriptor, media_type};
use crate::core::{ByteSize, Digest, PathError, Platform};
use crate::error::{Error, Result};
use crate::fs;
use crate::store::{Closure, Layout, LayoutWriter, StoreError};

/// Images of one layout. Nobody hands on more for one release.
const MAX_IMAGES: usize = 1_000;
/// Configs are a few kilobytes.
const MAX_CONFIG: u64 = 8 << 20;
const PIECE: usize = 256 * 1024;

/// What names an image in an `index.json`: containerd's whole reference, and the specification's, often only a tag.
const NAME_KEYS: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// Reads a layout on disk.
pub(super) fn read_layout(cx: &AdoptCx<'_>, path: &Path, told: &str) -> Result<Found> {
    let source = Layout::open(path).map_err(|error| damaged(told, &error))?;
    let mut found = Found::new(told, Format::OciLayout);
    for (number, (root, names)) in roots(&source, told)?.into_iter().enumerate() {
        let closure = source.closure_unhashed(&root.digest).map_err(|error| damaged(told, &error))?;
        if closure.size > cx.limits.total {
            return Err(refused(told, &format!("image {} has more than {}", root.digest.short(), ByteSize(cx.limits.total))));
        }
        let layout = cx.scratch.join(format!("layout-{number}"));
        let writer = LayoutWriter::create(&layout)?;
        for digest in closure.digests().filter(|digest| source.has_blob(digest)) {
            copy(cx, &source, digest, &writer, told)?;
        }
        writer.finish(&root)?;
        found.images.push(image(layout, &root, names, &closure, &source, told)?);
    }
    Ok(found)
}

/// Makes a layout of what an archive held.
pub(super) fn read_unpacked(cx: &AdoptCx<'_>, unpacked: &Unpacked, told: &str, found: &mut Found) -> Result<()> {
    let dir = fs::Scratch::below(cx.scratch, "layout")?.keep();
    let writer = LayoutWriter::create(&dir)?;
    let index = unpacked.file("index.json").map(|(path, _, _)| path.to_owned());
    for (name, held) in &unpacked.entries {
        let Held::File { path, digest, .. } = held else { continue };
        let Some(rest) = name.strip_prefix("blobs/") else { continue };
        let claimed = rest.replacen('/', ":", 1).parse::<Digest>();
        let claimed = claimed.map_err(|error| refused(&format!("{told}: entry `{}`", shown(name)), &error.to_string()))?;
        if claimed.algorithm() == digest.algorithm() && claimed != *digest {
            return Err(refused(&format!("{told}: entry `{}`", shown(name)), &format!("its bytes hash to {digest}")));
        }
        writer.adopt(path, &claimed)?;
    }
    let index = index.ok_or_else(|| refused(told, "its index.json cannot be read"))?;
    fs::write_private(&dir.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    fs::move_file(&index, &dir.join("index.json"))?;
    let layout = Layout::open(&dir).map_err(|error| damaged(told, &error))?;
    for (root, names) in roots(&layout, told)? {
        let closure = layout.closure_unhashed(&root.digest).map_err(|error| damaged(told, &error))?;
        found.images.push(image(dir.clone(), &root, names, &closure, &layout, told)?);
    }
    Ok(())
}

/// An image that lies whole in a layout.
pub(super) fn image(
    layout: std::path::PathBuf,
    root: &Descriptor,
    names: Vec<String>,
    closure: &Closure,
    source: &Layout,
    told: &str,
) -> Result<FoundImage> {
    let platforms = platforms(source, closure, told)?;
    if platforms.is_empty() {
        return Err(refused(told, &format!("{} is no image: none of its manifests has a platform", root.digest)));
    }
    Ok(FoundImage { layout, root: root.digest.clone(), names, platforms })
}

/// Errors of the store speak of our files; here the source is meant.
pub(super) fn damaged(told: &str, error: &StoreError) -> Error {
    // Scratch has names nobody knows.
    let text = match error {
        StoreError::Integrity { place, problem } => {
            let place = place
                .rsplit_once("/blobs/")
                .map_or_else(|| place.rsplit('/').next().unwrap_or_default().to_owned(), |(_, blob)| format!("blobs/{blob}"));
            format!("{place}: {problem}")
        }
        other => other.to_string(),
    };
    let hint = if text.contains("missing") {
        "the image is not whole: save it with every platform it lists, or for one platform alone"
    } else {
        "build or save the image again, and hand it on as the tool wrote it"
    };
    Error::failed(format!("{told}: {text}")).hint(hint)
}

// Every root once, with all its names, in the order of the index.
fn roots(layout: &Layout, told: &str) -> Result<Vec<(Descriptor, Vec<String>)>> {
    let mut roots: Vec<(Descriptor, Vec<String>)> = Vec::new();
    for entry in layout.entries().map_err(|error| damaged(told, &error))? {
        // What only refers to an image is not one.
        if entry.annotations.contains_key("vnd.docker.reference.type") || entry.artifact_type.is_some() {
            continue;
        }
        let names = NAME_KEYS.iter().filter_map(|key| entry.annotations.get(*key)).find(|name| !name.is_empty()).cloned();
        match roots.iter_mut().find(|(known, _)| known.digest == entry.digest) {
            Some((_, known)) => known.extend(names),
            None => roots.push((entry, names.into_iter().collect())),
        }
        if roots.len() > MAX_IMAGES {
            return Err(refused(told, &format!("it lists more than {MAX_IMAGES} images")));
        }
    }
    if roots.is_empty() {
        return Err(refused(told, "it lists no image"));
    }
    Ok(roots)
}

fn copy(cx: &AdoptCx<'_>, source: &Layout, digest: &Digest, writer: &LayoutWriter, told: &str) -> Result<()> {
    if writer.has(digest) {
        return Ok(());
    }
    let (mut from, _) = source.open_blob(digest).map_err(|error| damaged(told, &error))?;
    let temporary = writer.path().join(".copy");
    let mut to = fs::create_private(&temporary)?;
    let mut hash = digest.digester();
    let mut buffer = vec![0; PIECE];
    loop {
        cx.check()?;
        let read = from.read(&mut buffer).map_err(PathError::at("read", &source.blob_path(digest)))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read]).map_err(PathError::at("write", &temporary))?;
    }
    let found = hash.finish();
    if found != *digest {
        let at = format!("{told}: blobs/{}/{}", digest.algorithm().name(), digest.hex());
        return Err(refused(&at, &format!("its bytes hash to {found}")));
    }
    writer.adopt(&temporary, digest)?;
    Ok(())
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

// What each image's own config says; what attests an image has none of its own.
fn platforms(layout: &Layout, closure: &Closure, told: &str) -> Result<Vec<Platform>> {
    let mut platforms: Vec<Platform> = Vec::new();
    for (descriptor, manifest) in &closure.manifests {
        let attests = descriptor.annotations.contains_key("vnd.docker.reference.type");
        let is_image = |config: &&Descriptor| matches!(config.media_type.as_str(), media_type::OCI_CONFIG | media_type::DOCKER_CONFIG);
        let Some(config) = manifest.config.as_ref().filter(is_image).filter(|_| !attests) else { continue };
        let bytes = layout.read_blob(&config.digest, MAX_CONFIG).map_err(|error| damaged(told, &error))?;
        let at = format!("{told}: config {}", config.digest.short());
        let config: Config = super::json::parse(&bytes, &at)?;
        let variant = config.variant.filter(|variant| !variant.is_empty()).map(|variant| format!("/{variant}")).unwrap_or_default();
        let text = format!("{}/{}{variant}", config.os, config.architecture);
        let platform: Platform = text.parse().map_err(|_| refused(&at, &format!("its platform `{}` is none", shown(&text))))?;
        if platform.os != "unknown" && !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    Ok(platforms)
}
