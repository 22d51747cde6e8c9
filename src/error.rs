//! The one error a command can end with: a kind that fixes the exit code, a sentence, its causes and one hint.
//!
//! Rooms with callers that tell failures apart have their own error types; they become this one at the room's edge.

use std::fmt;

use crate::core::{Failure, PathError};

/// What went wrong, as far as the exit code is concerned (design: "Errors, exits, output").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Something failed that is none of the following.
    Failed,
    /// The command line or the config is wrong.
    Usage,
    /// A fact of the environment is missing: repository history, a file of an earlier stage, a credential, a tool.
    Missing,
    /// A destination holds something else.
    Conflict,
    /// Part of the destinations are complete; running again finishes the rest.
    Partial,
    /// Review refused.
    Refused,
    /// Verification found something else than was published.
    Unverified,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Kind {
    /// Every kind, in the order of their exit codes.
    pub const ALL: [Self; 9] = [
        Self::Failed,
        Self::Usage,
        Self::Missing,
        Self::Conflict,
        Self::Partial,
        Self::Refused,
        Self::Unverified,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The process exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Missing => 3,
            Self::Conflict => 4,
            Self::Partial => 5,
            Self::Refused => 6,
            Self::Unverified => 7,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// One line for the documentation of exit codes.
    pub fn doc(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "the command line or the config is wrong",
            Self::Missing => {
                "something the environment should provide is missing: git history, a file of an earlier stage, credentials, a tool"
            }
            Self::Conflict => "a destination holds something else; it was left alone",
            Self::Partial => "partly done; running again finishes the rest without rebuilding",
            Self::Refused => "review refused",
            Self::Unverified => "verification failed: a destination does not hold what was published",
            Self::Interrupted => "interrupted (SIGINT); results and journal are written",
            Self::Terminated => "terminated (SIGTERM); results and journal are written",
        }
    }

    /// Which of two kinds decides the exit code when both apply: interruption, then 4, 3, 5, and the rest by number.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let rank = |kind: Self| match kind {
            Self::Interrupted | Self::Terminated => 0,
            Self::Conflict => 1,
            Self::Missing => 2,
            Self::Partial => 3,
            Self::Usage => 4,
            Self::Refused => 5,
            Self::Unverified => 6,
            Self::Failed => 7,
        };
        if rank(other) < rank(self) { other } else { self }
    }
}

/// A failed command. Displays as one lower-case sentence with its causes, without the hint.
#[derive(Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: Kind,
    message: String,
    excerpt: Option<String>,
    notes: Vec<String>,
    hint: Option<String>,
    failure: Option<Box<Failure>>,
}

/// Shorthand of every fallible function outside the rooms with errors of their own.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of a kind with a lower-case sentence naming what was being done and to which thing.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { inner: Box::new(Inner { kind, message: message.into(), excerpt: None, notes: Vec::new(), hint: None, failure: None }) }
    }

    /// Kind `Failed`.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// Kind `Usage`.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Kind `Missing`.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Kind::Missing, message)
    }

    /// The next action for the reader; printed as `hint: …`.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hint = Some(hint.into());
        self
    }

    /// A further line of detail, printed indented below the message.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.inner.notes.push(note.into());
        self
    }

    /// An excerpt of the file the error is about, with line numbers and a caret, printed below the message.
    #[must_use]
    pub fn excerpt(mut self, excerpt: impl Into<String>) -> Self {
        self.inner.excerpt = Some(excerpt.into());
        self
    }

    /// Appends a cause to the sentence: `message: cause: its cause`.
    #[must_use]
    pub fn because(mut self, cause: &dyn std::error::Error) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            let text = error.to_string();
            // Libraries often repeat their source in their own text.
            if !self.inner.message.contains(&text) {
                self.inner.message = format!("{}: {text}", self.inner.message);
            }
            next = error.source();
        }
        self
    }

    /// Puts what was being done in front: `doing: message`.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.inner.message = format!("{doing}: {}", self.inner.message);
        self
    }

    /// The same error with another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.inner.kind = kind;
        self
    }

    /// What the failed build left behind, for annotations and `failure-detail.json`.
    #[must_use]
    pub fn failure(mut self, failure: Failure) -> Self {
        self.inner.failure = Some(Box::new(failure));
        self
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.inner.kind
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The next action, when there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }

    /// What a failed build left behind, when that is what failed.
    pub fn failure_detail(&self) -> Option<&Failure> {
        self.inner.failure.as_deref()
    }

    /// Detail lines.
    pub fn notes(&self) -> &[String] {
        &self.inner.notes
    }

    /// The excerpt, when there is one.
    pub fn excerpt_text(&self) -> Option<&str> {
        self.inner.excerpt.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl std::error::Error for Error {}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        let kind = if error.is_not_found() { Kind::Missing } else { Kind::Failed };
        Self::new(kind, error.to_string())
    }
}
