//! GitLab, self-managed or not: releases with links to the files of a generic package.
//!
//! There are no drafts, so the files come first, one after the other, and the release with links to them is made last, in
//! one call (docs: "Releases API", "Generic packages"). A job needs nothing but its `CI_JOB_TOKEN`: it may use the
//! releases and packages APIs and read the repository by git, and those are all this adapter uses then.

mod adapter;
mod catalog;
mod links;
mod package;
mod packages;
mod removal;
mod wire;

pub use adapter::Gitlab;
pub use catalog::{Catalog, Published, Shown};
pub use package::PackageVersion;
