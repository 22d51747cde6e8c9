//! Does what a plan lists, in its order. What has come into use or was changed since is left alone and said so; what is
//! already gone is no failure; an engine that stops answering ends it.

use tokio_util::sync::CancellationToken;

use super::engine::{Engine, Refusal};
use super::inventory::Image;
use super::plan::{Item, Kind, Plan};

/// What came of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is gone, by us.
    Removed,
    /// It was gone already.
    Gone,
    /// It stays, for a reason that came up after the plan was made.
    Kept(String),
    /// The engine refused or failed.
    Failed(String),
    /// Something before it ended the run.
    NotTried,
}

/// One item and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// What was planned.
    pub item: Item,
    /// What came of it.
    pub state: State,
}

/// What came of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// One per item of the plan, in its order.
    pub removals: Vec<Removal>,
    /// Bytes that were freed, as the engine measures them before and after; none where it does not.
    pub reclaimed: Option<u64>,
}

impl Outcome {
    /// How many ended like this.
    pub fn count(&self, like: impl Fn(&State) -> bool) -> usize {
        self.removals.iter().filter(|removal| like(&removal.state)).count()
    }

    /// The first failure.
    pub fn failure(&self) -> Option<(&Item, &str)> {
        self.removals.iter().find_map(|removal| match &removal.state {
            State::Failed(why) => Some((&removal.item, why.as_str())),
            _ => None,
        })
    }
}

/// Removes what the plan lists. `required`: the first failure ends it. `layers` is what images took before.
pub async fn execute(engine: &Engine, plan: &Plan, required: bool, layers: Option<u64>, cancel: &CancellationToken) -> Outcome {
    let mut outcome = Outcome::default();
    let mut freed = 0;
    let mut over = false;
    for item in &plan.items {
        if over || cancel.is_cancelled() {
            outcome.removals.push(Removal { item: item.clone(), state: State::NotTried });
            continue;
        }
        let result = tokio::select! {
            result = remove(engine, item) => result,
            () = cancel.cancelled() => Err(Refusal::Failed("interrupted while it was being removed".to_owned())),
        };
        let state = match result {
            Ok(bytes) => {
                freed += bytes;
                State::Removed
            }
            Err(Refusal::Gone) => State::Gone,
            Err(Refusal::InUse(why)) => State::Kept(why),
            Err(Refusal::Failed(why)) => {
                over = required;
                State::Failed(why)
            }
            Err(Refusal::Unreachable(why)) => {
                over = true;
                State::Failed(format!("the engine does not answer any more: {why}"))
            }
        };
        outcome.removals.push(Removal { item: item.clone(), state });
    }
    let images_went = outcome.removals.iter().any(|removal| removal.item.kind == Kind::Image && removal.state == State::Removed);
    let of_images = if images_went { measured(engine, layers).await } else { Some(0) };
    outcome.reclaimed = of_images.map(|bytes| bytes + freed);
    outcome
}

async fn measured(engine: &Engine, before: Option<u64>) -> Option<u64> {
    let after = engine.layers().await?;
    // Somebody else may have pulled meanwhile.
    Some(before?.saturating_sub(after))
}

/// Bytes it freed, for kinds whose bytes the engine tells one by one.
async fn remove(engine: &Engine, item: &Item) -> Result<u64, Refusal> {
    match item.kind {
        Kind::Container => engine.remove_container(&item.id).await.map(|()| item.size),
        Kind::Image => remove_image(engine, item).await.map(|()| 0),
        Kind::BuildCache => engine.prune_cache(&item.id).await,
        Kind::Network => engine.remove_network(&item.id).await.map(|()| 0),
    }
}

/// An image with one name goes by its id, which cannot have become another's. With several names the engine wants them
/// gone one by one; each is looked up before, since it may name another image by now. Never by force: that would take
/// the image from under a container.
async fn remove_image(engine: &Engine, item: &Item) -> Result<(), Refusal> {
    if let Some(user) = engine.user_of(&Image { id: item.id.clone(), tags: item.names.clone(), ..Image::default() }).await? {
        return Err(Refusal::InUse(format!("container {user} uses it now")));
    }
    let now = engine.names_of(&item.id).await?;
    if let Some(new) = now.tags.iter().find(|tag| !item.names.contains(tag)) {
        return Err(Refusal::InUse(format!("it was named {new} meanwhile")));
    }
    if now.tags.len() > 1 || (now.tags.is_empty() && now.digests.len() > 1) {
        let names = if now.tags.is_empty() { &now.digests } else { &now.tags };
        for name in names {
            if engine.id_of(name).await?.as_deref() == Some(item.id.as_str()) {
                engine.remove_image(name).await?;
            }
        }
        // A last name with a digest may be left; usually nothing is.
        return match engine.remove_image(&item.id).await {
            Ok(()) | Err(Refusal::Gone) => Ok(()),
            Err(refusal) => Err(refusal),
        };
    }
    engine.remove_image(&item.id).await
}
