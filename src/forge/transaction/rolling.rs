//! The step that moves a git tag with releases: `v1`, `v1.4`. In place, by commit; a moment without the tag never is.

use std::sync::Arc;

use super::making::READ_BY;
use crate::core::{Ancestry, BoxFuture};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::Forge;
use crate::manifest::Destination;
use crate::publish::{Cx, Observation, PlaceError, PlaceErrorKind, Placed, Stage, Step, StepName, Verified, VerifyError};

pub(super) struct RollingTagStep {
    forge: Arc<dyn Forge>,
    destination: Destination,
    commit: String,
    name: StepName,
    needs: Vec<StepName>,
}

impl RollingTagStep {
    pub(super) fn new(forge: Arc<dyn Forge>, destination: Destination, commit: String, needs: Vec<StepName>) -> Self {
        Self { name: StepName(format!("git-tag:{}", destination.name)), forge, destination, commit, needs }
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, ForgeError> {
        let Some(held) = self.forge.tag(&self.destination.tag, &cx.cancel).await? else { return Ok(Observation::Absent) };
        if held.commit == self.commit {
            return Ok(Observation::Complete { digest: None });
        }
        let diverged = |may_move, why: &str, unjudged| Observation::Diverged {
            found: held.commit.clone(),
            about: None,
            may_move,
            why: why.to_owned(),
            unjudged,
        };
        if self.destination.policy == "any" {
            return Ok(diverged(true, "the tag moves to whatever was released last", false));
        }
        let order = match &cx.lineage {
            Some(lineage) => lineage.compare(&self.commit, &held.commit, &cx.cancel).await,
            None => None,
        };
        Ok(match order {
            Some(Ancestry::After) => diverged(true, "our commit follows the one it names", false),
            Some(Ancestry::Before) => {
                Observation::Superseded { found: held.commit.clone(), why: "it names a commit that follows ours".to_owned() }
            }
            Some(_) => diverged(false, "it names a commit on another line of history", true),
            None => diverged(false, "it is not known whether our commit follows the one it names", true),
        })
    }

    async fn placed(&self, cx: &Cx, found: &Observation) -> Result<Placed, ForgeError> {
        let tag = &self.destination.tag;
        match found {
            Observation::Diverged { found, .. } | Observation::Superseded { found, .. } => {
                self.forge.move_tag(tag, &self.commit, &cx.cancel).await?;
                Ok(Placed { writes: 1, moved_from: Some(found.clone()), ..Placed::default() })
            }
            _ => {
                self.forge.make_tag(tag, &self.commit, &cx.cancel).await?;
                Ok(Placed { writes: 1, ..Placed::default() })
            }
        }
    }
}

impl Step for RollingTagStep {
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
        Box::pin(async move {
            self.placed(cx, found).await.map_err(|error| {
                // Somebody made it meanwhile, perhaps we did: looking decides.
                let unsettled = error.kind == ForgeErrorKind::Exists;
                let error = PlaceError::from(error);
                if unsettled { PlaceError { kind: PlaceErrorKind::Ambiguous, ..error } } else { error }
            })
        })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(async move {
            match self.forge.tag(&self.destination.tag, &cx.cancel).await {
                Ok(Some(held)) if held.commit == self.commit => Ok(Verified { digest: None, by: READ_BY.to_owned() }),
                Ok(held) => Err(VerifyError::Mismatch {
                    expected: self.commit.clone(),
                    found: held.map_or_else(|| "nothing".to_owned(), |held| held.commit),
                }),
                Err(error) => Err(VerifyError::Unreadable(error.into())),
            }
        })
    }
}
