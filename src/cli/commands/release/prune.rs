//! `stagefreight release prune`: which old releases and forgotten drafts would go, and with `--apply`, going.

use clap::Args;
use regex::Regex;
use schemars::JsonSchema;
use serde::Serialize;

use super::repos::{of_config, pattern};
use crate::cli::session::Session;
use crate::error::{Error, Kind, Result};
use crate::forge::retention::{Fate, Policy, carry_out, look};
use crate::report::Table;

/// Options of prune.
#[derive(Debug, Args)]
pub struct ReleasePruneArgs {
    /// Only this repository of the config; may be repeated [default: all]
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

impl ReleasePrune {
    fn screen(&self) -> String {
        let mut table = Table::indented(2);
        for release in &self.releases {
            let what = if release.draft { format!("{} (draft)", release.tag) } else { release.tag.clone() };
            table.row([release.state.to_owned(), release.repo.clone(), what, release.why.clone()]);
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
        protect: Vec::new(),
    };
    let asked = of_config(session, &args.repo)?;
    let mut worst: Option<Error> = None;
    let pruned = session.block_on(async {
        let mut pruned = ReleasePrune { applied: args.apply, releases: Vec::new(), removed: 0, failed: 0 };
        for repo in &asked {
            // Rules of the command line are instead of the config's; what either protects stays.
            let rules = if told.is_active() { &told } else { &repo.policy };
            let policy = Policy { protect: protect.iter().chain(&repo.policy.protect).cloned().collect(), ..rules.clone() };
            let decisions = look(&*repo.forge, &policy, session.world.clock.now(), &session.cancel).await?;
            let done = if args.apply { carry_out(&*repo.forge, &decisions, args.with_tags, &session.cancel).await } else { Vec::new() };
            let mut done = done.into_iter();
            // Both lists name what goes; the second in the order in which it went.
            let mut outcomes: Vec<_> = done.by_ref().collect();
            for decision in &decisions {
                let (mut state, mut why) = match &decision.fate {
                    Fate::Stays(why) => ("stays", why.clone()),
                    Fate::Goes(why) => ("goes", why.clone()),
                };
                if decision.goes() {
                    if let Some(at) = outcomes.iter().position(|outcome| outcome.release == decision.release.container) {
                        match outcomes.remove(at).failure {
                            None => state = "removed",
                            Some(error) => {
                                (state, why) = ("failed", error.message.clone());
                                pruned.failed += 1;
                                worst.get_or_insert_with(|| Error::from(error));
                            }
                        }
                    }
                    pruned.removed += usize::from(state != "failed");
                }
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
