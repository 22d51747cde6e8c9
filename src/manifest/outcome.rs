//! What happened to an artifact: one outcome per attempt, with exactly one body (spec/manifest.md §2, §8).

use super::wire::{contract, vocabulary};

vocabulary! {
    /// What was attempted.
    pub enum OutcomeType {
        /// A tag was pushed.
        Push = "push",
        /// An image was signed or attested.
        Attestation = "attestation",
        /// A binary was built.
        BinaryBuild = "binary_build",
        /// An archive was made.
        ArchiveBuild = "archive_build",
        /// A file was signed (since v0.7.0).
        BlobSignature = "blob_signature",
        /// A provenance statement was attached (since v0.7.0).
        ProvenanceAttestation = "provenance_attestation",
    }

    /// How it ended.
    pub enum OutcomeStatus {
        /// It is done.
        Success = "success",
        /// It failed.
        Failed = "failed",
        /// It was not tried.
        Skipped = "skipped",
    }
}

contract! {
    /// One attempt and its end.
    pub struct Outcome {
        /// What was attempted; decides which body is present.
        kind: OutcomeType = "type" always,
        /// Where. Required for push and the attestations, forbidden for the rest.
        target: Option<OutcomeTarget> = "target" if_set,
        /// Body of a push.
        push: Option<PushOutcome> = "push" if_set,
        /// Body of an attestation.
        attestation: Option<AttestationOutcome> = "attestation" if_set,
        /// Body of a binary build.
        binary: Option<BinaryOutcome> = "binary" if_set,
        /// Body of an archive build.
        archive: Option<ArchiveOutcome> = "archive" if_set,
        /// Body of a blob signature.
        blob_signature: Option<BlobSignatureOutcome> = "blob_signature" if_set,
        /// Body of a provenance attestation.
        provenance_attestation: Option<ProvenanceAttestationOutcome> = "provenance_attestation" if_set,
    }

    /// Where an outcome happened, copied from the finalized outputs.
    pub struct OutcomeTarget {
        /// Free text; `registry` in practice.
        kind: String = "kind" always,
        /// Registry host.
        host: String = "host" if_set,
        /// Repository path.
        path: String = "path" if_set,
        /// Tag.
        tag: String = "tag" if_set,
    }

    /// How a push ended.
    pub struct PushOutcome {
        /// How it ended.
        status: OutcomeStatus = "status" always,
        /// Digest that was to be there.
        digest: String = "digest" if_set,
        /// Digest that was read back.
        observed_digest: String = "observed_digest" if_set,
        /// What read it back.
        observed_by: String = "observed_by" if_set,
        /// Why it failed.
        error: String = "error" if_set,
    }

    /// How a binary build ended.
    pub struct BinaryOutcome {
        /// How it ended.
        status: OutcomeStatus = "status" always,
        /// SHA-256 of the file, 64 hex digits without prefix.
        sha256: String = "sha256" if_set,
        /// Where the file is.
        path: String = "path" if_set,
        /// Its length in bytes.
        size: i64 = "size" if_set,
        /// Which build made it.
        build_id: String = "build_id" if_set,
        /// Why it failed.
        error: String = "error" if_set,
    }

    /// How making an archive ended.
    pub struct ArchiveOutcome {
        /// How it ended.
        status: OutcomeStatus = "status" always,
        /// SHA-256 of the file, 64 hex digits without prefix.
        sha256: String = "sha256" if_set,
        /// Where the file is.
        path: String = "path" if_set,
        /// Its format.
        format: String = "format" if_set,
        /// Its length in bytes.
        size: i64 = "size" if_set,
        /// Ids of the artifacts in it; sorted by bytes when written.
        sources: Vec<String> = "sources" if_set,
        /// Why it failed.
        error: String = "error" if_set,
    }
}

/// Adds the eight keys of trust evidence, which the contract writes flat and just before `error`.
macro_rules! with_trust_evidence {
    ($(
        $(#[doc = $doc:literal])*
        pub struct $name:ident { $($fields:tt)* }
    )*) => {
        contract! {$(
            $(#[doc = $doc])*
            pub struct $name {
                $($fields)*
                /// Class of the key: `key`, `oidc`, `kms` or `hardware` (since v0.7.0, like the seven that follow).
                trust_class: String = "trust_class" if_set,
                /// Tier of the key, e.g. `tier0-software`.
                tier: String = "tier" if_set,
                /// Somebody had to be present.
                physical_presence: bool = "physical_presence" if_set,
                /// The key cannot leave its place.
                non_exportable: bool = "non_exportable" if_set,
                /// The signature is in a transparency log.
                transparency: bool = "transparency" if_set,
                /// Who signed.
                signer_ref: String = "signer_ref" if_set,
                /// When, RFC 3339. Not validated.
                signed_at: String = "signed_at" if_set,
                /// Within which domain the signer is trusted.
                trust_domain: String = "trust_domain" if_set,
                /// Why it failed.
                error: String = "error" if_set,
            }
        )*}
    };
}

with_trust_evidence! {
    /// How signing or attesting an image ended.
    pub struct AttestationOutcome {
        /// How it ended.
        status: OutcomeStatus = "status" always,
        /// What made it: `cosign`, `in_toto`, `slsa` are foreseen.
        kind: String = "kind" if_set,
        /// Where the signature is.
        signature_ref: String = "signature_ref" if_set,
        /// Where the attestation is.
        attestation_ref: String = "attestation_ref" if_set,
        /// Digest that was verified.
        verified_digest: String = "verified_digest" if_set,
    }

    /// How signing a file ended.
    pub struct BlobSignatureOutcome {
        /// How it ended.
        status: OutcomeStatus = "status" always,
        /// What made it.
        kind: String = "kind" if_set,
        /// The file that was signed.
        blob_path: String = "blob_path" if_set,
        /// The signature's file.
        signature_path: String = "signature_path" if_set,
    }

    /// How attaching provenance ended.
    pub struct ProvenanceAttestationOutcome {
        /// How it ended.
        status: OutcomeStatus = "status" always,
        /// What made it.
        kind: String = "kind" if_set,
        /// Predicate type of the statement.
        predicate_type: String = "predicate_type" if_set,
        /// The statement's file.
        provenance_path: String = "provenance_path" if_set,
        /// Its SHA-256, with `sha256:` in practice.
        provenance_sha256: String = "provenance_sha256" if_set,
        /// Where the attestation is.
        attestation_ref: String = "attestation_ref" if_set,
        /// Digest that was verified.
        verified_digest: String = "verified_digest" if_set,
    }
}
