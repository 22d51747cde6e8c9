//! Bytes on their way to and from where an adapter says. Where that may be is decided here, never by the adapter.

mod download;
mod pack;
mod rules;
mod upload;

pub use download::{Expected, download};
pub use pack::Pack;
pub use rules::{Place, Rules};
pub use upload::{Sent, upload};

use std::collections::BTreeMap;

use super::failure::{Failure, FailureKind};
use super::protocol::limits;
use crate::core::{Redactor, Timestamp};
use crate::http::header::{HeaderMap, HeaderName, HeaderValue};
use crate::http::{Client, Response, Url};
use crate::remote::host::Host;

/// What every transfer has.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// Where the client is.
    pub host: Host,
    /// Where bytes may go.
    pub rules: Rules,
    /// What must not be printed of anything the other side says.
    pub redactor: Redactor,
}

impl Transfer {
    fn http(&self) -> Result<Client, Failure> {
        self.host.http().map_err(|error| Failure::new(FailureKind::Source, error.message().to_owned()))
    }
}

/// How many bytes of an error's body are shown.
const SHOWN_BODY: usize = 1024;

/// Refuses an address whose time is over. A text that is no time is no limit.
fn refuse_expired(expires_at: Option<&str>, now: Timestamp, what: &str) -> Result<(), Failure> {
    match expires_at.map(Timestamp::parse) {
        Some(Ok(until)) if until <= now => {
            Err(Failure::new(FailureKind::Unavailable, format!("the {what} address of the adapter expired at {until}, and it is {now}"))
                .hint("run it again for a fresh one; when it happens every time, compare the clocks of this machine and the remote"))
        }
        _ => Ok(()),
    }
}

/// The headers an adapter asks for, checked. What describes the connection is ours.
fn headers(wanted: &BTreeMap<String, String>, url: &Url) -> Result<HeaderMap, Failure> {
    let refused = |text: String| Failure::new(FailureKind::Rejected, text);
    if wanted.len() > limits::MAX_HEADERS {
        return Err(refused(format!("the adapter asks for more than {} headers", limits::MAX_HEADERS)));
    }
    let mut map = HeaderMap::new();
    for (name, value) in wanted {
        if name.len() + value.len() > limits::MAX_HEADER {
            return Err(refused(format!("the adapter asks for a header of more than {} bytes", limits::MAX_HEADER)));
        }
        let shown: String = name.chars().take(60).flat_map(char::escape_debug).collect();
        let invalid = || refused(format!("the adapter asks for the header `{shown}`, which cannot be sent"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        if matches!(name.as_str(), "host" | "content-length" | "transfer-encoding" | "connection" | "te" | "upgrade" | "trailer" | "expect")
        {
            continue;
        }
        if url.scheme() != "https" && matches!(name.as_str(), "authorization" | "cookie" | "proxy-authorization") {
            return Err(refused(format!("the adapter asks for the header `{shown}` over plain http")).hint("credentials need https"));
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
        // Whatever it is, it may sign the request.
        value.set_sensitive(true);
        map.insert(name, value);
    }
    Ok(map)
}

/// An answer that is no success, as a failure.
async fn not_a_success(response: Response, doing: &str, redactor: &Redactor) -> Failure {
    let status = response.status();
    let url = response.url().to_string();
    let kind = match status.as_u16() {
        401 | 403 => FailureKind::Credentials,
        404 => FailureKind::NotFound,
        409 | 412 => FailureKind::Conflict,
        408 | 425 | 429 | 500..=599 => FailureKind::Unavailable,
        _ => FailureKind::Rejected,
    };
    let body = response.bytes(64 * 1024).await.unwrap_or_default();
    let body = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BODY)]).into_owned();
    let body = super::naming::printable(redactor.redact(body.trim()).as_ref(), SHOWN_BODY);
    let said = if body.is_empty() { String::new() } else { format!(": {body}") };
    let failure = Failure::new(kind, format!("{doing} {url}: status {}{said}", status.as_u16()));
    match kind {
        FailureKind::Credentials => failure.hint("the address the adapter gave was refused: it may have expired, or lack a permission"),
        _ => failure,
    }
}
