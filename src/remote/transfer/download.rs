//! Bringing a pack from where the adapter says into a private file, and checking it there.

use std::io::Read as _;

use tokio_util::sync::CancellationToken;

use super::rules::Place;
use super::{Transfer, headers, not_a_success, refuse_expired};
use crate::core::{Algorithm, Digest, Digester, PathError, SafeUrl, Timestamp};
use crate::fs::{Beneath, Pending};
use crate::http::{Method, OnProgress, Request, Response, Url, header};
use crate::remote::failure::{Failure, FailureKind};
use crate::remote::protocol::DownloadInfo;

/// Redirects followed.
const MAX_REDIRECTS: usize = 5;

/// What the bytes must be.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Every digest somebody asked for or promised. All must hold.
    pub digests: Vec<Digest>,
    /// Length in bytes, when it is known.
    pub size: Option<u64>,
}

/// What arrived, and is what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Bytes.
    pub bytes: u64,
    /// Hash of them.
    pub digest: Digest,
    /// Where from, without what must not be printed.
    pub from: String,
}

/// Brings the bytes into `into`, which nobody sees yet. Fails unless they are what `expected` says.
pub async fn download(
    transfer: &Transfer,
    info: &DownloadInfo,
    expected: &Expected,
    into: &mut Pending,
    now: Timestamp,
    on_progress: OnProgress,
    cancel: &CancellationToken,
) -> Result<Received, Failure> {
    refuse_expired(info.expires_at.as_deref(), now, "download")?;
    let most = transfer.rules.max_download;
    if let Some(size) = expected.size.filter(|size| *size > most) {
        return Err(too_large(size, most));
    }
    let mut writer = Writer { into, hash: Digester::new(Algorithm::Sha256), count: 0, most: expected.size.unwrap_or(most), on_progress };
    let from = match transfer.rules.check(&info.url)? {
        Place::File(relative) => {
            let root = transfer.rules.file_root.clone().unwrap_or_default();
            let (mut file, _) = Beneath::open(&root)?.file(&relative)?;
            let path = root.join(&relative);
            let mut buffer = vec![0; 256 * 1024];
            loop {
                let count = file.read(&mut buffer).map_err(PathError::at("read", &path))?;
                if count == 0 {
                    break;
                }
                writer.take(&buffer[..count])?;
                if cancel.is_cancelled() {
                    return Err(Failure::new(FailureKind::Interrupted, "interrupted while copying"));
                }
            }
            format!("file://{}", path.display())
        }
        Place::Http(url) => {
            let mut response = get(transfer, info, url, cancel).await?;
            if let Some(length) = response.content_length().filter(|length| *length > writer.most) {
                return Err(too_large(length, writer.most));
            }
            let from = response.url().to_string();
            while let Some(piece) = response.chunk().await? {
                writer.take(&piece)?;
            }
            from
        }
    };
    let (bytes, digest) = (writer.count, writer.hash.finish());
    if let Some(size) = expected.size.filter(|size| *size != bytes) {
        return Err(Failure::new(FailureKind::Unverified, format!("{from} gave {bytes} bytes and {size} were promised"))
            .hint("nothing was kept; pull again"));
    }
    if let Some(wrong) = expected.digests.iter().find(|wanted| **wanted != digest) {
        return Err(Failure::new(FailureKind::Unverified, format!("{from} gave {digest} and {wrong} was asked for"))
            .hint("nothing was kept; the remote holds other bytes than it says, or somebody changed them on the way"));
    }
    Ok(Received { bytes, digest, from })
}

async fn get(transfer: &Transfer, info: &DownloadInfo, first: Url, cancel: &CancellationToken) -> Result<Response, Failure> {
    if !matches!(info.method.as_str(), "" | "GET") {
        let method: String = info.method.chars().take(20).flat_map(char::escape_debug).collect();
        return Err(Failure::new(FailureKind::Rejected, format!("the adapter asks for a download by `{method}`")).hint("downloads are GET"));
    }
    let mut url = first.clone();
    for _ in 0..=MAX_REDIRECTS {
        let mut request = Request::new(Method::GET, url.clone()).without_redirects().header(header::ACCEPT_ENCODING, "identity");
        // Another host gets what the address says and nothing of the adapter's.
        if (url.host_str(), url.port_or_known_default()) == (first.host_str(), first.port_or_known_default()) {
            for (name, value) in &headers(&info.headers, &url)? {
                if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
                    request = request.header(name.clone(), value);
                }
            }
        }
        let response = transfer.http()?.send(&request, cancel).await?;
        if response.status().is_redirection() {
            let next = response.header(&header::LOCATION).and_then(|location| url.join(location).ok());
            let Some(next) = next else {
                return Err(Failure::new(FailureKind::Rejected, format!("{} redirects to something that is no URL", SafeUrl::new(url))));
            };
            let weaker = url.scheme() == "https" && next.scheme() != "https";
            url =
                match transfer.rules.check(next.as_str()).map_err(|failure| failure.context(format!("{} redirects", SafeUrl::new(url))))? {
                    Place::Http(next) if !weaker => next,
                    _ => return Err(Failure::new(FailureKind::Rejected, format!("a redirect leads from https to {}", SafeUrl::new(next)))),
                };
            continue;
        }
        if !response.status().is_success() {
            return Err(not_a_success(response, "downloading from", &transfer.redactor).await);
        }
        if let Some(encoding) = response.header(&header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
            let encoding: String = encoding.chars().take(20).collect();
            return Err(Failure::new(
                FailureKind::Rejected,
                format!("{} sends its bytes as {encoding}, which was not asked for", response.url()),
            ));
        }
        return Ok(response);
    }
    Err(Failure::new(FailureKind::Rejected, format!("{} redirects more than {MAX_REDIRECTS} times", SafeUrl::new(first))))
}

struct Writer<'p> {
    into: &'p mut Pending,
    hash: Digester,
    count: u64,
    most: u64,
    on_progress: OnProgress,
}

impl Writer<'_> {
    fn take(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.count += piece.len() as u64;
        if self.count > self.most {
            return Err(too_large(self.count, self.most));
        }
        self.hash.update(piece);
        self.into.fill(piece)?;
        (self.on_progress)(self.count);
        Ok(())
    }
}

fn too_large(size: u64, most: u64) -> Failure {
    Failure::new(FailureKind::Unverified, format!("the download has {size} bytes or more, and at most {most} are taken"))
        .hint("nothing was kept; when it is right, raise `transport.max_download`")
}
