//! The repositories a command is about, as forges that can be asked.

use std::sync::Arc;

use regex::Regex;

use crate::cli::session::Session;
use crate::cli::{forges, load};
use crate::config::{Config, ForgeProvider, PublishKind, Repo};
use crate::error::{Error, Result};
use crate::forge::retention::Policy;
use crate::forge::{Forge, Forges};
use crate::manifest::DestinationTarget;
use crate::names;

/// A repository of the config and its forge.
pub(super) struct Asked {
    /// Its id.
    pub(super) id: String,
    /// The adapter.
    pub(super) forge: Arc<dyn Forge>,
    /// What of it stays, as the entries that release there say.
    pub(super) policy: Policy,
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
        if config.forges.get(&repo.forge).is_some_and(|forge| forge.provider == ForgeProvider::Embedded) {
            return Err(Error::usage(format!(
                "repository `{}` is on a forge of our own, which only runs while something is published",
                repo.id
            ))
            .hint(format!("name others with --repo; its releases go with {}", names::path::REHEARSAL)));
        }
        let target = opened.releases(&target_of(&config, repo)?, &session.directory, None)?;
        asked.push(Asked { id: repo.id.clone(), forge: Arc::clone(target.forge()), policy: policy_of(&config, &repo.id)? });
    }
    Ok(asked)
}

/// Where several entries release to one repository, the more generous rule counts.
fn policy_of(config: &Config, repo: &str) -> Result<Policy> {
    let mut policy = Policy::default();
    for publish in config.publish.values() {
        let PublishKind::Release(release) = &publish.kind else { continue };
        let Some(rules) = release.retention.as_ref().filter(|_| release.repos.iter().any(|id| id == repo)) else { continue };
        policy.keep_last = policy.keep_last.max(rules.keep_last);
        policy.keep_daily = policy.keep_daily.max(rules.keep_daily);
        policy.keep_weekly = policy.keep_weekly.max(rules.keep_weekly);
        policy.keep_monthly = policy.keep_monthly.max(rules.keep_monthly);
        policy.keep_yearly = policy.keep_yearly.max(rules.keep_yearly);
        for name in &rules.protect {
            policy.protect.push(match config.git.tags.get(name) {
                Some(pattern) => pattern.clone(),
                None => pattern(name.strip_prefix("re:").unwrap_or(name))?,
            });
        }
        // Releases that move are one for ever.
        for rolling in &release.rolling {
            let any = pattern(r"\\\{[^{}]*\\\}")?.replace_all(&regex::escape(&rolling.template), ".+").into_owned();
            policy.protect.push(pattern(&format!("^{any}$"))?);
        }
    }
    Ok(policy)
}

/// A pattern of tags.
pub(super) fn pattern(text: &str) -> Result<Regex> {
    Regex::new(text).map_err(|error| Error::usage(format!("`{text}` is not a regular expression")).because(&error))
}

/// As a plan describes it.
pub(in crate::cli) fn target_of(config: &Config, repo: &Repo) -> Result<DestinationTarget> {
    let forge = config.forges.get(&repo.forge).ok_or_else(|| Error::usage(format!("forge `{}` is not defined", repo.forge)))?;
    Ok(forges::described(&repo.id, forge, &repo.project))
}
