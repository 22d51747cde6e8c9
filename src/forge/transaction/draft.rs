//! The step that makes sure of one draft for a tag, or finds the release that is visible already.

use std::sync::Arc;

use super::making::{Found, Making, READ_BY, look_later};
use crate::core::BoxFuture;
use crate::error::Kind;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::Flow;
use crate::forge::release::StoredRelease;
use crate::publish::{Cx, Inquiry, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};

/// Drafts that are begun when each time the answer is lost and nothing is there.
const MOST_DRAFTS: usize = 3;

pub(super) struct DraftStep {
    shared: Arc<Making>,
    name: StepName,
}

impl DraftStep {
    pub(super) fn new(shared: Arc<Making>) -> Self {
        Self { name: StepName(format!("draft:{}", shared.name)), shared }
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, ForgeError> {
        if let Some(impossible) = self.shared.impossible() {
            return Err(impossible);
        }
        self.check_tag(cx).await?;
        if self.shared.forge.rules().flow == Flow::PackageFirst {
            return Ok(Observation::Complete { digest: None });
        }
        Ok(match self.shared.look(cx).await? {
            Found::Nothing => Observation::Absent,
            Found::Visible(_) => Observation::Complete { digest: None },
            Found::Draft(_, further) if further.is_empty() => Observation::Complete { digest: None },
            Found::Draft(_, further) => Observation::Partial { missing: format!("{} further drafts of this tag to remove", further.len()) },
            Found::Foreign(draft) => return Err(self.foreign(&draft)),
        })
    }

    /// The tag names our commit, or may be made.
    async fn check_tag(&self, cx: &Cx) -> Result<(), ForgeError> {
        let Making { forge, spec, .. } = &*self.shared;
        match forge.tag(&spec.tag, &cx.cancel).await? {
            Some(target) if target.commit == spec.commit => Ok(()),
            Some(target) => {
                let text = format!("tag {} of {} names {}, and this release is of {}", spec.tag, forge.place(), target.commit, spec.commit);
                Err(ForgeError::new(ForgeErrorKind::Conflict, text).hint("a tag that moved is another release: release a new version"))
            }
            None if spec.may_make_tag => Ok(()),
            None => {
                // What a token may not see looks the same.
                if let Some(problem) = forge.preflight(Inquiry::Login, &cx.cancel).await.problems.into_iter().next() {
                    let kind = if problem.kind == Kind::Missing { ForgeErrorKind::Denied } else { ForgeErrorKind::Unavailable };
                    return Err(ForgeError { hint: problem.hint, ..ForgeError::new(kind, problem.message) });
                }
                let text = format!("{} has no tag {}", forge.place(), spec.tag);
                Err(ForgeError::new(ForgeErrorKind::Rejected, text).hint("push the tag there, and run publish again"))
            }
        }
    }

    fn foreign(&self, draft: &StoredRelease) -> ForgeError {
        let Making { forge, spec, name, .. } = &*self.shared;
        let page = draft.page.as_ref().map(|page| format!(" ({page})")).unwrap_or_default();
        let text = format!("{} has a draft of {} that somebody else made{page}", forge.place(), spec.tag);
        ForgeError::new(ForgeErrorKind::Conflict, text)
            .hint(format!("delete it there, or take it over with its text: --adopt {name} --reason \"…\""))
    }

    /// Makes sure of one draft; afterwards it, or what became visible meanwhile, is what [`Making::held`] tells.
    pub(super) async fn placed(&self, cx: &Cx) -> Result<Placed, ForgeError> {
        let Making { forge, spec, .. } = &*self.shared;
        let mut writes = 0;
        let mut made: Option<StoredRelease> = None;
        let mut found = None;
        for _ in 0..MOST_DRAFTS {
            if let Found::Nothing = self.shared.look(cx).await? {
                writes += 1;
                match forge.open(&self.shared.spec_over(""), &cx.cancel).await {
                    Ok(draft) => made = Some(draft),
                    // The answer was lost; what is there tells whether it was made. Should a slow list hide it, a second one
                    // is made and one of the two removed.
                    Err(error) if error.is_settled_by_looking() => {}
                    Err(error) => return Err(error),
                }
            }
            found = self.settled(cx, made.as_ref()).await?;
            if found.is_some() {
                break;
            }
        }
        let (held, further) = found.map_or((None, Vec::new()), |(held, further)| (Some(held), further));
        let Some(held) = held else {
            let text = format!("it is not known whether a draft of {} was made at {}", spec.tag, forge.place());
            return Err(ForgeError::new(ForgeErrorKind::Ambiguous, text).hint("run publish again; a draft that was made is found"));
        };
        let is_empty = |draft: &StoredRelease| made.as_ref().is_some_and(|made| made.container == draft.container);
        for draft in further.iter().filter(|draft| draft.container != held.container) {
            // Another publisher's may be filling; only what is ours or empty goes.
            if is_empty(draft) || forge.assets(&draft.container, &cx.cancel).await?.is_empty() {
                forge.remove_release(draft, &cx.cancel).await?;
                writes += 1;
            }
        }
        self.shared.hold(Some(held)).await;
        Ok(Placed { writes, ..Placed::default() })
    }
}

impl DraftStep {
    /// Two publishers may have made one each: the oldest is the draft, for both, and each takes its own other away. A list
    /// that lags is waited for; in the end what the forge answered when the draft was made counts.
    async fn settled(&self, cx: &Cx, made: Option<&StoredRelease>) -> Result<Option<(StoredRelease, Vec<StoredRelease>)>, ForgeError> {
        let mut looks = 0;
        loop {
            looks += 1;
            match self.shared.look(cx).await? {
                Found::Draft(held, further) => return Ok(Some((held, further))),
                Found::Visible(held) => return Ok(Some((held, made.cloned().into_iter().collect()))),
                Found::Foreign(draft) if made.is_none() => return Err(self.foreign(&draft)),
                Found::Nothing | Found::Foreign(_) => {}
            }
            if !look_later(looks, &cx.cancel).await {
                return Ok(made.map(|made| (made.clone(), Vec::new())));
            }
        }
    }
}

impl Step for DraftStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        Stage::Bytes
    }

    fn needs(&self) -> &[StepName] {
        &[]
    }

    fn destination(&self) -> Option<&str> {
        None
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(cx).await.unwrap_or_else(|error| Observation::Unknown(error.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, _: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Ok(self.placed(cx).await?) })
    }

    fn verify<'a>(&'a self, _: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        // Placing ends with a look at what is there.
        Box::pin(async move { Ok(Verified { digest: None, by: READ_BY.to_owned() }) })
    }
}
