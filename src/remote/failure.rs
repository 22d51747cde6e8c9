//! Why something with a remote failed, told apart as far as callers act differently.

use std::fmt;

use crate::core::PathError;
use crate::error::{Error, Kind};
use crate::http::{HttpError, HttpErrorKind};
use crate::process::ChildError;
use crate::publish::{PlaceError, PlaceErrorKind};

/// What sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// What was asked for makes no sense.
    Usage,
    /// The adapter, its pin, or something else of ours is missing.
    Missing,
    /// Credentials are missing or were refused.
    Credentials,
    /// The remote holds something else.
    Conflict,
    /// The remote does not have it.
    NotFound,
    /// The other side was not reachable, or asks to come back later.
    Unavailable,
    /// The other side refused for good, or breaks the protocol.
    Rejected,
    /// It is not known whether a release was made.
    Ambiguous,
    /// Bytes are not what they should be.
    Unverified,
    /// Our own bytes cannot be read or written.
    Source,
    /// The run was interrupted.
    Interrupted,
}

/// A failure, with a sentence and the way out. Never holds a secret, a body or a whole URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What sort.
    pub kind: FailureKind,
    /// The sentence.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Trying again may help.
    pub retryable: bool,
    /// The other side said so itself, before it made anything.
    pub definite: bool,
}

impl Failure {
    /// A failure that trying again does not cure.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, retryable: false, definite: false }
    }

    /// The same with the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with what was being done in front.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// The same as another sort.
    #[must_use]
    pub fn with_kind(mut self, kind: FailureKind) -> Self {
        self.kind = kind;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        let failure = Self::new(FailureKind::Source, error.to_string());
        match error.source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => failure.hint("free some space and run it again"),
            _ => failure,
        }
    }
}

impl From<ChildError> for Failure {
    fn from(error: ChildError) -> Self {
        let kind = match &error {
            ChildError::NotFound(_) => FailureKind::Missing,
            ChildError::Cancelled(_) => FailureKind::Interrupted,
            ChildError::Deadline { .. } => FailureKind::Unavailable,
            ChildError::Io { .. } => FailureKind::Rejected,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let kind = match error.kind {
            HttpErrorKind::Cancelled => FailureKind::Interrupted,
            HttpErrorKind::Source => FailureKind::Source,
            HttpErrorKind::TooLarge | HttpErrorKind::Redirect | HttpErrorKind::PlainHttp | HttpErrorKind::Request => FailureKind::Rejected,
            _ => FailureKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::Usage => Kind::Usage,
            FailureKind::Missing | FailureKind::Credentials => Kind::Missing,
            FailureKind::Conflict => Kind::Conflict,
            FailureKind::Unavailable | FailureKind::Ambiguous => Kind::Partial,
            FailureKind::Unverified => Kind::Unverified,
            FailureKind::Interrupted => Kind::Terminated,
            FailureKind::NotFound | FailureKind::Rejected | FailureKind::Source => Kind::Failed,
        };
        let error = Self::new(kind, failure.message);
        match failure.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl From<Failure> for PlaceError {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::Credentials | FailureKind::Missing => PlaceErrorKind::Credentials,
            FailureKind::Conflict => PlaceErrorKind::Conflict,
            FailureKind::Unavailable => PlaceErrorKind::Unavailable,
            FailureKind::Ambiguous => PlaceErrorKind::Ambiguous,
            FailureKind::Source => PlaceErrorKind::Source,
            FailureKind::Interrupted => PlaceErrorKind::Interrupted,
            FailureKind::Usage | FailureKind::NotFound | FailureKind::Rejected | FailureKind::Unverified => PlaceErrorKind::Rejected,
        };
        Self { kind, message: failure.message, hint: failure.hint }
    }
}
