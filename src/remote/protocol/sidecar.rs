//! *Additive.* Files that belong to a pack and travel with it: checksums, an SBOM, a signature.

use serde::{Deserialize, Serialize};

/// One such file, in `push.prepare`. The answer says in `sidecar_uploads`, by name, where each goes; one without an entry
/// there was taken over from its path, as with `skip`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// File name at the remote, unique in the push.
    pub name: String,
    /// What it is.
    pub role: SidecarRole,
    /// Absolute path of the file on this machine.
    pub path: String,
    /// `sha256:` and the hash of its bytes.
    pub file_digest: String,
    /// Length in bytes.
    pub size_bytes: i64,
}

/// What a sidecar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SidecarRole {
    /// Hashes of the pack.
    Checksums,
    /// What the pack is made of.
    Sbom,
    /// A signature of the pack.
    Signature,
    /// How the pack was made.
    Provenance,
    /// Anything else.
    #[serde(other)]
    Other,
}
