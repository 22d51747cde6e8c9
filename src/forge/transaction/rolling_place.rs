//! Bringing a release that moves up to date: files, the tag, what is left over, the notes. Every interruption may cut this
//! order, and the next run goes on from what is there.

use std::collections::HashMap;

use super::rolling_files::{Exchange, changing, is_changing, names_in, remembering};
use super::rolling_release::RollingReleaseStep;
use crate::forge::asset::StoredAsset;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::hash;
use crate::forge::port::Flow;
use crate::forge::release::{Container, ReleaseSpec, StoredRelease};
use crate::publish::{Cx, Observation, Placed};

/// Attempts to move its tag when it is not known what became of one.
const MOST_MOVES: usize = 3;

/// Who may remove files of GitLab's packages.
const KEEPER: &str = "a Maintainer may remove it";

impl RollingReleaseStep {
    /// Does what observing found missing.
    pub(super) async fn placed(&self, cx: &Cx, found: &Observation) -> Result<Placed, ForgeError> {
        let forge = self.forge();
        let mut placed = Placed::default();
        let mut held = self.ours(cx).await?;
        if forge.rules().flow == Flow::Draft && held.as_ref().is_none_or(|held| !held.is_visible()) {
            placed.writes += self.draft.placed(cx).await?.writes;
            held = self.making.held(cx).await?;
        }
        let container = self.making.container(cx).await?.ok_or_else(|| self.gone())?;
        let before = self.making.list_again(cx).await?;
        let is_seen = held.as_ref().is_some_and(StoredRelease::is_visible);
        let known = held.as_ref().and_then(|held| names_in(&held.notes)).unwrap_or_default();
        if let Some(tag) = forge.tag(&self.making.spec.tag, &cx.cancel).await?
            && tag.commit != self.making.spec.commit
        {
            // Before the first file is exchanged, and again before the tag moves.
            self.check_still_ours(&tag.commit, found, cx).await?;
        }
        // Sums vouch for nothing while files come that they may not tell of.
        let vouches = is_seen && held.as_ref().is_some_and(|held| !is_changing(&held.notes));
        if let Some(held) = &mut held {
            self.refuse_strangers(held, &before, cx).await?;
            let untold = before.values().any(|stored| stored.sha256.is_none());
            self.remember_names(held, untold, &mut placed, cx).await?;
        }
        let assets = match self.bring_all(&container, &before, (is_seen, vouches), found, &mut placed, cx).await {
            Ok(assets) => assets,
            Err(error) => {
                // Who was faster may have forgotten the names of what came since: whoever comes next takes it away.
                if error.kind == ForgeErrorKind::Conflict
                    && let Some(mut now) = self.ours_now(cx).await?
                {
                    self.remember_names(&mut now, false, &mut placed, cx).await?;
                }
                return Err(error);
            }
        };
        // While files came, people may have written into the notes.
        let now = self.ours_now(cx).await?;
        if held.is_some() && now.is_none() {
            return Err(self.gone());
        }
        let mut now = now;
        if let Some(seen) = &now {
            let there = self.making.list_again(cx).await?;
            self.check_not_overtaken(found, cx).await?;
            // What came since we began is somebody's who came after us.
            let earlier = |name: &String| known.contains(name) || (Exchange::is_half(name) && before.contains_key(name));
            let gone: Vec<String> = self.left_over(seen, &there).into_iter().filter(earlier).collect();
            if !gone.is_empty() {
                self.take_away(seen, &gone, &container, &there, &mut placed, cx).await?;
                self.check_not_overtaken(found, cx).await?;
                now = self.ours_now(cx).await?;
            }
        }
        // What it has is told last: until then the names of an earlier release are known. Those that somebody wrote down since
        // we began stay known: who comes next decides what becomes of the files.
        let written = now.as_ref().and_then(|now| names_in(&now.notes)).unwrap_or_default();
        let theirs: Vec<String> = written.into_iter().filter(|name| !known.contains(name)).collect();
        self.tell(now.as_ref(), &assets, &theirs, cx).await?;
        placed.writes += 1;
        self.making.forget().await;
        if let Observation::Diverged { found, .. } | Observation::Superseded { found, .. } = found {
            placed.moved_from = Some(found.clone());
        }
        Ok(placed)
    }

    /// Files, and then the tag.
    async fn bring_all(
        &self,
        container: &Container,
        before: &HashMap<String, StoredAsset>,
        (is_seen, vouches): (bool, bool),
        found: &Observation,
        placed: &mut Placed,
        cx: &Cx,
    ) -> Result<Vec<StoredAsset>, ForgeError> {
        let vouched = vouches && self.first_wrong(before, cx).await?.is_none();
        let mut assets = Vec::new();
        for listed in &self.making.expected {
            // What the sums vouch for stays.
            let known = before.get(&listed.name).filter(|_| vouched);
            let stored = match known {
                Some(stored) => stored.clone(),
                None => self.exchange.bring(container, listed, before, is_seen, placed, &cx.cancel).await?,
            };
            assets.push(stored);
        }
        self.bring_tag(is_seen, found, placed, cx).await?;
        Ok(assets)
    }

    /// A file under a name that ours shall have, which we did not bring: whose it is decides somebody.
    async fn refuse_strangers(&self, held: &StoredRelease, there: &HashMap<String, StoredAsset>, cx: &Cx) -> Result<(), ForgeError> {
        let Some(ours) = names_in(&held.notes).filter(|_| !cx.overrides.adopt.contains_key(&self.making.name)) else { return Ok(()) };
        for listed in self.making.expected.iter().filter(|listed| !ours.contains(&listed.name)) {
            let Some(stored) = there.get(&listed.name) else { continue };
            // What a package holds and no release shows is an older one of ours, which may not be removable.
            if held.listed.as_ref().is_some_and(|shown| !shown.contains(&listed.name)) {
                continue;
            }
            let same = if let Some(known) = stored.holds(listed.size, &listed.sha256) {
                known
            } else {
                let http = self.making.uploader.http();
                hash::of_stored(self.forge(), http, stored, listed.size, &cx.cancel).await? == listed.sha256
            };
            if !same {
                let text = format!("{} of {} has a file {} that somebody else attached", held.tag, self.forge().place(), listed.name);
                let hint = format!("remove it there, or replace it by ours: --adopt {} --reason \"…\"", self.making.name);
                return Err(ForgeError::new(ForgeErrorKind::Conflict, text).hint(hint));
            }
        }
        Ok(())
    }

    /// Whatever comes is remembered before it comes: a later run knows it for ours, also when this one does not end.
    async fn remember_names(&self, held: &mut StoredRelease, untold: bool, placed: &mut Placed, cx: &Cx) -> Result<(), ForgeError> {
        let known = names_in(&held.notes);
        let all_known = known.is_some_and(|known| self.making.expected.iter().all(|listed| known.contains(&listed.name)));
        let mut notes = held.notes.clone();
        if !all_known {
            notes = remembering(&notes, self.making.expected.iter().map(|listed| listed.name.as_str()));
        }
        if untold {
            notes = changing(&notes);
        }
        if notes == held.notes {
            return Ok(());
        }
        let spec = ReleaseSpec { title: held.title.clone(), prerelease: held.prerelease, notes, ..self.making.spec.clone() };
        self.forge().describe(held, &spec, &cx.cancel).await?;
        placed.writes += 1;
        held.notes = spec.notes;
        Ok(())
    }

    /// Its tag names our commit.
    async fn bring_tag(&self, is_seen: bool, found: &Observation, placed: &mut Placed, cx: &Cx) -> Result<(), ForgeError> {
        let (forge, spec) = (self.forge(), &self.making.spec);
        let mut unclear = None;
        for _ in 0..MOST_MOVES {
            let outcome = match forge.tag(&spec.tag, &cx.cancel).await? {
                Some(tag) if tag.commit == spec.commit => return Ok(()),
                Some(tag) => {
                    self.check_still_ours(&tag.commit, found, cx).await?;
                    placed.writes += 1;
                    forge.move_tag(&spec.tag, &spec.commit, &cx.cancel).await
                }
                // Publishing makes it; a release that is seen lost its.
                None if is_seen => {
                    placed.writes += 1;
                    forge.make_tag(&spec.tag, &spec.commit, &cx.cancel).await
                }
                None => return Ok(()),
            };
            match outcome {
                Ok(()) => return Ok(()),
                // What it names tells whether it moved.
                Err(error) if error.is_settled_by_looking() => unclear = Some(error),
                // Somebody took it away in between.
                Err(error) if is_seen && forge.tag(&spec.tag, &cx.cancel).await?.is_none() => unclear = Some(error),
                Err(error) => return Err(error),
            }
        }
        unclear.map_or(Ok(()), Err)
    }

    /// While files came, somebody may have moved the tag: then it is judged again.
    async fn check_still_ours(&self, now: &str, found: &Observation, cx: &Cx) -> Result<(), ForgeError> {
        let spec = &self.making.spec;
        let before = match found {
            Observation::Diverged { found, .. } | Observation::Superseded { found, .. } => found,
            _ => &spec.commit,
        };
        if before == now {
            return Ok(());
        }
        let (why, hint) = match self.judged(now, cx).await {
            Observation::Diverged { may_move: true, .. } => return Ok(()),
            Observation::Superseded { why, .. } => (why, "publish that commit again: files of both may be in it now".to_owned()),
            Observation::Diverged { why, .. } => (why, format!("look at it; if ours shall take its place: --adopt {}", self.making.name)),
            _ => return Ok(()),
        };
        let text = format!("{} was moved to {now} while our files came, and {why}", self.making.name);
        Err(ForgeError::new(ForgeErrorKind::Conflict, text).hint(hint))
    }

    /// The tag names our commit, or what it named before a list that lags: who moved it on since is who tells what the release
    /// is, and whose files are in it.
    async fn check_not_overtaken(&self, found: &Observation, cx: &Cx) -> Result<(), ForgeError> {
        let spec = &self.making.spec;
        let before = match found {
            Observation::Diverged { found, .. } | Observation::Superseded { found, .. } => found,
            _ => &spec.commit,
        };
        match self.forge().tag(&spec.tag, &cx.cancel).await? {
            Some(tag) if tag.commit != spec.commit && tag.commit != *before => {
                let text = format!("{} was moved to {} while our files came", self.making.name, tag.commit);
                Err(ForgeError::new(ForgeErrorKind::Conflict, text)
                    .hint("when that publisher has ended, publish its commit again: files of both may be in it now"))
            }
            _ => Ok(()),
        }
    }

    /// Files of an earlier release go: first what leads to them, then they.
    async fn take_away(
        &self,
        held: &StoredRelease,
        names: &[String],
        container: &Container,
        there: &HashMap<String, StoredAsset>,
        placed: &mut Placed,
        cx: &Cx,
    ) -> Result<(), ForgeError> {
        let forge = self.forge();
        for name in names {
            if held.listed.as_ref().is_some_and(|listed| listed.contains(name)) && !held.elsewhere.contains(name) {
                forge.unlist(held, name, &cx.cancel).await?;
                placed.writes += 1;
            }
            let Some(stored) = there.get(name) else { continue };
            placed.writes += 1;
            match forge.remove_asset(container, stored, &cx.cancel).await {
                // Nothing leads to it any more, and taking it away wants more rights than releasing.
                Err(error) if error.kind == ForgeErrorKind::Denied && forge.rules().flow == Flow::PackageFirst => {
                    cx.events.warn(error.to_string(), Some(format!("{name} is in the package, and no release shows it: {KEEPER}")));
                }
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Title and notes, and links; a release that was not seen is seen from now on.
    async fn tell(&self, held: Option<&StoredRelease>, assets: &[StoredAsset], theirs: &[String], cx: &Cx) -> Result<(), ForgeError> {
        let forge = self.forge();
        let mut shall = self.making.spec_over(held.map_or("", |held| &held.notes));
        shall.notes = remembering(&shall.notes, theirs.iter().map(String::as_str));
        let visible = held.filter(|held| held.is_visible());
        if let Some(visible) = visible.filter(|visible| self.making.first_unlisted(visible).is_none()) {
            return forge.describe(visible, &shall, &cx.cancel).await;
        }
        let Err(error) = forge.publish(&shall, held, assets, &cx.cancel).await else { return Ok(()) };
        if visible.is_some() || !error.is_settled_by_looking() {
            return Err(error);
        }
        // Another publisher was first, or our own answer was lost: one that is ours is completed, also by the next run.
        let Some(now) = self.ours_now(cx).await?.filter(StoredRelease::is_visible) else { return Err(error) };
        if let Some(draft) = held.filter(|draft| draft.container != now.container && !draft.is_visible()) {
            forge.remove_release(draft, &cx.cancel).await?;
        }
        let text = format!("{} was published by somebody else meanwhile", self.making.name);
        let there = self.making.list_again(cx).await?;
        match self.missing(&now, &there, cx).await? {
            None => Ok(()),
            Some(missing) => Err(ForgeError::new(ForgeErrorKind::Unavailable, format!("{text}, and is not complete: {missing}"))
                .hint("run publish again; what is missing is brought")),
        }
    }

    /// It, as it is at this moment.
    async fn ours_now(&self, cx: &Cx) -> Result<Option<StoredRelease>, ForgeError> {
        self.making.forget().await;
        self.ours(cx).await
    }

    fn gone(&self) -> ForgeError {
        ForgeError::new(ForgeErrorKind::Unavailable, format!("{} is gone", self.making.name)).hint("somebody removed it; run publish again")
    }
}
