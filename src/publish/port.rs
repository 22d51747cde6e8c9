//! The two ports of publishing (design: "Publishing: the heart") and the values that cross them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::overrides::Overrides;
use crate::core::{Ancestry, BoxFuture, Digest};
use crate::error::Kind;
use crate::event::Events;
use crate::manifest::Destination;

/// What every port method gets.
#[derive(Debug, Clone)]
pub struct Cx {
    /// Ends the run early; steps stop at the next await.
    pub cancel: CancellationToken,
    /// Where progress goes.
    pub events: Events,
    /// What the user decided for single destinations.
    pub overrides: Arc<Overrides>,
    /// The order of commits, where a repository is present.
    pub lineage: Option<Arc<dyn Lineage>>,
    /// Steps that earlier runs completed and read back, as the journal remembers. A step that finds all its names in
    /// place may believe it and ask no further; an empty set makes it look at everything.
    pub completed: Arc<BTreeSet<String>>,
}

/// Somebody who knows which commit came first.
pub trait Lineage: Send + Sync {
    /// How our commit stands to theirs; `None` when that is not known.
    fn compare<'a>(&'a self, ours: &'a str, theirs: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Option<Ancestry>>;
}

impl fmt::Debug for dyn Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lineage")
    }
}

/// How thoroughly a target is asked before anything is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inquiry {
    /// Is it there, and does it accept us? Writes nothing.
    Login,
    /// May we write? Begins something and gives it up at once, where asking is not enough.
    Write,
}

/// An artifact that review approved, with the destinations it must reach at one target.
#[derive(Debug, Clone)]
pub struct ApprovedArtifact {
    /// `docker:app`.
    pub id: String,
    /// Digest of the root these destinations get.
    pub digest: Digest,
    /// Its bytes.
    pub content: Content,
    /// Version of the artifact, for tags that only move forward.
    pub version: String,
    /// Commit the artifact was made from.
    pub revision: String,
    /// Destinations at this target, in the order of the plan.
    pub destinations: Vec<Destination>,
}

/// The bytes of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An image.
    Image(Image),
    /// A program or an archive.
    File(File),
}

/// Where an image lies, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The OCI layout: the artifact's in the content store, or one of what was derived from it.
    pub layout: PathBuf,
    /// What refers to it and goes where it goes (signatures, attestations, SBOMs), in the same layout, approved with it;
    /// subjects before what refers to them.
    pub referrers: Vec<Digest>,
    /// Attestations that go under tags of their own, each with the manifest of its statements, in the same layout and
    /// approved with it.
    pub attestation_tags: Vec<(String, Digest)>,
}

/// Where a built file lies. It was hashed when publish began, or is while it is sent ([`Target::hashes_what_it_sends`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The file, below `.stagefreight/dist`.
    pub path: PathBuf,
    /// Its name there, without directories.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// A place the config names. Checks itself before anything is built; turns one approved artifact into steps afterwards.
pub trait Target: Send + Sync {
    /// Its unique name.
    fn name(&self) -> &str;
    /// It hashes files while it sends them, and sends none to its end that is not what was approved: large ones need not be
    /// read before.
    fn hashes_what_it_sends(&self) -> bool {
        false
    }
    /// Checks credentials, permissions and limits. Leaves nothing behind.
    fn preflight<'a>(&'a self, cx: &'a Cx, inquiry: Inquiry) -> BoxFuture<'a, Preflight>;
    /// The steps that make `artifact` be at its destinations here. Step names are unique in the run.
    fn bind(&self, artifact: &ApprovedArtifact) -> Vec<Box<dyn Step>>;
    /// The steps of everything that goes here in this run. `own` are the destinations that hold no artifact themselves:
    /// a release beside its assets. A target whose steps span artifacts says them here; by itself, each artifact is bound
    /// alone.
    fn bind_all(&self, artifacts: &[ApprovedArtifact], own: &[Destination]) -> Vec<Box<dyn Step>> {
        debug_assert!(own.is_empty(), "a target with destinations of its own says which steps complete them");
        artifacts.iter().flat_map(|artifact| self.bind(artifact)).collect()
    }
    /// What a destination holds, read without having the bytes: for `status`, `verify`, and for perform, which adopts
    /// what an immutable destination already holds of our revision. `Depth::Closure` also asks for everything the
    /// bytes lead to. Never writes.
    fn read<'a>(&'a self, cx: &'a Cx, destination: &'a Destination, depth: Depth) -> BoxFuture<'a, Result<Reading, PlaceError>>;
    /// Brings the bytes of `digest` from where `destination` is into a new OCI layout at `into`, every digest checked.
    fn fetch<'a>(
        &'a self,
        cx: &'a Cx,
        destination: &'a Destination,
        digest: &'a Digest,
        into: &'a Path,
    ) -> BoxFuture<'a, Result<(), PlaceError>>;
}

/// How much of a destination is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Its digest.
    Name,
    /// Its digest, and the revision and version its config tells.
    About,
    /// Everything reachable from it is there.
    Closure,
}

/// What a destination holds. All absent: nothing is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Digest of what is there; `None` when nothing is.
    pub digest: Option<Digest>,
    /// Revision label of what is there.
    pub revision: Option<String>,
    /// Version label of what is there.
    pub version: Option<String>,
    /// When it was made, as its config tells.
    pub created: Option<String>,
    /// What should be reachable from it and is not, for people; only with `Depth::Closure`.
    pub missing: Option<String>,
    /// Why it cannot be read by us, ever: a sentence. Nothing else is known then.
    pub hidden: Option<String>,
}

/// What a preflight found. No problems means publishing can begin.
#[derive(Debug, Clone, Default)]
pub struct Preflight {
    /// What would make publishing fail.
    pub problems: Vec<Problem>,
    /// What was checked, for `-v`: "may push to ghcr.io/acme/app".
    pub checked: Vec<String>,
    /// What does not stop publishing and is good to know: a repository that does not exist yet, a rate that runs out.
    pub remarks: Vec<String>,
}

/// One reason publishing would fail.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Decides the exit code: `Missing` for credentials, `Failed` for an unreachable host.
    pub kind: Kind,
    /// The sentence.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// When a step may run, relative to others. Earlier stages of everything a step needs come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Blobs, manifests by digest, draft assets, package files.
    Bytes,
    /// Signatures, attestations, SBOMs, after their subject.
    Evidence,
    /// Immutable names: version tags.
    Names,
    /// Drafts become visible.
    Visible,
    /// Names that move: `latest`, `1`, `1.2`.
    Moving,
}

/// Unique name of a step, `bytes:ghcr.io/acme/app@sha256:…` or `tag:ghcr.io/acme/app:1.2.3`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct StepName(pub String);

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing that must become true: a blob set, a tag, a draft, an asset, a visible release.
pub trait Step: Send + Sync {
    /// Its unique name.
    fn name(&self) -> &StepName;
    /// When it may run.
    fn stage(&self) -> Stage;
    /// Steps that must be complete before this one may start.
    fn needs(&self) -> &[StepName];
    /// The destination this step completes, when it completes one; internal steps have none.
    fn destination(&self) -> Option<&str>;
    /// What is there now. Never writes.
    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation>;
    /// Makes it so, given what was found. Called for `Absent` and `Partial`, and for `Diverged` when the step may move it.
    fn place<'a>(&'a self, cx: &'a Cx, found: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>>;
    /// Reads back what was placed.
    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>>;
}

/// What is at a destination now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Nothing.
    Absent,
    /// Part of it; `place` completes it.
    Partial {
        /// What is missing, for people.
        missing: String,
    },
    /// Exactly our bytes.
    Complete {
        /// Digest found there, where the destination has one.
        digest: Option<Digest>,
    },
    /// Something else.
    Diverged {
        /// What is there.
        found: String,
        /// When it was made and from which revision, when the destination tells.
        about: Option<String>,
        /// The step's policy lets it replace this (a moving tag that would go forward).
        may_move: bool,
        /// Why it may or may not be replaced.
        why: String,
        /// It does not tell enough to decide whether ours is further on.
        unjudged: bool,
    },
    /// A name that only moves forward, and already stands further on than our bytes: it is right as it is.
    Superseded {
        /// What is there.
        found: String,
        /// Why it is further on.
        why: String,
    },
    /// It could not be read.
    Unknown(PlaceError),
    /// This kind of destination cannot be read at all.
    Unobservable,
}

/// What placing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placed {
    /// Digest that is there now.
    pub digest: Option<Digest>,
    /// Bytes that were sent.
    pub sent: u64,
    /// Bytes that were already there and needed no sending.
    pub reused: u64,
    /// Requests that changed something.
    pub writes: u64,
    /// What a moving name pointed at before.
    pub moved_from: Option<String>,
}

/// What reading back saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Digest found.
    pub digest: Option<Digest>,
    /// How it was read: `registry-api`.
    pub by: String,
}

/// Why placing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceErrorKind {
    /// Credentials are missing or were refused.
    Credentials,
    /// It holds something else.
    Conflict,
    /// The other side was not reachable or answered with a server error; running again may help.
    Unavailable,
    /// The other side refused for good: too large, forbidden name, wrong bytes.
    Rejected,
    /// It is not known whether the write happened and it could not be settled by reading.
    Ambiguous,
    /// Our own bytes are missing or damaged.
    Source,
    /// The run was interrupted.
    Interrupted,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PlaceError {
    /// What sort.
    pub kind: PlaceErrorKind,
    /// The sentence, with a safe URL, never a body.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Why reading back did not confirm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It could not be read.
    #[error("could not be read back: {0}")]
    Unreadable(PlaceError),
    /// It holds something else than was placed.
    #[error("holds {found} after {expected} was placed")]
    Mismatch {
        /// What was placed.
        expected: String,
        /// What is there.
        found: String,
    },
}
