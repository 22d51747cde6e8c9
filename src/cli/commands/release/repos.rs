//! The repositories a command is about, as forges that can be asked.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use regex::Regex;

use crate::cli::session::Session;
use crate::cli::wire::target_of_plan;
use crate::cli::{forges, load};
use crate::config::{Config, FilesPlace, PublishKind, ReleaseRetention, Repo};
use crate::error::{Error, Result};
use crate::forge::packages::FileHost;
use crate::forge::retention::Policy;
use crate::forge::{Forge, Forges};
use crate::manifest::DestinationTarget;
use crate::names;
use crate::plan::files_home;

/// A repository of the config and its forge.
pub(super) struct Asked {
    /// Its id.
    pub(super) id: String,
    /// The adapter.
    pub(super) forge: Arc<dyn Forge>,
    /// What of it stays, as the entries that release there say.
    pub(super) policy: Policy,
}

/// A package, or a directory of versions.
pub(super) struct AskedPackage {
    /// Id of the repository, or of the entry whose bucket it is.
    pub(super) id: String,
    /// The place.
    pub(super) host: Arc<dyn FileHost>,
    /// Directory above its versions.
    pub(super) package: String,
    /// What of it stays, as the entries that publish there say.
    pub(super) policy: Policy,
}

/// Those that were named, or all. Asks nothing yet.
pub(super) fn of_config(session: &Session, named: &[String]) -> Result<Vec<Asked>> {
    let config = load::config(session)?;
    check_named(&config, named)?;
    let mut opened = Forges::new(&session.world, session.events.clone());
    let chosen = config.repos.values().filter(|repo| named.is_empty() || named.contains(&repo.id));
    let mut asked = Vec::new();
    for repo in chosen {
        if is_embedded(&config, &repo.id) {
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

/// Packages of the repositories that were named; of all, and in buckets too, when none was. Asks nothing yet.
pub(super) fn packages_of_config(session: &Session, named: &[String]) -> Result<Vec<AskedPackage>> {
    let config = load::config(session)?;
    let mut opened = Forges::new(&session.world, session.events.clone());
    let mut asked: BTreeMap<(String, String), AskedPackage> = BTreeMap::new();
    for publish in config.publish.values() {
        let PublishKind::Files(kind) = &publish.kind else { continue };
        let id = match &kind.place {
            // It lists nothing, so nothing there can be taken away.
            FilesPlace::Server { .. } => continue,
            FilesPlace::Repo(repo) => repo,
            FilesPlace::Bucket { .. } => &publish.id,
        };
        if (!named.is_empty() && !named.contains(id)) || is_embedded(&config, id) {
            continue;
        }
        let home = files_home(&config, &publish.id, &kind.place)?;
        let package = kind.directory.clone().unwrap_or(home.directory);
        // A directory that differs from run to run is none that versions lie beside each other in.
        if package.contains('{') {
            continue;
        }
        let policy = kind.retention.as_ref().map_or_else(|| Ok(Policy::default()), |rules| rules_of(&config, rules))?;
        match asked.entry((home.target.name.clone(), package.clone())) {
            Entry::Occupied(mut known) => {
                let both = std::mem::take(&mut known.get_mut().policy).or(&policy);
                known.get_mut().policy = both;
            }
            Entry::Vacant(free) => {
                let target = opened.packages(&target_of_plan(&home.target), &session.directory, None)?;
                free.insert(AskedPackage { id: id.clone(), host: Arc::clone(target.host()), package, policy });
            }
        }
    }
    Ok(asked.into_values().collect())
}

/// Is the repository on a forge of our own?
fn is_embedded(config: &Config, repo: &str) -> bool {
    let forge = config.repos.get(repo).and_then(|repo| config.forges.get(&repo.forge));
    forge.is_some_and(|forge| forge.provider.is_embedded())
}

fn check_named(config: &Config, named: &[String]) -> Result<()> {
    let Some(unknown) = named.iter().find(|id| !config.repos.contains_key(*id)) else { return Ok(()) };
    let known: Vec<&str> = config.repos.keys().map(String::as_str).collect();
    Err(Error::usage(format!("repo `{unknown}` is not defined")).hint(format!("repositories here: {}", known.join(", "))))
}

/// Where several entries release to one repository, the more generous rule counts.
fn policy_of(config: &Config, repo: &str) -> Result<Policy> {
    let mut policy = Policy::default();
    for publish in config.publish.values() {
        let PublishKind::Release(release) = &publish.kind else { continue };
        let Some(rules) = release.retention.as_ref().filter(|_| release.repos.iter().any(|id| id == repo)) else { continue };
        policy = policy.or(&rules_of(config, rules)?);
        // Releases that move are one for ever.
        for rolling in &release.rolling {
            let any = pattern(r"\\\{[^{}]*\\\}")?.replace_all(&regex::escape(&rolling.template), ".+").into_owned();
            policy.protect.push(pattern(&format!("^{any}$"))?);
        }
    }
    Ok(policy)
}

fn rules_of(config: &Config, rules: &ReleaseRetention) -> Result<Policy> {
    let protect = rules.protect.iter().map(|name| match config.git.tags.get(name) {
        Some(pattern) => Ok(pattern.clone()),
        None => pattern(name.strip_prefix("re:").unwrap_or(name)),
    });
    Ok(Policy {
        keep_last: rules.keep_last,
        keep_daily: rules.keep_daily,
        keep_weekly: rules.keep_weekly,
        keep_monthly: rules.keep_monthly,
        keep_yearly: rules.keep_yearly,
        protect: protect.collect::<Result<_>>()?,
    })
}

/// When nothing was found that the command is about.
pub(super) fn nothing() -> Error {
    Error::usage("the config names no repository").hint("define `forges` and `repos`")
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
