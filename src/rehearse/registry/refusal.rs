//! A request that is not done: status, the specification's error code, and a sentence.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::json;

use super::body::Body;
use crate::core::PathError;

/// Error codes of the distribution specification ("Error Codes"), and three that every registry adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// code-1
    BlobUnknown,
    /// code-2
    BlobUploadInvalid,
    /// code-3
    BlobUploadUnknown,
    /// code-4
    DigestInvalid,
    /// code-5
    ManifestBlobUnknown,
    /// code-6
    ManifestInvalid,
    /// code-7
    ManifestUnknown,
    /// code-8
    NameInvalid,
    /// code-9
    NameUnknown,
    /// code-10
    SizeInvalid,
    /// code-11
    Unauthorized,
    /// code-12
    Denied,
    /// code-13
    Unsupported,
    /// code-14
    TooManyRequests,
    /// Not of the specification: a tag that breaks the grammar.
    TagInvalid,
    /// Not of the specification: `n` is not a number.
    PaginationNumberInvalid,
    /// Not of the specification: our own failure.
    Unknown,
}

impl Code {
    fn text(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::TagInvalid => "TAG_INVALID",
            Self::PaginationNumberInvalid => "PAGINATION_NUMBER_INVALID",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A refused request.
#[derive(Debug, Clone)]
pub struct Refusal {
    status: StatusCode,
    errors: Vec<(Code, String, serde_json::Value)>,
    headers: Vec<(HeaderName, String)>,
    cut: bool,
}

/// What handlers return.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

impl Refusal {
    /// With one error.
    pub fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status, errors: vec![(code, message.into(), serde_json::Value::Null)], headers: Vec::new(), cut: false }
    }

    /// 400.
    pub fn bad(code: Code, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404.
    pub fn missing(code: Code, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 405 with `Allow`.
    pub fn not_allowed(allow: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, message).header(hyper::header::ALLOW, allow)
    }

    /// Several errors of one status, each with its detail.
    pub fn several(status: StatusCode, errors: Vec<(Code, String, serde_json::Value)>) -> Self {
        Self { status, errors, headers: Vec::new(), cut: false }
    }

    /// No answer at all: the client is gone, or the connection is to be cut.
    pub fn cut() -> Self {
        Self { cut: true, ..Self::new(StatusCode::BAD_REQUEST, Code::Unknown, "the connection was cut") }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Is there to be no answer?
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The answer.
    pub fn response(&self) -> hyper::Response<Body> {
        let errors: Vec<_> = self
            .errors
            .iter()
            .map(|(code, message, detail)| match detail {
                serde_json::Value::Null => json!({ "code": code.text(), "message": message }),
                detail => json!({ "code": code.text(), "message": message, "detail": detail }),
            })
            .collect();
        let mut response = hyper::Response::new(Body::json(&json!({ "errors": errors })));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(hyper::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name, value);
            }
        }
        response
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        let status = match error.source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, Code::Unknown, error.to_string())
    }
}
