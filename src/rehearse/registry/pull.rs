//! Pull: blobs and manifests (end-1, end-2, end-3).

use hyper::header::{
    ACCEPT, ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, RANGE,
};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::range::{Wanted, wanted};
use super::refusal::{Code, Refusal, Result};
use super::service::{State, digest_header, put};
use super::storage::{Stored, Target};
use crate::core::Digest;
use crate::core::oci::media_type;

/// `GET|HEAD /v2/<name>/blobs/<digest>`
pub async fn blob(state: &State, name: &str, digest: &str, headers: &HeaderMap, head: bool) -> Result<Response<Body>> {
    let digest: Digest = digest.parse().map_err(|error| Refusal::bad(Code::DigestInvalid, format!("{error}")))?;
    let unknown = || Refusal::missing(Code::BlobUnknown, format!("{name} holds no blob {digest}"));
    let found = state.disk({
        let (name, digest) = (name.to_owned(), digest.clone());
        move |storage| storage.open_blob(&name, &digest)
    });
    let (file, size) = found.await?.ok_or_else(unknown)?;
    let mut response = Response::new(Body::empty());
    put(&mut response, CONTENT_TYPE, "application/octet-stream");
    put(&mut response, ACCEPT_RANGES, "bytes");
    put(&mut response, ETAG, &format!("\"{digest}\""));
    digest_header(&mut response, &digest);
    if is_known(headers, &digest) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let (first, length) = match wanted(range, size) {
        Wanted::Whole => (0, size),
        Wanted::Part { first, last } => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            put(&mut response, CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
            (first, last - first + 1)
        }
        Wanted::Nothing => {
            let message = format!("the blob has {size} bytes; the range asked for begins behind them");
            return Err(Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, Code::SizeInvalid, message)
                .header(CONTENT_RANGE, format!("bytes */{size}")));
        }
    };
    put(&mut response, CONTENT_LENGTH, &length.to_string());
    if !head {
        *response.body_mut() = Body::file(file, first, length);
    }
    Ok(response)
}

/// `GET|HEAD /v2/<name>/manifests/<reference>`
pub async fn manifest(state: &State, name: &str, reference: &str, headers: &HeaderMap, head: bool, stale: bool) -> Result<Response<Body>> {
    let unknown = || Refusal::missing(Code::ManifestUnknown, format!("{name} holds no manifest {reference}"));
    let target = match super::service::target(reference) {
        Ok(target) => target,
        // A digest that is none is the client's mistake; a tag nothing could be called is simply not there.
        Err(refusal) if reference.contains(':') => return Err(refusal),
        Err(_) => return Err(unknown()),
    };
    let target = match (stale, &target) {
        (false, _) => target,
        (true, Target::Tag(tag)) => Target::Digest(state.previous(name, tag).ok_or_else(unknown)?),
        (true, Target::Digest(_)) => return Err(unknown()),
    };
    let name_owned = name.to_owned();
    let stored = state.disk(move |storage| storage.manifest(&name_owned, &target)).await?.ok_or_else(unknown)?;
    check_accept(headers, &stored)?;
    let mut response = Response::new(Body::empty());
    put(&mut response, CONTENT_TYPE, &stored.media_type);
    put(&mut response, ETAG, &format!("\"{}\"", stored.digest));
    digest_header(&mut response, &stored.digest);
    if is_known(headers, &stored.digest) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    put(&mut response, CONTENT_LENGTH, &stored.raw.len().to_string());
    if !head {
        *response.body_mut() = Body::bytes(stored.raw);
    }
    Ok(response)
}

fn is_known(headers: &HeaderMap, digest: &Digest) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|text| text.split(',')).any(|tag| tag.trim().trim_start_matches("W/").trim_matches('"') == digest.as_str())
}

// A manifest is never converted. A client that names what it reads, and not this, is told so instead of being handed
// something it would misread; GHCR and Docker Hub answer the same way.
fn check_accept(headers: &HeaderMap, stored: &Stored) -> Result<()> {
    let mut named = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).peekable();
    let reads = |range: &str| {
        let range = range.split(';').next().unwrap_or_default().trim();
        matches!(range, "" | "*/*" | "application/*" | "application/json") || range.eq_ignore_ascii_case(&stored.media_type)
    };
    if named.peek().is_none() || named.any(reads) {
        return Ok(());
    }
    let kind = if media_type::is_index(&stored.media_type) { "an index" } else { "an image manifest" };
    let message = format!("there is {kind} of type {}, which the Accept header does not name", stored.media_type);
    Err(Refusal::missing(Code::ManifestUnknown, message))
}

/// A header value that is ours and therefore well-formed.
pub fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
