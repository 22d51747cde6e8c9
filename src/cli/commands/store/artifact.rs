//! `stagefreight store put|get|exists|rm|gc`: pairs of bytes and manifest in an artifact store of the config.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::session::Session;
use crate::cli::store_open::named;
use crate::core::{ByteSize, PathError, duration};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::fs::{self, Scratch};
use crate::names;
use crate::report::counted;
use crate::store::artifact::{ArtifactStore, Call, Collected, Entry, Half, Pair, Ref, Source};

/// Progress of pairs that are larger than this is told.
const WORTH_TELLING: u64 = 1024 * 1024;

/// Where a pair is.
#[derive(Debug, Args)]
pub struct At {
    /// Id of an artifact store: an entry of `store` in the config
    #[arg(value_name = "STORE")]
    pub store: String,
    /// The reference, such as acme/app/1.4.0
    #[arg(value_name = "REF", allow_hyphen_values = true)]
    pub reference: String,
}

/// What to put.
#[derive(Debug, Args)]
pub struct PutArgs {
    /// Where.
    #[command(flatten)]
    pub at: At,
    /// File with the data; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// File with the manifest: whatever shall be said about the data. Default: an empty one
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
}

/// What to get.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// Where.
    #[command(flatten)]
    pub at: At,
    /// File the data goes to; `-` writes standard output. It appears complete and verified, or not at all
    #[arg(long, value_name = "FILE", required_unless_present = "manifest")]
    pub data: Option<PathBuf>,
    /// File the manifest goes to; `-` writes standard output
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
}

/// What to remove.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// Id of an artifact store
    #[arg(value_name = "STORE")]
    pub store: String,
    /// References; one that is not there is no failure
    #[arg(value_name = "REF", required = true)]
    pub references: Vec<String>,
}

/// What to collect.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Id of an artifact store
    #[arg(value_name = "STORE")]
    pub store: String,
    /// What is younger stays. In a bucket it must be longer than any put takes
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub grace: String,
}

/// A pair that was put or got.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Moved {
    /// Id of the store.
    store: String,
    /// The reference.
    reference: String,
    /// The data.
    data: Half,
    /// The manifest.
    manifest: Half,
}

/// Whether a pair is there.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Existence {
    /// Id of the store.
    store: String,
    /// The reference.
    reference: String,
    /// Something is stored under it.
    exists: bool,
}

/// What was removed.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the words of the document")]
pub(in crate::cli) struct Removed {
    /// Id of the store.
    store: String,
    /// References that are gone.
    removed: Vec<String>,
    /// References that were not there.
    absent: Vec<String>,
}

/// What a collection did.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Swept {
    /// Id of the store.
    store: String,
    /// Seconds of grace.
    grace_seconds: u64,
    /// What it did.
    #[serde(flatten)]
    collected: Collected,
}

/// Reads a reference.
pub(super) fn reference(text: &str) -> Result<Ref> {
    Ref::parse(text).map_err(|error| Error::from(crate::store::artifact::ArtifactError::from(error)))
}

/// What was interrupted ends as such.
pub(super) fn ended(session: &Session, error: impl Into<Error>) -> Error {
    let error = error.into();
    if session.cancel.is_cancelled() { error.with_kind(session.interruption()) } else { error }
}

/// A call whose progress is told, when there is enough of it.
pub(super) fn call(session: &Session, label: &str, total: Option<u64>) -> Call {
    let (events, label) = (session.events.clone(), label.to_owned());
    let last = Mutex::new(0);
    let progress = move |done: u64| {
        let total = total.map(|total| total.max(done));
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if total.unwrap_or(done) >= WORTH_TELLING && (done >= *last + WORTH_TELLING || Some(done) == total) {
            *last = done;
            events.emit(Event::Transfer { id: label.clone(), label: label.clone(), done, total });
        }
    };
    Call { cancel: session.cancel.clone(), progress: Some(Arc::new(progress)) }
}

fn moved(store: &dyn ArtifactStore, at: &Ref, entry: Entry) -> Moved {
    // Where a backend keeps them is its own affair.
    let half = |half: Half| Half { key: None, ..half };
    Moved { store: store.name().to_owned(), reference: at.to_string(), data: half(entry.data), manifest: half(entry.manifest) }
}

fn screen(done: &'static str) -> impl FnOnce(&Moved) -> String {
    move |moved| {
        let Moved { store, reference, data, manifest } = moved;
        format!("{done} {reference} in {store}   {} {}, manifest {}\n", data.digest, ByteSize(data.size), ByteSize(manifest.size))
    }
}

/// `store put`.
pub fn put(session: &Session, args: &PutArgs) -> Result<()> {
    let at = reference(&args.at.reference)?;
    let store = named(session, &args.at.store)?;
    let spool = Scratch::below(&session.path(names::path::ROOT), "put")?;
    let data = if args.data == Path::new("-") {
        let file = spool.path().join("stdin");
        read_stdin(&file)?;
        file
    } else {
        session.world.cwd.join(&args.data)
    };
    let size = fs::size_of(&data)?;
    let manifest = match &args.manifest {
        None => Source::Bytes(Bytes::new()),
        Some(path) => {
            let path = session.world.cwd.join(path);
            fs::size_of(&path)?;
            Source::File(path)
        }
    };
    let pair = Pair { data: Source::File(data), manifest };
    let call = call(session, &format!("{at} to {}", store.name()), Some(size));
    let entry = session.block_on(async { store.save(&at, &pair, &call).await.map_err(|error| ended(session, error)) })?;
    session.print(&moved(store.as_ref(), &at, entry), screen("put"))
}

fn read_stdin(into: &Path) -> Result<()> {
    let mut file = fs::create_private(into)?;
    let mut stdin = std::io::stdin().lock();
    let mut piece = vec![0; 256 * 1024];
    loop {
        let count = stdin.read(&mut piece).map_err(|error| Error::failed("cannot read standard input").because(&error))?;
        if count == 0 {
            return Ok(());
        }
        file.write_all(&piece[..count]).map_err(PathError::at("write", into))?;
    }
}

/// `store get`.
pub fn get(session: &Session, args: &GetArgs) -> Result<()> {
    let at = reference(&args.at.reference)?;
    let store = named(session, &args.at.store)?;
    let stdout = Path::new("-");
    let to_stdout = [&args.data, &args.manifest].into_iter().flatten().filter(|path| *path == stdout).count();
    if to_stdout > 0 && session.output == crate::cli::session::OutputFormat::Json {
        return Err(
            Error::usage("standard output cannot hold both the data and a JSON document").hint("name a file, or leave --output out")
        );
    }
    if to_stdout > 1 {
        return Err(Error::usage("standard output cannot hold both the data and the manifest").hint("name a file for one of them"));
    }
    let spool = Scratch::below(&session.path(names::path::ROOT), "get")?;
    let file = |wanted: &Option<PathBuf>, name: &str| match wanted {
        Some(path) if path != stdout => session.world.cwd.join(path),
        _ => spool.path().join(name),
    };
    let (data, manifest) = (file(&args.data, "data"), file(&args.manifest, "manifest"));
    let label = format!("{at} from {}", store.name());
    let entry = session.block_on(async {
        let entry = store.look(&at, &Call::new(&session.cancel)).await.map_err(|error| ended(session, error))?;
        let total = entry.map(|entry| entry.data.size);
        store.fetch(&at, &data, &manifest, &call(session, &label, total)).await.map_err(|error| ended(session, error))
    })?;
    for (wanted, file) in [(&args.data, &data), (&args.manifest, &manifest)] {
        if wanted.as_deref() == Some(stdout) {
            return write_stdout(session, file);
        }
    }
    session.print(&moved(store.as_ref(), &at, entry), screen("got"))
}

fn write_stdout(session: &Session, path: &Path) -> Result<()> {
    let mut file = fs::open(path)?;
    let mut piece = vec![0; 256 * 1024];
    loop {
        let count = file.read(&mut piece).map_err(PathError::at("read", path))?;
        let mut stdout = session.world.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        if count == 0 {
            return stdout.flush().map_err(|error| Error::failed("cannot write to standard output").because(&error));
        }
        stdout.write_all(&piece[..count]).map_err(|error| Error::failed("cannot write to standard output").because(&error))?;
    }
}

/// `store exists`.
pub fn exists(session: &Session, at: &At) -> Result<()> {
    let reference = reference(&at.reference)?;
    let store = named(session, &at.store)?;
    let call = Call::new(&session.cancel);
    let exists = session.block_on(async { store.exists(&reference, &call).await.map_err(|error| ended(session, error)) })?;
    let told = Existence { store: store.name().to_owned(), reference: reference.to_string(), exists };
    session.print(&told, |told| format!("{}\n", told.exists))
}

/// `store rm`.
pub fn remove(session: &Session, args: &RmArgs) -> Result<()> {
    let references = args.references.iter().map(|text| reference(text)).collect::<Result<Vec<_>>>()?;
    let store = named(session, &args.store)?;
    let call = Call::new(&session.cancel);
    let mut done = Removed { store: store.name().to_owned(), removed: Vec::new(), absent: Vec::new() };
    session.block_on(async {
        for at in &references {
            let removed = store.remove(at, &call).await.map_err(|error| ended(session, error))?;
            if removed { done.removed.push(at.to_string()) } else { done.absent.push(at.to_string()) }
        }
        Ok(())
    })?;
    session.print(&done, |done| {
        let removed = done.removed.iter().map(|at| format!("removed {at}\n"));
        removed.chain(done.absent.iter().map(|at| format!("{at} was not there\n"))).collect()
    })
}

/// `store gc`.
pub fn collect(session: &Session, args: &GcArgs) -> Result<()> {
    let grace = duration::parse(&args.grace).map_err(|error| Error::usage(format!("--grace: {error}")))?;
    let store = named(session, &args.store)?;
    let call = Call::new(&session.cancel);
    let collected = session.block_on(async { store.collect(grace, &call).await.map_err(|error| ended(session, error)) })?;
    let swept = Swept { store: store.name().to_owned(), grace_seconds: grace.as_secs(), collected };
    session.print(&swept, |swept| {
        let Collected { references, removed, bytes, spared } = swept.collected;
        let removed = counted(usize::try_from(removed).unwrap_or(usize::MAX), "blob");
        let references = counted(usize::try_from(references).unwrap_or(usize::MAX), "reference");
        let young = if spared > 0 { format!(", {spared} too young") } else { String::new() };
        format!("collected {}   {removed} removed, {}{young}   {references}\n", swept.store, ByteSize(bytes))
    })
}
