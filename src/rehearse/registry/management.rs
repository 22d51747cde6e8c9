//! Content management: deleting tags, manifests and blobs (end-9, end-10).

use hyper::{Response, StatusCode};

use super::body::Body;
use super::refusal::{Code, Refusal, Result};
use super::service::{State, target};
use super::storage::Target;
use crate::core::{Digest, Tag};

/// `DELETE /v2/<name>/manifests/<reference>`: a tag alone, or a manifest with every tag that names it.
pub async fn manifest(state: &State, name: &str, reference: &str) -> Result<Response<Body>> {
    allowed(state)?;
    let unknown = || Refusal::missing(Code::ManifestUnknown, format!("{name} holds no manifest {reference}"));
    let target = match target(reference) {
        Ok(target) => target,
        Err(refusal) if reference.contains(':') => return Err(refusal),
        Err(_) => return Err(unknown()),
    };
    let (name_owned, immutable) = (name.to_owned(), state.immutable.clone());
    let deleted = match target {
        Target::Tag(tag) => {
            if immutable.is_match(tag.as_str()) {
                let known = state.disk({
                    let (name, tag) = (name_owned.clone(), tag.clone());
                    move |storage| storage.tag(&name, &tag)
                });
                if known.await?.is_some() {
                    return Err(kept(&tag));
                }
            }
            state.remember(name, &tag).await?;
            state.disk(move |storage| storage.delete_tag(&name_owned, &tag)).await?
        }
        Target::Digest(digest) => {
            let check = move |tags: &[Tag]| match tags.iter().find(|tag| immutable.is_match(tag.as_str())) {
                Some(tag) => Err(kept(tag)),
                None => Ok(()),
            };
            state.blocking(move |storage| storage.delete_manifest::<Refusal>(&name_owned, &digest, check)).await?
        }
    };
    if deleted { Ok(accepted()) } else { Err(unknown()) }
}

/// `DELETE /v2/<name>/blobs/<digest>`
pub async fn blob(state: &State, name: &str, digest: &str) -> Result<Response<Body>> {
    allowed(state)?;
    let digest: Digest = digest.parse().map_err(|error| Refusal::bad(Code::DigestInvalid, format!("{error}")))?;
    let deleted = state.disk({
        let (name, digest) = (name.to_owned(), digest.clone());
        move |storage| storage.delete_blob(&name, &digest)
    });
    if deleted.await? { Ok(accepted()) } else { Err(Refusal::missing(Code::BlobUnknown, format!("{name} holds no blob {digest}"))) }
}

fn allowed(state: &State) -> Result<()> {
    if state.options.deletes {
        return Ok(());
    }
    Err(Refusal::not_allowed("GET, HEAD, PUT", "deleting is switched off at this registry"))
}

fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn kept(tag: &Tag) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, Code::Denied, format!("tag {tag} is immutable here and cannot be deleted"))
}
