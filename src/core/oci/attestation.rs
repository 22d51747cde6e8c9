//! How attestations are written down: as children of an index (BuildKit, docs/attestations/attestation-storage.md), as
//! in-toto statements in layers, and under tags made of digests (cosign's specification, "Discovery").

use std::collections::BTreeMap;

use crate::core::Digest;

/// BuildKit's mark of an attestation manifest among the children of an index.
pub const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// Digest of the manifest that the statements are about.
pub const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
/// The value of the mark.
pub const ATTESTATION_MANIFEST: &str = "attestation-manifest";
/// An in-toto statement: the media type of its layer, and the artifact type of a manifest that carries some.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Annotation that tells what a statement says: `https://slsa.dev/provenance/v1`.
pub const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";

/// The digest that an index entry with these annotations attests, empty when it names none; `None` for entries that are no attestation.
pub fn attested_by(annotations: &BTreeMap<String, String>) -> Option<&str> {
    let attestation = annotations.get(REFERENCE_TYPE).is_some_and(|kind| kind == ATTESTATION_MANIFEST);
    attestation.then(|| annotations.get(REFERENCE_DIGEST).map_or("", String::as_str))
}

/// The tag under which attestations of a digest are looked for where referrers are not: `sha256-<hex>.att`.
pub fn tag_of(subject: &Digest) -> String {
    format!("{}-{}.att", subject.algorithm().name(), subject.hex())
}
