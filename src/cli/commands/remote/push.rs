//! `stagefreight remote push REMOTE FILE`.

use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::perform::take_lock;
use crate::cli::remotes::{self, RemoteOptions};
use crate::cli::session::Session;
use crate::core::{ByteSize, portable_name};
use crate::error::{Error, Result};
use crate::remote::Remote;
use crate::remote::protocol::SidecarRole;
use crate::remote::push::{PushOrder, Pushed, SidecarFile, push};
use crate::remote::receipt::PushReceipt;

/// What to push, and where to.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// Name of the remote
    #[arg(value_name = "REMOTE")]
    remote: String,
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Its name at the remote [default: its own]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Workspace at the remote
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// Stream it belongs to
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Version of the release
    #[arg(long, value_name = "VERSION")]
    release_version: Option<String>,
    /// Channel of the release
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// It is not for everybody yet
    #[arg(long)]
    prerelease: bool,
    /// A label, after those of the config; may be repeated
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Notes of the release
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
    /// A file that goes with it, ROLE=PATH: sbom, signature, provenance, checksums or other; may be repeated
    #[arg(long = "sidecar", value_name = "ROLE=PATH")]
    sidecars: Vec<String>,
    /// Send its hash as a file beside it
    #[arg(long)]
    checksums: bool,
    /// Further records of runs, a glob below the directory beside the file; may be repeated
    #[arg(long = "runs-path", value_name = "GLOB")]
    runs_paths: Vec<String>,
    /// Leave records of runs alone
    #[arg(long)]
    no_runs: bool,
    /// Ask the remote although a record says that these bytes are released under these names: a remote that makes the same
    /// push once answers with that release, others make another
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    options: RemoteOptions,
}

/// What was pushed.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct PushedPack {
    /// The remote was asked for a release now; false when a record of this workspace knows of it.
    pushed: bool,
    /// Id of the release.
    release_id: String,
    /// How others name it.
    canonical_ref: String,
    /// Bytes sent now.
    sent: u64,
    /// Where the receipt lies.
    receipt_path: String,
    /// The receipt.
    receipt: PushReceipt,
}

/// Runs it.
pub fn run(session: &Session, args: &PushArgs) -> Result<()> {
    let remote = Remote::new(&remotes::host(session, &args.options)?, remotes::one(session, &args.remote, &args.options)?);
    let path = session.world.cwd.join(&args.file);
    let own = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let name = args.name.clone().unwrap_or(own);
    portable_name(&name).map_err(|why| Error::usage(format!("the name `{}` {why}", name.escape_debug())).hint("give another: --name"))?;
    let order = PushOrder {
        path,
        name,
        known: None,
        workspace: args.workspace.clone(),
        stream: args.stream.clone(),
        version: args.release_version.clone(),
        channel: args.channel.clone(),
        prerelease: args.prerelease,
        labels: args.labels.clone(),
        notes: args.notes.clone(),
        revision: None,
        sidecars: args.sidecars.iter().map(|text| sidecar(session, text)).collect::<Result<_>>()?,
        checksums: args.checksums,
        runs_paths: args.runs_paths.clone(),
        no_runs: args.no_runs,
        again: args.again,
    };
    // Two pushes of one file at once would not know of each other.
    let _lock = take_lock(&session.directory)?;
    let pushed = session.block_on(async { Ok(push(&remote, &order, &session.cancel).await?) })?;
    session.print(&shown(pushed), screen)
}

fn sidecar(session: &Session, text: &str) -> Result<SidecarFile> {
    let wrong = || Error::usage(format!("--sidecar {text} is not ROLE=PATH")).hint("roles: checksums, sbom, signature, provenance, other");
    let (role, path) = text.split_once('=').ok_or_else(wrong)?;
    let role = match role {
        "checksums" => SidecarRole::Checksums,
        "sbom" => SidecarRole::Sbom,
        "signature" => SidecarRole::Signature,
        "provenance" => SidecarRole::Provenance,
        "other" => SidecarRole::Other,
        _ => return Err(wrong()),
    };
    let path = session.world.cwd.join(path);
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(wrong)?.to_owned();
    Ok(SidecarFile { path, name, role })
}

fn shown(pushed: Pushed) -> PushedPack {
    let release = pushed.receipt.release.clone();
    let (release_id, canonical_ref) = release.map(|release| (release.release_id, release.canonical_ref)).unwrap_or_default();
    PushedPack { pushed: !pushed.already, release_id, canonical_ref, sent: pushed.sent, receipt_path: pushed.path, receipt: pushed.receipt }
}

fn screen(pushed: &PushedPack) -> String {
    let receipt = &pushed.receipt;
    let done = if pushed.pushed {
        format!("{} sent", ByteSize(pushed.sent))
    } else {
        "released before, as its record says; --again asks the remote".to_owned()
    };
    let mut text = format!("{}  {}  {}  {done}\n", receipt.remote, receipt.pack.name, pushed.release_id);
    if !pushed.canonical_ref.is_empty() {
        text.push_str(&format!("  {}\n", pushed.canonical_ref));
    }
    for (name, link) in &receipt.links {
        text.push_str(&format!("  {name}: {link}\n"));
    }
    let runs = &receipt.runs;
    if !runs.synced.is_empty() || !runs.failed.is_empty() {
        text.push_str(&format!("  runs: {} there, {} not\n", runs.synced.len(), runs.failed.len()));
    }
    text.push_str(&format!("  record: {}\n", pushed.receipt_path));
    text
}
