//! Commits and tags' own words, for release notes.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::read::{not_run, prepared};
use crate::error::{Error, Result};
use crate::process::Child;

/// Commits that are read at most; notes name far fewer.
pub const MOST_COMMITS: usize = 2_000;

/// A commit as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Full id.
    pub id: String,
    /// Author's name. Never the address.
    pub author: String,
    /// First line.
    pub subject: String,
    /// The rest.
    pub body: String,
}

/// Commits of HEAD that `since` (a tag or commit) does not reach, newest first, without merges; all of them without
/// `since`. At most [`MOST_COMMITS`].
pub async fn commits(git: &Child, directory: &Path, since: Option<&str>, cancel: &CancellationToken) -> Result<Vec<Commit>> {
    listed(git, directory, since, "--no-merges", cancel).await
}

/// The same with merges.
pub async fn all_commits(git: &Child, directory: &Path, since: Option<&str>, cancel: &CancellationToken) -> Result<Vec<Commit>> {
    listed(git, directory, since, "--min-parents=0", cancel).await
}

async fn listed(git: &Child, directory: &Path, since: Option<&str>, which: &str, cancel: &CancellationToken) -> Result<Vec<Commit>> {
    let range = since.map_or_else(|| "HEAD".to_owned(), |since| format!("{since}..HEAD"));
    let count = format!("--max-count={MOST_COMMITS}");
    let args = ["log", which, &count, "--format=%H%x1f%an%x1f%s%x1f%b%x1e", "--end-of-options", &range, "--"];
    let finished = prepared(git, directory).args(args).run(cancel).await.map_err(not_run)?;
    if !finished.success() {
        return Err(Error::missing(format!("cannot read the commits of {range}: git ended with {}", finished.status))
            .note(finished.tail(3))
            .hint("fetch the whole history: `fetch-depth: 0`, or GIT_DEPTH: 0"));
    }
    Ok(finished.stdout.split('\u{1e}').filter_map(commit).collect())
}

fn commit(record: &str) -> Option<Commit> {
    let mut parts = record.trim_start_matches('\n').splitn(4, '\u{1f}');
    let (id, author, subject) = (parts.next()?, parts.next()?, parts.next()?);
    let body = parts.next().unwrap_or_default();
    Some(Commit { id: id.to_owned(), author: author.to_owned(), subject: subject.to_owned(), body: body.trim().to_owned() })
}

/// The message of an annotated tag, without a signature; `None` for a lightweight tag.
pub async fn tag_message(git: &Child, directory: &Path, tag: &str, cancel: &CancellationToken) -> Result<Option<String>> {
    let reference = format!("refs/tags/{tag}");
    let args = ["for-each-ref", "--format=%(objecttype)%0a%(contents:subject)%0a%0a%(contents:body)", &reference];
    let finished = prepared(git, directory).args(args).run(cancel).await.map_err(not_run)?;
    let Some((kind, message)) = finished.stdout.split_once('\n') else { return Ok(None) };
    Ok((finished.success() && kind.trim() == "tag").then(|| message.trim().to_owned()).filter(|message| !message.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let found = commit("\nabc\u{1f}Ann\u{1f}fix: it\u{1f}more\nlines\n").expect("a commit");
        assert_eq!(
            (found.id.as_str(), found.author.as_str(), found.subject.as_str(), found.body.as_str()),
            ("abc", "Ann", "fix: it", "more\nlines")
        );
        assert!(commit("\n").is_none());
    }
}
