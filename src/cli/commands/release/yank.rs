//! `stagefreight release yank`: marks a release that nobody should take. Nothing is deleted.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::repos::{nothing, of_config};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::forge::retention::yank;

/// Options of yank.
#[derive(Debug, Args)]
pub struct ReleaseYankArgs {
    /// Tag of the release
    pub tag: String,
    /// Why; it stands above the notes
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Only this repository of the config; may be repeated [default: all]
    #[arg(long, value_name = "ID")]
    pub repo: Vec<String>,
}

/// What was marked.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ReleaseYank {
    /// Tag.
    tag: String,
    /// Repositories, in the order of the config.
    repos: Vec<YankedAt>,
}

/// What came of it at one repository.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct YankedAt {
    /// Id in the config.
    repo: String,
    /// Where it is.
    place: String,
    /// `marked`, `unchanged` (it was marked so already) or `failed`.
    state: &'static str,
    /// Why it failed.
    detail: Option<String>,
}

impl ReleaseYank {
    fn screen(&self) -> String {
        let mut text = format!("release yank  {}\n", self.tag);
        for at in &self.repos {
            let detail = at.detail.as_ref().map(|detail| format!("  {detail}")).unwrap_or_default();
            text.push_str(&format!("  {:<10} {}{detail}\n", at.state, at.place));
        }
        text
    }
}

/// Runs it. One repository's failure does not keep the others from being marked.
pub(super) fn run(session: &Session, args: &ReleaseYankArgs) -> Result<()> {
    if args.reason.trim().is_empty() {
        return Err(Error::usage("a release is withdrawn for a reason").hint("say it: --reason \"…\""));
    }
    let asked = of_config(session, &args.repo)?;
    if asked.is_empty() {
        return Err(nothing());
    }
    let mut failure: Option<Error> = None;
    let yanked = session.block_on(async {
        let mut repos = Vec::new();
        for repo in &asked {
            let (state, detail) = match yank(&*repo.forge, &args.tag, &args.reason, &session.cancel).await {
                Ok(true) => ("marked", None),
                Ok(false) => ("unchanged", None),
                Err(error) => {
                    let detail = Some(error.message.clone());
                    failure.get_or_insert_with(|| Error::from(error));
                    ("failed", detail)
                }
            };
            repos.push(YankedAt { repo: repo.id.clone(), place: repo.forge.place().to_string(), state, detail });
        }
        Ok(ReleaseYank { tag: args.tag.clone(), repos })
    })?;
    session.print(&yanked, ReleaseYank::screen)?;
    failure.map_or(Ok(()), Err)
}
