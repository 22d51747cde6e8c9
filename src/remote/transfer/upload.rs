//! Sending a pack to where the adapter says.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::pack::Pack;
use super::rules::Place;
use super::{Transfer, headers, not_a_success, refuse_expired};
use crate::core::{SafeUrl, Timestamp};
use crate::http::{Body, Method, OnProgress, Request};
use crate::remote::failure::{Failure, FailureKind};
use crate::remote::protocol::UploadInfo;

/// What was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bytes.
    pub bytes: u64,
    /// Where to, without what must not be printed; none when the adapter had the bytes already.
    pub to: Option<String>,
}

/// Sends a pack, or nothing when the adapter has it already. No redirect is followed: the bytes go where they were said to
/// go, or nowhere.
pub async fn upload(
    transfer: &Transfer,
    info: &UploadInfo,
    pack: &Pack,
    now: Timestamp,
    on_progress: OnProgress,
    cancel: &CancellationToken,
) -> Result<Sent, Failure> {
    if info.is_skip() {
        return Ok(Sent::default());
    }
    refuse_expired(info.expires_at.as_deref(), now, "upload")?;
    let url = match transfer.rules.check(&info.url)? {
        Place::File(relative) => {
            let root = transfer.rules.file_root.clone().unwrap_or_default();
            let to = format!("file://{}", root.join(&relative).display());
            let copying = pack.copy_below(root, relative);
            tokio::select! {
                done = copying => done?,
                () = cancel.cancelled() => return Err(Failure::new(FailureKind::Interrupted, "interrupted while copying")),
            }
            on_progress(pack.size());
            return Ok(Sent { bytes: pack.size(), to: Some(to) });
        }
        Place::Http(url) => url,
    };
    let method = match Method::from_bytes(info.method.as_bytes()) {
        Ok(method) if matches!(method, Method::PUT | Method::POST | Method::PATCH) => method,
        _ => {
            let method: String = info.method.chars().take(20).flat_map(char::escape_debug).collect();
            return Err(Failure::new(FailureKind::Rejected, format!("the adapter asks for an upload by `{method}`"))
                .hint("uploads are PUT, POST or PATCH, or `skip` where the adapter has the bytes already"));
        }
    };
    let shown = SafeUrl::new(url.clone()).to_string();
    let headers = headers(&info.headers, &url)?;
    let body = Body::Feed { from: Arc::new(pack.clone()), offset: 0, len: pack.size() };
    let mut request = Request::new(method, url).body(body).on_progress(on_progress).without_redirects();
    for (name, value) in &headers {
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            request = request.header(name.clone(), value);
        }
    }
    let response = transfer.http()?.send(&request, cancel).await?;
    let status = response.status();
    if status.is_redirection() {
        let message = format!("uploading to {shown}: it answers {} and would send the bytes elsewhere", status.as_u16());
        return Err(Failure::new(FailureKind::Rejected, message)
            .hint("redirects of uploads are not followed; the adapter must name the final address"));
    }
    if !status.is_success() {
        return Err(not_a_success(response, "uploading to", &transfer.redactor).await);
    }
    response.discard().await;
    pack.check_unchanged()?;
    Ok(Sent { bytes: pack.size(), to: Some(shown) })
}
