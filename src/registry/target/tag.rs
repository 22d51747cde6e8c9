//! The step that gives bytes a name, and the policy of names.

use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::forward::{self, Facts, Move};
use crate::core::{BoxFuture, Digest};
use crate::manifest::Destination;
use crate::publish::{Cx, Observation, PlaceError, PlaceErrorKind, Placed, Stage, Step, StepName, Verified, VerifyError};
use crate::registry::about::About;
use crate::registry::client::Access;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::store::Layout;

/// How destinations here are read back (`observed_by`).
pub(super) const READ_BY: &str = "registry-api";

/// A tag is written at most this often when each time the answer is lost and the tag turns out unchanged.
const MAX_WRITES: u64 = 3;

/// Version tags that are looked at to find out what an image without labels is: the newest, so many at a time.
const MAX_VERSION_TAGS: usize = 64;
const QUESTIONS_AT_A_TIME: usize = 4;

/// Tags whose policy lets them move are placed after those that stand for ever.
pub(super) fn moves(destination: &Destination) -> bool {
    matches!(destination.policy.as_str(), "forward" | "any")
}

pub(super) fn step_name(destination: &Destination) -> StepName {
    StepName(format!("tag:{}", destination.name))
}

/// What a tag was found to hold.
type Answer<'a> = Result<(&'a str, Option<Digest>), RegistryError>;

pub(super) struct TagStep {
    shared: Shared,
    destination: Destination,
    name: StepName,
    needs: Vec<StepName>,
}

impl TagStep {
    pub(super) fn new(shared: Shared, destination: Destination, needs: Vec<StepName>) -> Self {
        Self { name: step_name(&destination), shared, destination, needs }
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, RegistryError> {
        let Shared { client, path, artifact, looks, .. } = &self.shared;
        let cancel = &cx.cancel;
        let tag = &self.destination.tag;
        let held = match looks.take(tag) {
            Some(seen) => Some(seen),
            None => client.head_manifest(path, tag, Access::Push, cancel).await?,
        };
        let Some(held) = held else { return Ok(Observation::Absent) };
        if held == artifact.digest {
            return Ok(Observation::Complete { digest: Some(held) });
        }
        let about = match client.get_manifest(path, tag, Access::Push, cancel).await? {
            Some(found) => About::fetch(client, path, &found, cancel).await,
            None => return Ok(Observation::Absent),
        };
        // Something else is there whatever it tells of itself; what cannot be read tells nothing.
        let about = match about {
            Ok(about) => about,
            Err(error) if matches!(error.kind, RegistryErrorKind::Unavailable | RegistryErrorKind::Cancelled) => return Err(error),
            Err(_) => About::default(),
        };
        let (found, about_text) = (held.to_string(), about.describe());
        let diverged = |may_move, why: String, unjudged| Observation::Diverged {
            found: found.clone(),
            about: about_text.clone(),
            may_move,
            why,
            unjudged,
        };
        Ok(match self.destination.policy.as_str() {
            "any" => diverged(true, "the tag moves to whatever was built last".to_owned(), false),
            "forward" => match self.judge(cx, &held, &about).await? {
                Move::Forward(why) => diverged(true, why, false),
                Move::Stay(why) => Observation::Superseded { found, why },
                Move::Unjudged(why) => diverged(false, why, true),
            },
            _ => diverged(false, "the tag is immutable".to_owned(), false),
        })
    }

    /// Is our image further on than the one under the tag?
    async fn judge(&self, cx: &Cx, held: &Digest, theirs: &About) -> Result<Move, RegistryError> {
        let artifact = &self.shared.artifact;
        let mut ours = About { version: Some(artifact.version.clone()), revision: Some(artifact.revision.clone()), created: None };
        if let Some(decided) = forward::by_version(&ours, theirs) {
            return Ok(decided);
        }
        // Only what is still asked for is looked up.
        let (layout, digest) = (self.shared.image.layout.clone(), artifact.digest.clone());
        let read = tokio::task::spawn_blocking(move || About::of_layout(&Layout::open(&layout)?, &digest));
        ours.created = read.await.map_err(interrupted)??.created;
        let mut facts = Facts::default();
        if theirs.version.is_none() {
            facts.tagged = self.tagged_version(held, &cx.cancel).await?;
        }
        if let (Some(lineage), Some(revision)) = (&cx.lineage, &theirs.revision) {
            facts.ancestry = lineage.compare(&artifact.revision, revision, &cx.cancel).await;
        }
        Ok(forward::otherwise(&ours, theirs, &facts))
    }

    /// The version tag of the repository that holds a digest, among the newest. A registry that lists no tags knows none.
    async fn tagged_version(&self, held: &Digest, cancel: &CancellationToken) -> Result<Option<String>, RegistryError> {
        let Shared { client, path, .. } = &self.shared;
        let tags = match client.tags(path, cancel).await {
            Ok(tags) => tags,
            Err(error) if matches!(error.kind, RegistryErrorKind::Unavailable | RegistryErrorKind::Cancelled) => return Err(error),
            Err(_) => return Ok(None),
        };
        let mut questions: Vec<BoxFuture<'_, Answer<'_>>> = Vec::new();
        for tag in forward::version_tags(&tags, MAX_VERSION_TAGS) {
            questions.push(Box::pin(async move { Ok((tag, client.head_manifest(path, tag, Access::Push, cancel).await?)) }));
        }
        let mut answers = futures_util::stream::iter(questions).buffered(QUESTIONS_AT_A_TIME);
        let mut found = Vec::new();
        while let Some(answer) = answers.next().await {
            found.push(answer?);
        }
        Ok(forward::tagged(held, found))
    }

    async fn placed(&self, cx: &Cx, found: &Observation) -> Result<Placed, RegistryError> {
        let Shared { client, path, artifact, .. } = &self.shared;
        let tag = &self.destination.tag;
        let before = match found {
            Observation::Diverged { found, .. } | Observation::Superseded { found, .. } => Some(found.clone()),
            _ => None,
        };
        let (layout, digest) = (self.shared.image.layout.clone(), artifact.digest.clone());
        let read = tokio::task::spawn_blocking(move || Layout::open(&layout)?.read_manifest(&digest));
        let manifest = read.await.map_err(interrupted)??;
        let mut writes = 0;
        loop {
            writes += 1;
            let failure = match client.put_manifest(path, tag, &manifest, &artifact.digest, &cx.cancel).await {
                Ok(_) => break,
                Err(error) if error.kind == RegistryErrorKind::Ambiguous => error,
                Err(error) => return Err(error),
            };
            // Only while the tag still is what it was is writing it again the same decision.
            let now = client.head_manifest(path, tag, Access::Push, &cx.cancel).await?;
            if now.as_ref() == Some(&artifact.digest) {
                break;
            }
            if now.as_ref().map(Digest::to_string) != before || writes == MAX_WRITES {
                return Err(failure);
            }
        }
        let sent = manifest.raw.len() as u64;
        Ok(Placed { digest: Some(artifact.digest.clone()), sent, reused: 0, writes, moved_from: before })
    }

    fn conflict(&self, found: &str, why: &str) -> PlaceError {
        let name = &self.destination.name;
        PlaceError {
            kind: PlaceErrorKind::Conflict,
            message: format!("{name} holds {found}; {why}"),
            hint: Some(format!("release a new version, or record a replacement: --replace {name} --reason \"…\"")),
        }
    }
}

impl Step for TagStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        if moves(&self.destination) { Stage::Moving } else { Stage::Names }
    }

    fn needs(&self) -> &[StepName] {
        &self.needs
    }

    fn destination(&self) -> Option<&str> {
        Some(&self.destination.name)
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(cx).await.unwrap_or_else(|error| Observation::Unknown(error.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, found: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move {
            if let Observation::Diverged { found: held, may_move: false, why, .. } | Observation::Superseded { found: held, why } = found
                && cx.overrides.reason(&self.destination.name, found).is_none()
            {
                return Err(self.conflict(held, why));
            }
            Ok(self.placed(cx, found).await?)
        })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        let Shared { client, path, artifact, looks, .. } = &self.shared;
        Box::pin(async move {
            let (tag, cancel) = (&self.destination.tag, &cx.cancel);
            // The first tag by a GET, hashed: what those who pull will get, not only what the registry says it is. The
            // others name the same manifest, so the registry's word is enough.
            let read = if looks.is_first_read() {
                client.get_manifest(path, tag, Access::Push, cancel).await.map(|found| found.map(|found| found.digest))
            } else {
                client.head_manifest(path, tag, Access::Push, cancel).await
            };
            match read {
                Ok(Some(found)) if found == artifact.digest => Ok(Verified { digest: Some(found), by: READ_BY.to_owned() }),
                Ok(found) => {
                    let found = found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
                    Err(VerifyError::Mismatch { expected: artifact.digest.to_string(), found })
                }
                Err(error) => Err(VerifyError::Unreadable(error.into())),
            }
        })
    }
}

fn interrupted(_: tokio::task::JoinError) -> RegistryError {
    RegistryError::new(RegistryErrorKind::Source, "reading the layout was interrupted")
}
