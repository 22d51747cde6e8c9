//! OCI wire vocabulary shared by the client, the embedded registry, the store and the builders: media types,
//! descriptors, manifests. Read leniently (unknown fields pass by, the raw bytes are kept beside), written strictly.
//!
//! Our own types instead of `oci-spec`'s: one `Digest` type in the whole program, and nothing foreign is refused for
//! a field we do not use. `oci-spec` checks what we write, as an independent reader, in the tests.

pub mod attestation;
mod descriptor;
mod manifest;
pub mod media_type;

pub use descriptor::{Descriptor, DescriptorPlatform};
pub use manifest::{MAX_MANIFEST_SIZE, Manifest, ManifestError, ManifestKind};

/// The digest and size of `{}`, the empty descriptor's content (image-spec 1.1, "Guidance for an empty descriptor").
pub const EMPTY_JSON: &[u8] = b"{}";
