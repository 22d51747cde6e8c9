//! The repositories a command is about, as forges that can be asked.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use regex::Regex;

use super::shelf::Shelf;
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
use crate::plan::{FilesHome, files_home};

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
    let mut known = BTreeSet::new();
    for repo in chosen {
        // A project that has two names here has its releases once.
        if !known.insert(project_of(&config, repo)) {
            continue;
        }
        if is_embedded(&config, &repo.id) {
            return Err(Error::usage(format!(
                "repository `{}` is on a forge of our own, which only runs while something is published",
                repo.id
            ))
            .hint(format!("name others with --repo; its releases go with {}", names::path::REHEARSAL)));
        }
        let target = opened.releases(&target_of(&config, repo)?, &session.directory, None)?;
        asked.push(Asked { id: repo.id.clone(), forge: Arc::clone(target.forge()), policy: policy_of(&config, repo)? });
    }
    Ok(asked)
}

/// What entries at one shelf say together.
struct Shared {
    /// The first of them, its place and directory there.
    first: (String, FilesHome, String),
    /// The repositories they name.
    repos: Vec<String>,
    policy: Policy,
}

/// Packages of the repositories that were named; of all, and in buckets too, when none was. Asks nothing yet.
pub(super) fn packages_of_config(session: &Session, named: &[String]) -> Result<Vec<AskedPackage>> {
    let config = load::config(session)?;
    let mut shelves: BTreeMap<Shelf, Shared> = BTreeMap::new();
    let mut varying: Vec<(Shelf, &str)> = Vec::new();
    for publish in config.publish.values() {
        let PublishKind::Files(kind) = &publish.kind else { continue };
        let repo = match &kind.place {
            FilesPlace::Repo(repo) if is_embedded(&config, repo) => continue,
            FilesPlace::Repo(repo) => Some(repo.clone()),
            FilesPlace::Bucket { .. } | FilesPlace::Server { .. } => None,
        };
        let home = files_home(&config, &publish.id, &kind.place)?;
        let directory = kind.directory.clone().unwrap_or_else(|| home.directory.clone());
        // A server lists nothing, so nothing there can be taken away.
        let Some(shelf) = Shelf::of(&config, &kind.place, &directory) else { continue };
        // A directory that differs from run to run is none that versions lie beside each other in.
        if directory.contains('{') {
            varying.push((shelf, &publish.id));
            continue;
        }
        let policy = own_policy(&config, &publish.id, kind.retention.as_ref())?;
        let id = repo.clone().unwrap_or_else(|| publish.id.clone());
        match shelves.entry(shelf) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.policy = std::mem::take(&mut known.policy).or(&policy);
                known.repos.extend(repo);
            }
            Entry::Vacant(free) => {
                free.insert(Shared { first: (id, home, directory), repos: repo.into_iter().collect(), policy });
            }
        }
    }
    let mut opened = Forges::new(&session.world, session.events.clone());
    let mut asked = Vec::new();
    for (shelf, Shared { first: (id, home, package), repos, mut policy }) in shelves {
        if !named.is_empty() && !repos.iter().any(|repo| named.contains(repo)) {
            continue;
        }
        for (_, entry) in varying.iter().filter(|(varies, _)| varies.may_be(&shelf)) {
            policy =
                policy.or(&Policy::keeping_all(format!("publish `{entry}` keeps everything here: its directory differs from run to run")));
        }
        let target = opened.packages(&target_of_plan(&home.target), &session.directory, None)?;
        asked.push(AskedPackage { id, host: Arc::clone(target.host()), package, policy });
    }
    Ok(asked)
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

/// Where several entries release to one project, the more generous rule counts.
fn policy_of(config: &Config, repo: &Repo) -> Result<Policy> {
    let mut policy = Policy::default();
    for publish in config.publish.values() {
        let PublishKind::Release(release) = &publish.kind else { continue };
        let releases_here = |id: &String| config.repos.get(id).is_some_and(|other| project_of(config, other) == project_of(config, repo));
        if !release.repos.iter().any(releases_here) {
            continue;
        }
        policy = policy.or(&own_policy(config, &publish.id, release.retention.as_ref())?);
        // Releases that move are one for ever.
        for rolling in &release.rolling {
            policy.protect.push(matching(&rolling.template)?);
        }
    }
    Ok(policy)
}

/// Where a repository is, whatever it is called here.
fn project_of<'a>(config: &'a Config, repo: &'a Repo) -> (&'a str, &'a str) {
    // A forge that is not defined is its own place.
    (config.forges.get(&repo.forge).map_or(repo.forge.as_str(), |forge| forge.url.as_str()), &repo.project)
}

/// What one entry says. Without a rule that takes something away, it keeps everything where it publishes.
fn own_policy(config: &Config, publish: &str, rules: Option<&ReleaseRetention>) -> Result<Policy> {
    let policy = rules.map_or_else(|| Ok(Policy::default()), |rules| rules_of(config, rules))?;
    if policy.has_rules() {
        return Ok(policy);
    }
    let why = format!("publish `{publish}` keeps everything here: it has no `retention` that takes anything away");
    Ok(policy.or(&Policy::keeping_all(why)))
}

/// What a template may come to.
pub(super) fn matching(template: &str) -> Result<Regex> {
    let any = pattern(r"\\\{[^{}]*\\\}")?.replace_all(&regex::escape(template), ".+").into_owned();
    pattern(&format!("^{any}$"))
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
        keeps_all: None,
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
