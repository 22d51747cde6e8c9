//! The step that makes one reference hold one artifact.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::card::Card;
use super::{held, placing, reference};
use crate::core::{BoxFuture, Version};
use crate::event::{Event, Events};
use crate::fs::Scratch;
use crate::manifest::Destination;
use crate::publish::port::{
    ApprovedArtifact, Content, Cx, Image, Observation, PlaceError, PlaceErrorKind, Placed, Stage, Step, StepName, Verified, VerifyError,
};
use crate::store::artifact::{ArtifactStore, Call, OnProgress, Pair, Source};
use crate::store::{Layout, StoreError, write_archive};

/// How destinations here are read back (`observed_by`).
const READ_BY: &str = "artifact-store";

/// Progress is told again after this many bytes.
const TOLD_EVERY: u64 = 1024 * 1024;

pub(super) struct StoreStep {
    store: Arc<dyn ArtifactStore>,
    artifact: Arc<ApprovedArtifact>,
    destination: Destination,
    scratch: PathBuf,
    name: StepName,
}

impl StoreStep {
    pub(super) fn new(store: Arc<dyn ArtifactStore>, artifact: Arc<ApprovedArtifact>, destination: Destination, scratch: PathBuf) -> Self {
        let name = StepName(format!("store:{}", destination.name));
        Self { store, artifact, destination, scratch, name }
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, PlaceError> {
        let at = reference(&self.destination).map_err(placing)?;
        let found = match held(self.store.as_ref(), &at, &Call::new(&cx.cancel)).await {
            // Damaged bytes are replaced by whole ones.
            Err(error) if error.is_integrity() => return Ok(Observation::Partial { missing: error.message }),
            found => found.map_err(placing)?,
        };
        let Some((entry, card)) = found else { return Ok(Observation::Absent) };
        let ours = &self.artifact.digest;
        let is_file = matches!(self.artifact.content, Content::File(_));
        let told = card.as_ref().map(|card| &card.digest);
        if told == Some(ours) && (!is_file || entry.data.digest == *ours) {
            return Ok(Observation::Complete { digest: Some(ours.clone()) });
        }
        let found = told.unwrap_or(&entry.data.digest).to_string();
        let about = card.as_ref().map(|card| format!("{} of commit {}", card.version, card.revision));
        let diverged = |may_move, why: &str, unjudged| Observation::Diverged {
            found: found.clone(),
            about: about.clone(),
            may_move,
            why: why.to_owned(),
            unjudged,
        };
        Ok(match self.destination.policy.as_str() {
            "any" => diverged(true, "the reference moves to whatever was built last", false),
            "forward" => {
                let ours: Option<Version> = self.artifact.version.parse().ok();
                let theirs: Option<Version> = card.as_ref().and_then(|card| card.version.parse().ok());
                match (ours, theirs) {
                    (Some(ours), Some(theirs)) if ours.follows(&theirs) => diverged(true, "ours is the newer version", false),
                    (Some(ours), Some(theirs)) if theirs.follows(&ours) => {
                        Observation::Superseded { found, why: "what is there is the newer version".to_owned() }
                    }
                    (Some(_), Some(_)) => diverged(true, "the same version, built anew", false),
                    _ => diverged(false, "it does not tell its version", true),
                }
            }
            _ => diverged(false, "the reference is immutable", false),
        })
    }

    async fn placed(&self, cx: &Cx, found: &Observation) -> Result<Placed, PlaceError> {
        let at = reference(&self.destination).map_err(placing)?;
        let moved_from = match found {
            Observation::Diverged { found, .. } | Observation::Superseded { found, .. } => Some(found.clone()),
            _ => None,
        };
        let (data, scratch, size) = self.data().await?;
        let manifest = Source::Bytes(Bytes::from(Card::of(&self.artifact).bytes()));
        let call = Call { cancel: cx.cancel.clone(), progress: Some(progress(&cx.events, &self.destination.name, size)) };
        let entry = self.store.save(&at, &Pair { data, manifest }, &call).await.map_err(placing)?;
        drop(scratch);
        if matches!(self.artifact.content, Content::File(_)) && entry.data.digest != self.artifact.digest {
            // What was sent is not what was approved: it must not stay.
            self.store.remove(&at, &Call::default()).await.map_err(placing)?;
            let message = format!("{}: the file is {} now, and {} was approved", self.artifact.id, entry.data.digest, self.artifact.digest);
            let hint = Some("nothing may write below .stagefreight while publish runs; run it again".to_owned());
            return Err(PlaceError { kind: PlaceErrorKind::Source, message, hint });
        }
        let sent = entry.data.size + entry.manifest.size;
        Ok(Placed { digest: Some(self.artifact.digest.clone()), sent, reused: 0, writes: 1, moved_from })
    }

    /// The bytes, and the directory they lie in when they were made for this.
    async fn data(&self) -> Result<(Source, Option<Scratch>, u64), PlaceError> {
        let image = match &self.artifact.content {
            Content::File(file) => return Ok((Source::File(file.path.clone()), None, file.size)),
            Content::Image(image) => image.clone(),
        };
        let (parent, root) = (self.scratch.clone(), self.artifact.digest.clone());
        let pack = move || {
            let Image { layout, referrers, .. } = image;
            let scratch = Scratch::below(&parent, "to-store")?;
            let layout = Layout::open(&layout)?;
            let closures = std::iter::once(&root).chain(&referrers).map(|digest| layout.closure_unhashed(digest));
            let closures = closures.collect::<Result<Vec<_>, _>>()?;
            let file = scratch.path().join("image.tar");
            write_archive(&layout, &closures, &file)?;
            let size = crate::fs::size_of(&file)?;
            Ok::<_, StoreError>((Source::File(file), Some(scratch), size))
        };
        let failed = |message: String| PlaceError { kind: PlaceErrorKind::Source, message, hint: None };
        let packed = tokio::task::spawn_blocking(pack).await.map_err(|_| failed("packing the image was interrupted".to_owned()))?;
        packed.map_err(|error| failed(error.to_string()))
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

/// Turns bytes into transfer events, not more often than people can read.
fn progress(events: &Events, name: &str, total: u64) -> OnProgress {
    let (events, name) = (events.clone(), name.to_owned());
    let last = Mutex::new(0);
    Arc::new(move |done| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if done >= *last + TOLD_EVERY || done >= total {
            *last = done;
            // The manifest comes on top.
            let total = Some(total.max(done));
            events.emit(Event::Transfer { id: name.clone(), label: name.clone(), done, total });
        }
    })
}

impl Step for StoreStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        if matches!(self.destination.policy.as_str(), "forward" | "any") { Stage::Moving } else { Stage::Names }
    }

    fn needs(&self) -> &[StepName] {
        &[]
    }

    fn destination(&self) -> Option<&str> {
        Some(&self.destination.name)
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(cx).await.unwrap_or_else(Observation::Unknown) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, found: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move {
            if let Observation::Diverged { found: held, may_move: false, why, .. } | Observation::Superseded { found: held, why } = found
                && cx.overrides.reason(&self.destination.name, found).is_none()
            {
                return Err(self.conflict(held, why));
            }
            self.placed(cx, found).await
        })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(async move {
            match self.observed(cx).await {
                Ok(Observation::Complete { digest }) => Ok(Verified { digest, by: READ_BY.to_owned() }),
                Ok(Observation::Diverged { found, .. } | Observation::Superseded { found, .. }) => {
                    Err(VerifyError::Mismatch { expected: self.artifact.digest.to_string(), found })
                }
                Ok(Observation::Partial { missing }) => {
                    Err(VerifyError::Mismatch { expected: self.artifact.digest.to_string(), found: missing })
                }
                Ok(_) => Err(VerifyError::Mismatch { expected: self.artifact.digest.to_string(), found: "nothing".to_owned() }),
                Err(error) => Err(VerifyError::Unreadable(error)),
            }
        })
    }
}
