//! Why a manifest is refused: one of four kinds callers tell apart, and the rule that says so.

use super::json::{Fault, Unknown};
use crate::core::PathError;
use crate::error::{Error, Kind};

/// The four distinguishable kinds of failure (spec/manifest.md §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sentinel {
    /// The outputs file is absent.
    OutputsManifestNotFound,
    /// Anything is wrong with the outputs manifest.
    OutputsManifestInvalid,
    /// The results file is absent.
    ResultsManifestNotFound,
    /// Anything is wrong with the results manifest.
    ResultsManifestInvalid,
}

impl Sentinel {
    /// Absent, rather than wrong?
    pub fn is_not_found(self) -> bool {
        matches!(self, Self::OutputsManifestNotFound | Self::ResultsManifestNotFound)
    }
}

macro_rules! rules {
    ($($ident:ident = $name:literal, $doc:literal;)*) => {
        /// The rules a manifest can fail by, named as in spec/manifest.md.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rule { $(#[doc = $doc] $ident,)* }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$ident),*];

            /// Its name, `OUT-ART-ID`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$ident => $name,)* }
            }

            /// What it asks, one line.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$ident => $doc,)* }
            }
        }
    };
}

rules! {
    OutRead = "OUT-READ", "the outputs file can be read";
    OutParse = "OUT-PARSE", "the outputs file is JSON of the right types, without repeated keys";
    OutSchema = "OUT-SCHEMA", "schema_version is \"2\"";
    OutTime = "OUT-TIME", "generated_at is a timestamp";
    OutChecksumMissing = "OUT-CHECKSUM-MISSING", "checksum is present";
    OutChecksumMismatch = "OUT-CHECKSUM-MISMATCH", "checksum is that of the values in the file";
    OutArtKind = "OUT-ART-KIND", "an artifact's kind is not blank";
    OutArtName = "OUT-ART-NAME", "an artifact's name is not blank";
    OutArtId = "OUT-ART-ID", "an artifact's id is kind:name";
    OutArtDup = "OUT-ART-DUP", "artifact ids are unique";
    OutDescNone = "OUT-DESC-NONE", "an artifact has a descriptor: docker, binary or archive";
    OutDescMany = "OUT-DESC-MANY", "an artifact has only one descriptor";
    OutDescKind = "OUT-DESC-KIND", "an artifact's descriptor is named like its kind";
    OutTgtForbidden = "OUT-TGT-FORBIDDEN", "binaries and archives have no targets";
    OutTgtKind = "OUT-TGT-KIND", "a target's kind is not blank";
    OutTgtNone = "OUT-TGT-NONE", "a target has a body: registry or forge_release_asset";
    OutTgtMany = "OUT-TGT-MANY", "a target has only one body";
    OutTgtBody = "OUT-TGT-BODY", "a target's body is named like its kind";
    OutRegHost = "OUT-REG-HOST", "a registry target's host is not blank, before and after it is normalised";
    OutRegPath = "OUT-REG-PATH", "a registry target's path is not blank";
    OutRegTags = "OUT-REG-TAGS", "a registry target has tags";
    OutForgeName = "OUT-FORGE-NAME", "a release asset's name is not blank";
    ResRead = "RES-READ", "the results file can be read";
    ResParse = "RES-PARSE", "the results file is JSON of the right types, without repeated keys";
    ResSchema = "RES-SCHEMA", "schema_version is \"2\"";
    ResTime = "RES-TIME", "completed_at is a timestamp";
    ResIntent = "RES-INTENT", "intent_checksum is not blank";
    ResChecksumMissing = "RES-CHECKSUM-MISSING", "checksum is present";
    ResChecksumMismatch = "RES-CHECKSUM-MISMATCH", "checksum is that of the values in the file";
    ResIdRequired = "RES-ID-REQUIRED", "a result's artifact_id is not blank";
    ResKind = "RES-KIND", "a result's kind is not blank";
    ResIdMismatch = "RES-ID-MISMATCH", "a result's artifact_id is kind:artifact_name";
    ResOutcomes = "RES-OUTCOMES", "a result has outcomes";
    OutcType = "OUTC-TYPE", "an outcome's type is one of the contract's";
    OutcTgtRequired = "OUTC-TGT-REQUIRED", "pushes and attestations name their target";
    OutcTgtKind = "OUTC-TGT-KIND", "an outcome target's kind is not blank";
    OutcTgtForbidden = "OUTC-TGT-FORBIDDEN", "builds and blob signatures have no target";
    OutcSubNone = "OUTC-SUB-NONE", "an outcome has a body";
    OutcSubMany = "OUTC-SUB-MANY", "an outcome has only one body";
    OutcSubType = "OUTC-SUB-TYPE", "an outcome's body is named like its type";
    OutcStatus = "OUTC-STATUS", "an outcome's status is success, failed or skipped";
    BldNoChecksum = "BLD-NO-CHECKSUM", "the outputs manifest that results refer to has a checksum";
    BldUnknownId = "BLD-UNKNOWN-ID", "every recorded artifact is in the outputs manifest";
    ViewTarget = "VIEW-TARGET", "pushes and attestations that are joined name their target";
}

/// A refused manifest. Displays as one sentence that ends with the rule's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({})", rule.name())]
pub struct ManifestError {
    sentinel: Option<Sentinel>,
    rule: Rule,
    message: String,
}

impl ManifestError {
    pub(super) fn new(sentinel: Option<Sentinel>, rule: Rule, message: impl Into<String>) -> Self {
        Self { sentinel, rule, message: message.into() }
    }

    pub(super) fn parse(sentinel: Sentinel, rule: Rule, fault: &Fault) -> Self {
        let place = if fault.path.is_empty() { String::new() } else { format!("{}: ", fault.path) };
        Self::new(Some(sentinel), rule, format!("{place}{} at line {} column {}", fault.problem, fault.line, fault.column))
    }

    pub(super) fn unreadable(not_found: Sentinel, invalid: Sentinel, rule: Rule, error: &PathError) -> Self {
        if error.is_not_found() {
            return Self::new(Some(not_found), rule, "there is no such file");
        }
        Self::new(Some(invalid), rule, error.to_string())
    }

    pub(super) fn mismatch(sentinel: Sentinel, rule: Rule, stored: &str, computed: &str, unknown: &Unknown) -> Self {
        let stored: String = stored.chars().take(80).collect();
        let mut message = format!("checksum is {}, but the values in the file have {computed}", stored.escape_debug());
        if unknown.count > 0 {
            let more = if unknown.count > unknown.paths.len() { ", …" } else { "" };
            let paths: Vec<_> = unknown.paths.iter().map(|path| format!("`{}`", path.escape_debug())).collect();
            message.push_str(&format!("; a newer StageFreight may have written it, with keys we do not know: {}{more}", paths.join(", ")));
        }
        Self::new(Some(sentinel), rule, message)
    }

    /// Which of the four kinds; none for the builder and the views, which have no file.
    pub fn sentinel(&self) -> Option<Sentinel> {
        self.sentinel
    }

    /// The rule that refused it.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// The sentence without the rule's name.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The next action.
    fn hint(&self) -> &'static str {
        match (self.sentinel, self.rule) {
            (Some(Sentinel::OutputsManifestNotFound), _) => {
                "run `stagefreight build` first, or restore .stagefreight/ from the job that did"
            }
            (Some(Sentinel::ResultsManifestNotFound), _) => {
                "run `stagefreight publish` first, or restore .stagefreight/ from the job that did"
            }
            (_, Rule::OutChecksumMismatch | Rule::ResChecksumMismatch) => {
                "the file was changed after it was written: take it again from the job that wrote it"
            }
            (_, Rule::OutSchema | Rule::ResSchema) => "only schema_version \"2\" is understood: use the StageFreight that wrote the file",
            (_, Rule::OutParse | Rule::ResParse) => "the file is damaged or not a manifest: take it again from the job that wrote it",
            (_, Rule::BldNoChecksum | Rule::BldUnknownId | Rule::ViewTarget) => {
                "use the outputs manifest these results were made from, read from its file"
            }
            _ => "docs/manifests.md lists what every rule asks; `stagefreight manifest finalize` writes a valid file from a correct one",
        }
    }
}

impl From<ManifestError> for Error {
    fn from(error: ManifestError) -> Self {
        let kind = match error.sentinel {
            Some(sentinel) if sentinel.is_not_found() => Kind::Missing,
            Some(_) => Kind::Unverified,
            None => Kind::Failed,
        };
        Self::new(kind, error.to_string()).hint(error.hint())
    }
}
