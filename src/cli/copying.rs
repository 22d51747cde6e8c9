//! Moving images between registries, OCI layouts and OCI archives: what `copy`, `pull` and `mirror` have in common.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::session::Session;
use crate::core::{Digest, Platform, Reference};
use crate::error::{Error, Result};
use crate::fs::Scratch;
use crate::registry::{
    Access, Client, Origin, PushReport, Registries, fetch_closure, fetch_companions, fetch_referrers, find, of_platform, pull_closures,
    push_from, referrers_in,
};
use crate::store::{Closure, Layout, LayoutWriter, read_archive, write_archive};

/// What a tag was seen to hold is taken for granted this long.
const STILL_KNOWN: Duration = Duration::from_secs(1);

/// Where an image is, or shall be.
#[derive(Debug, Clone)]
pub enum Place {
    /// A directory.
    Layout(PathBuf, Option<Digest>),
    /// A tar of one.
    Archive(PathBuf, Option<Digest>),
    /// A registry.
    Registry(Box<Reference>),
}

/// What else is copied, and of what.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Signatures, attestations, SBOMs: what refers to the image.
    pub referrers: bool,
    /// Only this platform's image of an index.
    pub platform: Option<Platform>,
}

/// An image that was opened: where its bytes are, what belongs to it.
pub struct Opened {
    origin: Origin,
    /// The image first, then what refers to it.
    closures: Vec<Closure>,
    /// What stands under tags made of its digests.
    companions: Vec<(String, Closure)>,
    // Removed with the value.
    _scratch: Option<Scratch>,
}

impl Opened {
    /// Digest of the image.
    pub fn digest(&self) -> &Digest {
        &self.closures[0].root.digest
    }

    /// How many things refer to it.
    pub fn referrers(&self) -> usize {
        self.closures.len() - 1 + self.companions.len()
    }
}

/// Reads where an image is: an existing directory or file, else a reference.
pub fn read_source(session: &Session, text: &str) -> Result<Place> {
    let (name, digest) = match text.rsplit_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    let path = session.world.cwd.join(name);
    let digest = || digest.map(str::parse).transpose().map_err(|error| Error::usage(format!("`{text}`: {error}")));
    if path.is_dir() {
        return Ok(Place::Layout(path, digest()?));
    }
    if path.is_file() {
        return Ok(Place::Archive(path, digest()?));
    }
    if looks_like_path(text) {
        return Err(Error::missing(format!("there is no OCI layout or archive at {}", path.display())));
    }
    reference(text)
}

/// Reads where an image shall be: a path with `/` or `.` in front or `/` at its end is a new layout, ending in `.tar` an
/// archive; all else is a reference.
pub fn read_destination(session: &Session, text: &str) -> Result<Place> {
    if !looks_like_path(text) {
        return reference(text);
    }
    let path = session.world.cwd.join(text);
    let archive = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"));
    // What an interrupted copy left has blobs and no index: it is taken up again.
    if path.exists() && (archive || path.join("index.json").exists() || !(path.join("blobs").is_dir() || is_empty(&path))) {
        return Err(Error::usage(format!("{} exists; copy makes a new layout or archive and adds to none", path.display()))
            .hint("name one that does not exist"));
    }
    Ok(if archive { Place::Archive(path, None) } else { Place::Layout(path, None) })
}

fn is_empty(path: &Path) -> bool {
    crate::fs::names_in(path).is_ok_and(|names| names.is_empty())
}

/// Does a name say a tag or a digest, so that it means one image and not a repository?
pub fn names_one_image(name: &str) -> bool {
    name.rsplit_once('/').is_some_and(|(_, last)| last.contains([':', '@']))
}

fn looks_like_path(text: &str) -> bool {
    text.starts_with(['/', '.']) || text.ends_with('/')
}

fn reference(text: &str) -> Result<Place> {
    let reference: Reference = text.parse().map_err(|error| Error::usage(format!("`{text}`: {error}")))?;
    Ok(Place::Registry(Box::new(reference)))
}

/// Opens an image.
pub async fn open(session: &Session, registries: &Registries, place: &Place, wishes: &Wishes) -> Result<Opened> {
    match place {
        Place::Layout(path, digest) => open_layout(path.clone(), digest.clone(), wishes, None).await,
        Place::Archive(file, digest) => {
            let scratch = scratch(session)?;
            let (file, into) = (file.clone(), scratch.path().join("layout"));
            let layout = blocking(move || Ok(read_archive(&file, &into)?)).await?;
            open_layout(layout.path().to_owned(), digest.clone(), wishes, Some(scratch)).await
        }
        Place::Registry(reference) => {
            let client = registries.client(&reference.repository.host)?;
            open_remote(session, client, &reference.repository.path, &reference.selector(), wishes).await
        }
    }
}

/// Opens an image of a repository.
pub async fn open_remote(session: &Session, client: Arc<Client>, path: &str, selector: &str, wishes: &Wishes) -> Result<Opened> {
    let cancel = &session.cancel;
    let mut found = find(&client, path, selector, cancel).await?;
    if let Some(platform) = &wishes.platform {
        found = of_platform(&client, path, found, platform, cancel).await?;
    }
    let image = fetch_closure(&client, path, found, cancel).await?;
    let mut closures = vec![image];
    let mut companions = Vec::new();
    if wishes.referrers {
        let referrers = fetch_referrers(&client, path, &closures[0], cancel).await?;
        companions = fetch_companions(&client, path, &closures[0], cancel).await?;
        closures.extend(referrers);
    }
    Ok(Opened { origin: Origin::Registry { client, path: path.to_owned() }, closures, companions, _scratch: None })
}

async fn open_layout(path: PathBuf, digest: Option<Digest>, wishes: &Wishes, scratch: Option<Scratch>) -> Result<Opened> {
    if wishes.platform.is_some() {
        return Err(
            Error::usage("--platform chooses from an image of a registry").hint("name the image of a layout by its digest: DIR@sha256:…")
        );
    }
    let referrers = wishes.referrers;
    let (layout, closures) = blocking(move || {
        let layout = Layout::open(&path)?;
        let digest = match digest {
            Some(digest) => digest,
            None => only_image(&layout)?,
        };
        let image = layout.closure_unhashed(&digest)?;
        let referring = if referrers { referrers_in(&layout, &image)? } else { Vec::new() };
        Ok((layout, std::iter::once(image).chain(referring).collect()))
    })
    .await?;
    Ok(Opened { origin: Origin::Layout(layout), closures, companions: Vec::new(), _scratch: scratch })
}

/// The one image of a layout that refers to nothing else there.
fn only_image(layout: &Layout) -> Result<Digest> {
    let mut images = Vec::new();
    for entry in layout.entries()? {
        if layout.read_manifest(&entry.digest)?.subject.is_none() {
            images.push(entry.digest);
        }
    }
    match images.as_slice() {
        [only] => Ok(only.clone()),
        several => {
            let message = format!("{} holds {} images", layout.path().display(), several.len());
            Err(Error::usage(message).hint("name one of them: DIR@sha256:…"))
        }
    }
}

/// Makes a place hold an opened image and what refers to it.
pub async fn place(session: &Session, registries: &Registries, from: &Opened, to: &Place) -> Result<PushReport> {
    match to {
        Place::Registry(reference) => push(session, registries, from, reference).await,
        Place::Layout(into, _) => {
            let size = from.closures.iter().map(|closure| closure.size).sum();
            save(session, from, into).await?;
            Ok(PushReport { sent: size, ..PushReport::default() })
        }
        Place::Archive(file, _) => {
            let size = from.closures.iter().map(|closure| closure.size).sum();
            let scratch = scratch(session)?;
            let layout = match &from.origin {
                Origin::Layout(layout) => layout.clone(),
                Origin::Registry { .. } => save(session, from, &scratch.path().join("layout")).await?,
            };
            let (closures, file) = (from.closures.clone(), file.clone());
            blocking(move || Ok(write_archive(&layout, &closures, &file)?)).await?;
            Ok(PushReport { sent: size, ..PushReport::default() })
        }
    }
}

async fn save(session: &Session, from: &Opened, into: &Path) -> Result<Layout> {
    if let Some((tag, _)) = from.companions.first() {
        session.events.warn(format!("{tag} stands under a tag of its own and is not part of a layout"), None);
    }
    match &from.origin {
        Origin::Registry { client, path } => Ok(pull_closures(client, path, &from.closures, into, &session.cancel).await?),
        Origin::Layout(layout) => {
            let (layout, closures, into) = (layout.clone(), from.closures.clone(), into.to_owned());
            blocking(move || {
                let writer = LayoutWriter::create(&into)?;
                for digest in closures.iter().flat_map(Closure::digests) {
                    writer.copy_blob_from(&layout, digest)?;
                }
                let roots: Vec<_> = closures.iter().map(|closure| closure.root.clone()).collect();
                Ok(writer.finish_with(&roots)?)
            })
            .await
        }
    }
}

async fn push(session: &Session, registries: &Registries, from: &Opened, to: &Reference) -> Result<PushReport> {
    let client = registries.client(&to.repository.host)?;
    let (path, cancel, root) = (to.repository.path.as_str(), &session.cancel, from.digest());
    if let Some(expected) = to.digest.as_ref().filter(|expected| *expected != root) {
        return Err(Error::usage(format!("{to} cannot hold {root}: it names {expected}")));
    }
    let work = registries.work();
    if let Origin::Registry { client: source, path: lender } = &from.origin
        && source.host() == client.host()
    {
        // The host lends itself what it has: nothing travels.
        let companions = from.companions.iter().map(|(_, closure)| closure);
        for digest in from.closures.iter().chain(companions).flat_map(|closure| &closure.blobs).map(|blob| &blob.digest) {
            work.note_holder(client.host(), lender, digest);
        }
    }
    let mut report = PushReport::default();
    let looked = Instant::now();
    let stands = match &to.tag {
        // A tag is only ever put where everything it leads to is.
        Some(tag) => client.head_manifest(path, tag.as_str(), Access::Push, cancel).await?.as_ref() == Some(root),
        None => false,
    };
    let mut listed: HashMap<Digest, Vec<Digest>> = HashMap::new();
    for (at, closure) in from.closures.iter().enumerate() {
        // What a registry lists as a referrer is there, as what stands under a tag is.
        let there = match closure.root_manifest().and_then(|manifest| manifest.subject.as_ref()) {
            Some(subject) if at > 0 => {
                if !listed.contains_key(&subject.digest) {
                    let known = client.referrers(path, &subject.digest, cancel).await?.manifests;
                    listed.insert(subject.digest.clone(), known.into_iter().map(|referrer| referrer.digest).collect());
                }
                listed.get(&subject.digest).is_some_and(|known| known.contains(&closure.root.digest))
            }
            _ => at == 0 && stands,
        };
        if there {
            report.reused += closure.size;
            continue;
        }
        report = sum(report, push_from(&client, work, path, &from.origin, closure, cancel).await?);
    }
    for (tag, closure) in &from.companions {
        report = sum(report, push_from(&client, work, path, &from.origin, closure, cancel).await?);
        report.writes += name(&client, path, tag, closure, true, cancel).await?;
    }
    if let Some(tag) = to.tag.as_ref().filter(|_| !stands) {
        // Looked at again unless no time has passed: whoever sets the fifth tag of an image sends nothing in between.
        let again = looked.elapsed() > STILL_KNOWN;
        report.writes += name(&client, path, tag.as_str(), &from.closures[0], again, cancel).await?;
    }
    Ok(report)
}

/// Puts a tag and reads it back, unless it is to be looked at first and stands.
async fn name(
    client: &Client,
    path: &str,
    tag: &str,
    closure: &Closure,
    look: bool,
    cancel: &tokio_util::sync::CancellationToken,
) -> Result<u64> {
    let Some(manifest) = closure.root_manifest() else { return Ok(0) };
    let root = &closure.root.digest;
    if look && client.head_manifest(path, tag, Access::Push, cancel).await?.as_ref() == Some(root) {
        return Ok(0);
    }
    let put = client.put_manifest(path, tag, manifest, root, cancel).await;
    // An answer that says neither yes nor no is settled by looking.
    let now = client.head_manifest(path, tag, Access::Push, cancel).await?;
    if now.as_ref() == Some(root) {
        return Ok(1);
    }
    put?;
    let holds = now.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
    Err(Error::new(crate::error::Kind::Conflict, format!("{}/{path}:{tag} holds {holds} after {root} was written", client.host()))
        .hint("somebody else writes the same tag; run it again when they are done"))
}

fn sum(a: PushReport, b: PushReport) -> PushReport {
    PushReport { sent: a.sent + b.sent, reused: a.reused + b.reused, writes: a.writes + b.writes }
}

fn scratch(session: &Session) -> Result<Scratch> {
    let temporary = session.world.env.get(crate::names::env::TMPDIR).unwrap_or("/tmp");
    Ok(Scratch::below(Path::new(temporary), "copy")?)
}

/// Runs work on files off the runtime's threads.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Error::failed("reading the layout was interrupted")))
}
