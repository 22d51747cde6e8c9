//! The command line as clap reads it. Nothing here does anything.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};

use super::session::OutputFormat;

/// Builds once, lets a policy review the bytes, and publishes exactly those bytes.
#[derive(Debug, Parser)]
#[command(name = "stagefreight", version, about, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Work in this directory instead of the current one
    #[arg(long, global = true, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Read this config file instead of .stagefreight.yml
    // The parser of paths refuses an empty one, and CI templates pass `--config=` where none is set.
    #[arg(long, global = true, value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub config: Option<PathBuf>,
    /// Print data as text or as one JSON document
    #[arg(long, global = true, value_name = "FORMAT")]
    pub output: Option<OutputFormat>,
    /// Print only data, warnings and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print more detail
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a config from what the repository holds
    Init(super::commands::init::InitArgs),
    /// Print what will be built and every destination, each with why
    Plan,
    /// Show what the CI says
    #[command(subcommand)]
    Ci(super::commands::ci::CiCommand),
    /// Check config, plan and every target, without building or writing anything
    Check(super::commands::check::CheckArgs),
    /// Ask every destination, before anything is built, whether publishing there will work
    Preflight(super::commands::preflight::PreflightArgs),
    /// Build what the plan names into the store
    #[command(visible_alias = "build")]
    Perform(super::commands::perform::PerformArgs),
    /// Join platforms that different jobs built with `perform --platform`
    Merge(super::commands::merge::MergeArgs),
    /// Apply the policy to what was built
    Review(super::commands::review::ReviewArgs),
    /// Place the approved bytes at every destination
    Publish(super::commands::publish::PublishArgs),
    /// Read every destination back and compare with what was published
    Verify(super::commands::verify::VerifyArgs),
    /// Show what is where
    Status(super::commands::status::StatusArgs),
    /// Releases on forges
    #[command(subcommand)]
    Release(super::commands::release::ReleaseCommand),
    /// Notes of a release
    #[command(subcommand)]
    Notes(super::commands::notes::NotesCommand),
    /// Show, make and remove the builder of this repository
    #[command(subcommand)]
    Builder(super::commands::builder::BuilderCommand),
    /// List and prune BuildKit's caches of this repository
    #[command(subcommand)]
    Cache(super::commands::cache::CacheCommand),
    /// Put and get pairs of bytes and manifest in artifact stores; look at this workspace's content store, and hand it on
    #[command(subcommand)]
    Store(super::commands::store::StoreCommand),
    /// Tidy the container engine by the rules of the config: images, containers, networks, build cache
    Cleanup(super::commands::cleanup::CleanupArgs),
    /// Read, check and explain the config
    #[command(subcommand)]
    Config(super::commands::config::ConfigCommand),
    /// Show, check, compare and finalize manifests
    #[command(subcommand)]
    Manifest(super::commands::manifest::ManifestCommand),
    /// Run the embedded OCI registry
    #[command(subcommand)]
    Registry(super::commands::registry::RegistryCommand),
    /// Show what is in an image: config, files, layers, without running it
    Inspect(super::commands::inspect::InspectArgs),
    /// List what Dockerfiles name: base images, packages, downloads, arguments
    Inventory(super::commands::inventory::InventoryArgs),
    /// Copy an image, digest-preserving, between registries, OCI layouts and OCI archives
    Copy(super::commands::copy::CopyArgs),
    /// Pull an image into an OCI layout or archive
    Pull(super::commands::pull::PullArgs),
    /// Make repositories hold the tags of others, by digest
    Mirror(super::commands::mirror::MirrorArgs),
    /// Show in what two images differ: platforms, config, layers
    Diff(super::commands::diff::DiffArgs),
    /// List the tags of a repository, or what an image is made of
    Ls(super::commands::ls::LsArgs),
    /// Push files to remotes and pull them, through adapters that are pinned; examine adapters
    #[command(subcommand)]
    Remote(Box<super::commands::remote::RemoteCommand>),
    /// Show, check and settle the records of pushes and pulls
    #[command(subcommand)]
    Receipt(super::commands::receipt::ReceiptCommand),
    /// Print the version
    Version,
    /// Print a completion script for a shell
    Completions(super::commands::completions::CompletionsArgs),
}
