//! Backends, builders and spawned daemons, on real daemons and on sockets that only look like ones.

mod builders;
mod commands;
pub mod place;
mod resolution;
