//! `stagefreight remote pull REMOTE [REF]`.

use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::remotes::{self, RemoteOptions};
use crate::cli::session::Session;
use crate::core::ByteSize;
use crate::error::{Error, Result};
use crate::remote::Remote;
use crate::remote::protocol::PackRef;
use crate::remote::pull::{PullOrder, pull};
use crate::remote::receipt::PullReceipt;

/// What to pull, and where to.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// Name of the remote
    #[arg(value_name = "REMOTE")]
    remote: String,
    /// sha256:… is a digest, rel_… a release, anything else a version [default: the newest]
    #[arg(value_name = "REF", conflicts_with_all = ["digest", "release", "by_version"])]
    reference: Option<String>,
    /// By digest
    #[arg(long, value_name = "DIGEST", conflicts_with_all = ["release", "by_version"])]
    digest: Option<String>,
    /// By id of the release
    #[arg(long, value_name = "ID", conflicts_with = "by_version")]
    release: Option<String>,
    /// By version
    #[arg(long = "release-version", value_name = "VERSION")]
    by_version: Option<String>,
    /// Where to [default: a name made of the pack's, here]
    // `--output` is the format of what is printed, as with every command.
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Put it in place of a file that is there, once it is whole and verified
    #[arg(long)]
    force: bool,
    /// Workspace at the remote
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// Stream it belongs to
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    #[command(flatten)]
    options: RemoteOptions,
}

/// What was pulled.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct PulledPack {
    /// It is there.
    pulled: bool,
    /// Where.
    output_path: String,
    /// Hash of its bytes.
    digest: String,
    /// Bytes.
    size: u64,
    /// Where the receipt lies; null when it could not be written.
    receipt_path: Option<String>,
    /// The receipt.
    receipt: PullReceipt,
}

/// Runs it.
pub fn run(session: &Session, args: &PullArgs) -> Result<()> {
    let remote = Remote::new(&remotes::host(session, &args.options)?, remotes::one(session, &args.remote, &args.options)?);
    let order = PullOrder {
        wanted: wanted(args)?,
        output: args.file.as_ref().map(|output| session.world.cwd.join(output)),
        directory: session.world.cwd.clone(),
        force: args.force,
        workspace: args.workspace.clone(),
        stream: args.stream.clone(),
    };
    let pulled = session.block_on(async { Ok(pull(&remote, &order, &session.cancel).await?) })?;
    let pack = &pulled.receipt.pack;
    let shown = PulledPack {
        pulled: true,
        output_path: pack.output_path.clone(),
        digest: pack.digest.clone(),
        size: pack.size_bytes,
        receipt_path: pulled.path.clone(),
        receipt: pulled.receipt.clone(),
    };
    session.print(&shown, |shown| {
        let mut text = format!("{}  {}  {}\n", shown.output_path, shown.digest, ByteSize(shown.size));
        if let Some(path) = &shown.receipt_path {
            text.push_str(&format!("  record: {path}\n"));
        }
        text
    })
}

fn wanted(args: &PullArgs) -> Result<PackRef> {
    let some = |text: &String| if text.is_empty() { Err(Error::usage("an empty reference names nothing")) } else { Ok(text.clone()) };
    Ok(match (&args.digest, &args.release, &args.by_version, &args.reference) {
        (Some(digest), ..) => PackRef::digest(some(digest)?),
        (None, Some(release), ..) => PackRef::release_id(some(release)?),
        (None, None, Some(version), _) => PackRef::version(some(version)?),
        (None, None, None, Some(text)) if text.starts_with("sha256:") => PackRef::digest(text.clone()),
        (None, None, None, Some(text)) if text.starts_with("rel_") => PackRef::release_id(text.clone()),
        (None, None, None, Some(text)) if text == "latest" => PackRef::latest(),
        (None, None, None, Some(text)) => PackRef::version(some(text)?),
        (None, None, None, None) => PackRef::latest(),
    })
}
