//! The repository of the workspace as somebody who knows which commit came first: the implementation of `publish`'s
//! port. Publish works without one.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::session::Session;
use crate::core::{Ancestry, BoxFuture};
use crate::git;
use crate::process::Child;
use crate::publish::Lineage;

/// Asks the `git` binary about the workspace.
pub struct GitLineage {
    child: Child,
    directory: PathBuf,
}

impl GitLineage {
    /// Of the workspace of this run.
    pub fn new(session: &Session) -> Self {
        Self { child: Child::new(&session.world, "git"), directory: session.directory.clone() }
    }
}

impl Lineage for GitLineage {
    fn compare<'a>(&'a self, ours: &'a str, theirs: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Option<Ancestry>> {
        Box::pin(git::ancestry(&self.child, &self.directory, ours, theirs, cancel))
    }
}
