//! Records of pushes and pulls: what was sent or brought, by which adapter, and what came of it. A push is written down
//! before anything is sent and completed afterwards, so that no crash loses a release that was made.

mod pull;
mod push;
mod store;

pub use pull::{PullReceipt, PulledPack};
pub use push::{
    AdapterReceipt, PackReceipt, PushReceipt, PushStatus, ReleaseReceipt, RunsReceipt, SentReceipt, SidecarReceipt, TargetReceipt, Timings,
    UploadReceipt,
};
pub use store::{AnyReceipt, Direction, Found, Receipts, parse};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the form of receipts.
pub const RECEIPT_VERSION: u32 = 1;

/// Who wrote a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientReceipt {
    /// Version of this program.
    pub stagefreight_version: String,
    /// `linux`.
    pub os: String,
    /// `amd64`.
    pub arch: String,
}

impl ClientReceipt {
    /// This program on this machine.
    pub fn ours() -> Self {
        let platform = crate::core::Platform::host().to_string();
        let mut parts = platform.split('/');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        Self { stagefreight_version: env!("CARGO_PKG_VERSION").to_owned(), os: next(), arch: next() }
    }
}
