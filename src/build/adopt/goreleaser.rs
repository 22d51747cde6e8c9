//! GoReleaser's `dist` directory: `artifacts.json` lists what was made, `metadata.json` says of which version and commit
//! (goreleaser.com, "Artifacts" and "Metadata").

use std::path::Path;

use serde::Deserialize;

use super::names::{components, format_of, shown};
use super::staging::{Staging, refused};
use super::tree::Tree;
use super::{AdoptCx, FileKind, Format, Found, Says, json};
use crate::error::{Error, Result};
use crate::fs;

/// An entry's `internal_type` when a program is uploaded as it is, beside the entry that describes the program.
const UPLOADABLE_BINARY: i64 = 2;

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    goos: String,
    #[serde(default)]
    goarch: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    internal_type: i64,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    extra: Option<Extra>,
}

#[derive(Default, Deserialize)]
struct Extra {
    #[serde(rename = "Binary", default)]
    binary: Option<String>,
    #[serde(rename = "ID", default)]
    id: Option<String>,
    #[serde(rename = "Format", default)]
    format: Option<String>,
    #[serde(rename = "Checksum", default)]
    checksum: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    commit: Option<String>,
}

/// Reads the directory `list` lies in.
pub(super) fn read(cx: &AdoptCx<'_>, list: &Path, told: &str) -> Result<Found> {
    let root = list.parent().unwrap_or(list);
    let directory = if list.file_name().is_some_and(|name| told.ends_with(&*name.to_string_lossy())) {
        told.rsplit_once('/').map_or(".", |(directory, _)| directory).to_owned()
    } else {
        told.trim_end_matches('/').to_owned()
    };
    let file = format!("{directory}/{}", list.file_name().unwrap_or_default().to_string_lossy());
    let entries: Vec<Entry> = json::read(list, &file, &cx.limits)?;
    if entries.len() > cx.limits.entries {
        return Err(refused(&file, &format!("it lists {} artifacts; at most {} are taken over", entries.len(), cx.limits.entries)));
    }
    let mut found = Found { says: metadata(cx, root, &directory)?, ..Found::new(told, Format::GoReleaser) };
    let prefix = prefix(&entries);
    let mut staging = Staging::new(cx, Tree::new(root), "goreleaser")?;
    let mut sha256 = true;
    for (number, entry) in entries.iter().enumerate() {
        let at = format!("{file}: entry {} `{}`", number + 1, shown(&entry.name));
        sha256 &= take(entry, &prefix, &mut staging, &mut found, &at)?;
    }
    found.files = staging.finish(&directory, sha256)?;
    if found.files.is_empty() {
        return Err(Error::failed(format!("{file} lists nothing that can be taken over"))
            .hint("run `goreleaser release` or `goreleaser build` first"));
    }
    Ok(found)
}

fn metadata(cx: &AdoptCx<'_>, root: &Path, directory: &str) -> Result<Says> {
    let path = root.join("metadata.json");
    if !fs::exists(&path) {
        return Ok(Says::default());
    }
    let file = format!("{directory}/metadata.json");
    let metadata: Metadata = json::read(&path, &file, &cx.limits)?;
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Says { version: said(metadata.version), commit: said(metadata.commit), file })
}

// Paths are relative to where GoReleaser ran, and begin with its `dist`, whatever that is called here.
fn prefix(entries: &[Entry]) -> Vec<String> {
    let directory = |path: &str| {
        let mut parts: Vec<String> = path.split('/').filter(|part| *part != ".").map(str::to_owned).collect();
        parts.pop();
        parts
    };
    if let Some(metadata) = entries.iter().find(|entry| entry.kind == "Metadata" && !entry.path.is_empty()) {
        return directory(&metadata.path);
    }
    let mut all = entries.iter().filter(|entry| !entry.path.is_empty() && is_file(&entry.kind)).map(|entry| directory(&entry.path));
    let first = all.next().unwrap_or_default();
    let common = all.fold(first, |common, next| common.into_iter().zip(next).take_while(|(a, b)| a == b).map(|(a, _)| a).collect());
    // One program alone: its directory is below `dist`.
    common.into_iter().take(1).collect()
}

fn is_file(kind: &str) -> bool {
    matches!(
        kind,
        "Archive"
            | "Binary"
            | "Linux Package"
            | "Source"
            | "Checksum"
            | "Signature"
            | "Certificate"
            | "SBOM"
            | "File"
            | "C Header"
            | "C Archive Library"
            | "C Shared Library"
    )
}

// Takes one entry over. False when its checksum is of a hash that checksum files cannot be compared with.
fn take(entry: &Entry, prefix: &[String], staging: &mut Staging<'_>, found: &mut Found, at: &str) -> Result<bool> {
    if !is_file(&entry.kind) {
        if entry.kind.contains("Docker") {
            let name = shown(&entry.name);
            found.left.push(format!(
                "image {name} is in an engine or a registry, not in dist: `docker save {name} -o image.tar`, and --from image.tar"
            ));
        } else if entry.kind != "Metadata" {
            found.left.push(format!("{} is of type {}, which no release carries", shown(&entry.name), shown(&entry.kind)));
        }
        return Ok(true);
    }
    let parts = components(&entry.path).map_err(|problem| refused(at, &problem))?;
    let inside = parts.get(prefix.len()..).filter(|rest| !rest.is_empty() && parts.iter().zip(prefix).all(|(part, own)| part == own));
    let Some(inside) = inside else {
        return Err(refused(at, &format!("its path {} leads out of the tree", shown(&entry.path))));
    };
    let staged = staging.copy(&inside.join("/"), at)?;
    let extra = entry.extra.as_ref();
    let claimed = extra.and_then(|extra| extra.checksum.as_deref()).unwrap_or_default();
    let mut sha256 = true;
    match claimed.split_once(':') {
        Some(("sha256", hex)) if !staged.digest.hex().eq_ignore_ascii_case(hex) => {
            return Err(refused(at, &format!("it says the file hashes to {}, but it hashes to {}", shown(claimed), staged.digest)));
        }
        Some(("sha256", _)) | None => {}
        Some(_) => sha256 = false,
    }
    let base = inside.last().copied().unwrap_or_default();
    let program = entry.kind == "Binary" && entry.internal_type != UPLOADABLE_BINARY;
    if program {
        let binary = extra.and_then(|extra| extra.binary.as_deref()).filter(|name| !name.is_empty() && !name.contains('/')).unwrap_or(base);
        let kind = FileKind::Binary {
            os: entry.goos.clone(),
            arch: entry.goarch.clone(),
            toolchain: "go".to_owned(),
            build_id: extra.and_then(|extra| extra.id.clone()).unwrap_or_default(),
        };
        // One program for two levels of a processor: the target tells them apart.
        let plain = format!("{binary}-{}-{}", entry.goos, entry.goarch);
        let taken = staging.files().iter().any(|file| file.name == plain && matches!(file.kind, FileKind::Binary { .. }));
        let name = if taken { format!("{binary}-{}", entry.target.replace('_', "-")) } else { plain };
        staging.keep(staged, kind, name, base, at)?;
    } else {
        let said = extra.and_then(|extra| extra.format.clone()).filter(|format| entry.kind == "Archive" && !format.is_empty());
        let format = match entry.kind.as_str() {
            "Binary" => "binary".to_owned(),
            // What the name says decides how it is looked into; another word is kept for what we do not know.
            _ if format_of(base) != "raw" => format_of(base).to_owned(),
            _ => said.unwrap_or_else(|| "raw".to_owned()),
        };
        staging.keep(staged, FileKind::Archive { format }, entry.name.clone(), &entry.name, at)?;
    }
    Ok(sha256)
}
