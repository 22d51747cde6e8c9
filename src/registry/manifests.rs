//! Manifests, tags and referrers (distribution specification, end-2, end-3, end-7 to end-9, end-12).

use bytes::Bytes;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::auth::Scopes;
use super::blobs::{CONTENT_DIGEST, check_echo};
use super::client::{Access, Client, SHORT_ANSWER};
use super::error::{RegistryError, RegistryErrorKind};
use crate::core::Digest;
use crate::core::oci::{Descriptor, MAX_MANIFEST_SIZE, Manifest, media_type};
use crate::http::{Body, Method, Replay, Request, StatusCode, header};

/// `OCI-Subject`: the registry has taken note of what the manifest refers to.
const SUBJECT: header::HeaderName = header::HeaderName::from_static("oci-subject");

/// Tags asked for at a time, and pages read at most.
const TAGS_PER_PAGE: usize = 1000;
const MAX_PAGES: usize = 200;

/// The most one page of tags or referrers may weigh.
const MAX_PAGE: usize = 8 * 1024 * 1024;

/// A manifest as it was received.
#[derive(Debug, Clone)]
pub struct Found {
    /// Digest of the received bytes.
    pub digest: Digest,
    /// The bytes and what is in them.
    pub manifest: Manifest,
}

/// What refers to a digest, and how that was found out.
#[derive(Debug, Clone, Default)]
pub struct Referrers {
    /// Descriptors of the referring manifests.
    pub manifests: Vec<Descriptor>,
    /// The registry has the referrers API; otherwise the fallback tag was read.
    pub api: bool,
}

/// What became of a manifest that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestPut {
    /// The registry will list it among the referrers of its subject by itself (`OCI-Subject`), or it has no subject.
    pub subject_noted: bool,
}

impl Client {
    /// Digest of what a tag or digest names; `None` when nothing is there. One HEAD, or a GET where the registry does
    /// not tell the digest.
    pub async fn head_manifest(
        &self,
        path: &str,
        selector: &str,
        access: Access,
        cancel: &CancellationToken,
    ) -> Result<Option<Digest>, RegistryError> {
        let url = self.url(path, &format!("manifests/{selector}"), cancel).await?;
        let request = Request::new(Method::HEAD, url).header(header::ACCEPT, &media_type::MANIFESTS.join(", ")).deadline(SHORT_ANSWER);
        let response = self.call(request, &access.to(path), cancel).await?;
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::OK => {}
            _ => return Err(self.refused(&format!("look at {}", self.name(path, selector)), response).await),
        }
        match response.header(&CONTENT_DIGEST).and_then(|text| text.parse::<Digest>().ok()) {
            Some(digest) => Ok(Some(digest)),
            None => Ok(self.get_manifest(path, selector, access, cancel).await?.map(|found| found.digest)),
        }
    }

    /// A manifest by tag or digest, its bytes hashed; `None` when nothing is there. Asked for by digest, other bytes
    /// are an error; so is a registry that names another digest than the bytes have.
    pub async fn get_manifest(
        &self,
        path: &str,
        selector: &str,
        access: Access,
        cancel: &CancellationToken,
    ) -> Result<Option<Found>, RegistryError> {
        let doing = || format!("read {}", self.name(path, selector));
        let url = self.url(path, &format!("manifests/{selector}"), cancel).await?;
        let budget = self.budget();
        let request = Request::new(Method::GET, url).header(header::ACCEPT, &media_type::MANIFESTS.join(", "));
        let request = request.deadline(SHORT_ANSWER).budget(&budget);
        let (told, raw) = loop {
            let response = self.call(request.clone(), &access.to(path), cancel).await?;
            match response.status() {
                StatusCode::NOT_FOUND => return Ok(None),
                StatusCode::OK => {}
                _ => return Err(self.refused(&doing(), response).await),
            }
            let told = response.header(&CONTENT_DIGEST).map(str::to_owned);
            match response.bytes(MAX_MANIFEST_SIZE).await.map_err(RegistryError::from) {
                Ok(raw) => break (told, raw),
                // Cut in the middle of the answer: the ladder of requests is over, its budget perhaps not.
                Err(error) if error.kind == RegistryErrorKind::Unavailable && budget.take().is_some() => {}
                Err(error) => return Err(error.context(&doing())),
            }
        };
        let asked = selector.parse::<Digest>().ok();
        // The digest asked for, or told, decides the algorithm; without either it is sha256.
        let expected = asked.or_else(|| told.and_then(|text| text.parse().ok()));
        let mut hash = expected.as_ref().map_or_else(|| Digest::of(b"").digester(), Digest::digester);
        hash.update(&raw);
        let digest = hash.finish();
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            let message = format!("{}: expected {expected}, but the bytes hash to {digest}", doing());
            return Err(
                RegistryError::new(RegistryErrorKind::Mismatch, message).hint("something between here and the registry changes content")
            );
        }
        let manifest =
            Manifest::parse(raw).map_err(|error| RegistryError::new(RegistryErrorKind::Protocol, format!("{}: {error}", doing())))?;
        Ok(Some(Found { digest, manifest }))
    }

    /// Puts a manifest under a digest or a tag. By digest it may be repeated; a tag may have been moved by others in
    /// between, so an unclear end is `Ambiguous`. The digest the registry echoes must be ours.
    pub async fn put_manifest(
        &self,
        path: &str,
        selector: &str,
        manifest: &Manifest,
        digest: &Digest,
        cancel: &CancellationToken,
    ) -> Result<ManifestPut, RegistryError> {
        let doing = || format!("write {}", self.name(path, selector));
        let replay = if selector == digest.as_str() { Replay::Safe } else { Replay::Once };
        let url = self.url(path, &format!("manifests/{selector}"), cancel).await?;
        let request = Request::new(Method::PUT, url)
            .header(header::CONTENT_TYPE, &manifest.media_type)
            .body(Body::Bytes(Bytes::copy_from_slice(&manifest.raw)))
            .replay(replay);
        let response = self.call(request, &Scopes::push(path), cancel).await?;
        if !response.status().is_success() {
            return Err(self.refused(&doing(), response).await);
        }
        check_echo(&response, digest).map_err(|error| error.context(&doing()))?;
        let subject_noted = manifest.subject.is_none() || response.header(&SUBJECT).is_some();
        response.discard().await;
        Ok(ManifestPut { subject_noted })
    }

    /// Removes a manifest or tag. `false` when nothing was there.
    pub async fn delete_manifest(&self, path: &str, selector: &str, cancel: &CancellationToken) -> Result<bool, RegistryError> {
        let url = self.url(path, &format!("manifests/{selector}"), cancel).await?;
        let scopes = Scopes::push(path).and(path, &["delete"]);
        let response = self.call(Request::new(Method::DELETE, url).deadline(SHORT_ANSWER), &scopes, cancel).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(self.refused(&format!("delete {}", self.name(path, selector)), response).await),
        }
    }

    /// All tags of a repository, in the registry's order; none when there is no such repository.
    pub async fn tags(&self, path: &str, cancel: &CancellationToken) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Page {
            // Some registries write null for a repository without tags.
            tags: Option<Vec<String>>,
        }
        let doing = || format!("list the tags of {}/{path}", self.host());
        let mut url = self.url(path, &format!("tags/list?n={TAGS_PER_PAGE}"), cancel).await?;
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let response = self.call(Request::new(Method::GET, url.clone()).deadline(SHORT_ANSWER), &Scopes::pull(path), cancel).await?;
            match response.status() {
                StatusCode::NOT_FOUND => return Ok(all),
                StatusCode::OK => {}
                _ => return Err(self.refused(&doing(), response).await),
            }
            let next = response.header(&header::LINK).and_then(|link| next_link(&url, link));
            let page: Page = serde_json::from_slice(&response.bytes(MAX_PAGE).await?)
                .map_err(|error| RegistryError::new(RegistryErrorKind::Protocol, format!("{}: {error}", doing())))?;
            all.extend(page.tags.unwrap_or_default());
            match next {
                Some(next) if next != url => url = next,
                _ => return Ok(all),
            }
        }
        Err(RegistryError::new(RegistryErrorKind::Protocol, format!("{}: more than {MAX_PAGES} pages", doing())))
    }

    /// All repositories a registry lists, in its order (distribution, "Catalog"; no part of the specification).
    pub async fn catalog(&self, cancel: &CancellationToken) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Page {
            repositories: Option<Vec<String>>,
        }
        let doing = || format!("list the repositories of {}", self.host());
        let base = self.base(cancel).await?;
        let mut url = base.join(&format!("v2/_catalog?n={TAGS_PER_PAGE}")).unwrap_or_else(|_| base.clone());
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let response = self.call(Request::new(Method::GET, url.clone()).deadline(SHORT_ANSWER), &Scopes::catalog(), cancel).await?;
            if response.status() != StatusCode::OK {
                let error = self.refused(&doing(), response).await;
                return Err(error.hint("many registries list no repositories: name each one"));
            }
            let next = response.header(&header::LINK).and_then(|link| next_link(&url, link));
            let page: Page = serde_json::from_slice(&response.bytes(MAX_PAGE).await?)
                .map_err(|error| RegistryError::new(RegistryErrorKind::Protocol, format!("{}: {error}", doing())))?;
            all.extend(page.repositories.unwrap_or_default());
            match next {
                Some(next) if next != url => url = next,
                _ => return Ok(all),
            }
        }
        Err(RegistryError::new(RegistryErrorKind::Protocol, format!("{}: more than {MAX_PAGES} pages", doing())))
    }

    /// What refers to a digest: the referrers API, or the fallback tag where there is none (distribution
    /// specification, "Listing referrers" and "Backwards compatibility").
    pub async fn referrers(&self, path: &str, digest: &Digest, cancel: &CancellationToken) -> Result<Referrers, RegistryError> {
        let doing = || format!("list what refers to {} in {}/{path}", digest.short(), self.host());
        let mut url = self.url(path, &format!("referrers/{digest}"), cancel).await?;
        let mut manifests = Vec::new();
        for _ in 0..MAX_PAGES {
            let request = Request::new(Method::GET, url.clone()).header(header::ACCEPT, media_type::OCI_INDEX).deadline(SHORT_ANSWER);
            let response = self.call(request, &Scopes::pull(path), cancel).await?;
            match response.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => {
                    response.discard().await;
                    let tag = format!("{}-{}", digest.algorithm().name(), digest.hex());
                    let found = self.get_manifest(path, &tag, Access::Pull, cancel).await?;
                    return Ok(Referrers { manifests: found.map_or_else(Vec::new, |found| found.manifest.manifests), api: false });
                }
                _ => return Err(self.refused(&doing(), response).await),
            }
            let next = response.header(&header::LINK).and_then(|link| next_link(&url, link));
            let raw = response.bytes(MAX_MANIFEST_SIZE).await?;
            let page =
                Manifest::parse(raw).map_err(|error| RegistryError::new(RegistryErrorKind::Protocol, format!("{}: {error}", doing())))?;
            manifests.extend(page.manifests);
            match next {
                Some(next) if next != url => url = next,
                _ => return Ok(Referrers { manifests, api: true }),
            }
        }
        Err(RegistryError::new(RegistryErrorKind::Protocol, format!("{}: more than {MAX_PAGES} pages", doing())))
    }

    fn name(&self, path: &str, selector: &str) -> String {
        let separator = if selector.contains(':') { '@' } else { ':' };
        format!("{}/{path}{separator}{selector}", self.host())
    }
}

/// The next page (`Link: <…>; rel="next"`, RFC 8288), on the same host only.
fn next_link(asked: &url::Url, header: &str) -> Option<url::Url> {
    let (target, parameters) = header.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        let parameter = parameter.trim().trim_end_matches(',');
        matches!(parameter.split_once('='), Some((name, value)) if name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"') == "next")
    });
    let next = asked.join(target).ok()?;
    let same_host = next.host_str() == asked.host_str() && next.port_or_known_default() == asked.port_or_known_default();
    (is_next && same_host && next.scheme() == asked.scheme()).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_pages_on_the_same_host() {
        let asked = url::Url::parse("https://r.example/v2/a/tags/list?n=2").expect("URL");
        let next = |link: &str| next_link(&asked, link).map(|url| url.to_string());
        let page = Some("https://r.example/v2/a/tags/list?n=2&last=b".to_owned());
        assert_eq!(next("</v2/a/tags/list?n=2&last=b>; rel=\"next\""), page);
        assert_eq!(next("<https://r.example/v2/a/tags/list?n=2&last=b>; rel=next"), page);
        assert_eq!(next("</v2/a/tags/list?last=b>; rel=\"prev\""), None);
        assert_eq!(next("<https://evil.example/x>; rel=\"next\""), None);
        assert_eq!(next("nonsense"), None);
    }
}
