//! Why a registry did not do what it was asked, for those who tell the cases apart.

use crate::error::{Error, Kind};
use crate::http::{HttpError, HttpErrorKind};
use crate::publish::{PlaceError, PlaceErrorKind};
use crate::store::StoreError;

/// What sort of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegistryErrorKind {
    /// A credential is named and not set, or only half of it is.
    Missing,
    /// 401: it does not know us, or does not accept the credentials.
    Unauthorized,
    /// 403: it knows us and does not let us.
    Denied,
    /// 404: there is no such repository, or none we may see.
    NotFound,
    /// 429, after waiting as long as was reasonable.
    RateLimited,
    /// It was not reachable, or answered 5xx to the end.
    Unavailable,
    /// It refused for good.
    Rejected,
    /// Bytes and digest do not belong together.
    Mismatch,
    /// Its answer breaks the protocol.
    Protocol,
    /// It is not known whether a write took effect.
    Ambiguous,
    /// Our own bytes could not be read.
    Source,
    /// The run was cancelled.
    Cancelled,
}

/// A failure with a sentence, and what to do about it. Carries no body and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RegistryError {
    /// What sort.
    pub kind: RegistryErrorKind,
    /// The sentence.
    pub message: String,
    /// The next action.
    pub hint: Option<String>,
}

impl RegistryError {
    pub(super) fn new(kind: RegistryErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts what was being done in front.
    pub(super) fn context(mut self, doing: &str) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Nothing is there.
    pub fn is_not_found(&self) -> bool {
        self.kind == RegistryErrorKind::NotFound
    }
}

impl From<HttpError> for RegistryError {
    fn from(error: HttpError) -> Self {
        use HttpErrorKind as H;
        use RegistryErrorKind as R;
        let detail = error.detail.to_ascii_lowercase();
        let says = |text: &str| detail.contains(text);
        let (kind, hint) = match error.kind {
            H::Dns => (R::Unavailable, Some("check the registry's host name, and the network of this machine")),
            H::Connect if says("proxy") || says("tunnel") => {
                (R::Unavailable, Some("check HTTPS_PROXY; hosts that need no proxy are named in NO_PROXY"))
            }
            H::Connect => (R::Unavailable, Some("is the registry running, and reachable from here?")),
            H::Certificate if says("expired") => {
                (R::Unavailable, Some("its owner must renew the certificate; is the clock of this machine right?"))
            }
            H::Certificate if says("not valid for") || says("notvalidforname") => {
                (R::Unavailable, Some("the certificate was issued for another name: write the registry's `url` with the name it is for"))
            }
            H::Certificate => (R::Unavailable, Some("name its certificate authority: `ca_file` of the registry, or SSL_CERT_FILE")),
            H::Tls if says("certificaterequired") || says("certificate required") => (
                R::Unauthorized,
                Some("it wants a client certificate: name the prefix of its variables, `client_certificate: NAME` of the registry"),
            ),
            H::Tls => (R::Unavailable, Some("a registry that speaks plain http is configured with `url: http://…`")),
            H::Timeout | H::Stalled | H::Cut | H::Refused => (R::Unavailable, Some("run it again; what arrived is found and kept")),
            H::Ambiguous => (R::Ambiguous, Some("run it again; what arrived is found and kept")),
            H::PlainHttp => (R::Rejected, Some("configure the registry with `url: http://…` to talk to it unencrypted")),
            H::TooLarge | H::Redirect => (R::Protocol, None),
            H::Source => (R::Source, None),
            H::Cancelled => (R::Cancelled, None),
            H::Request => (R::Rejected, None),
        };
        Self { kind, message: error.to_string(), hint: hint.map(str::to_owned) }
    }
}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> Self {
        let error = Error::from(error);
        Self { kind: RegistryErrorKind::Source, message: error.message().to_owned(), hint: error.hint_text().map(str::to_owned) }
    }
}

impl From<RegistryError> for PlaceError {
    fn from(error: RegistryError) -> Self {
        use PlaceErrorKind as P;
        use RegistryErrorKind as R;
        let kind = match error.kind {
            R::Missing | R::Unauthorized | R::Denied => P::Credentials,
            R::RateLimited | R::Unavailable => P::Unavailable,
            R::NotFound | R::Rejected | R::Mismatch | R::Protocol => P::Rejected,
            R::Ambiguous => P::Ambiguous,
            R::Source => P::Source,
            R::Cancelled => P::Interrupted,
        };
        Self { kind, message: error.message, hint: error.hint }
    }
}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        use RegistryErrorKind as R;
        let kind = match error.kind {
            R::Missing | R::Unauthorized | R::Denied => Kind::Missing,
            R::Cancelled => Kind::Terminated,
            R::Mismatch => Kind::Unverified,
            _ => Kind::Failed,
        };
        let command = Self::new(kind, error.message);
        match error.hint {
            Some(hint) => command.hint(hint),
            None => command,
        }
    }
}
