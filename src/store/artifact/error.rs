//! What can go wrong with an artifact store, in the kinds that callers tell apart.

use crate::core::PathError;
use crate::core::artifact_ref::{Ref, RefError};
use crate::error::{Error, Kind};

/// What sort of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArtifactErrorKind {
    /// Nothing is stored under the reference. Never used for anything else.
    NotFound,
    /// A write-once store holds another pair under the reference.
    Conflict,
    /// What is stored is damaged: bytes, a pointer, or bytes that a pointer names and that are not there.
    Integrity,
    /// The text is not a reference, or the request makes no sense here.
    Usage,
    /// Credentials are missing, or were not accepted.
    Credentials,
    /// The backend was not reachable or failed; trying again may help.
    Unavailable,
    /// The backend refused for good.
    Rejected,
    /// A file of this machine could not be read or written.
    Local,
    /// Somebody else does what only one may do at a time.
    Busy,
    /// This backend cannot do it.
    Unsupported,
    /// The caller gave up. Nothing became visible, unless it was about to be acknowledged.
    Cancelled,
}

/// A failure with a sentence and the next action. Carries no body and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ArtifactError {
    /// What sort.
    pub kind: ArtifactErrorKind,
    /// The sentence.
    pub message: String,
    /// The next action.
    pub hint: Option<String>,
}

impl ArtifactError {
    /// A failure.
    pub fn new(kind: ArtifactErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The next action.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts what was being done in front.
    #[must_use]
    pub fn context(mut self, doing: &str) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Nothing is stored under `at`.
    pub fn not_found(store: &str, at: &Ref) -> Self {
        Self::new(ArtifactErrorKind::NotFound, format!("store {store} holds nothing under {at}"))
            .hint("`stagefreight store ls STORE` lists what it holds")
    }

    /// What is stored under `at` is damaged.
    pub fn integrity(store: &str, at: &Ref, problem: &str) -> Self {
        Self::new(ArtifactErrorKind::Integrity, format!("store {store}: {at} is damaged: {problem}"))
            .hint("put the pair again; the damaged bytes are replaced")
    }

    /// A write-once store holds something else.
    pub fn conflict(store: &str, at: &Ref, held: &str, ours: &str) -> Self {
        Self::new(ArtifactErrorKind::Conflict, format!("store {store} is write-once and holds another pair under {at}: {held}, not {ours}"))
            .hint("a reference of this store is written once; use a new one")
    }

    /// The caller gave up.
    pub fn cancelled(doing: &str) -> Self {
        Self::new(ArtifactErrorKind::Cancelled, format!("{doing}: interrupted"))
    }

    /// Nothing is stored there?
    pub fn is_not_found(&self) -> bool {
        self.kind == ArtifactErrorKind::NotFound
    }

    /// Stored, but damaged?
    pub fn is_integrity(&self) -> bool {
        self.kind == ArtifactErrorKind::Integrity
    }
}

impl From<RefError> for ArtifactError {
    fn from(error: RefError) -> Self {
        Self::new(ArtifactErrorKind::Usage, error.to_string())
            .hint("a reference is letters, digits, `.`, `_` and `-` in parts between `/`, such as acme/app/1.4.0")
    }
}

impl From<PathError> for ArtifactError {
    fn from(error: PathError) -> Self {
        use std::io::ErrorKind as K;
        let hint = match error.source.kind() {
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => Some("make room on that disk; what was stored before is untouched"),
            K::PermissionDenied | K::ReadOnlyFilesystem => Some("the user of this process must be able to write there"),
            _ => None,
        };
        Self { kind: ArtifactErrorKind::Local, message: error.to_string(), hint: hint.map(str::to_owned) }
    }
}

impl From<ArtifactError> for Error {
    fn from(error: ArtifactError) -> Self {
        use ArtifactErrorKind as A;
        let kind = match error.kind {
            A::NotFound | A::Credentials => Kind::Missing,
            A::Conflict => Kind::Conflict,
            A::Integrity => Kind::Unverified,
            A::Usage | A::Unsupported => Kind::Usage,
            A::Cancelled => Kind::Terminated,
            A::Unavailable | A::Rejected | A::Local | A::Busy => Kind::Failed,
        };
        let command = Self::new(kind, error.message);
        match error.hint {
            Some(hint) => command.hint(hint),
            None => command,
        }
    }
}
