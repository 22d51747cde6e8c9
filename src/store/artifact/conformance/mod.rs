//! What every artifact store must do (spec/remote.md E.4), as checks that any backend can run: the ones of this program
//! run them against real servers, and whoever writes another backend runs the same.
//!
//! ```no_run
//! # use stagefreight::core::BoxFuture;
//! # use stagefreight::store::artifact::{ArtifactStore, MemoryStore, Mode, conformance};
//! # use std::sync::Arc;
//! struct Mine(MemoryStore);
//!
//! impl conformance::Subject for Mine {
//!     fn name(&self) -> &str {
//!         "mine"
//!     }
//!     fn open(&self, mode: Mode) -> BoxFuture<'_, Result<Arc<dyn ArtifactStore>, String>> {
//!         Box::pin(async move { Ok(Arc::new(self.0.with_mode(mode)) as Arc<dyn ArtifactStore>) })
//!     }
//! }
//!
//! # async fn example() -> Result<(), String> {
//! let mine = Mine(MemoryStore::new("mine", Mode::Overwrite));
//! let plan = conformance::Plan::new("/tmp");
//! conformance::run(&mine, &plan).await.verdict()
//! # }
//! ```

mod basics;
mod collecting;
mod concurrency;
mod damage;
mod names;

use std::path::PathBuf;
use std::sync::Arc;

use super::error::ArtifactError;
use super::port::{ArtifactStore, Call, Mode};
use crate::core::BoxFuture;
use crate::core::artifact_ref::Ref;

/// A backend under test.
pub trait Subject: Send + Sync {
    /// The name its stores have.
    fn name(&self) -> &str;

    /// Opens the store anew over the same place, as another process would. The place is empty before the first check
    /// and used by nobody else.
    fn open(&self, mode: Mode) -> BoxFuture<'_, Result<Arc<dyn ArtifactStore>, String>>;

    /// Damages what is stored under a reference, behind the store's back. `None`: that cannot be done to this backend.
    fn damage<'a>(&'a self, _at: &'a Ref, _damage: Damage) -> Option<BoxFuture<'a, Result<(), String>>> {
        None
    }

    /// A store over a place that cannot be written. `None`: there is no such place for this backend.
    fn unwritable(&self) -> Option<Arc<dyn ArtifactStore>> {
        None
    }
}

/// How something stored is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// One byte of the data is another.
    Data,
    /// One byte of the manifest is another.
    Manifest,
    /// One byte of the pointer is another.
    Pointer,
    /// The data ends early.
    ShortData,
    /// The data is not there any more, the pointer is.
    NoData,
    /// The manifest is not there any more, the pointer is.
    NoManifest,
}

impl Damage {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Data, Self::Manifest, Self::Pointer, Self::ShortData, Self::NoData, Self::NoManifest];
}

/// How much is tried.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Reads of a reference that others keep overwriting.
    pub tries: u32,
    /// Writers, and as many readers, at the same time.
    pub writers: u32,
    /// Bytes of the large pair.
    pub large: u64,
    /// Puts beside collections.
    pub puts_beside_collections: u32,
    /// A directory for files of the checks.
    pub scratch: PathBuf,
}

impl Plan {
    /// What E.4 names, in amounts that take seconds on a local backend.
    pub fn new(scratch: impl Into<PathBuf>) -> Self {
        Self { tries: 2000, writers: 8, large: 64 * 1024 * 1024, puts_beside_collections: 200, scratch: scratch.into() }
    }
}

/// What came of the checks.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Those that hold.
    pub passed: Vec<&'static str>,
    /// Those that do not apply to this backend, each with the reason.
    pub not_applicable: Vec<(&'static str, String)>,
    /// Those that do not hold, each with what was seen.
    pub failed: Vec<(&'static str, String)>,
}

impl Report {
    /// Everything that applies holds; otherwise what does not, one line each.
    pub fn verdict(&self) -> Result<(), String> {
        if self.failed.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = self.failed.iter().map(|(check, seen)| format!("{check}: {seen}")).collect();
        Err(lines.join("\n"))
    }
}

/// Why a check did not hold.
enum Miss {
    Failed(String),
    NotApplicable(String),
}

impl From<String> for Miss {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

impl From<ArtifactError> for Miss {
    fn from(error: ArtifactError) -> Self {
        Self::Failed(format!("{:?}: {error}", error.kind))
    }
}

type Checked = Result<(), Miss>;

/// What a check gets.
struct Cx<'a> {
    subject: &'a dyn Subject,
    store: Arc<dyn ArtifactStore>,
    plan: &'a Plan,
    call: Call,
    /// First part of every reference of this check.
    home: &'static str,
}

impl Cx<'_> {
    fn at(&self, rest: &str) -> Result<Ref, Miss> {
        Ref::parse(&format!("{}/{rest}", self.home)).map_err(|error| Miss::Failed(error.to_string()))
    }

    async fn put(&self, at: &Ref, data: &[u8], manifest: &[u8]) -> Checked {
        Ok(self.store.put(at, data, manifest, &self.call).await?)
    }

    /// Reads a pair and compares it.
    async fn holds(&self, at: &Ref, data: &[u8], manifest: &[u8]) -> Checked {
        let (found, said) = self.store.get(at, &self.call).await?;
        expect(found == data && said == manifest, || {
            format!("{at}: {} and {} bytes were put, {} and {} other ones came back", data.len(), manifest.len(), found.len(), said.len())
        })?;
        expect(self.store.exists(at, &self.call).await?, || format!("{at} can be read and is said not to exist"))
    }

    async fn absent(&self, at: &Ref) -> Checked {
        expect(!self.store.exists(at, &self.call).await?, || format!("{at} is said to exist"))?;
        match self.store.get(at, &self.call).await {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(Miss::Failed(format!("get of the absent {at} fails with {:?}: {error}", error.kind))),
            Ok(_) => Err(Miss::Failed(format!("the absent {at} can be read"))),
        }
    }
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Miss::Failed(otherwise())) }
}

fn not_applicable<T>(why: &str) -> Result<T, Miss> {
    Err(Miss::NotApplicable(why.to_owned()))
}

/// Runs every check, one after the other, and tells what came of each. Never panics.
pub async fn run(subject: &dyn Subject, plan: &Plan) -> Report {
    let mut report = Report::default();
    macro_rules! checks {
        ($($home:literal $name:literal => $check:path,)*) => {$({
            let outcome = match subject.open(Mode::Overwrite).await {
                Ok(store) => $check(&Cx { subject, store, plan, call: Call::default(), home: $home }).await,
                Err(error) => Err(Miss::Failed(format!("the store does not open: {error}"))),
            };
            match outcome {
                Ok(()) => report.passed.push($name),
                Err(Miss::NotApplicable(why)) => report.not_applicable.push(($name, why)),
                Err(Miss::Failed(seen)) => report.failed.push(($name, seen)),
            }
        })*};
    }
    checks! {
        "name" "name() is the name it was opened under" => basics::name,
        "absent" "absent: exists is false, get is exactly not-found" => basics::absent,
        "trip" "round trip of empty, binary and small halves" => basics::round_trip,
        "large" "round trip of a large pair, streamed from and into files" => basics::large,
        "again" "the same pair again is harmless" => basics::identical_again,
        "over" "overwriting replaces both halves" => basics::overwrite,
        "restart" "what was put survives a restart" => basics::restart,
        "once" "write-once: the same again is fine, another pair is a conflict" => basics::write_once,
        "list" "list and remove" => basics::list_and_remove,
        "nested" "`a` and `a/b` are two references" => names::nested,
        "parent" "below and above a reference there is nothing" => names::parent,
        "sidecar" "`x` and `x.manifest.json` are two references" => names::sidecar,
        "alike" "references that look alike are different" => names::alike,
        "bad" "texts that are no references are refused" => names::bad,
        "marked" "concurrent overwriting never yields a mixed pair" => concurrency::never_mixed,
        "first" "concurrent first puts of a write-once reference: one wins" => concurrency::one_first,
        "between" "a put that ends between its halves changes nothing" => concurrency::ends_between,
        "cancelled" "a cancelled caller gets nothing done" => concurrency::cancelled,
        "damaged" "damage is noticed, is not not-found, and is healed by a put" => damage::noticed,
        "unwritable" "a place that cannot be written is an error, not not-found" => damage::unwritable,
        "garbage" "a collection removes what nobody names, after the grace period" => collecting::garbage,
        "beside" "a collection beside writers removes nothing that is named" => collecting::beside_writers,
    }
    report
}
