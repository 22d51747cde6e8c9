//! `stagefreight release …`: what publish and its relatives do, about releases alone, and taking releases back.

pub(in crate::cli) mod prune;
mod repos;
mod shelf;
pub(in crate::cli) mod yank;

pub(in crate::cli) use repos::target_of;

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use super::publish::{PublishArgs, print as print_published};
use super::status::Status;
use crate::cli::files;
use crate::cli::gather::gather;
use crate::cli::publish::{publish, verdict};
use crate::cli::readback::{ReadBack, read_some};
use crate::cli::session::Session;
use crate::error::{Error, Kind, Result};
use crate::manifest::{DESTINATIONS_SCHEMA_VERSION, Destinations};
use crate::names;
use crate::plan::PlannedDestination;
use crate::publish::Depth;
use crate::report::Table;

/// Kind of the targets this is about.
const KIND: &str = "release";

/// What is done.
#[derive(Debug, Subcommand)]
pub enum ReleaseCommand {
    /// Print which releases would be made where, with their files and notes
    Plan,
    /// Publish approved files as releases, and nothing else
    Publish(PublishArgs),
    /// Show what is at every release
    Status,
    /// Read every file of every release back and compare
    Verify(ReleaseVerifyArgs),
    /// Mark a published release as withdrawn; nothing is deleted
    Yank(yank::ReleaseYankArgs),
    /// Show which old releases, old versions of packages and in buckets, and forgotten drafts would go; with --apply, remove them
    Prune(prune::ReleasePruneArgs),
}

/// Options of verify.
#[derive(Debug, Args)]
pub struct ReleaseVerifyArgs {}

/// The releases of a plan.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ReleasePlan {
    /// Version.
    version: String,
    /// Full commit id.
    commit: String,
    /// Releases, their files and the names that move with them, in the order of the plan.
    destinations: Vec<PlannedDestination>,
    /// Entries that do not apply, and why.
    skipped: Vec<String>,
}

impl ReleasePlan {
    fn screen(&self) -> String {
        let mut text = format!("release plan  version {}  commit {:.7}\n", self.version, self.commit);
        let mut table = Table::indented(2);
        for destination in &self.destinations {
            let what = match destination.kind.as_str() {
                "release" => "release",
                "release_asset" => "file",
                "release_latest" => "latest",
                "release_rolling" => "rolling",
                _ => "tag",
            };
            let from = destination.artifact.clone().unwrap_or_default();
            table.row([what.to_owned(), destination.name.clone(), from]);
        }
        text.push_str(&table.render());
        for why in &self.skipped {
            text.push_str(&format!("  - {why}\n"));
        }
        for release in self.destinations.iter().filter(|destination| destination.kind == "release").take(1) {
            let notes = release.settings.as_ref().and_then(|settings| settings.get("notes")).and_then(serde_json::Value::as_str);
            if let Some(notes) = notes.filter(|notes| !notes.is_empty()) {
                text.push_str(&format!("\n{notes}\n"));
            }
        }
        text
    }
}

/// Runs it.
pub fn run(session: &Session, command: &ReleaseCommand) -> Result<()> {
    match command {
        ReleaseCommand::Plan => plan(session),
        ReleaseCommand::Publish(args) => publish_releases(session, args),
        ReleaseCommand::Status => {
            let read = read_releases(session, Depth::About)?;
            session.print(&Status::from(read), |status| status.screen("release status", session))
        }
        ReleaseCommand::Verify(_) => verify(session),
        ReleaseCommand::Yank(args) => yank::run(session, args),
        ReleaseCommand::Prune(args) => prune::run(session, args),
    }
}

fn plan(session: &Session) -> Result<()> {
    let gathered = session.block_on(Box::pin(gather(session)))?;
    let plan = gathered.plan;
    let releases: Vec<&str> = plan.targets.iter().filter(|target| target.kind == KIND).map(|target| target.name.as_str()).collect();
    let of_release = |publish: &str| {
        matches!(gathered.config.publish.get(publish).map(|entry| &entry.kind), Some(crate::config::PublishKind::Release(_)))
    };
    let printed = ReleasePlan {
        version: plan.version.version.clone(),
        commit: plan.commit.clone(),
        destinations: plan.destinations.iter().filter(|one| releases.contains(&one.target.as_str())).cloned().collect(),
        skipped: plan
            .skipped
            .iter()
            .filter(|skipped| of_release(&skipped.publish))
            .map(|skipped| format!("{}: {}", skipped.publish, skipped.why))
            .collect(),
    };
    session.print(&printed, ReleasePlan::screen)
}

fn publish_releases(session: &Session, args: &PublishArgs) -> Result<()> {
    let mut options = args.options()?;
    let releases = release_targets(session)?;
    if releases.is_empty() {
        return Err(none());
    }
    if options.only.is_empty() {
        options.only = releases;
    }
    let context = crate::cli::gather::context(session)?;
    let run_id = crate::cli::pipeline::run_id(session, &context);
    let published = session.block_on(publish(session, &options, &run_id))?;
    print_published(session, &published, options.dry_run)?;
    let verdict = verdict(session, &published.placements).filter(|_| !options.dry_run || session.cancel.is_cancelled());
    verdict.map_or(Ok(()), Err)
}

fn verify(session: &Session) -> Result<()> {
    let read = read_releases(session, Depth::Closure)?;
    let status = Status::from(read);
    session.print(&status, |status| status.screen("release verify", session))?;
    match status.first_wrong() {
        None => Ok(()),
        Some(line) => {
            let text =
                format!("{} is {}{}", line.name, line.state, line.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default());
            Err(Error::new(Kind::Unverified, text).hint("run publish again; what is complete is not touched"))
        }
    }
}

fn read_releases(session: &Session, depth: Depth) -> Result<ReadBack> {
    let releases = release_targets(session)?;
    if releases.is_empty() {
        return Err(none());
    }
    session.block_on(read_some(session, depth, &|destination| releases.contains(&destination.target)))
}

fn release_targets(session: &Session) -> Result<Vec<String>> {
    let bytes = files::need(&session.directory, names::path::DESTINATIONS, "perform")?;
    let destinations: Destinations = files::parse(names::path::DESTINATIONS, &bytes, DESTINATIONS_SCHEMA_VERSION)?;
    Ok(destinations.targets.into_iter().filter(|target| target.kind == KIND).map(|target| target.name).collect())
}

fn none() -> Error {
    Error::usage("no release is among the destinations of this pipeline")
        .hint("see `stagefreight release plan` for what applies, and why not")
}
