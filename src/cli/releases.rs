//! What is still to be said of a release when everything is made: which files it must have, and what its notes tell of
//! them. Written into `destinations.json`, so that review approves it.

use super::session::Session;
use crate::core::{Digest, NameRules};
use crate::error::{Error, Result};
use crate::forge::notes::{downloads, images};
use crate::forge::packages::{Index, IndexedFile, PointerSettings};
use crate::forge::transaction::{ListedAsset, ReleaseSettings};
use crate::fs;
use crate::manifest::Destination;
use crate::names;
use crate::plan::Making;

/// Digests of everything a release has, in the form of `sha256sum`.
const SUMS: &str = "SHA256SUMS";

/// References and digests of the images that are published with it.
const IMAGES: &str = "image-digests.txt";

/// The most entries a list in the notes has; the files themselves have all of them.
const MOST_TOLD: usize = 200;

/// Completes every release among the destinations.
pub fn complete(session: &Session, destinations: &mut [Destination], hosts: &dyn Fn(&str) -> String) -> Result<()> {
    for at in 0..destinations.len() {
        if destinations[at].kind != "release" {
            continue;
        }
        let settings = one(session, &destinations[at], destinations, hosts)?;
        let set: Vec<String> = settings.assets.iter().map(|asset| format!("{}  {}\n", asset.sha256.hex(), asset.name)).collect();
        let size = settings.assets.iter().map(|asset| asset.size).sum();
        let (tag, target) = (destinations[at].tag.clone(), destinations[at].target.clone());
        let digest = Digest::of(format!("{tag}\n{}", set.concat()).as_bytes());
        let value = serde_json::to_value(&settings).map_err(|error| Error::failed("cannot describe a release").because(&error))?;
        (destinations[at].settings, destinations[at].size) = (Some(value), size);
        // The names that move with it stand for the same set.
        for other in destinations.iter_mut().filter(|other| other.target == target && other.artifact.is_empty()) {
            let follows = other.settings.as_ref().and_then(|settings| settings.get("release")).and_then(serde_json::Value::as_str);
            if (other.kind == "release" && other.tag == tag) || follows == Some(tag.as_str()) {
                other.digest = digest.to_string();
            }
        }
    }
    Ok(())
}

/// A pointer is one small document, and all of it is known: its digest is that of its bytes.
pub fn point(destinations: &mut [Destination], revision: &str) -> Result<()> {
    for at in 0..destinations.len() {
        if destinations[at].kind != "package_pointer" {
            continue;
        }
        let unusable =
            |error: serde_json::Error| Error::failed(format!("the plan of {} cannot be used", destinations[at].name)).because(&error);
        let settings: PointerSettings = serde_json::from_value(destinations[at].settings.clone().unwrap_or_default()).map_err(unusable)?;
        let target = destinations[at].target.as_str();
        let mut files = Vec::new();
        for file in
            destinations.iter().filter(|file| file.kind == "package_file" && file.target == target && file.path == settings.points_at)
        {
            let name = file.name.rsplit('/').next().unwrap_or_default().to_owned();
            let sha256 = file.digest.parse().map_err(|error| Error::failed(format!("{}: {error}", file.name)))?;
            files.push(IndexedFile { path: format!("{}/{name}", file.path), name, sha256, size: file.size });
        }
        let bytes = Index::new(&settings.version, revision, files).bytes();
        (destinations[at].digest, destinations[at].size) = (Digest::of(&bytes).to_string(), bytes.len() as u64);
    }
    Ok(())
}

fn one(session: &Session, release: &Destination, all: &[Destination], hosts: &dyn Fn(&str) -> String) -> Result<ReleaseSettings> {
    let unusable = |error: serde_json::Error| Error::failed(format!("the plan of {} cannot be used", release.name)).because(&error);
    let mut settings: ReleaseSettings = serde_json::from_value(release.settings.clone().unwrap_or_default()).map_err(unusable)?;
    let Some(making) = settings.making.take() else { return Ok(settings) };
    let making: Making = serde_json::from_value(making).map_err(unusable)?;
    let rules = NameRules::of_provider(&making.provider);
    let here = |other: &&Destination| other.kind == "release_asset" && other.target == release.target && other.tag == release.tag;
    let mut assets = Vec::new();
    for asset in all.iter().filter(here) {
        let sha256 = asset.digest.parse().map_err(|error| Error::failed(format!("{}: {error}", asset.name)))?;
        let name = asset.name.rsplit('/').next().unwrap_or_default().to_owned();
        assets.push(ListedAsset { name, sha256, size: asset.size, path: None });
    }
    let told: Vec<_> = assets.iter().map(|asset| (asset.name.clone(), asset.size, asset.sha256.clone())).collect();
    let published: Vec<(String, String)> = all
        .iter()
        .filter(|other| other.kind == "registry_tag")
        .map(|other| (format!("{}/{}:{}", hosts(&other.target), other.path, other.tag), other.digest.clone()))
        .collect();
    let directory = format!("{}/{}", names::path::RELEASE, release.target);
    if making.image_links && !published.is_empty() {
        let lines: Vec<String> = published.iter().map(|(reference, digest)| format!("{reference}@{digest}\n")).collect();
        assets.push(write(session, &directory, &rules.kept(IMAGES), &lines.concat())?);
    }
    if making.checksums && !assets.is_empty() {
        let mut lines: Vec<String> = assets.iter().map(|asset| format!("{}  {}\n", asset.sha256.hex(), asset.name)).collect();
        lines.sort_by(|one, other| one[64..].cmp(&other[64..]));
        assets.push(write(session, &directory, SUMS, &lines.concat())?);
    }
    let mut notes = vec![settings.notes.clone()];
    if making.image_links && !published.is_empty() {
        notes.push(images(&published[..published.len().min(MOST_TOLD)]));
    }
    if !told.is_empty() {
        notes.push(downloads(&told[..told.len().min(MOST_TOLD)]));
    }
    notes.retain(|part| !part.trim().is_empty());
    settings.notes = notes.join("\n\n");
    settings.assets = assets;
    Ok(settings)
}

fn write(session: &Session, directory: &str, name: &str, text: &str) -> Result<ListedAsset> {
    let path = format!("{directory}/{name}");
    fs::create_dir(&session.path(directory))?;
    fs::write_atomic(&session.path(&path), text.as_bytes(), 0o644)?;
    Ok(ListedAsset { name: name.to_owned(), sha256: Digest::of(text.as_bytes()), size: text.len() as u64, path: Some(path) })
}
