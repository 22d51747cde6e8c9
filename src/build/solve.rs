//! One call of BuildKit. A build is one or several: one for all platforms where a single node serves them, else one per
//! node, whose results are merged. Implemented by `buildx` and `buildctl`.
//!
//! What both need lies here. Before the call (`given`): a copy of the Dockerfile whose ignore file keeps
//! `.stagefreight/` out (`context`), secrets (`secrets`), directories and images by name (`contexts`), and a docker
//! config with the credentials of the registries the build reads (`auth`). During it (`call`): progress turned into
//! events (`follower`, `progress`). After it: a checked OCI layout (`outcome`), or an error that fits on one screen
//! (`failure`).

mod auth;
mod call;
mod context;
mod contexts;
pub(in crate::build) mod csv;
mod detail;
mod failure;
mod follower;
mod given;
mod layers;
mod outcome;
mod plain;
mod progress;
mod rawjson;
mod secrets;
#[cfg(test)]
pub(in crate::build) mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::lifecycle::Node;
use super::port::BuildCx;
use crate::core::{BoxFuture, Digest};
use crate::error::{Error, Result};
use crate::plan::BuildStep;

pub(in crate::build) use call::{Attempt, run};
pub(in crate::build) use contexts::NamedContext;
pub(in crate::build) use follower::Progress;
pub(in crate::build) use given::{Given, cache_flag};

pub use layers::{LayerEvent, layer_events};
pub use secrets::check_secrets;

/// A build that takes longer hangs.
pub(in crate::build) const DEADLINE: Duration = Duration::from_secs(2 * 3600);

/// What one call is asked.
#[derive(Debug)]
pub struct Solve<'a> {
    /// The step of the plan.
    pub step: &'a BuildStep,
    /// The platforms of it to build now, at least one.
    pub platforms: &'a [String],
    /// Who builds.
    pub node: &'a Node,
    /// `build:<id>` contexts of the step, resolved: context name → where the layout of that build is, and its root.
    pub contexts: &'a BTreeMap<String, (PathBuf, Digest)>,
    /// Where the OCI layout goes; does not exist yet.
    pub layout: PathBuf,
}

/// What came out of it.
#[derive(Debug, Clone)]
pub struct Solved {
    /// Root in the layout: a manifest, or an index for several platforms or with attestations.
    pub digest: Digest,
    /// The OCI layout.
    pub layout: PathBuf,
    /// Base images by reference and the digest they resolved to.
    pub bases: Vec<(String, String)>,
    /// Steps and caches, for the report.
    pub work: Work,
}

/// How much was done and how much was found in a cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// Steps of the Dockerfile that were run or found, without BuildKit's own chores.
    pub steps: Vec<WorkStep>,
    /// Caches that were read: name and whether BuildKit found it.
    pub imports: Vec<(String, bool)>,
    /// Caches that were written: name, and why not when that failed.
    pub exports: Vec<(String, Option<String>)>,
}

/// One step of a Dockerfile on one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkStep {
    /// As BuildKit names it, `[linux/amd64 build 2/4] RUN make`, redacted.
    pub name: String,
    /// How long it ran; `None` when it was found in a cache.
    pub ran: Option<Duration>,
}

impl Work {
    /// Steps found in a cache.
    pub fn cached(&self) -> usize {
        self.steps.iter().filter(|step| step.ran.is_none()).count()
    }

    /// Puts the work of another call of the same build beside it.
    pub fn add(&mut self, other: Self) {
        self.steps.extend(other.steps);
        self.imports.extend(other.imports);
        self.exports.extend(other.exports);
    }
}

/// Builds.
pub trait Solver: Send + Sync {
    /// Runs one call to its end.
    fn solve<'a>(&'a self, cx: &'a BuildCx, solve: &'a Solve<'a>) -> BoxFuture<'a, Result<Solved>>;
}

/// The mode of the provenance attestation a step asks for.
pub(in crate::build) fn provenance(step: &BuildStep) -> Result<Option<&'static str>> {
    match step.provenance.as_deref() {
        None | Some("false") => Ok(None),
        Some("min") => Ok(Some("mode=min")),
        Some("max") => Ok(Some("mode=max")),
        Some(other) => Err(Error::usage(format!("build {}: provenance `{other}` is not known", step.id)).hint("use false, min or max")),
    }
}
