//! What is known of a repository before its first commit.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::read::{not_run, prepared, without_user};
use crate::error::Result;
use crate::process::{Child, Finished};

/// A repository, perhaps without a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// It has a commit.
    pub commits: bool,
    /// Clone address of `origin`, without credentials.
    pub remote: Option<String>,
}

/// The repository `directory` is in; `None` outside of any.
///
/// # Errors
/// When git cannot be run.
pub async fn origin(git: &Child, directory: &Path, cancel: &CancellationToken) -> Result<Option<Origin>> {
    let git = prepared(git, directory);
    let inside = ask(&git, &["rev-parse", "--git-dir"], cancel).await?;
    if !inside.success() {
        return Ok(None);
    }
    let head = ask(&git, &["rev-parse", "--verify", "--quiet", "HEAD"], cancel).await?;
    let remote = ask(&git, &["config", "--get", "remote.origin.url"], cancel).await?;
    let address = without_user(remote.stdout.trim());
    Ok(Some(Origin { commits: head.success(), remote: (remote.success() && !address.is_empty()).then_some(address) }))
}

async fn ask(git: &Child, args: &[&str], cancel: &CancellationToken) -> Result<Finished> {
    git.clone().args(args.iter().copied()).run(cancel).await.map_err(not_run)
}
