//! `stagefreight cache …`: the caches of this repository, listed and kept small.

use std::path::Path;

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;

use crate::build::backend::BackendKind;
use crate::build::cache::{BuilderRetention, Generation, TagFacts, list_local};
use crate::build::lifecycle::{Lease, Order};
use crate::cli::gather;
use crate::cli::load;
use crate::cli::session::Session;
use crate::cli::tidy::{Tidied, Tidy, registry_tags};
use crate::cli::wire;
use crate::config::{BuilderKeep, CacheMode, Config};
use crate::core::{ByteSize, Timestamp, duration};
use crate::error::{Error, Result};
use crate::plan;
use crate::plan::cache::{RepositoryId, builder_name, local_directory};
use crate::report::{Table, counted};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// List the caches of this repository
    Ls,
    /// Remove what the config's limits do not keep, of this repository's caches only
    Prune(PruneArgs),
}

/// Options of `cache prune`.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Prune the builder's cache also where the daemon may hold that of other repositories
    #[arg(long)]
    shared: bool,
}

/// The caches of a repository.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct CacheListing {
    /// Id of the repository: all its caches are named after it.
    repository: String,
    /// `off`, `local`, `shared`, `hybrid`.
    mode: &'static str,
    /// The builder of its own, where builders are made: its cache is `buildx du`'s to list.
    builder: String,
    /// Directory of this machine's caches, where the mode has them.
    directory: Option<String>,
    /// Caches in it, oldest first.
    local: Vec<Generation>,
    /// Repository of the shared caches, where they are in a registry.
    place: Option<String>,
    /// Caches there, oldest first.
    shared: Vec<ListedTag>,
}

/// A cache in a registry.
#[derive(Debug, Serialize, JsonSchema)]
struct ListedTag {
    /// Its tag.
    tag: String,
    /// Its manifest.
    digest: String,
    /// When it was written; none when that is not known.
    #[schemars(with = "Option<String>")]
    written: Option<Timestamp>,
}

/// Runs it.
pub fn run(session: &Session, command: &CacheCommand) -> Result<()> {
    session.block_on(async {
        let config = load::config(session)?;
        let repository = repository(session).await?;
        match command {
            CacheCommand::Ls => list(session, &config, &repository).await,
            CacheCommand::Prune(args) => prune(session, &config, &repository, args).await,
        }
    })
}

/// The same id a build in this workspace has.
async fn repository(session: &Session) -> Result<RepositoryId> {
    let git = gather::read_git(session).await?;
    let context = plan::complete(gather::context(session)?, &git);
    Ok(RepositoryId::find(&context, &git, &session.directory))
}

async fn list(session: &Session, config: &Config, repository: &RepositoryId) -> Result<()> {
    let mode = config.build_cache.mode;
    let directory = matches!(mode, CacheMode::Local | CacheMode::Hybrid).then(|| local_directory(config, repository));
    let local = directory.as_deref().map(|directory| list_local(Path::new(directory))).transpose()?.unwrap_or_default();
    let shared = if matches!(mode, CacheMode::Shared | CacheMode::Hybrid) { registry_tags(session, config, repository)? } else { None };
    let mut tags: Vec<ListedTag> = Vec::new();
    if let Some((place, port)) = &shared {
        for tag in port.list(&session.cancel).await?.into_iter().filter(|tag| place.scope.owns(tag)) {
            if let Some(TagFacts { digest, written, .. }) = port.read(&tag, &session.cancel).await? {
                tags.push(ListedTag { tag, digest: digest.to_string(), written });
            }
        }
        tags.sort_by(|one, other| {
            (one.written.is_none(), one.written, &one.tag).cmp(&(other.written.is_none(), other.written, &other.tag))
        });
    }
    let listing = CacheListing {
        repository: repository.to_string(),
        mode: mode.name(),
        builder: config.builder.name.clone().unwrap_or_else(|| builder_name(repository)),
        directory,
        local,
        place: shared.map(|(_, port)| port.place()),
        shared: tags,
    };
    session.print(&listing, |listing| listing.screen(session.world.clock.now()))
}

async fn prune(session: &Session, config: &Config, repository: &RepositoryId, args: &PruneArgs) -> Result<()> {
    let tidy = Tidy { session, config, repository, dry_run: args.dry_run };
    let mut tidied = tidy.places().await;
    if config.build_cache.keep != BuilderKeep::default() {
        let reached = builders(session, config, repository, &tidy, args, &mut tidied).await;
        if let Err(error) = reached {
            tidied.errors.push(format!("the builder's cache: {}", error.message()));
        }
    }
    session.print(&tidied, |tidied| tidied.screen(session.world.clock.now()))?;
    match tidied.errors.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(Error::failed(format!("{} while pruning caches: {first}", counted(tidied.errors.len(), "failure")))
            .hint("what is listed as removed is gone; run it again when the cause is gone too")),
    }
}

/// Prunes the builder where there is one: none is made to be pruned.
async fn builders(
    session: &Session,
    config: &Config,
    repository: &RepositoryId,
    tidy: &Tidy<'_>,
    args: &PruneArgs,
    tidied: &mut Tidied,
) -> Result<()> {
    let resolution = session.resolution(&config.builder).await?;
    let kind = resolution.backend().map(|backend| backend.kind);
    let lasting = matches!(resolution.backend().map(|backend| backend.driver), Some(driver) if !matches!(driver, crate::config::Driver::Remote | crate::config::Driver::Docker));
    if lasting && config.builder.nodes.is_empty() {
        let order = Order {
            world: &session.world,
            workspace: &session.directory,
            settings: &config.builder,
            repository: repository.as_str(),
            events: &session.events,
            cancel: &session.cancel,
        };
        if Lease::inspect(&order, &resolution).await?.is_none() {
            tidied.builders.push(BuilderRetention::skipped(&order.builder(), "there is no such builder yet"));
            return Ok(());
        }
    }
    let lease = wire::lease(session, &config.builder, repository.as_str()).await?;
    tidy.builders(&lease, kind == Some(BackendKind::Spawn), args.shared, tidied).await;
    Ok(())
}

impl CacheListing {
    fn screen(&self, now: Timestamp) -> String {
        let mut table = Table::indented(2);
        for generation in &self.local {
            let place = generation.path.display().to_string();
            table.row(["local", &place, &ByteSize(generation.size).to_string(), &age(generation.made, now)]);
        }
        for tag in &self.shared {
            let place = format!("{}:{}", self.place.as_deref().unwrap_or_default(), tag.tag);
            table.row(["shared", &place, "", &age(tag.written, now)]);
        }
        let count = counted(self.local.len() + self.shared.len(), "cache");
        format!("cache  {}  mode {}  builder {}\n{}{count}\n", self.repository, self.mode, self.builder, table.render())
    }
}

impl Tidied {
    /// The screen.
    pub fn screen(&self, now: Timestamp) -> String {
        let (removed, verb) = if self.dry_run { ("would remove", "would be removed") } else { ("removed", "removed") };
        let mut table = Table::indented(2);
        let mut gone = 0;
        if let Some(local) = &self.local {
            for generation in &local.removed {
                gone += 1;
                table.row([
                    removed,
                    &generation.path.display().to_string(),
                    &ByteSize(generation.size).to_string(),
                    &age(generation.made, now),
                ]);
            }
            for generation in &local.in_use {
                table.row(["kept", &generation.path.display().to_string(), &ByteSize(generation.size).to_string(), "a build reads it"]);
            }
        }
        if let Some(registry) = &self.registry {
            for tag in &registry.tags {
                gone += usize::from(tag.removed);
                let what = if tag.removed { removed } else { "kept" };
                table.row([what, &format!("{}:{}", registry.place, tag.tag), &age(tag.written, now), &tag.why]);
            }
        }
        for builder in &self.builders {
            let held = builder.before.as_deref().unwrap_or("?");
            match (&builder.skipped, &builder.reclaimed) {
                (Some(why), _) => table.row(["skipped", &builder.builder, why]),
                (None, None) => table.row(["would ask", &builder.builder, &format!("it holds {held}"), &builder.command]),
                (None, Some(reclaimed)) => {
                    let after = builder.after.as_deref().unwrap_or("?");
                    table.row(["pruned", &builder.builder, &format!("{held} → {after}, {reclaimed} given back"), &builder.command]);
                }
            }
            for limit in &builder.unsupported {
                table.row(["note", &builder.builder, &format!("this buildx cannot be asked for {limit}")]);
            }
        }
        for error in &self.errors {
            table.row(["failed", error]);
        }
        format!("cache prune{}\n{}{} {verb}\n", if self.dry_run { "  dry run" } else { "" }, table.render(), counted(gone, "cache"))
    }
}

fn age(time: Option<Timestamp>, now: Timestamp) -> String {
    time.map_or_else(|| "age not known".to_owned(), |time| format!("{} old", duration::human(now.since(time))))
}
