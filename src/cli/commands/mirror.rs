//! `stagefreight mirror SRC DST`: makes a repository, or all that match a pattern, hold the tags of another, by digest.
//! Run again it copies what is new and leaves the rest alone. Nothing is ever removed.

use clap::Args;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::copying::{self, Place, Wishes};
use crate::cli::session::Session;
use crate::core::{Digest, Reference, Repository, Tag};
use crate::error::{Error, Kind, Result};
use crate::registry::{Access, Client, Registries};
use crate::report::{Table, counted};

/// What to mirror where.
#[derive(Debug, Args)]
pub struct MirrorArgs {
    /// A repository (HOST/PATH), or a pattern of several (HOST/acme/*), which the registry's catalogue is asked for
    #[arg(value_name = "SRC")]
    pub source: String,
    /// A repository (HOST/PATH); for a pattern a host, or a host and path that the repositories' own paths are put below
    #[arg(value_name = "DST")]
    pub destination: String,
    /// Only tags that match this pattern (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub tag: Vec<String>,
    /// No tags that match this pattern (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Copy signatures, attestations and SBOMs too
    #[arg(long)]
    pub referrers: bool,
    /// Say what would be copied, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What was mirrored.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Mirrored {
    /// Tags that were there already.
    complete: usize,
    /// Tags that were copied.
    copied: usize,
    /// Tags that could not be copied.
    failed: usize,
    /// Bytes that were sent.
    sent: u64,
    /// One per tag.
    tags: Vec<MirroredTag>,
}

/// One tag.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct MirroredTag {
    /// `HOST/PATH:TAG`.
    source: String,
    /// `HOST/PATH:TAG`.
    destination: String,
    /// `complete`, `copied`, `would_copy`, `failed`.
    state: String,
    /// Digest at the source.
    #[schemars(with = "Option<String>")]
    digest: Option<Digest>,
    /// Why it failed.
    error: Option<String>,
}

/// Runs it.
pub fn run(session: &Session, args: &MirrorArgs) -> Result<()> {
    let mirrored = session.block_on(mirror(session, args))?;
    session.print(&mirrored, screen)?;
    if mirrored.failed == 0 {
        return Ok(());
    }
    let first = mirrored.tags.iter().find_map(|tag| tag.error.clone()).unwrap_or_default();
    let text = format!("{} of {} could not be mirrored: {first}", mirrored.failed, counted(mirrored.tags.len(), "tag"));
    Err(Error::new(Kind::Partial, text).hint("run it again: what arrived is found and kept"))
}

fn screen(mirrored: &Mirrored) -> String {
    let mut table = Table::indented(2);
    for tag in mirrored.tags.iter().filter(|tag| tag.state != "complete") {
        let mark = match tag.state.as_str() {
            "failed" => "✗",
            "would_copy" => "+",
            _ => "✓",
        };
        table.row([tag.destination.clone(), mark.to_owned(), tag.error.clone().unwrap_or_else(|| tag.state.replace('_', " "))]);
    }
    let would = mirrored.tags.iter().filter(|tag| tag.state == "would_copy").count();
    let last = if would > 0 {
        format!("{would} would be copied, {} complete   nothing was written\n", mirrored.complete)
    } else {
        format!("{} copied, {} complete, {} failed\n", mirrored.copied, mirrored.complete, mirrored.failed)
    };
    format!("mirror  {}\n{}{last}", counted(mirrored.tags.len(), "tag"), table.render())
}

async fn mirror(session: &Session, args: &MirrorArgs) -> Result<Mirrored> {
    let tags = patterns(&args.tag)?;
    let excluded = patterns(&args.exclude)?;
    let registries = Registries::new(&session.world, session.events.clone())?;
    let mut mirrored = Mirrored { complete: 0, copied: 0, failed: 0, sent: 0, tags: Vec::new() };
    for (from, to) in pairs(session, &registries, args).await? {
        let client = registries.client(&from.host)?;
        let mut listed = client.tags(&from.path, &session.cancel).await?;
        listed.retain(|tag| (args.tag.is_empty() || tags.is_match(tag)) && !excluded.is_match(tag));
        listed.sort();
        for tag in listed {
            if session.cancel.is_cancelled() {
                return Err(
                    Error::new(session.interruption(), "interrupted while mirroring").hint("run it again: what arrived is found and kept")
                );
            }
            let done = one(session, &registries, &client, (&from, &to), &tag, args).await;
            mirrored.record(&from, &to, &tag, done);
        }
    }
    if mirrored.tags.is_empty() {
        return Err(
            Error::failed(format!("nothing matches {}", args.source)).hint("`stagefreight ls HOST/PATH` lists the tags of a repository")
        );
    }
    Ok(mirrored)
}

enum Done {
    Complete(Digest),
    Would(Digest),
    Copied(Digest, u64),
}

impl Mirrored {
    fn record(&mut self, from: &Repository, to: &Repository, tag: &str, done: Result<Done>) {
        let (state, digest, error) = match done {
            Ok(Done::Complete(digest)) => {
                self.complete += 1;
                ("complete", Some(digest), None)
            }
            Ok(Done::Would(digest)) => ("would_copy", Some(digest), None),
            Ok(Done::Copied(digest, sent)) => {
                self.copied += 1;
                self.sent += sent;
                ("copied", Some(digest), None)
            }
            Err(error) => {
                self.failed += 1;
                ("failed", None, Some(error.message().to_owned()))
            }
        };
        let (source, destination) = (format!("{from}:{tag}"), format!("{to}:{tag}"));
        self.tags.push(MirroredTag { source, destination, state: state.to_owned(), digest, error });
    }
}

async fn one(
    session: &Session,
    registries: &Registries,
    client: &std::sync::Arc<Client>,
    (from, to): (&Repository, &Repository),
    tag: &str,
    args: &MirrorArgs,
) -> Result<Done> {
    let cancel = &session.cancel;
    let gone = || Error::failed(format!("{from}:{tag} is listed but not there"));
    let digest = client.head_manifest(&from.path, tag, Access::Pull, cancel).await?.ok_or_else(gone)?;
    let there =
        registries.client(&to.host)?.head_manifest(&to.path, tag, if args.dry_run { Access::Pull } else { Access::Push }, cancel).await?;
    let stands = there.as_ref() == Some(&digest);
    if stands && !args.referrers {
        return Ok(Done::Complete(digest));
    }
    if args.dry_run {
        return Ok(if stands { Done::Complete(digest) } else { Done::Would(digest) });
    }
    let wishes = Wishes { referrers: args.referrers, platform: None };
    let opened = copying::open_remote(session, std::sync::Arc::clone(client), &from.path, digest.as_str(), &wishes).await?;
    let name: Tag = tag.parse().map_err(|error| Error::failed(format!("{from}:{tag}")).because(&error))?;
    let place = Place::Registry(Box::new(Reference { repository: to.clone(), tag: Some(name), digest: None }));
    let report = copying::place(session, registries, &opened, &place).await?;
    Ok(if stands && report.writes == 0 { Done::Complete(digest) } else { Done::Copied(digest, report.sent) })
}

/// Repositories and where each goes.
async fn pairs(session: &Session, registries: &Registries, args: &MirrorArgs) -> Result<Vec<(Repository, Repository)>> {
    let repository = |text: &str| -> Result<Repository> {
        let reference: Reference = text.parse().map_err(|error| Error::usage(format!("`{text}`: {error}")))?;
        if copying::names_one_image(text) {
            return Err(Error::usage(format!("`{text}` names one image")).hint("name a repository; tags are chosen with --tag"));
        }
        Ok(reference.repository)
    };
    if !args.source.contains(['*', '?', '[', '{']) {
        return Ok(vec![(repository(&args.source)?, repository(&args.destination)?)]);
    }
    let Some((host, pattern)) = args.source.split_once('/') else {
        return Err(Error::usage(format!("`{}` has no host", args.source)).hint("write HOST/PATTERN"));
    };
    let matches = patterns(&[pattern.to_owned()])?;
    let catalog = registries.client(host)?.catalog(&session.cancel).await?;
    let mut found = Vec::new();
    for path in catalog.into_iter().filter(|path| matches.is_match(path)) {
        let from = Repository::new(host, &path).map_err(|error| Error::failed(format!("{host} lists `{path}`")).because(&error))?;
        found.push((from, repository(&format!("{}/{path}", args.destination.trim_end_matches('/')))?));
    }
    Ok(found)
}

/// `*` stays within a part of a path, `**` does not.
fn patterns(texts: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for text in texts {
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        set.add(glob.map_err(|error| Error::usage(format!("`{text}` is not a pattern")).because(&error))?);
    }
    set.build().map_err(|error| Error::usage("these patterns are too much together").because(&error))
}
