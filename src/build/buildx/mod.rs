//! Builds with BuildKit by driving buildx: `docker buildx` or the standalone `buildx`, as a child with an argument
//! vector and a private configuration, never through a shell and never touching the user's buildx state.
//!
//! One build is: a private session (`session`), a copy of the Dockerfile whose ignore file keeps `.stagefreight/` out
//! (`context`), a deterministic argument vector (`argv`), progress turned into events (`progress`), and either a
//! checked OCI layout (`outcome`) or an error that fits on one screen (`failure`).

mod argv;
mod builder;
mod context;
mod failure;
mod outcome;
mod plain;
mod progress;
mod rawjson;

pub use builder::Buildx;
