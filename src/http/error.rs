//! Why a request brought no answer.

use std::error::Error as _;
use std::fmt;

use super::Method;
use crate::core::SafeUrl;

/// What sort of failure. An answer with an error status is not one of them: it is a [`super::Response`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpErrorKind {
    /// The name did not resolve.
    Dns,
    /// No connection could be made; the request never left.
    Connect,
    /// The other side's certificate was not accepted.
    Certificate,
    /// TLS failed otherwise; often the other side speaks plain http.
    Tls,
    /// No answer in time.
    Timeout,
    /// Bytes moved slower than the floor for a whole window.
    Stalled,
    /// The connection broke.
    Cut,
    /// The other side closed the connection and says that it never looked at the request (HTTP/2 REFUSED_STREAM, or
    /// GOAWAY with an earlier stream).
    Refused,
    /// A request that must not be repeated ended without a clear answer: it may or may not have taken effect.
    Ambiguous,
    /// The answer is larger than the caller allows.
    TooLarge,
    /// A redirect that is not followed: too many, to plain http, or to something that is no URL.
    Redirect,
    /// Plain http to a host it was not allowed for.
    PlainHttp,
    /// Our own body could not be read, or was shorter than declared.
    Source,
    /// The run was cancelled.
    Cancelled,
    /// The request could not be built.
    Request,
}

/// A request without an answer. Carries no body, no header and no query.
#[derive(Debug, Clone)]
pub struct HttpError {
    /// What sort.
    pub kind: HttpErrorKind,
    /// Method.
    pub method: Method,
    /// Where to.
    pub url: SafeUrl,
    /// Status of the answer, for `Ambiguous` after a 5xx.
    pub status: Option<u16>,
    /// The innermost cause.
    pub detail: String,
    /// How many times it was sent.
    pub attempts: u32,
}

impl HttpError {
    pub(super) fn new(kind: HttpErrorKind, method: &Method, url: &SafeUrl, detail: impl Into<String>) -> Self {
        Self { kind, method: method.clone(), url: url.clone(), status: None, detail: detail.into(), attempts: 1 }
    }

    /// Reads what happened out of the library's error chain.
    pub(super) fn of_reqwest(error: &reqwest::Error, method: &Method, url: &SafeUrl) -> Self {
        let mut chain = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            chain.push(cause.to_string());
            next = cause.source();
        }
        let all = chain.join(": ");
        let says = |text: &str| all.contains(text);
        let kind = if error.is_builder() {
            HttpErrorKind::Request
        } else if says("invalid peer certificate") || says("UnknownIssuer") || says("CaUsedAsEndEntity") {
            HttpErrorKind::Certificate
        } else if says("CertificateRequired") {
            HttpErrorKind::Tls
        } else if error.is_connect() && (says("dns error") || says("failed to lookup")) {
            HttpErrorKind::Dns
        } else if error.is_connect() && (says("tls") || says("corrupt message") || says("fatal alert") || says("InvalidContentType")) {
            HttpErrorKind::Tls
        } else if error.is_connect() {
            HttpErrorKind::Connect
        } else if error.is_timeout() {
            HttpErrorKind::Timeout
        } else if says("refused stream") || says("http2 error: connection error received: not a result of an error") {
            HttpErrorKind::Refused
        } else {
            HttpErrorKind::Cut
        };
        let detail = chain.pop().unwrap_or_else(|| "the request failed".to_owned());
        Self::new(kind, method, url, detail)
    }

    /// The request certainly had no effect: it never left.
    pub fn never_left(&self) -> bool {
        use HttpErrorKind as K;
        matches!(self.kind, K::Dns | K::Connect | K::Certificate | K::Tls | K::Refused | K::PlainHttp | K::Request)
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use HttpErrorKind as K;
        let (method, url, detail) = (&self.method, &self.url, &self.detail);
        match self.kind {
            K::Dns => write!(f, "{method} {url}: the host name does not resolve ({detail})")?,
            K::Connect => write!(f, "{method} {url}: cannot connect ({detail})")?,
            K::Certificate => write!(f, "{method} {url}: the server's certificate is not trusted ({detail})")?,
            K::Tls => write!(f, "{method} {url}: no TLS connection ({detail})")?,
            K::Timeout => write!(f, "{method} {url}: no answer in time ({detail})")?,
            K::Stalled => write!(f, "{method} {url}: the transfer stalled ({detail})")?,
            K::Refused => write!(f, "{method} {url}: the server closed the connection before it looked at the request ({detail})")?,
            K::Cut => write!(f, "{method} {url}: the connection broke ({detail})")?,
            K::Ambiguous => write!(f, "{method} {url}: it is not known whether this took effect ({detail})")?,
            K::TooLarge | K::Redirect | K::PlainHttp | K::Request => write!(f, "{method} {url}: {detail}")?,
            K::Source => write!(f, "{method} {url}: cannot read what is being sent ({detail})")?,
            K::Cancelled => write!(f, "{method} {url}: interrupted")?,
        }
        if self.attempts > 1 { write!(f, " after {} attempts", self.attempts) } else { Ok(()) }
    }
}

impl std::error::Error for HttpError {}
