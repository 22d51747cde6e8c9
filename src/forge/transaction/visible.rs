//! The step that makes a release visible, when everything is there.

use std::collections::HashMap;
use std::sync::Arc;

use super::making::{Making, READ_BY, look_later};
use crate::core::BoxFuture;
use crate::forge::asset::StoredAsset;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::notes;
use crate::forge::release::StoredRelease;
use crate::forge::retention::is_yanked;
use crate::publish::{Cx, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};

pub(super) struct VisibleStep {
    shared: Arc<Making>,
    name: StepName,
    needs: Vec<StepName>,
}

impl VisibleStep {
    pub(super) fn new(shared: Arc<Making>, needs: Vec<StepName>) -> Self {
        Self { name: StepName(format!("release:{}", shared.name)), shared, needs }
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, ForgeError> {
        let Some(held) = self.shared.held(cx).await? else { return Ok(Observation::Absent) };
        if !held.is_visible() {
            return Ok(Observation::Partial { missing: "it is a draft".to_owned() });
        }
        if let Some(misled) = self.shared.misled(&held) {
            return Err(misled);
        }
        if !notes::holds(&held.notes, &self.shared.spec.notes) {
            return Ok(Observation::Partial { missing: "our part of its notes".to_owned() });
        }
        if let Some(name) = self.shared.first_unlisted(&held) {
            return Ok(Observation::Partial { missing: format!("a link to {name}") });
        }
        Ok(Observation::Complete { digest: None })
    }

    async fn placed(&self, cx: &Cx) -> Result<Placed, ForgeError> {
        let forge = &*self.shared.forge;
        let held = self.shared.held(cx).await?;
        let assets = self.whole_set(cx).await?;
        let held = match held {
            Some(held) => Some(self.as_it_is_now(cx, held).await?),
            None => None,
        };
        let mut spec = self.shared.spec_over(held.as_ref().map_or("", |held| &held.notes));
        // What was withdrawn stays so.
        spec.prerelease |= held.as_ref().is_some_and(|held| held.prerelease && is_yanked(&held.notes));
        if let Some(visible) = held.as_ref().filter(|held| held.is_visible()) {
            if self.shared.first_unlisted(visible).is_some() {
                forge.publish(&spec, Some(visible), &assets, &cx.cancel).await?;
            } else {
                forge.describe(visible, &spec, &cx.cancel).await?;
            }
            self.shared.forget().await;
            return Ok(Placed { writes: 1, ..Placed::default() });
        }
        let outcome = forge.publish(&spec, held.as_ref(), &assets, &cx.cancel).await;
        // Whatever came of it, what was known is old.
        self.shared.forget().await;
        match outcome {
            Ok(_) => Ok(Placed { writes: 1, ..Placed::default() }),
            Err(error) if error.kind == ForgeErrorKind::Exists => self.overtaken(cx, held, error).await,
            Err(error) => Err(error),
        }
    }

    /// The release with the notes it has now: while files were sent, somebody may have written something around ours. One that
    /// a slow list does not show is as it was.
    async fn as_it_is_now(&self, cx: &Cx, known: StoredRelease) -> Result<StoredRelease, ForgeError> {
        let now = self.shared.forge.releases_of(&self.shared.spec.tag, &cx.cancel).await?;
        Ok(now.into_iter().find(|one| one.container == known.container).unwrap_or(known))
    }

    /// Every file of the set, as the forge lists it now.
    async fn whole_set(&self, cx: &Cx) -> Result<Vec<StoredAsset>, ForgeError> {
        let there = self.shared.list_again(cx).await?;
        match self.shared.first_wrong(&there) {
            None => Ok(self.expected_of(&there)),
            Some((listed, None)) => {
                self.shared.forget().await;
                let text = format!(
                    "{} is not published: it lacks {}, which somebody removed or which was left out",
                    self.shared.name, listed.name
                );
                Err(ForgeError::new(ForgeErrorKind::Unavailable, text).hint("run publish again, with all of its files"))
            }
            Some((listed, Some(stored))) => {
                let text = format!("{} is not published: {} holds {}", self.shared.name, listed.name, stored.describe());
                Err(ForgeError::new(ForgeErrorKind::Conflict, text).hint("somebody changed it meanwhile; look at the draft"))
            }
        }
    }

    /// The files of the set, out of all that are there.
    fn expected_of(&self, there: &HashMap<String, StoredAsset>) -> Vec<StoredAsset> {
        self.shared.expected.iter().filter_map(|listed| there.get(&listed.name)).cloned().collect()
    }

    /// Another publisher was first. When its release holds everything, ours is not needed any more.
    async fn overtaken(&self, cx: &Cx, draft: Option<StoredRelease>, error: ForgeError) -> Result<Placed, ForgeError> {
        let Some(visible) = self.shared.held(cx).await?.filter(StoredRelease::is_visible) else { return Err(error) };
        let there = self.shared.list_again(cx).await?;
        if let Some((listed, _)) = self.shared.first_wrong(&there) {
            let text = format!("{} was published by somebody else meanwhile, without our {}", self.shared.name, listed.name);
            return Err(ForgeError::new(ForgeErrorKind::Conflict, text)
                .hint("run publish again: what is missing is attached, where the forge allows it"));
        }
        let mut writes = 1;
        if self.shared.first_unlisted(&visible).is_some() {
            let (spec, assets) = (self.shared.spec_over(&visible.notes), self.expected_of(&there));
            self.shared.forge.publish(&spec, Some(&visible), &assets, &cx.cancel).await?;
            self.shared.forget().await;
            writes += 1;
        }
        if let Some(draft) = draft.filter(|draft| draft.container != visible.container) {
            self.shared.forge.remove_release(&draft, &cx.cancel).await?;
            writes += 1;
        }
        Ok(Placed { writes, ..Placed::default() })
    }

    async fn verified(&self, cx: &Cx) -> Result<Verified, VerifyError> {
        let mut looks = 0;
        loop {
            looks += 1;
            self.shared.forget().await;
            let held = self.shared.held(cx).await.map_err(|error| VerifyError::Unreadable(error.into()))?;
            let visible = held.as_ref().filter(|held| held.is_visible());
            if let Some(misled) = visible.and_then(|held| self.shared.misled(held)) {
                return Err(VerifyError::Mismatch { expected: "links to its files".to_owned(), found: misled.message });
            }
            if visible.is_some() {
                let Making { forge, spec, .. } = &*self.shared;
                let tag = forge.tag(&spec.tag, &cx.cancel).await.map_err(|error| VerifyError::Unreadable(error.into()))?;
                if let Some(other) = tag.filter(|tag| tag.commit != spec.commit) {
                    let expected = format!("tag {} at {}", spec.tag, spec.commit);
                    return Err(VerifyError::Mismatch { expected, found: format!("it at {}", other.commit) });
                }
                return Ok(Verified { digest: None, by: READ_BY.to_owned() });
            }
            if !look_later(looks, &cx.cancel).await {
                let found = held.map_or("nothing", |_| "a draft").to_owned();
                return Err(VerifyError::Mismatch { expected: "a visible release".to_owned(), found });
            }
        }
    }
}

impl Step for VisibleStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        Stage::Visible
    }

    fn needs(&self) -> &[StepName] {
        &self.needs
    }

    fn destination(&self) -> Option<&str> {
        Some(&self.shared.name)
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(cx).await.unwrap_or_else(|error| Observation::Unknown(error.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, _: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Ok(self.placed(cx).await?) })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(self.verified(cx))
    }
}
