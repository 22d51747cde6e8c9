//! What can go wrong with stored bytes: three kinds that callers tell apart (spec/manifest.md §9).

use crate::core::PathError;
use crate::core::digest::DigestError;
use crate::error::{Error, Kind};

/// A failure of the content store or of a layout.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing is stored under the digest.
    #[error("the store holds nothing for {digest}")]
    NotFound {
        /// The digest asked for.
        digest: String,
    },
    /// The stored bytes are not what the digest says, or not all of them are there.
    #[error("{place}: {problem}")]
    Integrity {
        /// The file or layout.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The text is not a digest the store uses: neither of the two above.
    #[error("{0}")]
    Digest(#[from] DigestError),
    /// The store holds only images by sha256.
    #[error("the store keeps images by sha256; `{0}` uses another algorithm")]
    Algorithm(String),
    /// The file system failed: neither of the first two.
    #[error("{0}")]
    Path(#[from] PathError),
}

impl StoreError {
    /// An integrity failure of a file or layout.
    pub(super) fn integrity(place: &std::path::Path, problem: impl Into<String>) -> Self {
        Self::Integrity { place: place.display().to_string(), problem: problem.into() }
    }

    /// Nothing stored?
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Stored, but not what the digest says?
    pub fn is_integrity(&self) -> bool {
        matches!(self, Self::Integrity { .. })
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound { .. } => Self::new(Kind::Missing, error.to_string())
                .hint("run `stagefreight build` first, or restore .stagefreight/ from the job that did"),
            StoreError::Integrity { .. } => Self::new(Kind::Unverified, error.to_string())
                .hint("these bytes are not what was built: remove the entry and run `stagefreight build` again"),
            StoreError::Digest(_) | StoreError::Algorithm(_) => Self::new(Kind::Failed, error.to_string()),
            StoreError::Path(_) => match error {
                StoreError::Path(path) => path.into(),
                other => Self::new(Kind::Failed, other.to_string()),
            },
        }
    }
}
