//! Where bytes go to or come from, as an adapter says it. Checked by the host before anything is sent.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// `upload.method` of an adapter that has the bytes already.
pub const SKIP_METHOD: &str = "skip";

/// Where to send the bytes of a pack.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadInfo {
    /// HTTP method, or [`SKIP_METHOD`].
    pub method: String,
    /// Where to. May carry a signature, so it is never printed whole.
    #[serde(default)]
    pub url: String,
    /// Headers to send. May hold credentials, so they are never printed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Until when the address works, RFC 3339; a text that is no time is ignored.
    #[serde(default, skip_serializing_if = "super::pack::is_blank")]
    pub expires_at: Option<String>,
}

impl UploadInfo {
    /// The adapter has the bytes already.
    pub fn skip() -> Self {
        Self { method: SKIP_METHOD.to_owned(), ..Self::default() }
    }

    /// The adapter has the bytes already: exactly this spelling.
    pub fn is_skip(&self) -> bool {
        self.method == SKIP_METHOD
    }
}

impl fmt::Debug for UploadInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadInfo({}, {} headers)", self.method, self.headers.len())
    }
}

/// Where to read the bytes of a pack.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadInfo {
    /// HTTP method; empty means `GET`.
    #[serde(default)]
    pub method: String,
    /// Where from. May carry a signature, so it is never printed whole.
    #[serde(default)]
    pub url: String,
    /// Headers to send. May hold credentials, so they are never printed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Until when the address works, RFC 3339; a text that is no time is ignored.
    #[serde(default, skip_serializing_if = "super::pack::is_blank")]
    pub expires_at: Option<String>,
}

impl fmt::Debug for DownloadInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DownloadInfo({}, {} headers)", self.method, self.headers.len())
    }
}
