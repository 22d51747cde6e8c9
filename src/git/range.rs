//! What a release brings: its commits, merges included.

use std::collections::HashSet;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::read::{not_run, prepared};
use crate::core::Timestamp;
use crate::error::{Error, Result};
use crate::process::Child;

/// Commits that are read at most.
const MOST: usize = 20_000;

/// Commits that one name reaches and another does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Their full ids.
    pub commits: HashSet<String>,
    /// When the commit they begin after was committed; `None` without one.
    pub since: Option<Timestamp>,
}

/// Commits of HEAD that `since` (a tag or commit) does not reach; all of them without it.
pub async fn range(git: &Child, directory: &Path, since: Option<&str>, cancel: &CancellationToken) -> Result<Range> {
    let named = since.map_or_else(|| "HEAD".to_owned(), |since| format!("{since}..HEAD"));
    let count = format!("--max-count={MOST}");
    let listed =
        prepared(git, directory).args(["rev-list", &count, "--end-of-options", &named, "--"]).run(cancel).await.map_err(not_run)?;
    if !listed.success() {
        return Err(Error::missing(format!("cannot read the commits of {named}: git ended with {}", listed.status))
            .note(listed.tail(3))
            .hint("fetch the whole history: `fetch-depth: 0`, or GIT_DEPTH: 0"));
    }
    let commits = listed.stdout.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    let since = match since {
        Some(since) => {
            let of = format!("{since}^{{commit}}");
            let args = ["log", "-1", "--format=%cI", "--end-of-options", &of, "--"];
            let told = prepared(git, directory).args(args).run(cancel).await.map_err(not_run)?;
            Timestamp::parse(told.stdout.trim()).ok()
        }
        None => None,
    };
    Ok(Range { commits, since })
}
