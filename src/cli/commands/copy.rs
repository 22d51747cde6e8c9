//! `stagefreight copy SRC DST`: one image, by digest, from a registry or an OCI layout to a registry or an OCI layout.

use std::path::{Path, PathBuf};

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::session::Session;
use crate::core::{Digest, Reference};
use crate::error::{Error, Result};
use crate::fs::Scratch;
use crate::registry::{PushReport, Registries, pull, push_closure};
use crate::store::{Closure, Layout};

/// What to copy where.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// An image (HOST/PATH:TAG, HOST/PATH@DIGEST) or the directory of an OCI layout (DIR, DIR@DIGEST)
    #[arg(value_name = "SRC")]
    pub source: String,
    /// An image name (HOST/PATH:TAG) or a directory that does not exist yet (with a / in front or at its end)
    #[arg(value_name = "DST")]
    pub destination: String,
}

/// What was copied.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Copied {
    /// As given.
    source: String,
    /// As given.
    destination: String,
    /// Digest of the image, the same at both.
    #[schemars(with = "String")]
    digest: Digest,
    /// Bytes that were sent.
    sent: u64,
    /// Bytes that were there already.
    reused: u64,
    /// Requests that changed something.
    writes: u64,
}

enum Place {
    Layout(PathBuf, Option<Digest>),
    Registry(Box<Reference>),
}

/// Runs it.
pub fn run(session: &Session, args: &CopyArgs) -> Result<()> {
    let source = read_source(session, &args.source)?;
    let destination = read_destination(session, &args.destination)?;
    let copied = session.block_on(copy(session, args, source, destination))?;
    session.print(&copied, |copied| format!("{}@{}\n", copied.destination, copied.digest))
}

fn read_source(session: &Session, text: &str) -> Result<Place> {
    let (dir, digest) = match text.rsplit_once('@') {
        Some((dir, digest)) => (dir, Some(digest)),
        None => (text, None),
    };
    let path = session.world.cwd.join(dir);
    if path.is_dir() {
        let digest = digest.map(str::parse).transpose().map_err(|error| Error::usage(format!("`{text}`: {error}")))?;
        return Ok(Place::Layout(path, digest));
    }
    if looks_like_path(text) {
        return Err(Error::missing(format!("there is no OCI layout at {}", path.display())));
    }
    reference(text)
}

fn read_destination(session: &Session, text: &str) -> Result<Place> {
    if !looks_like_path(text) {
        return reference(text);
    }
    let path = session.world.cwd.join(text);
    if path.exists() {
        return Err(Error::usage(format!("{} exists; copy makes a new layout and adds to none", path.display()))
            .hint("name a directory that does not exist"));
    }
    Ok(Place::Layout(path, None))
}

fn looks_like_path(text: &str) -> bool {
    text.starts_with(['/', '.']) || text.ends_with('/')
}

fn reference(text: &str) -> Result<Place> {
    let reference: Reference = text.parse().map_err(|error| Error::usage(format!("`{text}`: {error}")))?;
    Ok(Place::Registry(Box::new(reference)))
}

async fn copy(session: &Session, args: &CopyArgs, source: Place, destination: Place) -> Result<Copied> {
    let registries = Registries::new(&session.world, session.events.clone())?;
    let (layout, closure, _scratch) = match (source, &destination) {
        (Place::Layout(path, digest), _) => {
            let (layout, closure) = blocking(move || open(&path, digest)).await?;
            (layout, closure, None)
        }
        (Place::Registry(from), Place::Layout(into, _)) => {
            let (_, closure) = fetch(session, &registries, &from, into).await?;
            return Ok(copied(args, &closure, PushReport { sent: closure.size, ..PushReport::default() }));
        }
        (Place::Registry(from), Place::Registry(_)) => {
            let temporary = session.world.env.get(crate::names::env::TMPDIR).unwrap_or("/tmp");
            let scratch = Scratch::below(Path::new(temporary), "copy")?;
            let (layout, closure) = fetch(session, &registries, &from, &scratch.path().join("layout")).await?;
            for blob in &closure.blobs {
                registries.work().note_holder(&from.repository.host, &from.repository.path, &blob.digest);
            }
            (layout, closure, Some(scratch))
        }
    };
    let report = match destination {
        Place::Registry(to) => push(session, &registries, &layout, &closure, &to).await?,
        Place::Layout(into, _) => {
            let from = layout.clone();
            let whole = closure.clone();
            blocking(move || duplicate(&from, &whole, &into)).await?;
            PushReport { sent: closure.size, ..PushReport::default() }
        }
    };
    Ok(copied(args, &closure, report))
}

fn copied(args: &CopyArgs, closure: &Closure, report: PushReport) -> Copied {
    Copied {
        source: args.source.clone(),
        destination: args.destination.clone(),
        digest: closure.root.digest.clone(),
        sent: report.sent,
        reused: report.reused,
        writes: report.writes,
    }
}

/// Opens a layout and takes its only image, or the one named.
fn open(path: &Path, digest: Option<Digest>) -> Result<(Layout, Closure)> {
    let layout = Layout::open(path)?;
    let digest = match digest {
        Some(digest) => digest,
        None => match layout.entries()?.as_slice() {
            [only] => only.digest.clone(),
            several => {
                let message = format!("{} holds {} images", path.display(), several.len());
                return Err(Error::usage(message).hint("name one of them: DIR@sha256:…"));
            }
        },
    };
    let closure = layout.closure_unhashed(&digest)?;
    Ok((layout, closure))
}

async fn fetch(session: &Session, registries: &Registries, from: &Reference, into: &Path) -> Result<(Layout, Closure)> {
    let client = registries.client(&from.repository.host)?;
    let pulled = pull(&client, &from.repository.path, &from.selector(), None, into, &session.cancel).await?;
    let (layout, digest) = (pulled.layout, pulled.root.digest);
    blocking(move || {
        let closure = layout.closure_unhashed(&digest)?;
        Ok((layout, closure))
    })
    .await
}

async fn push(session: &Session, registries: &Registries, layout: &Layout, closure: &Closure, to: &Reference) -> Result<PushReport> {
    let client = registries.client(&to.repository.host)?;
    let path = &to.repository.path;
    let root = &closure.root.digest;
    if let Some(expected) = to.digest.as_ref().filter(|expected| *expected != root) {
        return Err(Error::usage(format!("{to} cannot hold {root}: it names {expected}")));
    }
    let mut report = push_closure(&client, registries.work(), path, layout, closure, &session.cancel).await?;
    if let (Some(tag), Some(manifest)) = (&to.tag, closure.root_manifest()) {
        client.put_manifest(path, tag.as_str(), manifest, root, &session.cancel).await?;
        report.writes += 1;
    }
    Ok(report)
}

fn duplicate(from: &Layout, closure: &Closure, into: &Path) -> Result<()> {
    let writer = crate::store::LayoutWriter::create(into)?;
    for (descriptor, _) in &closure.manifests {
        writer.copy_blob_from(from, &descriptor.digest)?;
    }
    for blob in &closure.blobs {
        writer.copy_blob_from(from, &blob.digest)?;
    }
    writer.finish(&closure.root)?;
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Error::failed("reading the layout was interrupted")))
}
