//! The step that brings one file.

use std::sync::Arc;

use super::making::{Making, READ_BY};
use crate::core::BoxFuture;
use crate::forge::asset::{AssetSource, AssetState, StoredAsset};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::hash;
use crate::publish::{Cx, Observation, PlaceError, Placed, Stage, Step, StepName, Verified, VerifyError};

pub(super) struct AssetStep {
    shared: Arc<Making>,
    source: AssetSource,
    name: StepName,
    needs: Vec<StepName>,
    destination: Option<String>,
}

impl AssetStep {
    pub(super) fn new(shared: Arc<Making>, source: AssetSource, draft: &StepName, destination: Option<String>) -> Self {
        // What an earlier run brought counts for the bytes it brought.
        let name = StepName(format!("asset:{}/{}@{}", shared.name, source.name, source.sha256.short()));
        Self { shared, source, name, needs: vec![draft.clone()], destination }
    }

    async fn observed(&self, cx: &Cx) -> Result<Observation, ForgeError> {
        let held = self.shared.stored(cx, &self.source.name).await?;
        let sealed = self.shared.held(cx).await?.as_ref().is_some_and(Making::is_sealed);
        let Some(stored) = held else {
            return if sealed { Err(self.terminal("lacks it")) } else { Ok(Observation::Absent) };
        };
        match self.holds(&stored, cx).await? {
            true => Ok(Observation::Complete { digest: Some(self.source.sha256.clone()) }),
            false if stored.state == AssetState::Unfinished && sealed => Err(self.terminal("has half of it")),
            false if stored.state == AssetState::Unfinished => {
                Ok(Observation::Partial { missing: "an upload that did not end".to_owned() })
            }
            false => Ok(Observation::Diverged {
                found: stored.describe(),
                about: None,
                may_move: false,
                why: "a released file is not replaced".to_owned(),
                unjudged: false,
            }),
        }
    }

    /// Does it hold our bytes? Where the forge tells no digest and the length agrees, what it holds is read and hashed.
    async fn holds(&self, stored: &StoredAsset, cx: &Cx) -> Result<bool, ForgeError> {
        match stored.holds(self.source.size, &self.source.sha256) {
            Some(known) => Ok(known),
            // An earlier run brought these bytes, and the length still agrees.
            None if cx.completed.contains(&self.name.0) => Ok(true),
            None => Ok(hash::of_stored(&*self.shared.forge, self.shared.uploader.http(), stored, self.source.size, &cx.cancel).await?
                == self.source.sha256),
        }
    }

    fn terminal(&self, how: &str) -> ForgeError {
        let text = format!("{} is published and cannot change any more, and {how}: {}", self.shared.name, self.source.name);
        ForgeError::new(ForgeErrorKind::Rejected, text)
            .hint("an immutable release is complete before it is published, or never: release a new version")
    }

    async fn placed(&self, cx: &Cx, found: &Observation) -> Result<Placed, ForgeError> {
        let forge = &*self.shared.forge;
        let Some(container) = self.shared.container(cx).await? else {
            let text = format!("the draft of {} is gone", self.shared.name);
            return Err(ForgeError::new(ForgeErrorKind::Unavailable, text).hint("somebody removed it; run publish again"));
        };
        let held = self.shared.stored(cx, &self.source.name).await?;
        let mut writes = 0;
        let mut moved_from = None;
        let held = match held {
            // Somebody decided that this file is replaced; the engine asks with nothing else.
            Some(stored) if matches!(found, Observation::Diverged { .. }) => {
                forge.remove_asset(&container, &stored, &cx.cancel).await?;
                writes += 1;
                moved_from = Some(stored.describe());
                None
            }
            held => held,
        };
        let sent = match self.shared.uploader.put(forge, &container, &self.source, held.as_ref(), &cx.cancel).await {
            Ok(sent) => sent,
            Err(error) => {
                self.shared.forget().await;
                return Err(error);
            }
        };
        self.shared.remember(sent.stored.clone()).await;
        Ok(Placed { digest: Some(self.source.sha256.clone()), sent: sent.bytes, reused: 0, writes: writes + sent.writes, moved_from })
    }
}

impl Step for AssetStep {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        Stage::Bytes
    }

    fn needs(&self) -> &[StepName] {
        &self.needs
    }

    fn destination(&self) -> Option<&str> {
        self.destination.as_deref()
    }

    fn observe<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { self.observed(cx).await.unwrap_or_else(|error| Observation::Unknown(error.into())) })
    }

    fn place<'a>(&'a self, cx: &'a Cx, found: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Ok(self.placed(cx, found).await?) })
    }

    fn verify<'a>(&'a self, cx: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(async move {
            // What the forge said of it when it had arrived. All of them are listed again before anything is visible.
            let found = match self.shared.stored(cx, &self.source.name).await {
                Ok(Some(stored)) => stored,
                Ok(None) => return Err(VerifyError::Mismatch { expected: self.source.sha256.to_string(), found: "nothing".to_owned() }),
                Err(error) => return Err(VerifyError::Unreadable(error.into())),
            };
            if found.holds(self.source.size, &self.source.sha256) == Some(false) {
                return Err(VerifyError::Mismatch { expected: self.source.sha256.to_string(), found: found.describe() });
            }
            Ok(Verified { digest: Some(self.source.sha256.clone()), by: READ_BY.to_owned() })
        })
    }
}
