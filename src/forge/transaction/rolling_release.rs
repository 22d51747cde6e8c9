//! The step that brings a release that moves up to date: `nightly`, `v1`. In place: the release and its addresses stay, its
//! files are exchanged one by one, its tag moves, and its notes tell the new state. It is never deleted and made again.

use std::collections::HashMap;
use std::sync::Arc;

use super::draft::DraftStep;
use super::making::{Found, Making, READ_BY, look_later};
use super::rolling_files::{Exchange, names_in, with_end, with_names};
use super::settings::RollingReleaseSettings;
use crate::core::{Ancestry, BoxFuture};
use crate::forge::asset::StoredAsset;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::hash;
use crate::forge::notes;
use crate::forge::port::Forge;
use crate::forge::release::{ReleaseSpec, StoredRelease};
use crate::forge::upload::Uploader;
use crate::manifest::Destination;
use crate::publish::{Cx, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};

/// Digests of what is exchanged before it, so that it vouches for all of that.
const SUMS: &str = "SHA256SUMS";

pub(super) struct RollingReleaseStep {
    pub(super) making: Arc<Making>,
    pub(super) draft: DraftStep,
    pub(super) exchange: Exchange,
    policy_any: bool,
    name: StepName,
    needs: Vec<StepName>,
}

impl RollingReleaseStep {
    pub(super) fn new(
        forge: &Arc<dyn Forge>,
        uploader: &Uploader,
        destination: &Destination,
        settings: RollingReleaseSettings,
        workspace: &std::path::Path,
        needs: Vec<StepName>,
    ) -> Self {
        let RollingReleaseSettings { release: _, title, notes, prerelease, commit, assets } = settings;
        let notes = with_names(&notes, assets.iter().map(|asset| asset.name.as_str()));
        let spec = ReleaseSpec { tag: destination.tag.clone(), commit, may_make_tag: true, title, notes, prerelease, links: Vec::new() };
        let making = Arc::new(Making::new(Arc::clone(forge), uploader.clone(), spec, assets, destination.name.clone()));
        Self {
            name: StepName(format!("rolling-release:{}", destination.name)),
            exchange: Exchange { forge: Arc::clone(forge), uploader: uploader.clone(), workspace: workspace.to_owned() },
            draft: DraftStep::new(Arc::clone(&making)),
            making,
            policy_any: destination.policy == "any",
            needs,
        }
    }

    pub(super) fn forge(&self) -> &dyn Forge {
        &*self.making.forge
    }

    /// The release that is ours to change; somebody else's is not.
    pub(super) async fn ours(&self, cx: &Cx) -> Result<Option<StoredRelease>, ForgeError> {
        let (held, foreign) = match self.making.look(cx).await? {
            Found::Nothing => (None, false),
            Found::Draft(held, _) => (Some(held), false),
            Found::Visible(held) => {
                let adopted = cx.overrides.adopt.contains_key(&self.making.name);
                let foreign = !adopted && !notes::is_marked(&held.notes);
                (Some(held), foreign)
            }
            Found::Foreign(held) => (Some(held), true),
        };
        let Some(mut held) = held else { return Ok(None) };
        held.notes = with_end(&held.notes);
        if foreign {
            let text = format!("{} has a release {} that somebody else made", self.forge().place(), held.tag);
            let hint = format!("call ours otherwise, or take it over with its text: --adopt {} --reason \"…\"", self.making.name);
            return Err(ForgeError::new(ForgeErrorKind::Conflict, text).hint(hint));
        }
        if let Some(misled) = self.making.misled(&held) {
            return Err(misled);
        }
        if Making::is_sealed(&held) {
            let text = format!("release {} of {} is immutable, and shall move", held.tag, self.forge().place());
            return Err(ForgeError::new(ForgeErrorKind::Rejected, text)
                .hint("let only a tag move (`aliases`), or switch immutable releases off in the repository's settings"));
        }
        Ok(Some(held))
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, ForgeError> {
        if let Some(impossible) = self.making.impossible() {
            return Err(impossible);
        }
        let spec = &self.making.spec;
        let held = self.ours(cx).await?;
        let Some(tag) = self.forge().tag(&spec.tag, &cx.cancel).await? else {
            return Ok(held.map_or(Observation::Absent, |_| Observation::Partial { missing: "its tag".to_owned() }));
        };
        if tag.commit != spec.commit {
            return Ok(self.judged(&tag.commit, cx).await);
        }
        let Some(held) = held else { return Ok(Observation::Absent) };
        let there = self.making.list_again(cx).await?;
        Ok(match self.missing(&held, &there, cx).await? {
            Some(missing) => Observation::Partial { missing },
            None => Observation::Complete { digest: None },
        })
    }

    /// It is of another commit: may ours follow?
    pub(super) async fn judged(&self, held: &str, cx: &Cx) -> Observation {
        let diverged = |may_move, why: &str, unjudged| Observation::Diverged {
            found: held.to_owned(),
            about: None,
            may_move,
            why: why.to_owned(),
            unjudged,
        };
        if self.policy_any {
            return diverged(true, "it is of whatever was released last", false);
        }
        let order = match &cx.lineage {
            Some(lineage) => lineage.compare(&self.making.spec.commit, held, &cx.cancel).await,
            None => None,
        };
        match order {
            Some(Ancestry::After) => diverged(true, "our commit follows the one it is of", false),
            Some(Ancestry::Before) => {
                Observation::Superseded { found: held.to_owned(), why: "it is of a commit that follows ours".to_owned() }
            }
            Some(_) => diverged(false, "it is of a commit on another line of history", true),
            None => diverged(false, "it is not known whether our commit follows the one it is of", true),
        }
    }

    /// What it lacks, or has and should not have.
    pub(super) async fn missing(
        &self,
        held: &StoredRelease,
        there: &HashMap<String, StoredAsset>,
        cx: &Cx,
    ) -> Result<Option<String>, ForgeError> {
        if !held.is_visible() {
            return Ok(Some("it is a draft".to_owned()));
        }
        if let Some(name) = self.first_wrong(there, cx).await? {
            return Ok(Some(name));
        }
        if let Some(name) = self.making.first_unlisted(held) {
            return Ok(Some(format!("a link to {name}")));
        }
        if let Some(left) = self.left_over(held, there).first() {
            return Ok(Some(format!("{left} is of an earlier release")));
        }
        if held.title != self.making.spec.title || !notes::holds(&held.notes, &self.making.spec.notes) {
            return Ok(Some("our part of its notes".to_owned()));
        }
        Ok(None)
    }

    /// Where the forge tells no digests, the list of them vouches for the others: it is exchanged after them.
    pub(super) async fn first_wrong(&self, there: &HashMap<String, StoredAsset>, cx: &Cx) -> Result<Option<String>, ForgeError> {
        if let Some((listed, _)) = self.making.first_wrong(there) {
            return Ok(Some(listed.name.clone()));
        }
        let untold = |name: &str| there.get(name).filter(|stored| stored.sha256.is_none());
        // What comes after the list is not in it.
        let vouched = self.making.expected.iter().position(|listed| listed.name == SUMS).unwrap_or(0);
        for listed in &self.making.expected[vouched..] {
            let Some(stored) = untold(&listed.name) else { continue };
            let found = hash::of_stored(self.forge(), self.making.uploader.http(), stored, listed.size, &cx.cancel).await?;
            if found != listed.sha256 {
                return Ok(Some(listed.name.clone()));
            }
        }
        Ok(None)
    }

    /// Files that we brought for an earlier commit, or half exchanged.
    pub(super) fn left_over(&self, held: &StoredRelease, there: &HashMap<String, StoredAsset>) -> Vec<String> {
        let expected = |name: &str| self.making.expected.iter().any(|listed| listed.name == name);
        let brought = names_in(&held.notes).unwrap_or_default();
        let ours = |name: &String| brought.contains(name) || Exchange::is_half(name);
        let shown = held.listed.iter().flatten().filter(|name| !held.elsewhere.contains(name)).chain(there.keys());
        let mut left: Vec<String> = shown.filter(|name| ours(name) && !expected(name)).cloned().collect();
        left.sort();
        left.dedup();
        left
    }

    async fn verified(&self, cx: &Cx) -> Result<Verified, VerifyError> {
        let mut looks = 0;
        loop {
            looks += 1;
            self.making.forget().await;
            let found = match self.observed(cx).await.map_err(|error| VerifyError::Unreadable(error.into()))? {
                Observation::Complete { .. } => return Ok(Verified { digest: None, by: READ_BY.to_owned() }),
                Observation::Partial { missing } => format!("something else ({missing})"),
                Observation::Diverged { found, .. } | Observation::Superseded { found, .. } => found,
                _ => "nothing".to_owned(),
            };
            if !look_later(looks, &cx.cancel).await {
                return Err(VerifyError::Mismatch { expected: self.making.spec.commit.clone(), found });
            }
        }
    }
}

impl Step for RollingReleaseStep {
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
        Some(&self.making.name)
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(cx).await.unwrap_or_else(|error| Observation::Unknown(error.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, found: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Ok(self.placed(cx, found).await?) })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(self.verified(cx))
    }
}
