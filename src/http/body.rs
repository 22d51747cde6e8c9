//! Bodies that can be made again for every attempt.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::feed::{Feed, FeedBody};
use super::file_body::{self, FileBody};
use super::request::OnProgress;
use super::sending::Meter;
use crate::core::Digest;

/// What a request carries.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// Bytes in memory, shared between attempts.
    Bytes(Bytes),
    /// A range of a file, opened and read anew for every attempt.
    File {
        /// The file.
        path: PathBuf,
        /// First byte.
        offset: u64,
        /// How many bytes; exactly this many are sent.
        len: u64,
        /// What they must hash to. They are hashed on their way, and their last piece is held back until it is known that
        /// they do: bytes of another digest never arrive whole, and nothing is read twice. `None` where who gets them looks.
        digest: Option<Digest>,
    },
    /// A range of what comes from elsewhere, asked for anew for every attempt.
    Feed {
        /// Where from.
        from: Arc<dyn Feed>,
        /// First byte.
        offset: u64,
        /// How many bytes; exactly this many are sent.
        len: u64,
    },
}

impl Body {
    /// Its exact length.
    pub fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { len, .. } | Self::Feed { len, .. } => *len,
        }
    }

    /// Carries nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A body for one attempt.
    pub(super) async fn make(&self, meter: &Arc<Meter>, on_progress: Option<OnProgress>) -> std::io::Result<Option<reqwest::Body>> {
        match self {
            Self::File { path, len: 0, digest: Some(digest), .. } if *digest != digest.digester().finish() => {
                Err(file_body::another(path, &digest.digester().finish(), digest))
            }
            Self::Empty | Self::File { len: 0, .. } | Self::Feed { len: 0, .. } => {
                meter.finish();
                Ok(None)
            }
            Self::Bytes(bytes) => {
                meter.finish();
                Ok(Some(bytes.clone().into()))
            }
            Self::Feed { from, offset, len } => {
                let body = FeedBody::open(from.as_ref(), *offset, *len, Arc::clone(meter), on_progress).await?;
                Ok(Some(reqwest::Body::wrap(body)))
            }
            Self::File { path, offset, len, digest } => {
                let body = FileBody::open(path, *offset, *len, digest.clone(), Arc::clone(meter), on_progress).await?;
                Ok(Some(reqwest::Body::wrap(body)))
            }
        }
    }
}
