//! The step that says which version is meant: one document, written last, only forward.

use std::sync::Arc;

use super::file_step::is_unsettled;
use super::host::{At, Document, FileHost};
use super::index::Index;
use super::target::READ_BY;
use crate::core::{BoxFuture, Version};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::manifest::Destination;
use crate::publish::{Cx, Observation, PlaceError, PlaceErrorKind, Placed, Stage, Step, StepName, Verified, VerifyError};

pub(super) struct PointerStep {
    host: Arc<dyn FileHost>,
    at: At,
    index: Index,
    destination: Destination,
    name: StepName,
    needs: Vec<StepName>,
}

impl PointerStep {
    pub(super) fn new(host: Arc<dyn FileHost>, at: At, index: Index, destination: &Destination, needs: Vec<StepName>) -> Self {
        let name = StepName(format!("pointer:{}", destination.name));
        Self { host, at, index, destination: destination.clone(), name, needs }
    }

    async fn held(&self, cx: &Cx) -> Result<Option<Document>, ForgeError> {
        self.host.document(&self.at, &cx.cancel).await
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, ForgeError> {
        if let Some(why) = self.host.refuses_pointers() {
            let text = format!("{} cannot be: {why}", self.destination.name);
            return Err(ForgeError::new(ForgeErrorKind::Rejected, text).hint("leave `aliases` out, or publish to a place that can"));
        }
        let Some(held) = self.held(cx).await? else { return Ok(Observation::Absent) };
        let diverged =
            |found: String, may_move, why: String, unjudged| Observation::Diverged { found, about: None, may_move, why, unjudged };
        let Some(theirs) = Index::read(&held.bytes) else {
            let why = "it is no pointer that this program wrote".to_owned();
            return Ok(diverged("something else".to_owned(), false, why, true));
        };
        if theirs == self.index {
            return Ok(Observation::Complete { digest: None });
        }
        let (ours, found) = (&self.index.version, theirs.version.clone());
        if self.destination.policy == "any" || *ours == found {
            return Ok(diverged(found, true, "it points at whatever was published last".to_owned(), false));
        }
        Ok(match (version_of(ours), version_of(&found)) {
            (Some(new), Some(old)) if new.follows(&old) => diverged(found.clone(), true, format!("{ours} follows {found}"), false),
            (Some(_), Some(_)) => Observation::Superseded { why: format!("{found} is newer than {ours}"), found },
            _ => diverged(found.clone(), false, format!("{ours} and {found} cannot be compared as versions"), true),
        })
    }

    async fn placed(&self, cx: &Cx, found: &Observation) -> Result<Placed, ForgeError> {
        // What is written over is what is there now; whether that may be was decided for what was seen.
        let held = self.held(cx).await?;
        let seen = match found {
            Observation::Diverged { found, .. } | Observation::Superseded { found, .. } => Some(found.clone()),
            _ => None,
        };
        let now = held.as_ref().map(|held| Index::read(&held.bytes).map_or_else(|| "something else".to_owned(), |index| index.version));
        if now != seen {
            let text = format!("{} changed while this run was at work", self.destination.name);
            return Err(ForgeError::new(ForgeErrorKind::Unavailable, text).hint("somebody else publishes; run publish again"));
        }
        match self.host.write(&self.at, self.index.bytes(), held.as_ref(), &cx.cancel).await {
            Ok(()) => {}
            Err(error) if is_unsettled(&error) => {
                let now = self.held(cx).await?.and_then(|held| Index::read(&held.bytes));
                if now.as_ref() != Some(&self.index) {
                    return Err(ForgeError { kind: ForgeErrorKind::Unavailable, ..error });
                }
            }
            Err(error) => return Err(error),
        }
        Ok(Placed { writes: 1, sent: self.index.bytes().len() as u64, moved_from: seen, ..Placed::default() })
    }
}

/// Reads a version, whatever stands before its first digit.
fn version_of(text: &str) -> Option<Version> {
    let from = text.find(|ch: char| ch.is_ascii_digit())?;
    text[from..].parse().ok()
}

impl Step for PointerStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        Stage::Moving
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
        Box::pin(async move { Ok(self.placed(cx, found).await?) })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(async move {
            let held = self.held(cx).await.map_err(|error| VerifyError::Unreadable(error.into()))?;
            match held.as_ref().and_then(|held| Index::read(&held.bytes)) {
                Some(index) if index == self.index => Ok(Verified { digest: None, by: READ_BY.to_owned() }),
                Some(index) => Err(VerifyError::Mismatch { expected: self.index.version.clone(), found: index.version }),
                None => {
                    let kind = PlaceErrorKind::Ambiguous;
                    let message = format!("{} cannot be read back", self.destination.name);
                    Err(VerifyError::Unreadable(PlaceError { kind, message, hint: None }))
                }
            }
        })
    }
}
