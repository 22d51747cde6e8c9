//! What an adapter is made of: reading the request, dispatching it, answering in form, and keeping releases anywhere that
//! can hold bytes under names.
//!
//! Two ways in. [`Adapter`] has one method per command and is all a program needs that talks to a service with releases of
//! its own. A place that merely stores bytes implements [`Shelf`], and [`Releases`] makes an adapter of it: idempotent
//! finalize, immutable versions, pulls by digest, id, version and latest. [`run`] is the rest of `main`.

#![expect(clippy::result_large_err, reason = "what the host is told ends the process; one is made in its life")]

#[expect(clippy::module_inception, reason = "the trait the room is named after")]
mod adapter;
mod draft;
mod hermetic;
mod record;
mod releases;
mod runs;
mod serve;
mod settings;
mod shelf;

pub use adapter::{About, Adapter, Asked};
pub use hermetic::Hermetic;
pub use record::{Kept, Record};
pub use releases::Releases;
pub use serve::run;
pub use settings::Settings;
pub use shelf::{Backend, Piece, Run, Shelf};

/// What every command of an adapter ends with: an answer, or what the host is told instead.
pub type Result<T> = std::result::Result<T, super::protocol::ErrorInfo>;
