//! The repositories a command is about, as forges that can be asked.

use std::sync::Arc;

use crate::cli::session::Session;
use crate::cli::{forges, load};
use crate::config::{Config, Repo};
use crate::error::{Error, Result};
use crate::forge::{Forge, Forges};
use crate::manifest::DestinationTarget;

/// A repository of the config and its forge.
pub(super) struct Asked {
    /// Its id.
    pub(super) id: String,
    /// The adapter.
    pub(super) forge: Arc<dyn Forge>,
}

/// Those that were named, or all. Asks nothing yet.
pub(super) fn of_config(session: &Session, named: &[String]) -> Result<Vec<Asked>> {
    let config = load::config(session)?;
    if config.repos.is_empty() {
        return Err(Error::usage("the config names no repository").hint("define `forges` and `repos`"));
    }
    if let Some(unknown) = named.iter().find(|id| !config.repos.contains_key(*id)) {
        let known: Vec<&str> = config.repos.keys().map(String::as_str).collect();
        return Err(Error::usage(format!("repo `{unknown}` is not defined")).hint(format!("repositories here: {}", known.join(", "))));
    }
    let mut opened = Forges::new(&session.world, session.events.clone());
    let chosen = config.repos.values().filter(|repo| named.is_empty() || named.contains(&repo.id));
    let mut asked = Vec::new();
    for repo in chosen {
        let target = opened.releases(&target_of(&config, repo)?, &session.directory, None)?;
        asked.push(Asked { id: repo.id.clone(), forge: Arc::clone(target.forge()) });
    }
    Ok(asked)
}

/// As a plan describes it.
fn target_of(config: &Config, repo: &Repo) -> Result<DestinationTarget> {
    let forge = config.forges.get(&repo.forge).ok_or_else(|| Error::usage(format!("forge `{}` is not defined", repo.forge)))?;
    Ok(forges::described(&repo.id, forge, &repo.project))
}
