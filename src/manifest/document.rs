//! Which of the two manifests a text is, told by its content, because files travel under other names.

use super::error::ManifestError;
use super::file;
use super::json::Decoder;
use super::outputs::OutputsManifest;
use super::results::ResultsManifest;

/// One of the two manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// An outputs manifest.
    Outputs,
    /// A results manifest.
    Results,
}

impl DocumentKind {
    /// By the top-level keys that only one of them has; `None` when there are none, or of both. A damaged text is
    /// judged by what stands before the damage.
    pub fn detect(text: &[u8]) -> Option<Self> {
        let mut input = Decoder::new(text);
        let (mut outputs, mut results) = (false, false);
        let keys = ["generated_at", "artifacts", "completed_at", "intent_checksum", "results"];
        let _damage = input.object(&keys, |input, key| {
            if matches!(key, "generated_at" | "artifacts") {
                outputs = true;
            } else {
                results = true;
            }
            input.skip_value()
        });
        match (outputs, results) {
            (true, false) => Some(Self::Outputs),
            (false, true) => Some(Self::Results),
            _ => None,
        }
    }

    /// `outputs` or `results`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outputs => "outputs",
            Self::Results => "results",
        }
    }

    /// Paths of keys that we do not know, the first few of them, and how many there are. They are not covered by the
    /// checksum: anybody may have added them afterwards.
    pub fn unprotected_keys(self, text: &[u8]) -> Result<(Vec<String>, usize), ManifestError> {
        let unknown = match self {
            Self::Outputs => file::decode::<OutputsManifest>(text)?.1,
            Self::Results => file::decode::<ResultsManifest>(text)?.1,
        };
        Ok((unknown.paths, unknown.count))
    }
}
