//! `stagefreight copy SRC DST…`: one image, by digest, from a registry, an OCI layout or an OCI archive to any of them.

use std::collections::BTreeMap;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::copying::{self, Place, Wishes, read_destination, read_source};
use crate::cli::session::Session;
use crate::core::{ByteSize, Digest, Platform};
use crate::error::{Error, Result};
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
    // Repositories side by side, the tags of one after each other: the first brings the bytes, the others only name them.
    let mut groups: BTreeMap<String, Vec<(usize, &String, Place)>> = BTreeMap::new();
    for (at, (name, place)) in places.into_iter().enumerate() {
        let group = if let Place::Registry(reference) = &place { reference.repository.to_string() } else { format!(" {name}") };
        groups.entry(group).or_default().push((at, name, place));
    }
    let groups = groups.into_values().map(async |group| {
        let mut done = Vec::new();
        for (at, name, place) in group {
            let report = copying::place(session, &registries, &opened, &place).await?;
            done.push((at, CopiedTo { name: name.clone(), sent: report.sent, reused: report.reused, writes: report.writes }));
        }
        Ok::<_, Error>(done)
    });
    // All of them end, also when one fails: a slow or broken registry costs the others nothing.
    let outcomes = futures_util::future::join_all(groups).await.into_iter().collect::<Result<Vec<_>>>()?;
    let mut destinations: Vec<(usize, CopiedTo)> = outcomes.into_iter().flatten().collect();
    destinations.sort_by_key(|(at, _)| *at);
    let destinations: Vec<CopiedTo> = destinations.into_iter().map(|(_, to)| to).collect();
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
