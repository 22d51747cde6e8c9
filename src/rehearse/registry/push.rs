//! Push, the bytes: upload sessions and mounts (end-4a to end-6, end-11, end-13, end-14).

use bytes::Bytes;
use hyper::header::{CONTENT_RANGE, HeaderMap, HeaderName, LOCATION, RANGE};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;

use super::access::Grant;
use super::body::{Body, Inbound};
use super::range::chunk;
use super::refusal::{Code, Refusal, Result};
use super::route::Query;
use super::service::{State, digest_header, put};
use super::storage::{Session, Writer};
use crate::core::Digest;
use crate::core::reference::check_path;

/// Pieces of a body between the network and the disk.
const AHEAD: usize = 8;

/// `POST /v2/<name>/blobs/uploads/`: a mount, a whole blob, or a session.
pub async fn begin(state: &State, name: &str, query: &Query, grant: &Grant, body: &mut Inbound) -> Result<Response<Body>> {
    if let Some(digest) = query.get("mount") {
        let digest = parse(digest)?;
        if mount(state, name, &digest, query.get("from"), grant).await? {
            return Ok(created(&format!("/v2/{name}/blobs/{digest}"), &digest));
        }
    }
    let digest = query.get("digest").map(parse).transpose()?;
    let limits = &state.options.limits;
    let (most, age) = (limits.uploads, limits.upload_age);
    let name_owned = name.to_owned();
    let id = match state.disk(move |storage| storage.begin_upload(&name_owned, most, age)).await? {
        Session::Begun(id) => id,
        Session::TooMany => {
            let message = format!("{name} has {most} upload sessions open; finish or cancel some");
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests, message).header(hyper::header::RETRY_AFTER, "5"));
        }
    };
    // With a digest and its bytes this is the whole blob; without bytes the client means to send them afterwards.
    if let Some(digest) = digest {
        let first = body.next().await?;
        if first.is_some() || digest == digest.digester().finish() {
            return whole(state, name, &id, first, body, digest).await;
        }
    }
    let mut response = progress(name, &id, 0, StatusCode::ACCEPTED);
    if state.options.chunk_min > 0 {
        put(&mut response, HeaderName::from_static("oci-chunk-min-length"), &state.options.chunk_min.to_string());
    }
    Ok(response)
}

/// `PATCH /v2/<name>/blobs/uploads/<id>`: a chunk with `Content-Range`, or a stream without.
pub async fn append(state: &State, name: &str, id: &str, headers: &HeaderMap, body: &mut Inbound) -> Result<Response<Body>> {
    let writer = open(state, name, id).await?;
    check_range(&writer, name, id, headers, body)?;
    body.at_most(state.options.limits.blob.saturating_sub(writer.offset()));
    let (writer, outcome) = receive(writer, None, body, Torn::Kept).await;
    let offset = writer.offset();
    state.keep_hash(id, writer.hash());
    outcome?;
    Ok(progress(name, id, offset, StatusCode::ACCEPTED))
}

/// `PUT /v2/<name>/blobs/uploads/<id>?digest=`: the last chunk, the whole blob, or nothing more.
pub async fn finish(state: &State, name: &str, id: &str, query: &Query, headers: &HeaderMap, body: &mut Inbound) -> Result<Response<Body>> {
    let digest = query.get("digest").ok_or_else(|| Refusal::bad(Code::DigestInvalid, "the closing PUT names no digest"))?;
    let digest = parse(digest)?;
    let writer = open(state, name, id).await?;
    let before = writer.offset();
    if headers.contains_key(CONTENT_RANGE) {
        check_range(&writer, name, id, headers, body)?;
    }
    body.at_most(state.options.limits.blob.saturating_sub(before));
    let (writer, outcome) = receive(writer, None, body, Torn::Undone).await;
    outcome?;
    close(state, name, id, writer, digest).await
}

/// `GET /v2/<name>/blobs/uploads/<id>`
pub async fn status(state: &State, name: &str, id: &str) -> Result<Response<Body>> {
    let (name_owned, id_owned) = (name.to_owned(), id.to_owned());
    let size = state.disk(move |storage| storage.upload_size(&name_owned, &id_owned)).await?.ok_or_else(|| no_session(name, id))?;
    Ok(progress(name, id, size, StatusCode::NO_CONTENT))
}

/// `DELETE /v2/<name>/blobs/uploads/<id>`
pub async fn cancel(state: &State, name: &str, id: &str) -> Result<Response<Body>> {
    let (name_owned, id_owned) = (name.to_owned(), id.to_owned());
    state.keep_hash(id, None);
    if !state.disk(move |storage| storage.cancel_upload(&name_owned, &id_owned)).await? {
        return Err(no_session(name, id));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

async fn whole(state: &State, name: &str, id: &str, first: Option<Bytes>, body: &mut Inbound, digest: Digest) -> Result<Response<Body>> {
    let outcome = match receive(open(state, name, id).await?, first, body, Torn::Undone).await {
        (writer, Ok(())) => close(state, name, id, writer, digest).await,
        (_, Err(refusal)) => Err(refusal),
    };
    if outcome.is_err() {
        let (name, id) = (name.to_owned(), id.to_owned());
        state.disk(move |storage| storage.cancel_upload(&name, &id)).await?;
    }
    outcome
}

async fn mount(state: &State, name: &str, digest: &Digest, from: Option<&str>, grant: &Grant) -> Result<bool> {
    let from = from.filter(|from| !from.is_empty());
    // Without `from` we look wherever this client may read ("automatic content discovery").
    let sources: Option<Vec<String>> = match from {
        Some(from) if check_path(from).is_ok() && grant.allows(from, super::access::Action::Pull) => Some(vec![from.to_owned()]),
        Some(_) => Some(Vec::new()),
        None => grant.readable().map(|names| names.map(ToOwned::to_owned).collect()),
    };
    let (name, digest) = (name.to_owned(), digest.clone());
    let mounted = state.disk(move |storage| match sources {
        None => storage.discover_blob(&name, &digest),
        Some(sources) => {
            for from in sources {
                if storage.mount_blob(&name, &from, &digest)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    });
    mounted.await
}

async fn open(state: &State, name: &str, id: &str) -> Result<Writer> {
    let hash = state.take_hash(id);
    let (name_owned, id_owned) = (name.to_owned(), id.to_owned());
    let writer = state.disk(move |storage| storage.write_upload(&name_owned, &id_owned, hash));
    writer.await?.ok_or_else(|| no_session(name, id))
}

/// What becomes of the part of a body that arrived before it broke off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Torn {
    /// It stays: the session's Range tells the client where to go on.
    Kept,
    /// It is taken back: a client that repeats its request sends the same bytes again.
    Undone,
}

/// Moves a body to disk: the network fills a short queue, a blocking thread hashes and writes. Gives the writer back.
///
/// The thread also tidies up, because nobody waits for it when the client is gone.
async fn receive(mut writer: Writer, first: Option<Bytes>, body: &mut Inbound, torn: Torn) -> (Writer, Result<()>) {
    // An empty piece marks the end.
    let (sender, mut pieces) = mpsc::channel::<Bytes>(AHEAD);
    let disk = tokio::task::spawn_blocking(move || {
        let before = writer.offset();
        let mut outcome = Ok(());
        let mut ended = false;
        while let (false, Ok(()), Some(piece)) = (ended, &outcome, pieces.blocking_recv()) {
            ended = piece.is_empty();
            outcome = writer.write(&piece).map_err(Refusal::from);
        }
        if torn == Torn::Undone && !ended {
            outcome = outcome.and(writer.rewind(before).map_err(Refusal::from));
        }
        (writer, outcome)
    });
    let mut outcome = Ok(());
    let mut next = first;
    loop {
        let piece = match next.take() {
            Some(piece) => piece,
            None => match body.next().await {
                Ok(piece) => piece.unwrap_or_default(),
                Err(refusal) => {
                    outcome = Err(refusal);
                    break;
                }
            },
        };
        let last = piece.is_empty();
        // A closed queue means that the disk failed; it says how below.
        if sender.send(piece).await.is_err() || last {
            break;
        }
    }
    drop(sender);
    match disk.await {
        Ok((writer, written)) => (writer, written.and(outcome)),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

async fn close(state: &State, name: &str, id: &str, writer: Writer, digest: Digest) -> Result<Response<Body>> {
    state.keep_hash(id, None);
    let (name_owned, wanted) = (name.to_owned(), digest.clone());
    match state.disk(move |storage| storage.close_upload(&name_owned, writer, &wanted)).await? {
        Ok(_) => Ok(created(&format!("/v2/{name}/blobs/{digest}"), &digest)),
        Err(actual) => {
            let message = format!("the bytes received have digest {actual}, not {digest}; the upload session is closed");
            Err(Refusal::bad(Code::DigestInvalid, message))
        }
    }
}

// A chunk must begin where the session ends, and be as long as it says.
fn check_range(writer: &Writer, name: &str, id: &str, headers: &HeaderMap, body: &mut Inbound) -> Result<()> {
    let Some(header) = headers.get(CONTENT_RANGE) else { return Ok(()) };
    let range = header.to_str().ok().and_then(chunk);
    let Some((first, last)) = range else {
        return Err(Refusal::bad(Code::BlobUploadInvalid, "Content-Range of a chunk is `<first>-<last>`, both inclusive"));
    };
    let offset = writer.offset();
    if first != offset {
        let message = format!("the session has {offset} bytes; this chunk begins at {first}");
        return Err(Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, Code::BlobUploadInvalid, message)
            .header(LOCATION, session(name, id))
            .header(RANGE, held(offset)));
    }
    let length = last - first + 1;
    if body.announced().is_some_and(|announced| announced != length) {
        return Err(Refusal::bad(Code::SizeInvalid, format!("Content-Range names {length} bytes, Content-Length another number")));
    }
    body.at_most(length);
    Ok(())
}

/// A digest a client sent.
pub fn parse(digest: &str) -> Result<Digest> {
    digest.parse().map_err(|error| Refusal::bad(Code::DigestInvalid, format!("{error}")))
}

fn no_session(name: &str, id: &str) -> Refusal {
    let id: String = id.chars().take(64).collect();
    Refusal::missing(Code::BlobUploadUnknown, format!("{name} has no upload session {id}"))
}

fn session(name: &str, id: &str) -> String {
    format!("/v2/{name}/blobs/uploads/{id}")
}

// `0-0` for an empty session, as every registry says it, although it reads like one byte.
fn held(offset: u64) -> String {
    format!("0-{}", offset.saturating_sub(1))
}

fn progress(name: &str, id: &str, offset: u64, status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    put(&mut response, LOCATION, &session(name, id));
    put(&mut response, RANGE, &held(offset));
    put(&mut response, HeaderName::from_static("docker-upload-uuid"), id);
    response
}

/// 201 with where the content is now.
pub fn created(location: &str, digest: &Digest) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::CREATED;
    put(&mut response, LOCATION, location);
    digest_header(&mut response, digest);
    response
}
