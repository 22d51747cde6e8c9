//! The results manifest, `.stagefreight/published.json`: what happened.

use super::artifact::ArtifactId;
use super::error::{ManifestError, Rule, Sentinel};
use super::file::Manifest;
use super::host::is_blank;
use super::json::{Decoder, Encoder, Fault};
use super::outcome::Outcome;
use super::timestamp::is_timestamp;
use super::wire::contract;
use super::{check_results, file};
use crate::core::{PathError, Timestamp};

/// Version both manifests carry, as a text. It did not change when fields were added (spec/manifest.md §8).
pub const RESULTS_SCHEMA_VERSION: &str = "2";

contract! {
    /// What happened to the artifacts of one outputs manifest.
    pub struct ResultsManifest {
        /// `"2"`.
        schema_version: String = "schema_version" always,
        /// When the manifest was first finalized; text, never rewritten.
        completed_at: String = "completed_at" always,
        /// Checksum of the outputs manifest these results belong to.
        intent_checksum: String = "intent_checksum" always,
        /// One entry per artifact something happened to, in the order in which it first did.
        results: Option<Vec<ArtifactResult>> = "results" always,
        /// SHA-256 of the canonical text without this key: 64 lower-case hex digits.
        checksum: String = "checksum" if_set,
    }

    /// What happened to one artifact.
    pub struct ArtifactResult {
        /// Identity, `kind:artifact_name`.
        artifact_id: ArtifactId = "artifact_id" always,
        /// Name.
        artifact_name: String = "artifact_name" always,
        /// Kind; free text, so that files outside the outputs (`checksums`) can be reported.
        kind: String = "kind" always,
        /// What happened, in order; at least one.
        outcomes: Option<Vec<Outcome>> = "outcomes" always,
    }
}

impl ArtifactResult {
    /// The outcomes; none when the list is null.
    pub fn outcomes(&self) -> &[Outcome] {
        self.outcomes.as_deref().unwrap_or_default()
    }
}

impl ResultsManifest {
    /// The results; none when the list is null.
    pub fn results(&self) -> &[ArtifactResult] {
        self.results.as_deref().unwrap_or_default()
    }

    /// Reads a file's content: decodes, validates, and compares the checksum (spec/manifest.md §5.4). Whether
    /// `intent_checksum` is that of an outputs manifest is for the caller to ask.
    ///
    /// # Errors
    /// `ResultsManifestNotFound` when reading failed because the file is absent; everything else is
    /// `ResultsManifestInvalid` with the first rule that is broken.
    pub fn from_file(content: Result<Vec<u8>, PathError>) -> Result<Self, ManifestError> {
        file::read(content)
    }

    /// Decodes without validating: what `finalize` starts from, and what `show` can still show.
    pub fn decode(text: &[u8]) -> Result<Self, ManifestError> {
        file::decode(text).map(|(manifest, _)| manifest)
    }

    /// Fills in what is missing, sorts the sources of archives, validates and computes the checksum
    /// (spec/manifest.md §5.2). `now` is used when `completed_at` is empty.
    pub fn finalize(&mut self, now: Timestamp) -> Result<(), ManifestError> {
        self.finalize_values(now)?;
        self.checksum.clear();
        self.checksum = file::checksum(self);
        Ok(())
    }

    fn finalize_values(&mut self, now: Timestamp) -> Result<(), ManifestError> {
        file::fill_version_and_time(self, now)?;
        self.check_intent()?;
        let results = self.results.as_deref_mut().unwrap_or_default();
        check_results::sort_sources(results);
        check_results::check(results)
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

    fn check_intent(&self) -> Result<(), ManifestError> {
        if is_blank(&self.intent_checksum) {
            return Err(ManifestError::new(Some(Self::INVALID), Rule::ResIntent, "intent_checksum is empty"));
        }
        Ok(())
    }
}

impl Manifest for ResultsManifest {
    const NOT_FOUND: Sentinel = Sentinel::ResultsManifestNotFound;
    const INVALID: Sentinel = Sentinel::ResultsManifestInvalid;
    const READ: Rule = Rule::ResRead;
    const PARSE: Rule = Rule::ResParse;
    const SCHEMA: Rule = Rule::ResSchema;
    const TIME: Rule = Rule::ResTime;
    const TIME_KEY: &'static str = "completed_at";
    const CHECKSUM_MISSING: Rule = Rule::ResChecksumMissing;
    const CHECKSUM_MISMATCH: Rule = Rule::ResChecksumMismatch;

    fn decode_into(&mut self, input: &mut Decoder<'_>) -> Result<(), Fault> {
        super::wire::Wire::decode(self, input)
    }

    fn encode_into(&self, out: &mut Encoder) {
        super::wire::Wire::encode(self, out);
    }

    fn header(&mut self) -> (&mut String, &mut String) {
        (&mut self.schema_version, &mut self.completed_at)
    }

    fn check_header(&self) -> Result<(), ManifestError> {
        file::check_version(Self::INVALID, Self::SCHEMA, &self.schema_version)?;
        file::check_time::<Self>(is_timestamp(&self.completed_at), &self.completed_at)?;
        self.check_intent()
    }

    fn check_structure(&self) -> Result<(), ManifestError> {
        check_results::check(self.results())
    }

    fn stored_checksum(&mut self) -> &mut String {
        &mut self.checksum
    }

    fn checksum_text(&self) -> &str {
        &self.checksum
    }
}
