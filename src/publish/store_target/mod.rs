//! An artifact store as a place to publish to: kind `store`. Knows the port of the stores and no backend.
//!
//! Each destination is one reference. The data is the artifact: a built file as it is, an image as an OCI archive, whose
//! bytes follow from the image alone. The manifest says what it is, so that a later run can tell whether it is ours.

mod card;
mod step;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::port::{ApprovedArtifact, Cx, Depth, Inquiry, PlaceError, PlaceErrorKind, Preflight, Problem, Reading, Step, Target};
use crate::core::{BoxFuture, Digest};
use crate::error::{Error, Kind};
use crate::fs::Scratch;
use crate::manifest::Destination;
use crate::store::artifact::{ArtifactError, ArtifactErrorKind, ArtifactStore, Call, Entry, Ref, gather};
use crate::store::read_archive;
use card::Card;
use step::StoreStep;

/// One artifact store of the config, as a target.
pub struct StoreTarget {
    store: Arc<dyn ArtifactStore>,
    shown: String,
    scratch: PathBuf,
}

impl StoreTarget {
    /// A target that is a store. `shown` is where it is, for people; `scratch` a directory for images on their way.
    pub fn new(store: Arc<dyn ArtifactStore>, shown: impl Into<String>, scratch: impl Into<PathBuf>) -> Self {
        Self { store, shown: shown.into(), scratch: scratch.into() }
    }
}

/// A failure of the store, as publishing sorts it.
fn placing(error: ArtifactError) -> PlaceError {
    use ArtifactErrorKind as A;
    use PlaceErrorKind as P;
    let kind = match error.kind {
        A::Credentials => P::Credentials,
        A::Conflict => P::Conflict,
        A::Unavailable | A::Busy => P::Unavailable,
        A::Local | A::NotFound | A::Usage | A::Unsupported | A::Rejected | A::Integrity => P::Rejected,
        A::Cancelled => P::Interrupted,
    };
    PlaceError { kind, message: error.message, hint: error.hint }
}

/// The reference of a destination: its path and its tag, which is the last part.
fn reference(destination: &Destination) -> Result<Ref, ArtifactError> {
    Ref::parse(&format!("{}/{}", destination.path, destination.tag)).map_err(ArtifactError::from)
}

/// What a reference holds: what is stored, and what is said about it when somebody like us wrote it.
async fn held(store: &dyn ArtifactStore, at: &Ref, call: &Call) -> Result<Option<(Entry, Option<Card>)>, ArtifactError> {
    if store.look(at, call).await?.is_none() {
        return Ok(None);
    }
    let opened = match store.open(at, call).await {
        Ok(opened) => opened,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    if opened.entry.manifest.size > card::LARGEST {
        return Ok(Some((opened.entry, None)));
    }
    let said = gather(opened.manifest, 0, call).await?;
    Ok(Some((opened.entry, Card::parse(&said))))
}

impl Target for StoreTarget {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn preflight<'a>(&'a self, cx: &'a Cx, inquiry: Inquiry) -> BoxFuture<'a, Preflight> {
        Box::pin(async move {
            let mut found = Preflight::default();
            // Looking for what is not there shows whether the store is, and whether it accepts us.
            let asked = match Ref::parse("stagefreight/preflight") {
                Ok(at) => self.store.exists(&at, &Call::new(&cx.cancel)).await.map(|_| ()),
                Err(error) => Err(error.into()),
            };
            match asked {
                Ok(()) => {
                    found.checked.push(format!("{} answers", self.shown));
                    if inquiry == Inquiry::Write {
                        found.remarks.push(format!("whether {} may be written is seen when something is", self.shown));
                    }
                }
                Err(error) => {
                    let error = Error::from(error);
                    found.problems.push(Problem {
                        kind: if error.kind() == Kind::Missing { Kind::Missing } else { Kind::Failed },
                        message: error.message().to_owned(),
                        hint: error.hint_text().map(str::to_owned),
                    });
                }
            }
            found
        })
    }

    fn bind(&self, artifact: &ApprovedArtifact) -> Vec<Box<dyn Step>> {
        let artifact = Arc::new(artifact.clone());
        let step = |destination: &Destination| -> Box<dyn Step> {
            Box::new(StoreStep::new(Arc::clone(&self.store), Arc::clone(&artifact), destination.clone(), self.scratch.clone()))
        };
        artifact.destinations.iter().map(step).collect()
    }

    fn read<'a>(&'a self, cx: &'a Cx, destination: &'a Destination, depth: Depth) -> BoxFuture<'a, Result<Reading, PlaceError>> {
        Box::pin(async move {
            let call = Call::new(&cx.cancel);
            let at = reference(destination).map_err(placing)?;
            let Some((entry, card)) = held(self.store.as_ref(), &at, &call).await.map_err(placing)? else {
                return Ok(Reading::default());
            };
            let missing = if depth == Depth::Closure { damage(self.store.as_ref(), &at, &call).await.map_err(placing)? } else { None };
            let Some(card) = card else {
                return Ok(Reading { digest: Some(entry.data.digest), missing, ..Reading::default() });
            };
            Ok(Reading {
                digest: Some(card.digest),
                revision: Some(card.revision),
                version: Some(card.version),
                created: None,
                missing,
                hidden: None,
            })
        })
    }

    fn fetch<'a>(
        &'a self,
        cx: &'a Cx,
        destination: &'a Destination,
        digest: &'a Digest,
        into: &'a Path,
    ) -> BoxFuture<'a, Result<(), PlaceError>> {
        Box::pin(async move {
            let at = reference(destination).map_err(placing)?;
            let local = |error: crate::core::PathError| placing(error.into());
            let scratch = Scratch::below(&self.scratch, "from-store").map_err(local)?;
            let (archive, said) = (scratch.path().join("image.tar"), scratch.path().join("manifest.json"));
            self.store.fetch(&at, &archive, &said, &Call::new(&cx.cancel)).await.map_err(placing)?;
            let broken = |message: String| PlaceError { kind: PlaceErrorKind::Rejected, message, hint: None };
            let layout = read_archive(&archive, into).map_err(|error| broken(error.to_string()))?;
            layout.closure(digest).map_err(|error| broken(format!("{at} holds another image: {error}")))?;
            Ok(())
        })
    }
}

/// Reads everything; what is wrong with it, for people.
async fn damage(store: &dyn ArtifactStore, at: &Ref, call: &Call) -> Result<Option<String>, ArtifactError> {
    use futures_util::StreamExt as _;
    let opened = match store.open(at, call).await {
        Err(error) if error.is_integrity() => return Ok(Some(error.message)),
        opened => opened?,
    };
    for mut half in [opened.data, opened.manifest] {
        while let Some(piece) = half.next().await {
            call.check("read a pair")?;
            match piece {
                Err(error) if error.is_integrity() => return Ok(Some(error.message)),
                piece => drop(piece?),
            }
        }
    }
    Ok(None)
}
