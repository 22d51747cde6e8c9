//! Remote adapter protocol, version 1: commands, messages, envelope, errors and limits as values. Pure: no I/O, no clock.
//! Used by the host, by the adapter SDK and by the conformance suite, so every message can be written and read.
//!
//! The same version number covers two generations of adapters, which only the names of some fields tell apart. What we send
//! carries both spellings; what we receive is read in either. Unknown fields are passed over, `null` counts as absent,
//! repeated keys are refused. Fields of our own are marked *additive*: adapters that do not know them ignore them.

mod answer;
mod auth;
mod capabilities;
mod command;
mod error;
mod json;
pub mod limits;
mod pack;
mod pull;
mod push;
mod release;
mod request;
mod runs;
mod sidecar;
mod target;
mod transfer;

pub use answer::{Answer, AnswerError, Checked, read_answer, read_capabilities, write_failure, write_success};
pub use auth::{LoginInstructions, LoginRequest, LoginResponse, WhoamiIdentity, WhoamiRequest, WhoamiResponse};
pub use capabilities::{AuthMode, Capabilities, CapabilityAuth, CapabilityFeatures, CapabilityLimits, REMOTE_ADAPTER};
pub use command::{CAPABILITIES, Command, ERROR_TYPE, PROTOCOL_VERSION, VERSION};
pub use error::{ActionHint, ErrorCode, ErrorInfo};
pub use json::{DocumentError, read_document};
pub use pack::{FinalizePack, PackInfo, PackMetadata, PackRef};
pub use pull::{PullFinalizeRequest, PullFinalizeResponse, PullPrepareRequest, PullPrepareResponse};
pub use push::{FinalizeRequest, FinalizeResponse, PrepareRequest, PrepareResponse};
pub use release::{ReleaseInfo, ReleaseResult, SourceInfo};
pub use request::{Incoming, Message, RequestError, write_request};
pub use runs::{FailedOutput, RunInfo, RunStatus, RunSyncItem, RunsSyncRequest, RunsSyncResponse};
pub use sidecar::{Sidecar, SidecarRole};
pub use target::{AuthHints, TargetConfig};
pub use transfer::{DownloadInfo, SKIP_METHOD, UploadInfo};

/// What the config says to an adapter beyond the protocol: bucket, region, prefix and the like (*additive*, key `config`
/// of every request). The adapter decides what its keys mean.
pub type AdapterConfig = serde_json::Map<String, serde_json::Value>;
