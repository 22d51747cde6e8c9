//! From what a plan says to an outputs manifest (spec/manifest.md §6.2, with v0.7.0's images without targets), and the
//! digest over build arguments that it records.

use std::collections::BTreeMap;

use super::artifact::{ArchiveDescriptor, Artifact, ArtifactKind, BinaryDescriptor, DockerDescriptor, Persistence};
use super::error::ManifestError;
use super::outputs::{OutputsManifest, Pipeline};
use super::target::Target;
use crate::core::{Digest, Timestamp};

/// What is known of all artifacts before the manifest is made. Digests and persistence are part of it, so that the
/// checksum is computed once, over everything, and results can refer to it. The published vectors are made through it;
/// `perform` fills the artifacts itself, from what it built.
#[derive(Debug, Clone, Default)]
pub struct PlannedOutputs {
    /// When; empty means the time of finalizing.
    pub generated_at: String,
    /// Commit.
    pub commit: String,
    /// CI pipeline.
    pub pipeline: Option<Pipeline>,
    /// Images.
    pub images: Vec<PlannedImage>,
    /// Binaries.
    pub binaries: Vec<PlannedFile<BinaryDescriptor>>,
    /// Archives.
    pub archives: Vec<PlannedFile<ArchiveDescriptor>>,
}

/// An image.
#[derive(Debug, Clone, Default)]
pub struct PlannedImage {
    /// Name.
    pub name: String,
    /// Version, or empty.
    pub version: String,
    /// Digest of its root, or empty.
    pub digest: String,
    /// Where its bytes wait.
    pub persistence: Persistence,
    /// Dockerfile.
    pub dockerfile: String,
    /// Context.
    pub context: String,
    /// Platforms.
    pub platforms: Vec<String>,
    /// Build arguments; only their digest is written.
    pub build_args: BTreeMap<String, String>,
    /// Where it shall go.
    pub targets: Vec<Target>,
}

/// A binary or an archive.
#[derive(Debug, Clone, Default)]
pub struct PlannedFile<D> {
    /// Name.
    pub name: String,
    /// Version, or empty.
    pub version: String,
    /// What it is.
    pub descriptor: D,
}

impl PlannedOutputs {
    /// The finalized manifest: artifacts sorted by kind, then name, both by bytes.
    pub fn into_manifest(self, now: Timestamp) -> Result<OutputsManifest, ManifestError> {
        let mut artifacts: Vec<Artifact> = self.images.into_iter().map(image).collect();
        artifacts.extend(self.binaries.into_iter().map(|file| Artifact {
            kind: ArtifactKind::Binary,
            name: file.name,
            version: file.version,
            binary: Some(file.descriptor),
            ..Artifact::default()
        }));
        artifacts.extend(self.archives.into_iter().map(|file| Artifact {
            kind: ArtifactKind::Archive,
            name: file.name,
            version: file.version,
            archive: Some(file.descriptor),
            ..Artifact::default()
        }));
        artifacts.sort_by(|a, b| (a.kind.as_str(), &a.name).cmp(&(b.kind.as_str(), &b.name)));
        let mut manifest = OutputsManifest {
            generated_at: self.generated_at,
            commit: self.commit,
            pipeline: self.pipeline,
            artifacts: (!artifacts.is_empty()).then_some(artifacts),
            ..OutputsManifest::default()
        };
        manifest.finalize(now)?;
        Ok(manifest)
    }
}

fn image(planned: PlannedImage) -> Artifact {
    let docker = DockerDescriptor {
        dockerfile: planned.dockerfile,
        context: planned.context,
        platforms: Some(planned.platforms),
        build_args_digest: build_args_digest(&planned.build_args).unwrap_or_default(),
    };
    Artifact {
        kind: ArtifactKind::Docker,
        name: planned.name,
        version: planned.version,
        digest: planned.digest,
        persistence: planned.persistence,
        docker: Some(docker),
        targets: (!planned.targets.is_empty()).then_some(planned.targets),
        ..Artifact::default()
    }
}

/// `sha256:` and the hash of `key=value` LF for every argument in byte order of the keys; none without arguments
/// (spec/manifest.md §6.2). Nothing is escaped: that is the published rule.
pub fn build_args_digest(args: &BTreeMap<String, String>) -> Option<String> {
    if args.is_empty() {
        return None;
    }
    let mut lines = String::new();
    for (key, value) in args {
        lines.push_str(&format!("{key}={value}\n"));
    }
    Some(Digest::of(lines.as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_over_sorted_lines() {
        let args = BTreeMap::from([("B".to_owned(), "2=2".to_owned()), ("A".to_owned(), String::new())]);
        assert_eq!(build_args_digest(&args), Some(Digest::of(b"A=\nB=2=2\n").to_string()));
        assert_eq!(build_args_digest(&BTreeMap::new()), None);
    }
}
