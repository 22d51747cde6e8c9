//! cargo-dist: `dist-manifest.json`, as `dist build --output-format=json` prints it, and the files beside it
//! (axodotdev/cargo-dist, "dist-manifest.json").

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::names::{format_of, shown};
use super::staging::{Staging, refused};
use super::tree::Tree;
use super::{AdoptCx, FileKind, Format, Found, Says, json, triple};
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    announcement_tag: Option<String>,
    #[serde(default)]
    releases: Vec<Release>,
    #[serde(default)]
    artifacts: BTreeMap<String, Artifact>,
}

#[derive(Deserialize)]
struct Release {
    #[serde(default)]
    app_version: String,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    target_triples: Vec<String>,
    #[serde(default)]
    checksums: BTreeMap<String, String>,
}

/// Reads the manifest and every file it lists.
pub(super) fn read(cx: &AdoptCx<'_>, list: &Path, told: &str) -> Result<Found> {
    let root = list.parent().unwrap_or(list);
    let base = list.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let directory = match told.strip_suffix(&base) {
        Some("") => ".".to_owned(),
        Some(directory) => directory.trim_end_matches('/').to_owned(),
        None => told.trim_end_matches('/').to_owned(),
    };
    let file = format!("{directory}/{base}");
    let manifest: Manifest = json::read(list, &file, &cx.limits)?;
    if manifest.artifacts.len() > cx.limits.entries {
        return Err(refused(
            &file,
            &format!("it lists {} artifacts; at most {} are taken over", manifest.artifacts.len(), cx.limits.entries),
        ));
    }
    let mut found = Found { says: says(&manifest, &file), ..Found::new(told, Format::CargoDist) };
    let mut staging = Staging::new(cx, Tree::new(root), "cargo-dist")?;
    for (id, artifact) in &manifest.artifacts {
        let at = format!("{file}: artifact `{}`", shown(id));
        let Some(name) = &artifact.name else {
            found.left.push(format!("{} has no file", shown(id)));
            continue;
        };
        // Where it lay on the machine that built it says nothing here: files lie beside the manifest.
        if name.contains(['/', '\\']) {
            return Err(refused(&at, &format!("its name {} leads out of the tree", shown(name))));
        }
        let staged = staging.copy(name, &at).map_err(|error| {
            let absent = error.message().ends_with("there is no such file");
            let hint = "collect the files of every job beside the manifest, or take over the manifest of this job alone";
            if absent { error.hint(hint) } else { error }
        })?;
        if let Some(hex) = artifact.checksums.get("sha256")
            && !staged.digest.hex().eq_ignore_ascii_case(hex)
        {
            return Err(refused(&at, &format!("it says the file hashes to {}, but it hashes to {}", shown(hex), staged.digest.hex())));
        }
        let platforms: Vec<_> = artifact.target_triples.iter().map(|text| triple::platform_of(text)).collect();
        let kind = match (artifact.kind.as_str(), platforms.as_slice()) {
            // A program by itself: dist's updater.
            ("updater", [Some((os, arch))]) => {
                FileKind::Binary { os: (*os).to_owned(), arch: (*arch).to_owned(), toolchain: "rust".to_owned(), build_id: String::new() }
            }
            _ => FileKind::Archive { format: format_of(name).to_owned() },
        };
        staging.keep(staged, kind, name.clone(), name, &at)?;
    }
    found.files = staging.finish(&directory, true)?;
    if found.files.is_empty() {
        return Err(Error::failed(format!("{file} lists nothing that can be taken over"))
            .hint("run `dist build` first, and name what it printed with --output-format=json"));
    }
    Ok(found)
}

// Several apps may be released at once, each with a version of its own; then the manifest has none.
fn says(manifest: &Manifest, file: &str) -> Says {
    let mut versions: Vec<&str> = manifest.releases.iter().map(|release| release.app_version.as_str()).filter(|v| !v.is_empty()).collect();
    versions.dedup();
    let tagged = || manifest.announcement_tag.as_deref().and_then(|tag| tag.strip_prefix('v'));
    let version = if let [one] = versions.as_slice() { Some(*one) } else { tagged() };
    Says { version: version.map(str::to_owned), commit: None, file: file.to_owned() }
}
