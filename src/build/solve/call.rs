//! One call from its first line of progress to a checked layout, the same for every tool. An export of a cache that fails
//! costs a second call, never the build.

use crate::build::{BuildCx, cache};
use crate::error::{Error, Result};
use crate::fs;
use crate::plan::{BuildStep, CacheRef, PlannedCache};
use crate::process::{Child, ChildError};

use super::follower::{Follower, Progress};
use super::progress::Tracker;
use super::{Given, Solve, Solved, failure, outcome};

/// What a tool's command line depends on beside the question.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The question.
    pub solve: &'a Solve<'a>,
    /// What was found for it.
    pub given: &'a Given,
    /// Form of progress to ask for.
    pub progress: Progress,
    /// Caches to write: those of the step, without those whose export failed.
    pub exports: &'a [&'a CacheRef],
}

/// Runs the call that `child` describes. `tool` is its name on screens.
pub async fn run(
    cx: &BuildCx,
    solve: &Solve<'_>,
    given: &Given,
    tool: &'static str,
    progress: Progress,
    child: impl Fn(&Attempt<'_>) -> Result<Child>,
) -> Result<Solved> {
    let step = solve.step;
    let mut exports: Vec<&CacheRef> = step.cache.to.iter().collect();
    let mut lost: Vec<(&CacheRef, String)> = Vec::new();
    loop {
        fs::create_dir(&solve.layout)?;
        let child = child(&Attempt { solve, given, progress, exports: &exports })?;
        cx.events.detail(format!("runs {}", child.describe()));
        let mut follower = Follower::new(&step.id, tool, cx.events.clone(), given.redactor.clone(), progress);
        let finished = child.run_lines(&cx.cancel, &mut |line| follower.line(line.text)).await.map_err(|error| interrupted(step, error))?;
        let tracker = follower.tracker();
        if finished.success() {
            let mut solved = outcome::take(step, &given.metadata, &solve.layout, tracker)?;
            solved.bases.extend(given.bases());
            solved.bases.sort();
            solved.bases.dedup();
            let to = exports.into_iter().cloned().collect();
            solved.work = cache::named(solved.work, &PlannedCache { to, ..step.cache.clone() });
            // BuildKit was told to go on without what it cannot write (`ignore-error`).
            for (name, why) in &solved.work.exports {
                if let Some(why) = why {
                    warn(cx, step, name, why, "the image is not affected");
                }
            }
            solved.work.exports.extend(lost.into_iter().map(|(cache, why)| (cache.name.clone(), Some(why))));
            return Ok(solved);
        }
        let Some(why) = failure::of_cache_export(tracker).filter(|_| !exports.is_empty()) else {
            return Err(failure::report(&cx.workspace, step, tracker));
        };
        let (failed, kept): (Vec<&CacheRef>, Vec<&CacheRef>) = exports.iter().partition(|cache| is_of(cache, tracker, &why));
        // When BuildKit does not say which one it was, it is any of them.
        let (failed, kept) = if failed.is_empty() { (kept, failed) } else { (failed, kept) };
        for cache in failed {
            warn(cx, step, &cache.name, &why, "the image is not affected; it is built again from the builder's own cache");
            lost.push((cache, why.clone()));
        }
        exports = kept;
        fs::remove_tree(&solve.layout)?;
    }
}

/// Is it the cache whose export failed?
fn is_of(cache: &CacheRef, tracker: &Tracker, why: &str) -> bool {
    let place = match cache.kind.as_str() {
        "registry" => "exporting cache to registry",
        "local" => "exporting cache to client directory",
        "gha" => "exporting to GitHub Actions Cache",
        "s3" => "exporting cache to Amazon S3",
        _ => return false,
    };
    if let Some(failed) = tracker.failed() {
        return failed.name.starts_with(place);
    }
    // A tool whose connection broke may end without naming the step.
    let host = cache.attributes.get("ref").and_then(|reference| reference.split('/').next());
    host.is_some_and(|host| why.contains(host)) || tracker.said().iter().any(|line| line.trim_start().starts_with(&format!("> {place}")))
}

fn warn(cx: &BuildCx, step: &BuildStep, cache: &str, why: &str, hint: &str) {
    cx.events.warn(format!("build {}: the cache {cache} could not be written: {why}", step.id), Some(hint.to_owned()));
}

/// Why a child did not run to its end.
fn interrupted(step: &BuildStep, error: ChildError) -> Error {
    let timed_out = matches!(error, ChildError::Deadline { .. });
    let error = Error::from(error).context(format!("build {}", step.id));
    if timed_out { error.hint("look for a step that waits for input or for the network") } else { error }
}
