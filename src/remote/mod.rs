//! Remotes: places that are neither a registry nor a forge, reached through adapters. An adapter is a small executable that
//! anyone can write; it answers one JSON request per process (remote adapter protocol, version 1).
//!
//! May use `core names error event world http process fs store` and the ports of `publish`. The messages are in
//! [`protocol`], which is pure and also serves whoever writes an adapter. What a remote is, the config says
//! (`core::RemoteSettings`); which adapter may run for it, the lockfile ([`lock`]); what was pushed and pulled, the receipts
//! ([`receipt`]). Adapters are strangers: they run as verified copies ([`verified`]), see no secret that is not named for
//! them ([`executor`]), and decide neither where bytes go ([`transfer`]) nor what counts as done.

pub mod adapter;
mod auth;
pub mod conformance;
mod executor;
mod failure;
mod handle;
mod host;
pub mod lock;
mod naming;
mod pinning;
pub mod protocol;
pub mod pull;
pub mod push;
pub mod receipt;
mod resolve;
mod runs;
mod source;
mod target;
mod transfer;
mod verified;

pub use auth::{Identity, Instructions};
pub use executor::{Ask, Executor, Pace, managed_dir};
pub use failure::{Failure, FailureKind};
pub use handle::Remote;
pub use host::Host;
pub use naming::{ADAPTER_PREFIX, file_name, is_name, is_secret_name, printable};
pub use pinning::{AdapterState, AdapterStatus, Pinned, Pinner, states};
pub use resolve::{Located, Policy, by_name, install_path, locate, search_path};
pub use source::{AdapterSource, UrlSource};
pub use target::RemoteTarget;
pub use transfer::{Pack, Place, Rules, Transfer};
pub use verified::{Stamp, VerifiedAdapter, digest_of, digest_of_file};
