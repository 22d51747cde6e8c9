//! What was made: artifacts, their identity, their one descriptor, and where their bytes wait (spec/manifest.md §2).

use super::json::{Decoder, Encoder, Fault};
use super::target::Target;
use super::wire::{Wire, contract, vocabulary};

/// Identity of an artifact, `kind:name`. Minted only by [`ArtifactId::new`], never assembled by callers; what a file
/// says may be anything until it is validated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct ArtifactId(String);

impl ArtifactId {
    /// `kind:name`: plain concatenation, nothing escaped, nothing trimmed.
    pub fn new(kind: &ArtifactKind, name: &str) -> Self {
        Self(format!("{kind}:{name}"))
    }

    /// The same for results, whose kind is free text (`checksums:SHA256SUMS`).
    pub fn of_result(kind: &str, name: &str) -> Self {
        Self(format!("{kind}:{name}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Not set yet?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is this the identity of that kind and name?
    pub(super) fn is_of(&self, kind: &str, name: &str) -> bool {
        self.0.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')) == Some(name)
    }
}

impl std::fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Wire for ArtifactId {
    fn decode(&mut self, input: &mut Decoder<'_>) -> Result<(), Fault> {
        self.0.decode(input)
    }

    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
    }

    fn is_set(&self) -> bool {
        self.0.is_set()
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "string", "pattern": ":"})
    }
}

vocabulary! {
    /// Kind of an artifact.
    pub enum ArtifactKind {
        /// An image.
        Docker = "docker",
        /// An executable file.
        Binary = "binary",
        /// An archive of files.
        Archive = "archive",
    }

    /// How an artifact's bytes wait for publish. Nothing validates it (spec/manifest.md §1).
    pub enum PersistenceKind {
        /// An OCI layout on disk.
        OciLayout = "oci_layout",
    }
}

contract! {
    /// One thing that was made, with exactly one descriptor of the name of its kind.
    pub struct Artifact {
        /// Identity, `kind:name`.
        id: ArtifactId = "id" always,
        /// Kind: docker, binary or archive.
        kind: ArtifactKind = "kind" always,
        /// Name, unique within its kind.
        name: String = "name" always,
        /// Version.
        version: String = "version" if_set,
        /// Digest of the bytes, `sha256:` and 64 hex digits.
        digest: String = "digest" if_set,
        /// Where the bytes wait; by construction never a distribution location.
        persistence: Persistence = "persistence" always,
        /// Descriptor of an image.
        docker: Option<DockerDescriptor> = "docker" if_set,
        /// Descriptor of a binary.
        binary: Option<BinaryDescriptor> = "binary" if_set,
        /// Descriptor of an archive.
        archive: Option<ArchiveDescriptor> = "archive" if_set,
        /// Where it shall go. Only images have targets.
        targets: Option<Vec<Target>> = "targets" always,
    }

    /// Where an artifact's bytes wait; empty when they do not.
    pub struct Persistence {
        /// How: `oci_layout` or empty.
        kind: PersistenceKind = "kind" if_set,
        /// The layout.
        oci_layout: Option<OciLayoutRef> = "oci_layout" if_set,
    }

    /// An OCI layout on disk.
    pub struct OciLayoutRef {
        /// Its directory. We write it relative to the workspace; older files hold absolute paths.
        path: String = "path" always,
    }

    /// What an image was built from.
    pub struct DockerDescriptor {
        /// Dockerfile, relative to the workspace.
        dockerfile: String = "dockerfile" always,
        /// Build context, relative to the workspace.
        context: String = "context" always,
        /// Platforms, `os/arch[/variant]`.
        platforms: Option<Vec<String>> = "platforms" always,
        /// `sha256:` and the digest of the build arguments (spec/manifest.md §6.2), when there were any.
        build_args_digest: String = "build_args_digest" if_set,
    }

    /// An executable file.
    pub struct BinaryDescriptor {
        /// Operating system, as Go names it.
        os: String = "os" always,
        /// Architecture, as Go names it.
        arch: String = "arch" always,
        /// Where the file is.
        path: String = "path" always,
        /// What compiled it.
        toolchain: String = "toolchain" if_set,
        /// Which build made it (since v0.7.0).
        build_id: String = "build_id" if_set,
    }

    /// An archive of files.
    pub struct ArchiveDescriptor {
        /// `tar.gz`, `zip`, …
        format: String = "format" always,
        /// Where the file is.
        path: String = "path" always,
        /// Which set of archives it belongs to (since v0.8.0).
        set: String = "set" if_set,
    }
}

impl Persistence {
    /// An OCI layout at a workspace-relative path.
    pub fn oci_layout(path: &str) -> Self {
        Self { kind: PersistenceKind::OciLayout, oci_layout: Some(OciLayoutRef { path: path.to_owned() }) }
    }
}
