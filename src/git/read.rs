//! Asking the `git` binary. Every question is one short-lived child with a fixed argument vector: no prompts, no
//! hooks, no fsmonitor, English messages, and no refusal because the checkout belongs to another user, as it does in
//! most CI containers.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::distance::Distances;
use super::{GitFacts, ReachableTag};
use crate::core::Timestamp;
use crate::error::{Error, Result};
use crate::process::{Child, ChildError, Finished, StreamName};

/// More tags than any repository we know of; beyond this somebody means harm.
const MAX_TAGS: usize = 200_000;

/// The facts of the repository that contains `directory`. `git` is the child to ask, without arguments: it carries
/// the environment and the redaction of the run.
///
/// # Errors
/// Kind `Missing` when git is not installed, when `directory` is in no repository, and when that has no commit.
pub async fn read(git: &Child, directory: &Path, cancel: &CancellationToken) -> Result<GitFacts> {
    let git = Git { child: prepared(git, directory), directory, cancel };
    let shallow = git.shallow().await?;
    let (head, commit_time) = git.head().await?;
    let (branch, dirty, remote, tags) = tokio::join!(git.branch(), git.dirty(), git.remote(), git.tags(&head));
    Ok(GitFacts { head, branch: branch?, commit_time, dirty: dirty?, shallow, tags: tags?, remote: remote? })
}

struct Git<'a> {
    child: Child,
    directory: &'a Path,
    cancel: &'a CancellationToken,
}

pub(super) fn prepared(git: &Child, directory: &Path) -> Child {
    let settings =
        ["safe.directory=*", "core.fsmonitor=false", "core.hooksPath=/dev/null", "log.showSignature=false", "core.quotePath=false"];
    let mut child = git.clone().cwd(directory).env("LC_ALL", "C").env("LANG", "C").env("GIT_TERMINAL_PROMPT", "0");
    for setting in settings {
        child = child.args(["-c", setting]);
    }
    child.arg("--no-optional-locks").arg("--no-pager")
}

impl Git<'_> {
    async fn ask(&self, args: &[&str]) -> Result<Finished> {
        self.child.clone().args(args.iter().copied()).run(self.cancel).await.map_err(not_run)
    }

    /// Output of a question that must have an answer.
    async fn answer(&self, doing: &str, args: &[&str]) -> Result<String> {
        let finished = self.ask(args).await?;
        if finished.success() { Ok(finished.stdout) } else { Err(self.failed(doing, &finished)) }
    }

    fn failed(&self, doing: &str, finished: &Finished) -> Error {
        Error::failed(format!("cannot {doing} in {}: git ended with {}", self.directory.display(), finished.status))
            .note(finished.tail(3))
            .hint("run `git status` and `git fsck` there; git's own message is above")
    }

    async fn shallow(&self) -> Result<bool> {
        let finished = self.ask(&["rev-parse", "--is-shallow-repository"]).await?;
        if finished.success() {
            return Ok(finished.stdout.trim() == "true");
        }
        if finished.stderr.contains("not a git repository") {
            return Err(Error::missing(format!("{} is in no git repository", self.directory.display()))
                .hint("run this in a clone, or name one with --directory; commit and version come from git"));
        }
        if finished.stderr.contains("dubious ownership") {
            return Err(Error::missing(format!("git refuses {}, which belongs to another user", self.directory.display()))
                .hint("git config --global --add safe.directory '*'"));
        }
        Err(self.failed("read the repository", &finished))
    }

    async fn head(&self) -> Result<(String, Timestamp)> {
        let finished = self.ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await?;
        if !finished.success() {
            return Err(Error::missing(format!("the repository at {} has no commit yet", self.directory.display()))
                .hint("commit something first: images are stamped with the commit and its time"));
        }
        let text = self.answer("read the commit", &["log", "-1", "--format=%H %ct", "HEAD"]).await?;
        let parsed = text.trim().split_once(' ').and_then(|(id, time)| Some((id.to_owned(), time.parse().ok()?)));
        let (id, time) = parsed.ok_or_else(|| Error::failed("cannot read the commit: git printed something else than an id and a time"))?;
        Ok((id, Timestamp::from_unix(time)))
    }

    async fn branch(&self) -> Result<Option<String>> {
        // Exit code 1 says that HEAD is detached.
        let finished = self.ask(&["symbolic-ref", "--quiet", "HEAD"]).await?;
        Ok(finished.stdout.trim().strip_prefix("refs/heads/").map(str::to_owned).filter(|_| finished.success()))
    }

    async fn dirty(&self) -> Result<bool> {
        let args = ["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty"];
        Ok(!self.answer("compare the files with the commit", &args).await?.trim().is_empty())
    }

    async fn remote(&self) -> Result<Option<String>> {
        // Not `remote get-url`: insteadOf rules may put a token into the address.
        let finished = self.ask(&["config", "--get", "remote.origin.url"]).await?;
        Ok(finished.success().then(|| without_user(finished.stdout.trim())).filter(|url| !url.is_empty()))
    }

    /// Tags on the history of HEAD with their exact distance, nearest first, then by name.
    async fn tags(&self, head: &str) -> Result<Vec<ReachableTag>> {
        let format = "--format=%(refname) %(objecttype) %(objectname) %(*objecttype) %(*objectname)";
        let text = self.answer("list the tags", &["for-each-ref", "--merged=HEAD", format, "refs/tags"]).await?;
        let mut found: Vec<(String, String)> = text.lines().filter_map(tag_line).collect();
        if found.len() > MAX_TAGS {
            return Err(Error::failed(format!("the repository has {} tags, more than the {MAX_TAGS} that are read", found.len())));
        }
        let elsewhere = found.iter().any(|(_, commit)| commit != head);
        let distances =
            if elsewhere { self.distances(found.iter().map(|(_, commit)| commit.as_str())).await? } else { Distances::default() };
        let mut tags: Vec<ReachableTag> = found
            .drain(..)
            .map(|(name, commit)| {
                let distance = if commit == head { 0 } else { distances.of(&commit) };
                ReachableTag { name, distance }
            })
            .collect();
        tags.sort_by(|a, b| (a.distance, &a.name).cmp(&(b.distance, &b.name)));
        Ok(tags)
    }

    /// One walk over the history, whatever the number of tags.
    async fn distances<'t>(&self, commits: impl Iterator<Item = &'t str>) -> Result<Distances> {
        let mut walk = super::distance::Walk::towards(commits);
        let mut on_line = |line: crate::process::Line<'_>| {
            if line.stream == StreamName::Stdout {
                walk.line(line.text);
            }
        };
        let child = self.child.clone().args(["rev-list", "--topo-order", "--parents", "HEAD"]);
        let finished = child.run_lines(self.cancel, &mut on_line).await.map_err(not_run)?;
        if finished.success() { Ok(walk.finish()) } else { Err(self.failed("walk the history", &finished)) }
    }
}

pub(super) fn not_run(error: ChildError) -> Error {
    let missing = matches!(error, ChildError::NotFound(_));
    let error = Error::from(error).context("cannot read the git repository");
    if missing { error.hint("install git, or use the stagefreight image, which brings it") } else { error }
}

/// Name and commit of a tag. Annotated tags are peeled once, as git does for the `*` fields; tags of trees and blobs
/// name no commit.
fn tag_line(line: &str) -> Option<(String, String)> {
    let mut fields = line.split(' ');
    let name = fields.next()?.strip_prefix("refs/tags/")?.to_owned();
    let (kind, id, inner_kind, inner) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let commit = match (kind, inner_kind) {
        ("commit", _) => id,
        ("tag", "commit") => inner,
        _ => return None,
    };
    Some((name, commit.to_owned()))
}

/// An address without user information. `git@host:path` names no secret and stays.
pub(super) fn without_user(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
