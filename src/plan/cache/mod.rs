//! Which caches a build reads and writes: names, scopes and flags (spec/build.md E). Pure.
//!
//! `repository` says what a repository is called, `name` what its builders and caches are called, and how to tell our
//! caches from everything else in a registry. The formats are the reference implementation's, with one budget of 128
//! characters for the whole tag. `planned` decides which of them one build reads and writes.

mod name;
mod planned;
mod repository;

pub use name::{CacheTag, DEFAULT_PREFIX, Scope, builder_name, canonicalize_ref, check_prefix, hash};
pub(in crate::plan) use planned::of_build;
pub use planned::{DEFAULT_DIRECTORY, RegistryCache, local_directory, registry_cache};
pub use repository::RepositoryId;
