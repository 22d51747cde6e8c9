//! Content discovery: tags, referrers, and the catalog that most clients expect (end-8a, end-8b, end-12a, end-12b).

use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderName, LINK};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::body::Body;
use super::refusal::{Code, Refusal, Result};
use super::route::Query;
use super::service::{State, put};
use crate::core::Digest;
use crate::core::oci::{Descriptor, MAX_MANIFEST_SIZE, media_type};

/// `GET /v2/<name>/tags/list`
pub async fn tags(state: &State, name: &str, query: &Query) -> Result<Response<Body>> {
    let (n, limit) = page(query, state.options.limits.page)?;
    let last = query.get("last").unwrap_or_default().to_owned();
    let found = state.disk({
        let name = name.to_owned();
        move |storage| storage.has_repository(&name).then(|| storage.tags(&name, &last, limit)).transpose()
    });
    let unknown = || Refusal::missing(Code::NameUnknown, format!("nothing was ever pushed to {name}"));
    let (tags, more) = found.await?.ok_or_else(unknown)?;
    let mut response = Response::new(Body::json(&json!({ "name": name, "tags": tags })));
    put(&mut response, CONTENT_TYPE, "application/json");
    if let (true, Some(last)) = (more, tags.last()) {
        next(&mut response, &format!("/v2/{name}/tags/list"), n.unwrap_or(limit), last.as_str(), "");
    }
    Ok(response)
}

/// `GET /v2/_catalog`, of Docker's registry: the specification reserves it.
pub async fn catalog(state: &State, query: &Query) -> Result<Response<Body>> {
    let (n, limit) = page(query, state.options.limits.page)?;
    let last = query.get("last").unwrap_or_default().to_owned();
    let (names, more) = state.disk(move |storage| storage.catalog(&last, limit)).await?;
    let mut response = Response::new(Body::json(&json!({ "repositories": names })));
    put(&mut response, CONTENT_TYPE, "application/json");
    if let (true, Some(last)) = (more, names.last()) {
        next(&mut response, "/v2/_catalog", n.unwrap_or(limit), last, "");
    }
    Ok(response)
}

/// `GET /v2/<name>/referrers/<digest>`: an index, empty when nothing refers to the digest, known or not.
pub async fn referrers(state: &State, name: &str, digest: &str, query: &Query) -> Result<Response<Body>> {
    if !state.options.referrers {
        return Err(Refusal::missing(Code::Unsupported, "this registry was started without the referrers API"));
    }
    let subject: Digest = digest.parse().map_err(|error| Refusal::bad(Code::DigestInvalid, format!("{error}")))?;
    let wanted = query.get("artifactType").filter(|text| !text.is_empty());
    let last = query.get("last").unwrap_or_default().to_owned();
    let found = state.disk({
        let (name, subject) = (name.to_owned(), subject.clone());
        move |storage| storage.referrers(&name, &subject, &last)
    });
    let mut descriptors = found.await?;
    if let Some(wanted) = wanted {
        descriptors.retain(|descriptor| descriptor.artifact_type.as_deref() == Some(wanted));
    }
    let more = shorten(&mut descriptors, state.options.limits.page);
    let last = descriptors.last().map(|descriptor| descriptor.digest.to_string());
    let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": descriptors });
    let mut response = Response::new(Body::json(&index));
    put(&mut response, CONTENT_TYPE, media_type::OCI_INDEX);
    if wanted.is_some() {
        put(&mut response, HeaderName::from_static("oci-filters-applied"), "artifactType");
    }
    if let (true, Some(last)) = (more, last) {
        let filter = wanted.map(|text| format!("&artifactType={}", utf8_percent_encode(text, NON_ALPHANUMERIC))).unwrap_or_default();
        next(&mut response, &format!("/v2/{name}/referrers/{subject}"), state.options.limits.page, &last, &filter);
    }
    Ok(response)
}

// An answer is an index too: it must stay within what clients accept as a manifest.
fn shorten(descriptors: &mut Vec<Descriptor>, page: usize) -> bool {
    let mut bytes = 1024;
    let fits = |descriptor: &Descriptor| {
        bytes += serde_json::to_string(descriptor).map_or(0, |text| text.len() + 1);
        bytes <= MAX_MANIFEST_SIZE
    };
    let count = descriptors.iter().take(page.max(1)).map_while({
        let mut fits = fits;
        move |descriptor| fits(descriptor).then_some(())
    });
    let count = count.count().max(1);
    let more = descriptors.len() > count;
    descriptors.truncate(count);
    more
}

fn page(query: &Query, most: usize) -> Result<(Option<usize>, usize)> {
    match query.get("n") {
        None => Ok((None, most)),
        Some(text) => match text.parse::<usize>() {
            Ok(n) => Ok((Some(n.min(most)), n.min(most))),
            Err(_) => Err(Refusal::bad(Code::PaginationNumberInvalid, format!("n is a number of entries, not `{}`", clip(text)))),
        },
    }
}

fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

fn next(response: &mut Response<Body>, path: &str, n: usize, last: &str, more: &str) {
    let last = utf8_percent_encode(last, NON_ALPHANUMERIC);
    put(response, LINK, &format!("<{path}?n={n}&last={last}{more}>; rel=\"next\""));
}
