//! Remotes: places that are neither a registry nor a forge, reached through adapters. An adapter is a small executable that
//! anyone can write; it answers one JSON request per process (remote adapter protocol, version 1).
//!
//! May use `core names error event world http process fs store` and the ports of `publish`. The messages are in
//! [`protocol`], which is pure and also serves whoever writes an adapter.

pub mod protocol;
