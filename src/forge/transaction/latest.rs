//! The step that makes a release the latest one, and never goes back to an older version.

use std::sync::Arc;

use super::making::{Making, READ_BY};
use crate::core::{BoxFuture, Version};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::release::StoredRelease;
use crate::forge::retention::is_yanked;
use crate::publish::{Cx, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};

pub(super) struct LatestStep {
    shared: Arc<Making>,
    destination: String,
    /// Tags of releases that move with this one.
    rolling: Vec<String>,
    name: StepName,
    needs: Vec<StepName>,
}

impl LatestStep {
    pub(super) fn new(shared: Arc<Making>, destination: &str, rolling: Vec<String>, needs: Vec<StepName>) -> Self {
        Self {
            name: StepName(format!("latest:{destination}={}", shared.spec.tag)),
            shared,
            destination: destination.to_owned(),
            rolling,
            needs,
        }
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, ForgeError> {
        let ours = &self.shared.spec.tag;
        if self.shared.held(cx).await?.is_some_and(|held| is_yanked(&held.notes)) {
            return Ok(Observation::Superseded { found: ours.clone(), why: format!("{ours} was withdrawn") });
        }
        let Some(held) = self.shared.forge.latest(&cx.cancel).await? else { return Ok(Observation::Absent) };
        // Without a mark the youngest release is the latest, and one that is still to come will be that: then ours is marked.
        if held.tag == *ours && !cx.completed.contains(&self.name.0) && self.expects_a_younger(cx).await? {
            return Ok(Observation::Partial { missing: "a mark that outlives younger releases".to_owned() });
        }
        if held.tag == *ours {
            return Ok(Observation::Complete { digest: None });
        }
        let diverged =
            |may_move, why: String, unjudged| Observation::Diverged { found: held.tag.clone(), about: None, may_move, why, unjudged };
        if self.rolling.contains(&held.tag) {
            return Ok(diverged(true, format!("{} is a release that moves", held.tag), false));
        }
        Ok(match (version_of(ours), version_of(&held.tag)) {
            (Some(new), Some(old)) if new.follows(&old) => diverged(true, format!("{ours} follows {}", held.tag), false),
            (Some(_), Some(_)) => Observation::Superseded { found: held.tag.clone(), why: format!("{} is newer than {ours}", held.tag) },
            _ => diverged(false, format!("{ours} and {} cannot be compared as versions", held.tag), true),
        })
    }

    /// A release that moves is changed in place, and gets no younger by it; one that is not seen yet is going to be made.
    async fn expects_a_younger(&self, cx: &Cx) -> Result<bool, ForgeError> {
        for tag in &self.rolling {
            if !self.shared.forge.releases_of(tag, &cx.cancel).await?.iter().any(StoredRelease::is_visible) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn placed(&self, cx: &Cx, found: &Observation) -> Result<Placed, ForgeError> {
        let moved_from = match found {
            Observation::Diverged { found, .. } | Observation::Superseded { found, .. } => Some(found.clone()),
            _ => None,
        };
        let Some(held) = self.shared.held(cx).await? else {
            let text = format!("{} is gone", self.shared.name);
            return Err(ForgeError::new(ForgeErrorKind::NotFound, text).hint("somebody removed the release; run publish again"));
        };
        self.shared.forge.make_latest(&held, &cx.cancel).await?;
        Ok(Placed { writes: 1, moved_from, ..Placed::default() })
    }
}

/// The version in a tag: `v1.2.3`, `app-1.2.3`, `release/1.2.3`.
fn version_of(tag: &str) -> Option<Version> {
    // `k8s-operator-1.2.3` has digits before it; no part of another number begins one.
    let begins =
        |(at, ch): &(usize, char)| ch.is_ascii_digit() && !tag[..*at].ends_with(|before: char| before.is_ascii_digit() || before == '.');
    tag.char_indices().filter(begins).find_map(|(at, _)| tag[at..].parse().ok())
}

impl Step for LatestStep {
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
        Some(&self.destination)
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(cx).await.unwrap_or_else(|error| Observation::Unknown(error.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, found: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Ok(self.placed(cx, found).await?) })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(async move {
            match self.shared.forge.latest(&cx.cancel).await {
                Ok(Some(held)) if held.tag == self.shared.spec.tag => Ok(Verified { digest: None, by: READ_BY.to_owned() }),
                Ok(held) => Err(VerifyError::Mismatch {
                    expected: self.shared.spec.tag.clone(),
                    found: held.map_or_else(|| "nothing".to_owned(), |held| held.tag),
                }),
                Err(error) => Err(VerifyError::Unreadable(error.into())),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_their_version() {
        for (tag, version) in [
            ("v1.2.3", "1.2.3"),
            ("app-1.2.3", "1.2.3"),
            ("release/2.0.0-rc.1", "2.0.0-rc.1"),
            ("k8s-op-1.2.3", "1.2.3"),
            ("oauth2-proxy-v1.0.0", "1.0.0"),
        ] {
            assert_eq!(version_of(tag).map(|version| version.to_string()).as_deref(), Some(version), "{tag}");
        }
        assert!(version_of("nightly").is_none() && version_of("v1").is_none() && version_of("v1.2.3.4").is_none());
    }
}
