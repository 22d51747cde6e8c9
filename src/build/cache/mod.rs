//! BuildKit's cache between builds: what a build may read and write, what it found, and how much is kept.
//!
//! `local` keeps directories that are replaced as a whole; `ready` turns the plan's caches into what BuildKit is given
//! and puts away what it wrote; `found` reads which caches BuildKit used off its progress; `resolution` is the report, and
//! remembers how long steps took; `tags` keeps the caches in a registry few and young, through a port that
//! `registry` implements; `prune` asks BuildKit to tidy its own cache. Names of caches are not decided here: those are
//! the plan's (`plan::cache`).

mod found;
mod local;
mod prune;
mod ready;
mod resolution;
mod tags;

pub use found::named;
pub use local::{Generation, LocalKeep, LocalRetention, Slot, Unavailable, list_local, prune_local};
pub use prune::{BuilderRetention, Pruner, prune_builder};
pub use ready::{Ready, environment, prepare};
pub use resolution::{CacheExported, CacheImport, CacheResolution, CacheWord, Times, remember};
pub use tags::{CacheTags, Stamp, TagFacts, TagKeep, TagRetention, TagVerdict, prune_tags};
