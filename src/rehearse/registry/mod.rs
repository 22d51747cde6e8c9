//! An OCI distribution server, specification 1.1, over a directory: a real registry for local work and rehearsal.
//!
//! A request goes through `server` (connections), `service` (faults, log, access), `route` (which endpoint) and one of
//! the four workflows `pull`, `push`, `discovery`, `management`; `storage` is all they know of the disk. What each
//! endpoint promises, and the test that holds it to it, is the table of `docs/embedded-registry.md`.

mod access;
mod body;
mod discovery;
mod log;
mod management;
mod options;
mod pull;
mod push;
mod put_manifest;
mod range;
mod refusal;
mod route;
mod server;
mod service;
mod storage;

pub(in crate::rehearse) use body::Body;
pub use log::{Logged, Observer, Phase, RequestLog, RequestSeen};
pub use options::{Auth, Limits, Login, Options};
pub use route::{EndId, Route};
pub use server::{Running, Server};
