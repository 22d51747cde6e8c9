//! Push, the names: manifests by tag and by digest (end-7a, end-7b).

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use hyper::{Response, StatusCode};

use super::body::{Body, Inbound};
use super::push::{created, parse};
use super::refusal::{Code, Refusal, Result};
use super::route::Query;
use super::service::{State, put, target};
use super::storage::{Storage, Stored, Target};
use crate::core::oci::{Descriptor, Manifest, ManifestError, ManifestKind, media_type};
use crate::core::{Digest, Tag};

/// Tags one `PUT` may set, as the specification allows to limit.
const MOST_TAGS: usize = 32;

/// `PUT /v2/<name>/manifests/<reference>`
pub async fn put_manifest(
    state: &State,
    name: &str,
    reference: &str,
    query: &Query,
    headers: &HeaderMap,
    body: &mut Inbound,
) -> Result<Response<Body>> {
    let target = target(reference)?;
    let mut tags = tags_of(&target, query)?;
    body.at_most(state.options.limits.manifest as u64);
    let raw = body.collect().await?;
    let manifest = Manifest::parse(raw).map_err(|error| invalid(&error))?;
    let digest = digest_of(&target, query, &manifest)?;
    let stored = Stored { media_type: media_type_of(headers, &manifest)?, raw: manifest.raw.clone(), digest: digest.clone() };
    let subject = manifest.subject.as_ref().map(|subject| subject.digest.clone());
    for tag in &tags {
        state.remember(name, tag).await?;
    }
    let (immutable, name_owned) = (state.immutable.clone(), name.to_owned());
    let stored_tags = tags.clone();
    let put_it = state.blocking(move |storage| {
        storage.put_manifest::<Refusal>(&name_owned, &manifest, &stored, &stored_tags, || {
            check_children(storage, &name_owned, &manifest)?;
            for tag in stored_tags.iter().filter(|tag| immutable.is_match(tag.as_str())) {
                match storage.tag(&name_owned, tag)? {
                    Some(there) if there != stored.digest => return Err(kept(tag, &there)),
                    _ => {}
                }
            }
            Ok(())
        })
    });
    put_it.await?;
    let mut response = created(&format!("/v2/{name}/manifests/{digest}"), &digest);
    if let Some(subject) = subject.filter(|_| state.options.referrers) {
        put(&mut response, HeaderName::from_static("oci-subject"), subject.as_str());
    }
    if matches!(target, Target::Digest(_)) {
        for tag in tags.drain(..) {
            response.headers_mut().append(HeaderName::from_static("oci-tag"), super::pull::value(tag.as_str()));
        }
    }
    Ok(response)
}

fn check_children(storage: &Storage, name: &str, manifest: &Manifest) -> Result<()> {
    let mut errors = Vec::new();
    let mut check = |descriptor: &Descriptor, found: Option<u64>| match found {
        Some(size) if size == descriptor.size => {}
        Some(size) => {
            let message = format!("{} has {size} bytes, the manifest says {}", descriptor.digest, descriptor.size);
            errors.push((Code::SizeInvalid, message, serde_json::json!({ "digest": descriptor.digest })));
        }
        None => {
            let message = format!("the manifest refers to {}, which {name} does not hold", descriptor.digest);
            errors.push((Code::ManifestBlobUnknown, message, serde_json::json!({ "digest": descriptor.digest })));
        }
    };
    for blob in manifest.blobs().filter(|blob| !media_type::is_foreign_layer(&blob.media_type) || blob.urls.is_empty()) {
        check(blob, storage.blob_size(name, &blob.digest)?);
    }
    for child in &manifest.manifests {
        // An index may list blobs too: BuildKit's cache does.
        let found = match storage.manifest_size(name, &child.digest)? {
            Some(size) => Some(size),
            None => storage.blob_size(name, &child.digest)?,
        };
        check(child, found);
    }
    errors.truncate(20);
    if errors.is_empty() { Ok(()) } else { Err(Refusal::several(StatusCode::BAD_REQUEST, errors)) }
}

fn tags_of(target: &Target, query: &Query) -> Result<Vec<Tag>> {
    let parameters = query
        .all("tag")
        .take(MOST_TAGS + 1)
        .map(|text| text.parse::<Tag>().map_err(|error| Refusal::bad(Code::TagInvalid, error.to_string())));
    let mut tags = parameters.collect::<Result<Vec<_>>>()?;
    if tags.len() > MOST_TAGS {
        let message = format!("at most {MOST_TAGS} tags are set by one request");
        return Err(Refusal::new(StatusCode::URI_TOO_LONG, Code::TagInvalid, message));
    }
    match target {
        Target::Tag(_) if !tags.is_empty() => Err(Refusal::bad(Code::TagInvalid, "tag parameters go with a push by digest")),
        Target::Tag(tag) => {
            tags.push(tag.clone());
            Ok(tags)
        }
        Target::Digest(_) => Ok(tags),
    }
}

fn digest_of(target: &Target, query: &Query, manifest: &Manifest) -> Result<Digest> {
    let claimed = match target {
        Target::Digest(digest) => Some(digest.clone()),
        Target::Tag(_) => query.get("digest").map(parse).transpose()?,
    };
    let Some(claimed) = claimed else { return Ok(manifest.digest()) };
    let mut digester = claimed.digester();
    digester.update(&manifest.raw);
    let actual = digester.finish();
    if actual == claimed {
        return Ok(claimed);
    }
    Err(Refusal::bad(Code::DigestInvalid, format!("the manifest has digest {actual}, not {claimed}")))
}

// The header decides what is served later; a document that says otherwise would be read in two ways (CVE-2021-41190).
fn media_type_of(headers: &HeaderMap, manifest: &Manifest) -> Result<String> {
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let header = header.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let Some(header) = header.filter(|text| !text.is_empty()) else { return Ok(manifest.media_type.clone()) };
    if header != manifest.media_type {
        // A document without mediaType is what the header says, when that is of the same kind.
        let says_nothing = !serde_json::from_slice::<serde_json::Value>(&manifest.raw).is_ok_and(|json| json["mediaType"].is_string());
        let same_kind = media_type::is_manifest(&header) && media_type::is_index(&header) == (manifest.kind == ManifestKind::Index);
        if !(says_nothing && same_kind) {
            let message = format!("Content-Type is {header}, the manifest is {}", manifest.media_type);
            return Err(Refusal::bad(Code::ManifestInvalid, message));
        }
    }
    if media_type::is_manifest(&header) {
        return Ok(header);
    }
    Err(Refusal::bad(Code::ManifestInvalid, format!("{header} is not a type of manifest this registry holds")))
}

fn invalid(error: &ManifestError) -> Refusal {
    match error {
        ManifestError::TooLarge(_) => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid, error.to_string()),
        _ => Refusal::bad(Code::ManifestInvalid, error.to_string()),
    }
}

fn kept(tag: &Tag, there: &Digest) -> Refusal {
    let message = format!("tag {tag} is immutable here and names {there}");
    Refusal::new(StatusCode::CONFLICT, Code::Denied, message)
}
