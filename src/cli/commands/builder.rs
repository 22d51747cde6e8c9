//! `stagefreight builder …`: where images of this repository are built, without building one.

mod shown;

use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

pub(in crate::cli) use shown::Inspection;

use crate::build::Need;
use crate::build::backend::{Resolution, Thoroughness, resolve};
use crate::build::lifecycle::{Lease, Order, Usage, usage};
use crate::cli::gather;
use crate::cli::load;
use crate::cli::session::Session;
use crate::cli::wire;
use crate::config::BuilderSettings;
use crate::core::ByteSize;
use crate::error::{Error, Result};
use crate::plan::cache::RepositoryId;
use crate::report::Table;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum BuilderCommand {
    /// Show where BuildKit is, what every place that was asked said, and the builder
    Inspect,
    /// Make the builder, or take it up where it is, so that the first build need not
    Create,
    /// Remove the builder with its cache
    Rm,
    /// Show what the builder's cache holds
    Du,
}

/// What a builder's cache holds.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct DiskUsage {
    /// Name of the builder.
    name: String,
    /// Bytes of all records.
    total: u64,
    /// Bytes that a prune could take now.
    reclaimable: u64,
    /// One per builder; several with nodes.
    nodes: Vec<NodeUsage>,
}

/// What one node's cache holds.
#[derive(Debug, Serialize, JsonSchema)]
struct NodeUsage {
    /// Name of the node's builder.
    name: String,
    /// Bytes of all records.
    total: u64,
    /// Bytes that a prune could take now.
    reclaimable: u64,
    /// Records by kind, the largest first.
    kinds: Vec<KindUsage>,
}

/// Records of one kind.
#[derive(Debug, Serialize, JsonSchema)]
struct KindUsage {
    /// As BuildKit names it: `regular`, `source.local`, `exec.cachemount`.
    kind: String,
    /// How many.
    records: usize,
    /// Bytes of them.
    bytes: u64,
}

/// Whether something was removed.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Removed {
    /// Name of the builder.
    name: String,
    /// False when nothing of it lasted that could be removed.
    removed: bool,
}

/// Runs it.
pub fn run(session: &Session, command: &BuilderCommand) -> Result<()> {
    let config = load::config(session)?;
    session.block_on(async {
        let (context, git) = (gather::context(session)?, gather::read_git(session).await?);
        let repository = RepositoryId::find(&crate::plan::complete(context, &git), &git, &session.directory);
        let (settings, repository) = (&config.builder, repository.as_str());
        match command {
            BuilderCommand::Inspect => inspect(session, settings, repository).await,
            BuilderCommand::Create => create(session, settings, repository).await,
            BuilderCommand::Rm => remove(session, settings, repository).await,
            BuilderCommand::Du => disk_usage(session, settings, repository).await,
        }
    })
}

fn order<'a>(session: &'a Session, settings: &'a BuilderSettings, repository: &'a str) -> Order<'a> {
    Order { world: &session.world, workspace: &session.directory, settings, repository, events: &session.events, cancel: &session.cancel }
}

async fn inspect(session: &Session, settings: &BuilderSettings, repository: &str) -> Result<()> {
    // Everybody's answer is shown, so everybody is waited for.
    let (world, workspace) = (&session.world, &session.directory);
    let resolution = resolve(world, workspace, settings, Need::IMAGES, Thoroughness::All, &session.cancel).await?;
    let order = order(session, settings, repository);
    let lasting = Lease::inspect(&order, &resolution).await?;
    session.print(&Inspection::of(&order, &resolution, lasting.as_ref()), Inspection::text)?;
    found(&resolution)
}

async fn create(session: &Session, settings: &BuilderSettings, repository: &str) -> Result<()> {
    let resolution = session.resolution(settings).await?;
    let lease = wire::lease(session, settings, repository).await?;
    session.print(&Inspection::of(&order(session, settings, repository), &resolution, None).with(&lease), Inspection::text)
}

async fn remove(session: &Session, settings: &BuilderSettings, repository: &str) -> Result<()> {
    let resolution = session.resolution(settings).await?;
    let order = order(session, settings, repository);
    let removed = Removed { removed: Lease::remove(&order, &resolution).await?, name: order.builder() };
    session.print(&removed, |Removed { name, removed }| {
        if *removed {
            format!("removed builder {name} with its cache\n")
        } else {
            format!("builder {name} has nothing that lasts; nothing was removed\n")
        }
    })
}

async fn disk_usage(session: &Session, settings: &BuilderSettings, repository: &str) -> Result<()> {
    let resolution = session.resolution(settings).await?;
    let order = order(session, settings, repository);
    let nodes: Vec<_> = usage(&order, &resolution).await?.iter().map(NodeUsage::of).collect();
    let sum = |bytes: fn(&NodeUsage) -> u64| nodes.iter().map(bytes).sum();
    let usage = DiskUsage { name: order.builder(), total: sum(|node| node.total), reclaimable: sum(|node| node.reclaimable), nodes };
    session.print(&usage, DiskUsage::text)
}

fn found(resolution: &Resolution) -> Result<()> {
    match resolution.backend() {
        Some(_) => Ok(()),
        None => Err(Error::missing(format!("no builder: {}", resolution.why_not())).hint(crate::build::GET_BUILDKIT)),
    }
}

impl NodeUsage {
    fn of(usage: &Usage) -> Self {
        let mut kinds: Vec<KindUsage> = Vec::new();
        for entry in &usage.entries {
            match kinds.iter_mut().find(|known| known.kind == entry.kind) {
                Some(known) => (known.records, known.bytes) = (known.records + 1, known.bytes + entry.size),
                None => kinds.push(KindUsage { kind: entry.kind.clone(), records: 1, bytes: entry.size }),
            }
        }
        kinds.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.kind.cmp(&b.kind)));
        Self { name: usage.name.clone(), total: usage.total(), reclaimable: usage.reclaimable(), kinds }
    }
}

impl DiskUsage {
    fn text(&self) -> String {
        let mut text = format!("builder  {}  {}, {} reclaimable\n", self.name, ByteSize(self.total), ByteSize(self.reclaimable));
        for node in &self.nodes {
            if self.nodes.len() > 1 {
                text.push_str(&format!("  {}  {}, {} reclaimable\n", node.name, ByteSize(node.total), ByteSize(node.reclaimable)));
            }
            let mut table = Table::indented(2);
            for KindUsage { kind, records, bytes } in &node.kinds {
                let records = if *records == 1 { "1 record".to_owned() } else { format!("{records} records") };
                table.row([kind.clone(), records, ByteSize(*bytes).to_string()]);
            }
            text.push_str(&table.render());
        }
        text
    }
}
