//! A GitHub, as far as a publisher meets it: repositories with git tags, releases and drafts, files of releases. Stateful
//! over a directory, so that the jobs of a rehearsal find what the one before left.
//!
//! It models what publishing on GitHub is made difficult by: drafts that only the list shows, look-ups by tag that lag
//! behind, `starter` files that block their name, releases that cannot change any more, tags that are burnt for ever, names
//! that are changed, sizes that are refused, pull requests in pages. Misbehaviour beyond that is a fault plan. Every answer is held to GitHub's own
//! API description by the tests (`tests/it/forge_github`). The API is at `/api/v3`, uploads at `/api/uploads`, as a GitHub
//! Enterprise Server has them.

mod assets;
mod data;
mod options;
mod pulls;
mod refs;
mod refusal;
mod releases;
mod render;
mod service;

use std::sync::Arc;

pub use options::{Lags, Options, Permission, Repository};

use super::api::{Running, start};
use crate::error::Result;

/// Opens the directory, binds, and serves on the current runtime.
pub async fn serve(options: Options) -> Result<Running> {
    let server = options.server.clone();
    let service = tokio::task::spawn_blocking(move || service::GitHub::open(options)).await;
    let service = service.map_err(|error| crate::error::Error::failed("cannot open the forge").because(&error))??;
    start(Arc::new(service), server).await
}
