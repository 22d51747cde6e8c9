//! What was found, before anybody decided what becomes of it.

use std::path::PathBuf;

use super::Format;
use crate::core::{Digest, Platform};

/// What one path holds.
#[derive(Debug, Clone)]
pub struct Found {
    /// What people call the path.
    pub shown: String,
    /// What it is.
    pub format: Format,
    /// Images, whole and hashed.
    pub images: Vec<FoundImage>,
    /// Files, copied into scratch and hashed.
    pub files: Vec<FoundFile>,
    /// What a metadata file says of images that lie elsewhere.
    pub claims: Vec<ImageClaim>,
    /// What the source says of itself.
    pub says: Says,
    /// What is listed and not taken over, one sentence each.
    pub left: Vec<String>,
}

impl Found {
    /// Nothing yet.
    pub fn new(shown: &str, format: Format) -> Self {
        Self {
            shown: shown.to_owned(),
            format,
            images: Vec::new(),
            files: Vec::new(),
            claims: Vec::new(),
            says: Says::default(),
            left: Vec::new(),
        }
    }

    /// Who made it, for records: `GoReleaser, dist`.
    pub fn by(&self) -> String {
        format!("{}, {}", self.format.name(), self.shown)
    }
}

/// An image in a layout.
#[derive(Debug, Clone)]
pub struct FoundImage {
    /// The OCI layout that holds it whole, below scratch.
    pub layout: PathBuf,
    /// Its root: an image manifest, or an index.
    pub root: Digest,
    /// What the source calls it: references, with or without a tag.
    pub names: Vec<String>,
    /// Platforms it is for, in its own order.
    pub platforms: Vec<Platform>,
}

/// What buildx wrote about an image with `--metadata-file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageClaim {
    /// Digest of its root.
    pub digest: Digest,
    /// The target of a bake file, when there was one.
    pub target: Option<String>,
    /// References it was built for.
    pub names: Vec<String>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// What it is.
    pub kind: FileKind,
    /// What the artifact is called, unique within its kind in this source.
    pub name: String,
    /// What the file is called.
    pub file_name: String,
    /// Its copy, below scratch.
    pub staged: PathBuf,
    /// SHA-256 of the copy.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// Somebody may run it.
    pub executable: bool,
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A program.
    Binary {
        /// Operating system, as Go names it.
        os: String,
        /// Architecture, as Go names it.
        arch: String,
        /// What compiled it, when the source says.
        toolchain: String,
        /// Which build of the source made it, when it says.
        build_id: String,
    },
    /// An archive, a package, or any other file a release has.
    Archive {
        /// `tar.gz`, `zip`, `deb`, …; `raw` for a file that is none of these.
        format: String,
    },
}

/// What a source says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Says {
    /// Version.
    pub version: Option<String>,
    /// Full commit id.
    pub commit: Option<String>,
    /// File that says so.
    pub file: String,
}
