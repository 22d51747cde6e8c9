//! `stagefreight inspect IMAGE`: what is in an image, read from its layers. Nothing is run, unless `--version-by` asks
//! for it.

use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::inspected::{HashDoc, HiddenDoc, Inspected, LayerDoc, Tally, VersionDoc};
use super::inspected_screen as screen;
use crate::build::inspect::{Image, Limits, Looked, NodeId, choose, look, say_version};
use crate::cli::document::Document;
use crate::cli::session::{OutputFormat, Session};
use crate::core::oci::ManifestKind;
use crate::core::{ByteSize, Digest, Platform, Reference};
use crate::error::{Error, Kind, Result};
use crate::fs::Scratch;
use crate::registry::{Access, Registries, pull};
use crate::store::{ContentStore, Layout};

/// Which image, and what of it.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// An image (HOST/PATH:TAG, HOST/PATH@DIGEST), a digest in the store (sha256:…), or the directory of an OCI layout (DIR, DIR@DIGEST)
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// The platform to look at; without it, this machine's, or the only one
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<String>,
    /// List every file
    #[arg(long, group = "what")]
    pub tree: bool,
    /// Show what each layer adds, and what later layers hide
    #[arg(long, group = "what")]
    pub layers: bool,
    /// Write the bytes of one file to standard output, links followed
    #[arg(long, value_name = "PATH", group = "what")]
    pub file: Option<String>,
    /// Print the SHA-256 of a file; may be given several times
    #[arg(long, value_name = "PATH", group = "what")]
    pub hash: Vec<String>,
    /// Print the SHA-256 of the program the image starts
    #[arg(long, group = "what")]
    pub binary: bool,
    /// Run the image with these words, as `docker run IMAGE WORDS` does, and print the version it says
    #[arg(long, value_name = "WORDS", group = "what")]
    pub version_by: Option<String>,
    /// Refuse layers that unpack to more than this
    #[arg(long, value_name = "SIZE")]
    pub max_unpacked: Option<ByteSize>,
}

/// Runs it.
pub fn run(session: &Session, args: &InspectArgs) -> Result<()> {
    let platform = args.platform.as_deref().map(str::parse::<Platform>).transpose();
    let platform = platform.map_err(|error| Error::usage(format!("--platform: {error}")).hint("write it like linux/arm64"))?;
    if args.file.is_some() && session.output == OutputFormat::Json {
        return Err(
            Error::usage("--file writes the file's bytes, not JSON").hint("leave --output out, or take --hash PATH for its SHA-256")
        );
    }
    session.block_on(async {
        let found = locate(session, &args.image, platform.as_ref()).await?;
        if let Some(words) = &args.version_by {
            return print_version(session, args, &found, words).await;
        }
        show(session, args, &found)
    })
}

/// An image, and the scratch directory it was fetched into.
struct Found {
    image: Image,
    root: Digest,
    _scratch: Option<Scratch>,
}

async fn locate(session: &Session, text: &str, platform: Option<&Platform>) -> Result<Found> {
    let here = |layout: &Layout, root: Digest| Ok(Found { image: Image::open(layout, &root, platform)?, root, _scratch: None });
    if let Ok(digest) = text.parse::<Digest>() {
        return here(&stored(session, &digest)?, digest);
    }
    let (dir, digest) = text.rsplit_once('@').map_or((text, None), |(dir, digest)| (dir, Some(digest)));
    let path = session.world.cwd.join(dir);
    if path.is_dir() {
        let layout = Layout::open(&path).map_err(|error| Error::from(error).hint(format!("{dir} is a directory, but no OCI layout")))?;
        let digest = match digest {
            Some(digest) => digest.parse().map_err(|error| Error::usage(format!("`{text}`: {error}")))?,
            None => only_image(&layout, dir)?,
        };
        return here(&layout, digest);
    }
    if text.starts_with(['/', '.']) || text.ends_with('/') {
        return Err(
            Error::missing(format!("there is no OCI layout at {}", path.display())).hint("name the directory that holds index.json")
        );
    }
    fetch(session, text, platform).await
}

fn only_image(layout: &Layout, dir: &str) -> Result<Digest> {
    match layout.entries()?.as_slice() {
        [only] => Ok(only.digest.clone()),
        several => {
            let names: Vec<String> = several.iter().map(|entry| entry.digest.to_string()).collect();
            let hint = format!("name one of them, {dir}@DIGEST: {}", names.join(", "));
            Err(Error::usage(format!("{dir} holds {} images", several.len())).hint(hint))
        }
    }
}

// An entry of the store, or one platform of one.
fn stored(session: &Session, digest: &Digest) -> Result<Layout> {
    let store = ContentStore::new(&session.directory);
    let mut entries = store.list()?;
    entries.sort_by_key(|entry| entry != digest);
    let holding = entries.iter().filter_map(|entry| Layout::open(&store.entry_path(entry)).ok()).find(|layout| layout.has_blob(digest));
    holding.ok_or_else(|| {
        Error::missing(format!("the store holds nothing for {digest}"))
            .hint("`stagefreight store ls` lists it; HOST/PATH@DIGEST asks a registry")
    })
}

async fn fetch(session: &Session, text: &str, platform: Option<&Platform>) -> Result<Found> {
    let reference: Reference = text.parse().map_err(|error| Error::usage(format!("`{text}`: {error}")))?;
    let registries = Registries::new(&session.world, session.events.clone())?;
    let client = registries.client(&reference.repository.host)?;
    let path = &reference.repository.path;
    let found = client.get_manifest(path, &reference.selector(), Access::Pull, &session.cancel).await?.ok_or_else(|| {
        Error::new(Kind::Missing, format!("{reference} is not there"))
            .hint("check the name; a private repository needs credentials to be seen")
    })?;
    // Only what is looked at is fetched.
    let selector = match found.manifest.kind {
        ManifestKind::Image => found.digest.clone(),
        ManifestKind::Index => choose(&found.manifest, platform).map_err(|error| error.context(&reference))?.digest.clone(),
    };
    let scratch = temporary(session)?;
    let pulled = pull(&client, path, selector.as_str(), None, &scratch.path().join("layout"), &session.cancel).await?;
    let image = Image::open(&pulled.layout, &pulled.root.digest, platform)?;
    Ok(Found { image, root: found.digest, _scratch: Some(scratch) })
}

fn temporary(session: &Session) -> Result<Scratch> {
    let temporary = session.world.env.get(crate::names::env::TMPDIR).unwrap_or("/tmp");
    Ok(Scratch::below(Path::new(temporary), "inspect")?)
}

fn show(session: &Session, args: &InspectArgs, found: &Found) -> Result<()> {
    let image = &found.image;
    let mut summary = image.summary();
    summary.root = found.root.to_string();
    let mut document = Inspected::new(args.image.clone(), summary);
    let limits = Limits { unpacked: args.max_unpacked.map(|size| size.0), ..Limits::default() };
    if !args.tree && !args.layers && !args.binary && args.file.is_none() && args.hash.is_empty() {
        return session.print(&document, screen::summary);
    }
    let looked = look(image, limits, &session.cancel)?;
    if let Some(path) = &args.file {
        let file = looked.file(path)?;
        return to_stdout(session, |out| looked.write(image, file, out, &limits, &session.cancel));
    }
    if args.tree {
        document.files = Some(Tally(&looked.tree));
        return stream(session, &document, |out| screen::tree(&looked.tree, out));
    }
    if args.layers {
        document.layer_use = Some(looked.layers.iter().enumerate().map(|(number, layer)| LayerDoc::of(number, layer)).collect());
        document.hidden = Some(looked.hidden.iter().map(HiddenDoc::of).collect());
        return session.print(&document, screen::layers);
    }
    let files = if args.binary { vec![program(image, &looked)?] } else { named(&looked, &args.hash)? };
    let ids: Vec<NodeId> = files.iter().map(|(_, id)| *id).collect();
    let hashes = looked.hash(image, &ids, &limits, &session.cancel)?;
    let hash = |(path, id): &(String, NodeId)| Some(HashDoc { path: path.clone(), sha256: hashes.get(id)?.hex().to_owned() });
    document.hashes = Some(files.iter().filter_map(hash).collect());
    session.print(&document, screen::hashes)
}

async fn print_version(session: &Session, args: &InspectArgs, found: &Found, words: &str) -> Result<()> {
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    let scratch = temporary(session)?;
    let said = say_version(&session.world, &session.directory, scratch.path(), &found.image, &words, &session.cancel).await?;
    let mut summary = found.image.summary();
    summary.root = found.root.to_string();
    let mut document = Inspected::new(args.image.clone(), summary);
    document.version = Some(VersionDoc { output: said.output, fingerprint: said.fingerprint.to_string() });
    session.print(&document, screen::version)
}

fn named(looked: &Looked, paths: &[String]) -> Result<Vec<(String, NodeId)>> {
    paths.iter().map(|path| Ok((path.clone(), looked.file(path)?))).collect()
}

fn program(image: &Image, looked: &Looked) -> Result<(String, NodeId)> {
    let (word, path, directory) = image.command().ok_or_else(|| {
        Error::missing("the image says no program to start").hint("it has neither ENTRYPOINT nor CMD; name a file with --hash PATH")
    })?;
    let id = looked.tree.program(&word, &path, &directory).ok_or_else(|| {
        Error::missing(format!("the image starts `{word}`, and there is no such program in it")).hint("name a file with --hash PATH")
    })?;
    let shown = format!("/{}", String::from_utf8_lossy(&looked.tree.path(id)));
    looked.file(&shown).map(|id| (shown, id))
}

// Long outputs go out as they are made.
fn stream(session: &Session, document: &Inspected<'_>, text: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<()> {
    to_stdout(session, |out| match session.output {
        OutputFormat::Text => text(out).map_err(|error| written(&error)),
        OutputFormat::Json => {
            let mut json = serde_json::Serializer::pretty(&mut *out);
            Document::new(document).serialize(&mut json).map_err(|error| written(&error.into()))?;
            out.write_all(b"\n").map_err(|error| written(&error))
        }
    })
}

fn written(error: &io::Error) -> Error {
    Error::failed("cannot write to standard output").because(error)
}

// A closed pipe is not an error: the reader had enough.
fn to_stdout(session: &Session, write: impl FnOnce(&mut dyn io::Write) -> Result<()>) -> Result<()> {
    let Ok(mut stdout) = session.world.stdout.lock() else { return Ok(()) };
    let mut pipe = Pipe { out: BufWriter::with_capacity(1 << 16, &mut *stdout), closed: false };
    let outcome = write(&mut pipe);
    if pipe.closed {
        return Ok(());
    }
    outcome?;
    pipe.flush().map_err(|error| written(&error))
}

/// Remembers that nobody reads any more.
struct Pipe<W: io::Write> {
    out: W,
    closed: bool,
}

impl<W: io::Write> io::Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).inspect_err(|error| self.closed |= error.kind() == io::ErrorKind::BrokenPipe)
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.out.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}
