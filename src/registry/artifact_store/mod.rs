//! A repository as an artifact store (`oci`): both halves are blobs, one manifest names them, and the tag that stands for
//! the reference is the pointer. Replacing the tag is the one moment a put takes effect.
//!
//! The distribution specification has no conditional write, so that write-once is a look before and a look after: of two
//! first puts at the same moment both may be told that they won. Bytes that nobody names are the registry's to remove.

mod manifest;
mod read;
mod tag;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::client::{Access, Client};
use super::error::{RegistryError, RegistryErrorKind};
use super::transfer::push_closure;
use super::work::Work;
use crate::core::{BoxFuture, Digest};
use crate::fs::{self, Scratch};
use crate::store::artifact::{
    Abilities, ArtifactError, ArtifactErrorKind, ArtifactStore, Call, Collected, Collects, Entry, Mode, Opened, Pair, Ref, Result, Source,
};
use crate::store::{Closure, Layout, LayoutWriter};
use manifest::{Tagged, read_manifest, write_manifest};

/// Tags that do not tell their reference are asked so many at a time.
const QUESTIONS: usize = 8;

/// A pair whose bytes a registry has lost while its manifest was on the way is pushed again this often.
const PUSHES: u32 = 4;

/// How often a reference whose bytes went away in between is looked at again.
const LOOKS: usize = 8;

/// An artifact store in a repository.
#[derive(Debug, Clone)]
pub struct OciStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    mode: Mode,
    client: Arc<Client>,
    path: String,
    scratch: PathBuf,
}

impl OciStore {
    /// A store in the repository `path`, which should hold nothing else. `scratch` is a directory for what is being sent.
    pub fn new(name: impl Into<String>, mode: Mode, client: Arc<Client>, path: impl Into<String>, scratch: impl Into<PathBuf>) -> Self {
        let inner = Inner { name: name.into(), mode, client, path: path.into(), scratch: scratch.into() };
        Self { inner: Arc::new(inner) }
    }
}

/// A failure of the registry, as the store says it.
fn said(doing: &str, error: RegistryError) -> ArtifactError {
    use ArtifactErrorKind as A;
    use RegistryErrorKind as R;
    let kind = match error.kind {
        R::Missing | R::Unauthorized | R::Denied => A::Credentials,
        R::RateLimited | R::Unavailable | R::Ambiguous => A::Unavailable,
        R::NotFound | R::Rejected => A::Rejected,
        R::Mismatch | R::Protocol => A::Integrity,
        R::Source => A::Local,
        R::Cancelled => A::Cancelled,
    };
    let failed = ArtifactError::new(kind, error.message).context(doing);
    match error.hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

impl Inner {
    /// What the tag of a reference names; `None` when there is none.
    async fn tagged(&self, at: &Ref, call: &Call, doing: &str) -> Result<Option<Tagged>> {
        let found = self.client.get_manifest(&self.path, &tag::of(at), Access::Pull, &call.cancel).await;
        let Some(found) = found.map_err(|error| said(doing, error))? else { return Ok(None) };
        let entry = read_manifest(at, &found.manifest).map_err(|problem| ArtifactError::integrity(&self.name, at, &problem))?;
        Ok(Some(Tagged { digest: found.digest, entry }))
    }

    async fn save(&self, at: &Ref, pair: &Pair, call: &Call, doing: &str) -> Result<Entry> {
        call.check(doing)?;
        let (scratch, pair, call_there) = (self.scratch.clone(), pair.clone(), call.clone());
        let name = at.clone();
        let staged = tokio::task::spawn_blocking(move || stage(&scratch, &name, &pair, &call_there));
        let interrupted = |_| ArtifactError::new(ArtifactErrorKind::Local, format!("{doing}: the work was interrupted"));
        let Staged { _scratch, layout, closure, entry } = staged.await.map_err(interrupted)??;
        call.check(doing)?;
        if self.mode == Mode::WriteOnce
            && let Some(held) = self.tagged(at, call, doing).await?
        {
            // The same pair goes on: what the registry has lost of it is sent again.
            self.settle(at, entry.clone(), &held.entry)?;
        }
        let mut push = 1;
        while let Err(error) = self.push(at, &layout, &closure, call, doing).await {
            // It took the bytes, and then says that it has not: a collection of its own, or, with distribution 2, somebody who
            // brought the same bytes at the same moment.
            if push == PUSHES || !error.message.contains("BLOB_UNKNOWN") {
                return Err(error);
            }
            push += 1;
        }
        if self.mode == Mode::WriteOnce
            && let Some(held) = self.tagged(at, call, doing).await?
        {
            return self.settle(at, entry, &held.entry);
        }
        Ok(entry)
    }

    /// Brings the bytes and sets the tag.
    async fn push(&self, at: &Ref, layout: &Layout, closure: &Closure, call: &Call, doing: &str) -> Result<()> {
        // What a run has moved may have been removed since: every put asks anew.
        let work = Work::default();
        let pushed = push_closure(&self.client, &work, &self.path, layout, closure, &call.cancel).await;
        pushed.map_err(|error| said(doing, error))?;
        call.check(doing)?;
        let root = closure.manifests.first().ok_or_else(|| ArtifactError::integrity(&self.name, at, "it has no manifest"));
        let (descriptor, manifest) = root?;
        self.name_it(at, manifest, &descriptor.digest, call, doing).await
    }

    /// Sets the tag. When it is not known whether it was set, looking tells.
    async fn name_it(&self, at: &Ref, manifest: &crate::core::oci::Manifest, digest: &Digest, call: &Call, doing: &str) -> Result<()> {
        let tag = tag::of(at);
        let mut last = None;
        for _ in 0..3 {
            match self.client.put_manifest(&self.path, &tag, manifest, digest, &call.cancel).await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind == RegistryErrorKind::Ambiguous => last = Some(error),
                Err(error) => return Err(said(doing, error)),
            }
            let now = self.client.head_manifest(&self.path, &tag, Access::Push, &call.cancel).await;
            if now.map_err(|error| said(doing, error))?.as_ref() == Some(digest) {
                return Ok(());
            }
        }
        Err(last.map_or_else(|| ArtifactError::cancelled(doing), |error| said(doing, error)))
    }

    /// The same again is fine; anything else is a conflict.
    fn settle(&self, at: &Ref, ours: Entry, held: &Entry) -> Result<Entry> {
        if held.same_bytes(&ours) { Ok(ours) } else { Err(ArtifactError::conflict(&self.name, at, &held.shown(), &ours.shown())) }
    }

    async fn open(inner: &Arc<Self>, at: &Ref, call: &Call, doing: &str) -> Result<Opened> {
        let mut before: Option<Digest> = None;
        for _ in 0..LOOKS {
            let tagged = inner.tagged(at, call, doing).await?;
            let Tagged { digest, entry } = tagged.ok_or_else(|| ArtifactError::not_found(&inner.name, at))?;
            let same = before.as_ref() == Some(&digest);
            match read::open(inner, at, &entry, call, doing).await {
                Err(error) if error.is_integrity() && !same => before = Some(digest),
                result => return result,
            }
        }
        Err(ArtifactError::integrity(&inner.name, at, "its bytes go away faster than they can be read"))
    }

    async fn list(&self, below: Option<&Ref>, call: &Call, doing: &str) -> Result<Vec<Ref>> {
        let tags = self.client.tags(&self.path, &call.cancel).await.map_err(|error| said(doing, error))?;
        let mut found = Vec::new();
        let mut asked = Vec::new();
        for name in tags {
            match tag::to_ref(&name) {
                Some(at) => found.push(at),
                None if tag::is_hashed(&name) => asked.push(name),
                // Somebody else's.
                None => {}
            }
        }
        let questions = asked.into_iter().map(|name| async move {
            let found = self.client.get_manifest(&self.path, &name, Access::Pull, &call.cancel).await;
            let found = found.map_err(|error| said(doing, error))?;
            Ok::<_, ArtifactError>(found.and_then(|found| manifest::reference_of(&found.manifest)).filter(|at| tag::of(at) == name))
        });
        let mut answers = futures_util::stream::iter(questions).buffer_unordered(QUESTIONS);
        while let Some(answer) = answers.next().await {
            found.extend(answer?);
        }
        drop(answers);
        found.retain(|at| below.is_none_or(|below| at.is_at_or_below(below)));
        found.sort_unstable();
        Ok(found)
    }

    async fn remove(&self, at: &Ref, call: &Call, doing: &str) -> Result<bool> {
        let tag = tag::of(at);
        let failed = |error| said(doing, error);
        let held = self.client.head_manifest(&self.path, &tag, Access::Push, &call.cancel).await.map_err(failed)?;
        let Some(digest) = held else { return Ok(false) };
        // The manifest names the reference, so that no other tag leads to it. Not every registry removes by tag.
        let removed = self.client.delete_manifest(&self.path, digest.as_str(), &call.cancel).await.map_err(failed)?;
        if self.client.head_manifest(&self.path, &tag, Access::Push, &call.cancel).await.map_err(failed)?.as_ref() == Some(&digest) {
            return self.client.delete_manifest(&self.path, &tag, &call.cancel).await.map_err(failed);
        }
        Ok(removed)
    }
}

/// A pair as a layout, ready to be pushed.
struct Staged {
    _scratch: Scratch,
    layout: Layout,
    closure: Closure,
    entry: Entry,
}

fn stage(scratch: &std::path::Path, at: &Ref, pair: &Pair, call: &Call) -> Result<Staged> {
    let broken = |error: crate::store::StoreError| ArtifactError::new(ArtifactErrorKind::Local, error.to_string());
    let scratch = Scratch::below(scratch, "oci-store")?;
    let writer = LayoutWriter::create(&scratch.path().join("layout")).map_err(broken)?;
    let mut halves = Vec::new();
    for source in [&pair.data, &pair.manifest] {
        let half = match source {
            Source::Bytes(bytes) => {
                writer.put_bytes(manifest::HALF, bytes).map_err(broken)?;
                crate::store::artifact::Half::of(bytes)
            }
            Source::File(path) => {
                // A copy: the layout's bytes must not change with the file.
                let copy = scratch.path().join("half");
                let half = copy_hashed(path, &copy, call)?;
                writer.adopt(&copy, &half.digest).map_err(broken)?;
                half
            }
        };
        halves.push(half);
    }
    let moved: u64 = halves.iter().map(|half| half.size).sum();
    let [data, manifest_half] = <[_; 2]>::try_from(halves).map_err(|_| ArtifactError::cancelled("put a pair"))?;
    let entry = Entry { data, manifest: manifest_half };
    let root = write_manifest(&writer, at, &entry).map_err(broken)?;
    let layout = writer.finish(&root).map_err(broken)?;
    let closure = layout.closure_unhashed(&root.digest).map_err(broken)?;
    call.moved(moved);
    Ok(Staged { _scratch: scratch, layout, closure, entry })
}

fn copy_hashed(from: &std::path::Path, to: &std::path::Path, call: &Call) -> Result<crate::store::artifact::Half> {
    use std::io::{Read as _, Write as _};
    let at = |path: &std::path::Path| {
        let path = path.to_owned();
        move |source| crate::core::PathError { doing: "copy", path: path.clone(), source }
    };
    let mut source = fs::open(from)?;
    let mut target = fs::create_new(to)?;
    let mut hash = crate::core::Digester::new(crate::core::Algorithm::Sha256);
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        call.check("copy a file")?;
        let count = source.read(&mut buffer).map_err(at(from))?;
        if count == 0 {
            return Ok(crate::store::artifact::Half { digest: hash.finish(), size, key: None });
        }
        hash.update(&buffer[..count]);
        target.write_all(&buffer[..count]).map_err(at(to))?;
        size += count as u64;
    }
}

impl ArtifactStore for OciStore {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn abilities(&self) -> Abilities {
        Abilities { survives_restart: true, write_once_is_atomic: false, collects: Collects::ByItself }
    }

    fn save<'a>(&'a self, at: &'a Ref, pair: &'a Pair, call: &'a Call) -> BoxFuture<'a, Result<Entry>> {
        Box::pin(async move { self.inner.save(at, pair, call, &format!("put {at} in store {}", self.inner.name)).await })
    }

    fn look<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<Option<Entry>>> {
        Box::pin(async move {
            let doing = format!("look for {at} in store {}", self.inner.name);
            call.check(&doing)?;
            Ok(self.inner.tagged(at, call, &doing).await?.map(|tagged| tagged.entry))
        })
    }

    fn open<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(async move {
            let doing = format!("get {at} from store {}", self.inner.name);
            call.check(&doing)?;
            Inner::open(&self.inner, at, call, &doing).await
        })
    }

    fn list<'a>(&'a self, below: Option<&'a Ref>, call: &'a Call) -> BoxFuture<'a, Result<Vec<Ref>>> {
        Box::pin(async move {
            let doing = format!("list store {}", self.inner.name);
            call.check(&doing)?;
            self.inner.list(below, call, &doing).await
        })
    }

    fn remove<'a>(&'a self, at: &'a Ref, call: &'a Call) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let doing = format!("remove {at} from store {}", self.inner.name);
            call.check(&doing)?;
            self.inner.remove(at, call, &doing).await
        })
    }

    fn collect<'a>(&'a self, _: Duration, call: &'a Call) -> BoxFuture<'a, Result<Collected>> {
        Box::pin(async move {
            let doing = format!("collect store {}", self.inner.name);
            call.check(&doing)?;
            let references = self.inner.list(None, call, &doing).await?.len() as u64;
            Ok(Collected { references, ..Collected::default() })
        })
    }
}
