//! `stagefreight pull REF DST`: an image into an OCI layout or archive. The same as `copy` with a path behind it.

use clap::Args;

use super::copy::{CopyArgs, copy, screen};
use crate::cli::session::Session;
use crate::core::Platform;
use crate::error::{Error, Result};

/// What to pull, and where to.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// An image (HOST/PATH:TAG, HOST/PATH@DIGEST)
    #[arg(value_name = "REF")]
    pub reference: String,
    /// A path that does not exist yet: a directory for an OCI layout, FILE.tar for an archive
    #[arg(value_name = "PATH")]
    pub path: String,
    /// Pull signatures, attestations and SBOMs too
    #[arg(long)]
    pub referrers: bool,
    /// Pull only this platform's image of an index
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<Platform>,
}

/// Runs it.
pub fn run(session: &Session, args: &PullArgs) -> Result<()> {
    if args.path.is_empty() || args.path.contains(':') {
        return Err(Error::usage(format!("`{}` is not a path", args.path)).hint("to copy to a registry, use `stagefreight copy`"));
    }
    // Any word is a path here.
    let path = if args.path.starts_with(['/', '.']) { args.path.clone() } else { format!("./{}", args.path) };
    let copy_args =
        CopyArgs { source: args.reference.clone(), destinations: vec![path], referrers: args.referrers, platform: args.platform.clone() };
    let copied = session.block_on(copy(session, &copy_args))?;
    session.print(&copied, screen)
}
