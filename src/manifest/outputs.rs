//! The outputs manifest, `.stagefreight/outputs.json`: what was made and where it shall go.

use super::artifact::Artifact;
use super::error::{ManifestError, Rule, Sentinel};
use super::file::Manifest;
use super::json::{Decoder, Encoder, Fault};
use super::timestamp::is_timestamp;
use super::wire::contract;
use super::{check_outputs, file};
use crate::core::{PathError, Timestamp};

/// Version both manifests carry, as a text. It did not change when fields were added (spec/manifest.md §8).
pub const OUTPUTS_SCHEMA_VERSION: &str = "2";

contract! {
    /// What was made and where it shall go.
    pub struct OutputsManifest {
        /// `"2"`.
        schema_version: String = "schema_version" always,
        /// When the manifest was first finalized; text, never rewritten.
        generated_at: String = "generated_at" always,
        /// Commit the artifacts were made from.
        commit: String = "commit" if_set,
        /// The CI pipeline that made them.
        pipeline: Option<Pipeline> = "pipeline" if_set,
        /// The artifacts, in the order in which they were made.
        artifacts: Option<Vec<Artifact>> = "artifacts" always,
        /// SHA-256 of the canonical text without this key: 64 lower-case hex digits.
        checksum: String = "checksum" if_set,
    }

    /// A CI pipeline.
    pub struct Pipeline {
        /// Its id.
        id: String = "id" if_set,
        /// Whose it is: `github`, `gitlab`, …
        provider: String = "provider" if_set,
    }
}

impl OutputsManifest {
    /// The artifacts; none when the list is null.
    pub fn artifacts(&self) -> &[Artifact] {
        self.artifacts.as_deref().unwrap_or_default()
    }

    /// Reads a file's content: decodes, validates, and compares the checksum (spec/manifest.md §5.4).
    ///
    /// # Errors
    /// `OutputsManifestNotFound` when reading failed because the file is absent; everything else is
    /// `OutputsManifestInvalid` with the first rule that is broken.
    pub fn from_file(content: Result<Vec<u8>, PathError>) -> Result<Self, ManifestError> {
        file::read(content)
    }

    /// Decodes without validating: what `finalize` starts from, and what `show` can still show.
    pub fn decode(text: &[u8]) -> Result<Self, ManifestError> {
        file::decode(text).map(|(manifest, _)| manifest)
    }

    /// Fills in what is missing, validates, normalises hosts and computes the checksum (spec/manifest.md §5.1). `now`
    /// is used when `generated_at` is empty. On failure the value is partly changed and keeps its old checksum.
    pub fn finalize(&mut self, now: Timestamp) -> Result<(), ManifestError> {
        self.finalize_values(now)?;
        self.checksum.clear();
        self.checksum = file::checksum(self);
        Ok(())
    }

    fn finalize_values(&mut self, now: Timestamp) -> Result<(), ManifestError> {
        file::fill_version_and_time(self, now)?;
        check_outputs::finalize(self.artifacts.as_deref_mut().unwrap_or_default())
    }

    /// The bytes of the valid file: finalized (again), canonical, one line feed at the end. Write them with mode 0644.
    pub fn into_file(mut self, now: Timestamp) -> Result<Vec<u8>, ManifestError> {
        self.finalize_values(now)?;
        Ok(file::signed(&mut self))
    }

    /// The bytes as the value stands, without finalizing.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::bytes(self)
    }
}

impl Manifest for OutputsManifest {
    const NOT_FOUND: Sentinel = Sentinel::OutputsManifestNotFound;
    const INVALID: Sentinel = Sentinel::OutputsManifestInvalid;
    const READ: Rule = Rule::OutRead;
    const PARSE: Rule = Rule::OutParse;
    const SCHEMA: Rule = Rule::OutSchema;
    const TIME: Rule = Rule::OutTime;
    const TIME_KEY: &'static str = "generated_at";
    const CHECKSUM_MISSING: Rule = Rule::OutChecksumMissing;
    const CHECKSUM_MISMATCH: Rule = Rule::OutChecksumMismatch;

    fn decode_into(&mut self, input: &mut Decoder<'_>) -> Result<(), Fault> {
        super::wire::Wire::decode(self, input)
    }

    fn encode_into(&self, out: &mut Encoder) {
        super::wire::Wire::encode(self, out);
    }

    fn header(&mut self) -> (&mut String, &mut String) {
        (&mut self.schema_version, &mut self.generated_at)
    }

    fn check_header(&self) -> Result<(), ManifestError> {
        file::check_version(Self::INVALID, Self::SCHEMA, &self.schema_version)?;
        file::check_time::<Self>(is_timestamp(&self.generated_at), &self.generated_at)
    }

    fn check_structure(&self) -> Result<(), ManifestError> {
        check_outputs::check(self.artifacts())
    }

    fn stored_checksum(&mut self) -> &mut String {
        &mut self.checksum
    }

    fn checksum_text(&self) -> &str {
        &self.checksum
    }
}
