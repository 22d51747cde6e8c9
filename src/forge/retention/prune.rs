//! Doing what was decided: releases one by one, the oldest first, each with its tag only where that was asked for.

use tokio_util::sync::CancellationToken;

use super::policy::{Decision, Policy, decide};
use crate::core::Timestamp;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::Forge;
use crate::forge::release::Container;

/// What came of one release that was to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// Which release or draft.
    pub release: Container,
    /// Its tag.
    pub tag: String,
    /// Why it is still there; `None`: it is gone.
    pub failure: Option<ForgeError>,
}

/// Looks at a project and decides. Writes nothing.
pub async fn look(forge: &dyn Forge, policy: &Policy, now: Timestamp, cancel: &CancellationToken) -> Result<Vec<Decision>, ForgeError> {
    Ok(decide(&forge.releases(cancel).await?, policy, now))
}

/// Removes what goes. A refusal of the token ends it, since every further one would be refused too; the rest is reported
/// as still there.
pub async fn carry_out(forge: &dyn Forge, decisions: &[Decision], with_tags: bool, cancel: &CancellationToken) -> Vec<Pruned> {
    let mut going: Vec<&Decision> = decisions.iter().filter(|decision| decision.goes()).collect();
    // An interruption leaves the younger ones.
    going.sort_by(|one, other| one.release.created.cmp(&other.release.created));
    let mut done = Vec::new();
    let mut refused: Option<ForgeError> = None;
    for decision in going {
        let release = &decision.release;
        let failure = match &refused {
            Some(error) => Some(error.clone()),
            None => remove(forge, decision, with_tags, cancel).await.err(),
        };
        if let Some(error) = &failure
            && matches!(error.kind, ForgeErrorKind::Denied | ForgeErrorKind::Unauthorized | ForgeErrorKind::Cancelled)
        {
            refused = Some(error.clone());
        }
        done.push(Pruned { release: release.container.clone(), tag: release.tag.clone(), failure });
    }
    done
}

async fn remove(forge: &dyn Forge, decision: &Decision, with_tags: bool, cancel: &CancellationToken) -> Result<(), ForgeError> {
    let release = &decision.release;
    // Between the look and now somebody may have changed it; what is not ours any more stays.
    let now = forge.releases_of(&release.tag, cancel).await?;
    let current = now.iter().find(|current| current.container == release.container);
    if let Some(current) = current
        && !crate::forge::notes::is_marked(&current.notes)
    {
        let text = format!("release {} of {} lost our marker since it was looked at", release.tag, forge.place());
        return Err(ForgeError::new(ForgeErrorKind::Conflict, text).hint("somebody took it over; it stays"));
    }
    // What it links to by now is what goes with it.
    forge.remove_release(current.unwrap_or(release), cancel).await?;
    if with_tags && release.is_visible() {
        forge.remove_tag(&release.tag, cancel).await?;
    }
    Ok(())
}
