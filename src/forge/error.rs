//! Why a forge did not do what it was asked, for those who tell the cases apart.

use crate::core::PathError;
use crate::error::{Error, Kind};
use crate::http::{HttpError, HttpErrorKind};
use crate::publish::{PlaceError, PlaceErrorKind, Preflight, Problem};

/// What sort of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForgeErrorKind {
    /// A credential is named and not set.
    Missing,
    /// 401: it does not know us, or does not accept the credentials.
    Unauthorized,
    /// 403, or a 404 that hides a missing permission: it knows us and does not let us.
    Denied,
    /// 404: there is no such thing, or none we may see.
    NotFound,
    /// It is there already: 409, or a 422 that says so. Whoever asked looks what is there.
    Exists,
    /// Something else holds the name: another commit under the tag, other bytes under an asset's name, somebody else's
    /// draft.
    Conflict,
    /// 429 or a secondary limit, after waiting as long as was reasonable.
    RateLimited,
    /// It was not reachable, or answered 5xx to the end.
    Unavailable,
    /// 413: larger than it takes.
    TooLarge,
    /// It refused for good.
    Rejected,
    /// Its answer breaks the protocol.
    Protocol,
    /// It is not known whether a write took effect.
    Ambiguous,
    /// Our own bytes could not be read.
    Source,
    /// The run was cancelled.
    Cancelled,
}

/// A failure with a sentence, and what to do about it. Carries no body of an answer and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ForgeError {
    /// What sort.
    pub kind: ForgeErrorKind,
    /// The sentence.
    pub message: String,
    /// The next action.
    pub hint: Option<String>,
    /// Status of the answer, when there was one.
    pub status: Option<u16>,
}

impl ForgeError {
    /// A failure of a sort, with a sentence.
    pub fn new(kind: ForgeErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, status: None }
    }

    /// Adds the next action.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the status it was answered with.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Puts what was being done in front.
    #[must_use]
    pub fn context(mut self, doing: &str) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Nothing is there.
    pub fn is_not_found(&self) -> bool {
        self.kind == ForgeErrorKind::NotFound
    }

    /// Looking again tells what became of it.
    pub fn is_settled_by_looking(&self) -> bool {
        matches!(self.kind, ForgeErrorKind::Ambiguous | ForgeErrorKind::Exists)
    }
}

/// What came of checking a place.
impl From<Result<Vec<String>, ForgeError>> for Preflight {
    fn from(asked: Result<Vec<String>, ForgeError>) -> Self {
        match asked {
            Ok(checked) => Self { checked, ..Self::default() },
            Err(error) => {
                let told = Error::from(error);
                let kind = if told.kind() == Kind::Missing { Kind::Missing } else { Kind::Failed };
                let hint = told.hint_text().map(str::to_owned);
                Self { problems: vec![Problem { kind, message: told.message().to_owned(), hint }], ..Self::default() }
            }
        }
    }
}

impl From<HttpError> for ForgeError {
    fn from(error: HttpError) -> Self {
        use ForgeErrorKind as F;
        use HttpErrorKind as H;
        let again = Some("run it again; what arrived is found and kept");
        let (kind, hint) = match error.kind {
            H::Dns => (F::Unavailable, Some("check `url` of the forge, and the network of this machine")),
            H::Connect => (F::Unavailable, Some("is the forge running, and reachable from here? proxies come from HTTPS_PROXY")),
            H::Certificate => (F::Unavailable, Some("name its certificate authority: `ca_file` of the forge, or SSL_CERT_FILE")),
            H::Tls => (F::Unavailable, Some("a forge that speaks plain http is configured with `url: http://…`")),
            H::Timeout | H::Stalled | H::Cut | H::Refused => (F::Unavailable, again),
            H::Ambiguous => (F::Ambiguous, again),
            H::PlainHttp => (F::Rejected, Some("configure the forge with `url: http://…` to talk to it unencrypted")),
            H::TooLarge | H::Redirect => (F::Protocol, None),
            H::Source => (F::Source, Some("take the files from the job that built them, or run perform again")),
            H::Cancelled => (F::Cancelled, None),
            H::Request => (F::Rejected, None),
        };
        Self { kind, message: error.to_string(), hint: hint.map(str::to_owned), status: error.status }
    }
}

impl From<PathError> for ForgeError {
    fn from(error: PathError) -> Self {
        Self::new(ForgeErrorKind::Source, error.to_string()).hint("run perform again, or take the files from the job that built them")
    }
}

impl From<ForgeError> for PlaceError {
    fn from(error: ForgeError) -> Self {
        use ForgeErrorKind as F;
        use PlaceErrorKind as P;
        let kind = match error.kind {
            F::Missing | F::Unauthorized | F::Denied => P::Credentials,
            F::RateLimited | F::Unavailable => P::Unavailable,
            F::Conflict => P::Conflict,
            F::NotFound | F::Exists | F::TooLarge | F::Rejected | F::Protocol => P::Rejected,
            F::Ambiguous => P::Ambiguous,
            F::Source => P::Source,
            F::Cancelled => P::Interrupted,
        };
        // Where it says why and nobody knows better.
        let hint = error.hint.or_else(|| {
            let says_why = matches!(error.kind, F::NotFound | F::Exists | F::TooLarge | F::Rejected);
            says_why.then(|| "the forge says why: when that is mended, run publish again; what arrived is found and kept".to_owned())
        });
        Self { kind, message: error.message, hint }
    }
}

impl From<ForgeError> for Error {
    fn from(error: ForgeError) -> Self {
        use ForgeErrorKind as F;
        let kind = match error.kind {
            F::Missing | F::Unauthorized | F::Denied => Kind::Missing,
            F::Conflict => Kind::Conflict,
            F::Cancelled => Kind::Terminated,
            _ => Kind::Failed,
        };
        let command = Self::new(kind, error.message);
        match error.hint {
            Some(hint) => command.hint(hint),
            None => command,
        }
    }
}
