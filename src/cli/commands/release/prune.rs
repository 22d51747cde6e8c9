//! `stagefreight release prune`: which old releases, versions of packages and in buckets, and forgotten drafts would go, and
//! with `--apply`, going.

use clap::Args;
use regex::Regex;
use schemars::JsonSchema;
use serde::Serialize;

use super::repos::{nothing, of_config, packages_of_config, pattern};
use crate::cli::session::Session;
use crate::error::{Error, Kind, Result};
use crate::forge::ForgeError;
use crate::forge::retention::{Fate, Policy, carry_out, look, look_at_package, remove_versions};
use crate::report::Table;

/// Options of prune.
#[derive(Debug, Args)]
pub struct ReleasePruneArgs {
    /// Only this repository of the config, its releases and packages; may be repeated [default: all, and buckets]
    #[arg(long, value_name = "ID")]
    pub repo: Vec<String>,
    /// Keep the newest so many of each group (`v…`, `cli/v…`, `v…-rc…`); any `--keep-…` is instead of the config's `retention`
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub keep_last: u32,
    /// Keep the newest of each of the last N days that have any
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub keep_daily: u32,
    /// Keep the newest of each of the last N weeks that have any
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub keep_weekly: u32,
    /// Keep the newest of each of the last N months that have any
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub keep_monthly: u32,
    /// Keep the newest of each of the last N years that have any
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub keep_yearly: u32,
    /// Keep tags that match this regular expression; may be repeated
    #[arg(long, value_name = "REGEX")]
    pub protect: Vec<String>,
    /// Remove the git tag of a release as well
    #[arg(long)]
    pub with_tags: bool,
    /// Remove no more than so many at once; when more would go, nothing does
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub most: usize,
    /// Do it; without this, only say what would be done
    #[arg(long)]
    pub apply: bool,
}

/// What goes and what stays.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ReleasePrune {
    /// Something was removed, where that was possible; otherwise this is a plan.
    applied: bool,
    /// Releases and drafts, newest first, repository by repository.
    releases: Vec<PrunedRelease>,
    /// Versions of packages, package by package.
    packages: Vec<PrunedPackage>,
    /// How many go, or went.
    removed: usize,
    /// How many could not be removed.
    failed: usize,
}

/// A release or draft.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct PrunedRelease {
    /// Id of the repository in the config.
    repo: String,
    /// Tag.
    tag: String,
    /// It is a draft.
    draft: bool,
    /// When it was made, as the forge tells.
    created: Option<String>,
    /// `stays`, `goes`, `removed` or `failed`.
    state: &'static str,
    /// Why.
    why: String,
}

/// A version of a package.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct PrunedPackage {
    /// Id of the repository in the config, or of the entry whose bucket it is.
    repo: String,
    /// Its directory: package and version.
    path: String,
    /// When it was made, as the place tells.
    created: Option<String>,
    /// `stays`, `goes`, `removed` or `failed`.
    state: &'static str,
    /// Why.
    why: String,
}

impl ReleasePrune {
    fn screen(&self) -> String {
        let mut table = Table::indented(2);
        for release in &self.releases {
            let what = if release.draft { format!("{} (draft)", release.tag) } else { release.tag.clone() };
            table.row([release.state.to_owned(), release.repo.clone(), what, release.why.clone()]);
        }
        for package in &self.packages {
            table.row([package.state.to_owned(), package.repo.clone(), package.path.clone(), package.why.clone()]);
        }
        let sum = if self.applied {
            format!("{} removed, {} failed\n", self.removed, self.failed)
        } else {
            format!("{} would go; nothing was removed\nhint: add --apply to remove them\n", self.removed)
        };
        format!("release prune\n{}{sum}", table.render())
    }
}

/// Runs it.
pub(super) fn run(session: &Session, args: &ReleasePruneArgs) -> Result<()> {
    let protect: Vec<Regex> = args.protect.iter().map(|text| pattern(text)).collect::<Result<_>>()?;
    let told = Policy {
        keep_last: args.keep_last,
        keep_daily: args.keep_daily,
        keep_weekly: args.keep_weekly,
        keep_monthly: args.keep_monthly,
        keep_yearly: args.keep_yearly,
        ..Policy::default()
    };
    let asked = of_config(session, &args.repo)?;
    let packages = packages_of_config(session, &args.repo)?;
    if asked.is_empty() && packages.is_empty() {
        return Err(nothing());
    }
    // Rules of the command line are instead of the config's; what either protects stays.
    let policy = |own: &Policy| {
        let rules = if told.is_active() { &told } else { own };
        Policy { protect: protect.iter().chain(&own.protect).cloned().collect(), ..rules.clone() }
    };
    let mut worst: Option<Error> = None;
    let pruned = session.block_on(async {
        let (now, cancel) = (session.world.clock.now(), &session.cancel);
        let mut releases = Vec::new();
        for repo in &asked {
            releases.push((repo, look(&*repo.forge, &policy(&repo.policy), now, cancel).await?));
        }
        let mut versions = Vec::new();
        for package in &packages {
            let policy = policy(&package.policy);
            // Versions are no drafts: without a rule none of them goes, and nobody needs to be asked.
            if policy.has_rules() {
                let decisions = look_at_package(&*package.host, &package.package, &policy, cancel).await?;
                versions.push((package, policy, decisions));
            }
        }
        let going = releases.iter().flat_map(|(_, decisions)| decisions).filter(|decision| decision.goes()).count()
            + versions.iter().flat_map(|(.., decisions)| decisions).filter(|decision| decision.goes()).count();
        if args.apply && going > args.most {
            return Err(Error::usage(format!("{going} would go, and no more than {} may at once; nothing was removed", args.most))
                .hint(format!("look at what would go without --apply; if it is right, say --most {going}")));
        }
        let mut pruned = ReleasePrune { applied: args.apply, releases: Vec::new(), packages: Vec::new(), removed: 0, failed: 0 };
        for (repo, decisions) in releases {
            let done = if args.apply { carry_out(&*repo.forge, &decisions, args.with_tags, cancel).await } else { Vec::new() };
            for decision in &decisions {
                // What went is found by its place; the list is in the order in which they went.
                let outcome = done.iter().find(|outcome| outcome.release == decision.release.container);
                let (state, why) =
                    pruned.count(&decision.fate, outcome.map(|outcome| outcome.failure.clone().map_or(Ok(()), Err)), &mut worst);
                pruned.releases.push(PrunedRelease {
                    repo: repo.id.clone(),
                    tag: decision.release.tag.clone(),
                    draft: !decision.release.is_visible(),
                    created: decision.release.created.clone(),
                    state,
                    why,
                });
            }
        }
        for (package, policy, decisions) in versions {
            let done = if args.apply {
                remove_versions(&*package.host, &package.package, &policy, &decisions, cancel).await
            } else {
                Ok(Vec::new())
            };
            for decision in &decisions {
                let outcome = match &done {
                    Ok(done) => {
                        let outcome = done.iter().find(|outcome| outcome.directory == decision.version.directory);
                        outcome.map(|outcome| outcome.failure.clone().map_or(Ok(()), Err))
                    }
                    // It could not be looked at again, and nothing of it was removed. What went before is told all the same.
                    Err(error) => Some(Err(error.clone())),
                };
                let (state, why) = pruned.count(&decision.fate, outcome, &mut worst);
                pruned.packages.push(PrunedPackage {
                    repo: package.id.clone(),
                    path: decision.version.directory.clone(),
                    created: decision.version.created.clone(),
                    state,
                    why,
                });
            }
        }
        Ok(pruned)
    })?;
    session.print(&pruned, ReleasePrune::screen)?;
    match worst {
        None => Ok(()),
        Some(error) if pruned.removed > 0 && error.kind() == Kind::Failed => {
            Err(Error::new(Kind::Partial, error.message().to_owned()).hint("run it again; what is gone stays gone"))
        }
        Some(error) => Err(error),
    }
}

impl ReleasePrune {
    /// State and reason of one, counted. `outcome` is that of removing it, when that was tried.
    fn count(
        &mut self,
        fate: &Fate,
        outcome: Option<std::result::Result<(), ForgeError>>,
        worst: &mut Option<Error>,
    ) -> (&'static str, String) {
        let why = match fate {
            Fate::Stays(why) => return ("stays", why.clone()),
            Fate::Goes(why) => why.clone(),
        };
        let tried = outcome.is_some();
        if let Some(Err(error)) = outcome {
            self.failed += 1;
            let message = error.message.clone();
            let error = Error::from(error);
            if worst.as_ref().is_none_or(|known| known.kind().worse(error.kind()) != known.kind()) {
                *worst = Some(error);
            }
            return ("failed", message);
        }
        self.removed += 1;
        (if tried { "removed" } else { "goes" }, why)
    }
}
