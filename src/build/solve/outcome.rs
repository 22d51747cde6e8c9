//! Takes what BuildKit wrote and believes only what hashes: the digest named in the metadata must be listed in the
//! layout's index, and the bytes there must have it.

use std::path::Path;

use serde::Deserialize;

use super::Solved;
use crate::core::Digest;
use crate::core::oci::{MAX_MANIFEST_SIZE, Manifest};

use crate::error::{Error, Result};
use crate::fs;
use crate::plan::BuildStep;

use super::progress::Tracker;

/// Metadata carries provenance, which grows with the build.
const MAX_METADATA: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "containerimage.digest")]
    digest: Option<String>,
    #[serde(rename = "buildx.build.provenance", default)]
    provenance: Option<Provenance>,
}

/// SLSA provenance, version 0.2 (`materials`) or 1 (`buildDefinition.resolvedDependencies`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provenance {
    #[serde(default)]
    materials: Vec<Material>,
    build_definition: Option<BuildDefinition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    #[serde(default)]
    resolved_dependencies: Vec<Material>,
}

#[derive(Deserialize)]
struct Material {
    #[serde(default)]
    uri: String,
    #[serde(default)]
    digest: std::collections::BTreeMap<String, String>,
}

/// Reads metadata and layout of a finished build.
pub fn take(step: &BuildStep, metadata: &Path, layout: &Path, tracker: &Tracker) -> Result<Solved> {
    let doing = || format!("cannot take the result of build {}", step.id);
    let bytes = fs::read_bounded(metadata, MAX_METADATA)
        .map_err(|error| Error::from(error).with_kind(crate::error::Kind::Failed).context(doing()))?;
    let metadata: Metadata = serde_json::from_slice(&bytes)
        .map_err(|error| Error::failed("the metadata buildx wrote is not valid").because(&error).context(doing()))?;
    let Some(digest) = metadata.digest else {
        return Err(Error::failed("buildx reported no digest").context(doing()).hint("buildx 0.13 or later and an OCI export are needed"));
    };
    let digest: Digest =
        digest.parse().map_err(|error| Error::failed("buildx reported no usable digest").because(&error).context(doing()))?;
    check_root(layout, &digest).map_err(|error| error.context(doing()))?;
    // BuildKit's exporter leaves its empty staging directory; a layout has none.
    fs::remove_tree(&layout.join("ingest"))?;
    let bases = metadata.provenance.map(Provenance::bases).filter(|bases| !bases.is_empty()).unwrap_or_else(|| tracker.bases());
    Ok(Solved { digest, layout: layout.to_owned(), bases, work: tracker.work() })
}

fn check_root(layout: &Path, digest: &Digest) -> Result<()> {
    let limit = MAX_MANIFEST_SIZE as u64;
    let index = Manifest::parse(fs::read_bounded(&layout.join("index.json"), limit)?)
        .map_err(|error| Error::failed("the exported index.json is not valid").because(&error))?;
    let Some(entry) = index.manifests.iter().find(|entry| entry.digest == *digest) else {
        let listed: Vec<&str> = index.manifests.iter().map(|entry| entry.digest.short()).collect();
        return Err(Error::failed(format!("buildx reported {} but exported {}", digest.short(), listed.join(", "))));
    };
    let blob = layout.join("blobs").join(digest.algorithm().name()).join(digest.hex());
    let bytes = fs::read_bounded(&blob, limit)?;
    let mut digester = digest.digester();
    digester.update(&bytes);
    let found = digester.finish();
    if found != *digest || bytes.len() as u64 != entry.size {
        return Err(Error::failed(format!("the exported manifest {} holds other bytes: {}", digest.short(), found.short())));
    }
    Manifest::parse(bytes).map_err(|error| Error::failed("the exported manifest is not valid").because(&error))?;
    Ok(())
}

impl Provenance {
    /// Images among the materials, as reference and digest.
    fn bases(self) -> Vec<(String, String)> {
        let later = self.build_definition.map(|definition| definition.resolved_dependencies).unwrap_or_default();
        let image = |material: Material| {
            let reference = material.uri.strip_prefix("pkg:docker/")?.to_owned();
            let hex = material.digest.get("sha256")?;
            Some((package_reference(&reference), format!("sha256:{hex}")))
        };
        let mut bases: Vec<_> = self.materials.into_iter().chain(later).filter_map(image).collect();
        bases.sort();
        bases.dedup();
        bases
    }
}

/// `debian@12?platform=linux%2Famd64` of a package URL is `docker.io/library/debian:12`; `ghcr.io/a/b@1` keeps its host.
fn package_reference(purl: &str) -> String {
    let name = purl.split('?').next().unwrap_or(purl);
    let (path, version) = name.rsplit_once('@').unwrap_or((name, "latest"));
    let path = path.replace("%3A", ":");
    let host = path.split('/').next().unwrap_or_default();
    let path = match path.contains('/') {
        false => format!("docker.io/library/{path}"),
        true if host.contains(['.', ':']) || host == "localhost" => path,
        true => format!("docker.io/{path}"),
    };
    format!("{path}:{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn materials_of_both_versions_name_the_bases() {
        let one = r#"{"materials":[{"uri":"pkg:docker/debian@12?platform=linux%2Famd64","digest":{"sha256":"aa"}},
            {"uri":"https://example.com/x.git","digest":{"sha1":"b"}}]}"#;
        let provenance: Provenance = serde_json::from_str(one).expect("v0.2");
        assert_eq!(provenance.bases(), [("docker.io/library/debian:12".to_owned(), "sha256:aa".to_owned())]);
        let two = r#"{"buildDefinition":{"resolvedDependencies":[{"uri":"pkg:docker/ghcr.io/a/b@1.2","digest":{"sha256":"cc"}}]}}"#;
        let provenance: Provenance = serde_json::from_str(two).expect("v1");
        assert_eq!(provenance.bases(), [("ghcr.io/a/b:1.2".to_owned(), "sha256:cc".to_owned())]);
    }

    #[test]
    fn a_layout_that_lies_is_refused() {
        let dir = tempfile::tempdir().expect("dir");
        let manifest = format!(r#"{{"schemaVersion":2,"config":{{"digest":"{}","size":0}},"layers":[]}}"#, Digest::of(b""));
        let digest = Digest::of(manifest.as_bytes());
        let blob = dir.path().join("blobs/sha256").join(digest.hex());
        fs::write_atomic(&blob, manifest.as_bytes(), 0o644).expect("blob");
        let index = |digest: &Digest, size: usize| {
            let text = format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{digest}","size":{size}}}]}}"#);
            fs::write_atomic(&dir.path().join("index.json"), text.as_bytes(), 0o644).expect("index");
        };
        index(&digest, manifest.len());
        check_root(dir.path(), &digest).expect("an honest layout");
        let other = Digest::of(b"other");
        assert!(
            check_root(dir.path(), &other)
                .expect_err("not listed")
                .message()
                .starts_with("buildx reported sha256:d9298a10d1b0 but exported")
        );
        index(&digest, 1);
        assert!(check_root(dir.path(), &digest).is_err(), "wrong size");
        index(&digest, manifest.len());
        fs::write_atomic(&blob, b"{}", 0o644).expect("blob");
        assert!(check_root(dir.path(), &digest).expect_err("tampered").message().contains("holds other bytes"));
    }
}
