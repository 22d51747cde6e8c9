//! What the library's errors mean. Their texts hold answers of servers and whole URLs, which are not for screens: a
//! status, a well-formed code and our own client's sentence are taken out of them.

use std::error::Error as _;

use object_store::Error as Failure;

use crate::http::{HttpError, HttpErrorKind};
use crate::store::artifact::error::{ArtifactError, ArtifactErrorKind as Kind};

/// Codes of servers that say that a name or key is wrong.
const CREDENTIALS: [&str; 10] = [
    "InvalidAccessKeyId",
    // versitygw, for an unknown key.
    "XAdminUserNotFound",
    "SignatureDoesNotMatch",
    "AccessDenied",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "AuthorizationPermissionMismatch",
    "InvalidToken",
    "ExpiredToken",
    "NoAuthenticationInformation",
];

/// Codes that say that an object is not there. Some servers answer 404 to other troubles too, such as unknown keys.
const NO_OBJECT: [&str; 3] = ["NoSuchKey", "BlobNotFound", "ResourceNotFound"];

/// Codes that say that the bucket or container is not there.
const NO_BUCKET: [&str; 2] = ["NoSuchBucket", "ContainerNotFound"];

/// Codes that say that the clocks differ.
const CLOCK: [&str; 2] = ["RequestTimeTooSkewed", "RequestExpired"];

/// What people are told about a place when something fails there.
#[derive(Debug, Clone)]
pub struct About {
    /// `s3://acme-releases`.
    pub shown: String,
    /// The variables its credentials came from.
    pub variables: String,
}

/// What a failure is.
pub enum Meaning {
    /// There is no such object.
    NoObject,
    /// The condition of a write was not met, or somebody else writes at this moment.
    Taken,
    /// Anything else.
    Error(ArtifactError),
}

/// Reads a failure.
pub fn meaning(doing: &str, about: &About, failure: &Failure) -> Meaning {
    let text = failure.to_string();
    let code = code(&text);
    let no_bucket = code.is_some_and(|code| NO_BUCKET.contains(&code));
    match failure {
        // Answers to HEAD, and Google's, have no code.
        Failure::NotFound { .. } if code.is_none_or(|code| NO_OBJECT.contains(&code)) => Meaning::NoObject,
        Failure::AlreadyExists { .. } | Failure::Precondition { .. } => Meaning::Taken,
        _ => Meaning::Error(sentence(doing, about, failure, &text, code, no_bucket)),
    }
}

/// A failure that is neither of the two others.
pub fn error(doing: &str, about: &About, failure: &Failure) -> ArtifactError {
    match meaning(doing, about, failure) {
        Meaning::Error(error) => error,
        Meaning::NoObject => ArtifactError::new(Kind::Rejected, format!("{doing}: {} says that there is nothing", about.shown)),
        Meaning::Taken => ArtifactError::new(Kind::Rejected, format!("{doing}: {} says that something is there already", about.shown)),
    }
}

fn sentence(doing: &str, about: &About, failure: &Failure, text: &str, code: Option<&str>, no_bucket: bool) -> ArtifactError {
    let About { shown, variables } = about;
    let said = match (status(text), code) {
        (Some(status), Some(code)) => format!(" ({status}, {code})"),
        (Some(status), None) => format!(" ({status})"),
        (None, Some(code)) => format!(" ({code})"),
        (None, None) => String::new(),
    };
    let new = |kind, what: &str| ArtifactError::new(kind, format!("{doing}: {shown} {what}{said}"));
    if no_bucket {
        return new(Kind::Rejected, "does not exist").hint("create it, or correct its name in the config; this program creates none");
    }
    if code.is_some_and(|code| CLOCK.contains(&code)) {
        return new(Kind::Unavailable, "says that the clock of this machine is wrong")
            .hint("set the clock: signatures are good for minutes");
    }
    let status = status(text);
    if code.is_some_and(|code| CREDENTIALS.contains(&code)) || matches!(status, Some(401 | 403)) {
        return new(Kind::Credentials, &format!("does not accept {variables}"))
            .hint(format!("check {variables}, and what that identity may do there"));
    }
    if let Some(http) = http_error(failure) {
        let kind = match http.kind {
            HttpErrorKind::Cancelled => Kind::Cancelled,
            HttpErrorKind::PlainHttp | HttpErrorKind::Request | HttpErrorKind::Redirect => Kind::Rejected,
            _ => Kind::Unavailable,
        };
        let hint = match http.kind {
            HttpErrorKind::Certificate => "name its certificate authority: `ca_file` of the store, or SSL_CERT_FILE",
            HttpErrorKind::PlainHttp => "write the store's `endpoint` with http:// to talk to it unencrypted",
            HttpErrorKind::Dns | HttpErrorKind::Connect => "check the store's endpoint, the network of this machine, and HTTPS_PROXY",
            _ => "run it again; a pair is visible as a whole or not at all",
        };
        return ArtifactError::new(kind, format!("{doing}: {http}")).hint(hint);
    }
    match status {
        Some(429 | 500..) => new(Kind::Unavailable, "failed").hint("run it again; a pair is visible as a whole or not at all"),
        Some(_) => new(Kind::Rejected, "refused"),
        // The library's own words, for what never became a request or an answer that cannot be read.
        None => ArtifactError::new(Kind::Unavailable, format!("{doing}: {shown} cannot be used: {}", library(failure))),
    }
}

fn http_error(failure: &Failure) -> Option<&HttpError> {
    let mut next = failure.source();
    while let Some(error) = next {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return Some(http);
        }
        next = error.source();
    }
    None
}

/// The innermost cause, shortened, without line ends and without anything that looks like a URL.
fn library(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut next = failure.source();
    while let Some(error) = next {
        text = error.to_string();
        next = error.source();
    }
    let words: Vec<&str> = text.split_whitespace().filter(|word| !word.contains("://")).collect();
    words.join(" ").chars().take(200).collect()
}

/// `status code: 403 Forbidden` → 403.
fn status(text: &str) -> Option<u16> {
    let rest = text.split("status code: ").nth(1)?;
    rest.get(..3)?.parse().ok()
}

/// `<Code>AccessDenied</Code>` → `AccessDenied`, when it looks like a code.
fn code(text: &str) -> Option<&str> {
    let code = text.split("<Code>").nth(1)?.split("</Code>").next()?;
    let well_formed = (1..=60).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    well_formed.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(status: &str, body: &str) -> ArtifactError {
        let source =
            format!("Error performing PUT http://h/b?sig=secret in 1ms - Server returned non-2xx status code: {status}: {body}").into();
        let failure = Failure::Generic { store: "S3", source };
        let about = About { shown: "s3://b".to_owned(), variables: "X_ACCESS_KEY_ID and X_SECRET_ACCESS_KEY".to_owned() };
        error("put a/b", &about, &failure)
    }

    #[test]
    fn a_refusal_names_the_variables_and_no_secret() {
        let error = meant("403 Forbidden", "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>secret</StringToSign></Error>");
        assert_eq!(error.kind, Kind::Credentials);
        assert_eq!(error.message, "put a/b: s3://b does not accept X_ACCESS_KEY_ID and X_SECRET_ACCESS_KEY (403, SignatureDoesNotMatch)");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }

    #[test]
    fn clocks_buckets_and_servers_that_fail_are_told_apart() {
        let skewed = meant("403 Forbidden", "<Code>RequestTimeTooSkewed</Code>");
        assert!(skewed.message.contains("clock of this machine"), "{skewed}");
        assert_eq!(meant("404 Not Found", "<Code>NoSuchBucket</Code>").kind, Kind::Rejected);
        assert_eq!(meant("503 Service Unavailable", "").kind, Kind::Unavailable);
        assert_eq!(meant("400 Bad Request", "<Code>not a code</Code>").message, "put a/b: s3://b refused (400)");
    }
}
