//! May we push there? Asked before anything is built, by beginning an upload and giving it up.

use tokio_util::sync::CancellationToken;

use super::auth::Scopes;
use super::client::{Access, Client, SHORT_ANSWER};
use super::error::{RegistryError, RegistryErrorKind};
use super::location::Session;
use crate::http::{Method, Replay, Request, Response, StatusCode, header};

/// Requests that are left, and of how many (`ratelimit-remaining: 76;w=21600`, as Docker Hub and others answer).
const REMAINING: [header::HeaderName; 2] =
    [header::HeaderName::from_static("ratelimit-remaining"), header::HeaderName::from_static("x-ratelimit-remaining")];
const LIMIT: [header::HeaderName; 2] =
    [header::HeaderName::from_static("ratelimit-limit"), header::HeaderName::from_static("x-ratelimit-limit")];

/// Fewer requests than this do not bring an image anywhere.
const FEW: u64 = 20;

/// What asking found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MayPush {
    /// A sentence that says what is fine.
    pub said: String,
    /// What is good to know.
    pub remarks: Vec<String>,
}

impl Client {
    /// Logs in, looks whether the repository exists, and opens an upload session there, which is cancelled at once: the
    /// one proof of a permission to push that every registry can give. No blob and no tag comes of it.
    pub async fn may_push(&self, path: &str, cancel: &CancellationToken) -> Result<MayPush, RegistryError> {
        let said = self.check(path, Access::Push, cancel).await?;
        let mut remarks = Vec::new();
        let url = self.url(path, "tags/list?n=1", cancel).await?;
        let listed = self.call(Request::new(Method::GET, url).deadline(SHORT_ANSWER), &Access::Push.to(path), cancel).await?;
        let exists = listed.status() != StatusCode::NOT_FOUND;
        remarks.extend(rate_remark(&listed, self.host()));
        listed.discard().await;

        let url = self.url(path, "blobs/uploads/", cancel).await?;
        let request = Request::new(Method::POST, url).replay(Replay::Safe).deadline(SHORT_ANSWER);
        let opened = self.call(request, &Scopes::push(path), cancel).await?;
        if !opened.status().is_success() {
            let missing = opened.status() == StatusCode::NOT_FOUND;
            let refused = self.refused(&format!("push to {}/{path}", self.host()), opened).await;
            return Err(if missing {
                let message = format!("{}/{path} does not exist, and is not created by pushing", self.host());
                RegistryError::new(RegistryErrorKind::NotFound, message)
                    .hint("create the repository (or project) first, and let these credentials push to it")
            } else {
                refused
            });
        }
        let asked = opened.url().expose().clone();
        let session = Session::join(&asked, opened.header(&header::LOCATION), self.provider);
        opened.discard().await;
        // Best effort: a session nobody uses expires by itself.
        if let Ok(session) = session
            && session.ours
        {
            let request = Request::new(Method::DELETE, session.url).replay(Replay::Once).deadline(SHORT_ANSWER);
            if let Ok(response) = self.call(request, &Scopes::push(path), cancel).await {
                response.discard().await;
            }
        }
        if !exists {
            remarks.push(format!("{}/{path} does not exist yet; the first push creates it", self.host()));
        }
        Ok(MayPush { said, remarks })
    }
}

/// A warning when few requests are left.
fn rate_remark(response: &Response, host: &str) -> Option<String> {
    let number = |names: &[header::HeaderName]| {
        let text = names.iter().find_map(|name| response.header(name))?;
        text.split([';', ',']).next()?.trim().parse::<u64>().ok()
    };
    let left = number(&REMAINING)?;
    let of = number(&LIMIT).map(|limit| format!(" of {limit}")).unwrap_or_default();
    (left < FEW).then(|| format!("{host} allows {left}{of} more requests for now"))
}
