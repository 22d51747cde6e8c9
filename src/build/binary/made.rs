//! A file that a build made.

use crate::core::Digest;

/// A program or an archive in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFile {
    /// What it is.
    pub kind: FileKind,
    /// Name of the artifact.
    pub name: String,
    /// Build id of the config.
    pub build: String,
    /// Where it is, relative to the workspace.
    pub path: String,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
    /// What made it, for people: `go`, `archive`, `command`.
    pub by: &'static str,
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A program.
    Binary {
        /// Operating system.
        os: String,
        /// Architecture, with its variant: `arm64`, `arm/v7`.
        arch: String,
        /// What compiled it: `go1.26.8`; empty when that is not known.
        toolchain: String,
    },
    /// An archive, or a file that is published as it is.
    Archive {
        /// `tar.gz`, `tar.zst`, `zip`, `raw`.
        format: String,
        /// Ids of the artifacts in it, sorted.
        sources: Vec<String>,
        /// Listed in SHA256SUMS.
        listed: bool,
    },
}

impl MadeFile {
    /// Artifact id.
    pub fn id(&self) -> String {
        match self.kind {
            FileKind::Binary { .. } => format!("binary:{}", self.name),
            FileKind::Archive { .. } => format!("archive:{}", self.name),
        }
    }
}
