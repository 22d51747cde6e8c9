//! `stagefreight copy SRC DST…`: one image, by digest, from a registry, an OCI layout or an OCI archive to any of them.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::copying::{self, Wishes, read_destination, read_source};
use crate::cli::session::Session;
use crate::core::{ByteSize, Digest, Platform};
use crate::error::Result;
use crate::registry::Registries;
use crate::report::counted;

/// What to copy where.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// An image (HOST/PATH:TAG, HOST/PATH@DIGEST), the directory of an OCI layout or an OCI archive (PATH, PATH@DIGEST)
    #[arg(value_name = "SRC")]
    pub source: String,
    /// An image name (HOST/PATH:TAG), or a path that does not exist yet: DIR with a / in front or at its end, FILE.tar
    #[arg(value_name = "DST", required = true)]
    pub destinations: Vec<String>,
    /// Copy signatures, attestations and SBOMs too
    #[arg(long)]
    pub referrers: bool,
    /// Copy only this platform's image of an index
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<Platform>,
}

/// What was copied.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Copied {
    /// As given.
    source: String,
    /// As given, the first.
    destination: String,
    /// Digest of the image, the same everywhere.
    #[schemars(with = "String")]
    digest: Digest,
    /// Signatures, attestations and SBOMs that went along.
    referrers: usize,
    /// Bytes that were sent, over all destinations.
    sent: u64,
    /// Bytes that were there already.
    reused: u64,
    /// Requests that changed something.
    writes: u64,
    /// One per destination.
    destinations: Vec<CopiedTo>,
}

/// One destination.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct CopiedTo {
    /// As given.
    name: String,
    /// Bytes that were sent.
    sent: u64,
    /// Bytes that were there already.
    reused: u64,
    /// Requests that changed something.
    writes: u64,
}

/// Runs it.
pub fn run(session: &Session, args: &CopyArgs) -> Result<()> {
    let copied = session.block_on(copy(session, args))?;
    session.print(&copied, screen)
}

pub(in crate::cli) fn screen(copied: &Copied) -> String {
    let mut text = String::new();
    for to in &copied.destinations {
        let what = if to.writes == 0 && to.sent == 0 { "was there".to_owned() } else { format!("{} sent", ByteSize(to.sent)) };
        let along = if copied.referrers > 0 { format!(", {}", counted(copied.referrers, "referrer")) } else { String::new() };
        text.push_str(&format!("{}@{}   {what}{along}\n", to.name, copied.digest));
    }
    text
}

pub(in crate::cli) async fn copy(session: &Session, args: &CopyArgs) -> Result<Copied> {
    // Everything that can be wrong with the words is found before anything is written.
    let source = read_source(session, &args.source)?;
    let places = args.destinations.iter().map(|text| Ok((text, read_destination(session, text)?))).collect::<Result<Vec<_>>>()?;
    let registries = Registries::new(&session.world, session.events.clone())?;
    let wishes = Wishes { referrers: args.referrers, platform: args.platform.clone() };
    let opened = copying::open(session, &registries, &source, &wishes).await?;
    let mut destinations = Vec::new();
    for (name, place) in places {
        let report = copying::place(session, &registries, &opened, &place).await?;
        destinations.push(CopiedTo { name: name.clone(), sent: report.sent, reused: report.reused, writes: report.writes });
    }
    let sum = |of: &dyn Fn(&CopiedTo) -> u64| destinations.iter().map(of).sum();
    Ok(Copied {
        source: args.source.clone(),
        destination: args.destinations.first().cloned().unwrap_or_default(),
        digest: opened.digest().clone(),
        referrers: opened.referrers(),
        sent: sum(&|to| to.sent),
        reused: sum(&|to| to.reused),
        writes: sum(&|to| to.writes),
        destinations,
    })
}
