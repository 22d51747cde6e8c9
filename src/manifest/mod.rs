//! The v2 contract: what later stages and other tools read. Types, canonical text, checksum, finalize, read, write,
//! views, schemas; and our sibling file `destinations.json`. Pure: bytes in, bytes out; the commands read and write
//! the files through `fs`.

mod artifact;
mod builder;
mod builds;
mod check_outputs;
mod check_results;
mod destinations;
mod diff;
mod document;
mod error;
mod file;
mod host;
mod json;
mod outcome;
mod outputs;
mod planned;
#[cfg(test)]
mod properties;
mod results;
pub mod schema;
mod target;
mod timestamp;
#[cfg(test)]
mod vectors;
pub mod views;
mod wire;

pub use artifact::{
    ArchiveDescriptor, Artifact, ArtifactId, ArtifactKind, BinaryDescriptor, DockerDescriptor, OciLayoutRef, Persistence, PersistenceKind,
};
pub use builder::ResultsBuilder;
pub use builds::{BUILDS_SCHEMA_VERSION, Base, BuildRecord, BuildRecords, Origin};
pub use destinations::{DESTINATIONS_SCHEMA_VERSION, Derived, Destination, DestinationTarget, Destinations};
pub use diff::{Change, diff_outputs, diff_results};
pub use document::DocumentKind;
pub use error::{ManifestError, Rule, Sentinel};
pub use file::MAX_FILE_SIZE;
pub use host::normalise_host;
pub use outcome::{
    ArchiveOutcome, AttestationOutcome, BinaryOutcome, BlobSignatureOutcome, Outcome, OutcomeStatus, OutcomeTarget, OutcomeType,
    ProvenanceAttestationOutcome, PushOutcome,
};
pub use outputs::{OUTPUTS_SCHEMA_VERSION, OutputsManifest, Pipeline};
pub use planned::{PlannedFile, PlannedImage, PlannedOutputs, build_args_digest};
pub use results::{ArtifactResult, RESULTS_SCHEMA_VERSION, ResultsManifest};
pub use target::{ForgeReleaseAssetTarget, RegistryTarget, Requirements, Target, TargetKind};
