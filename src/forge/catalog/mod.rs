//! A version of components in GitLab's CI/CD catalog, as a place to publish to: one step after the release of its tag. Only
//! GitLab has such a catalog, so there is no port of this room between the step and [`Catalog`](super::gitlab::Catalog).
//!
//! A version is made once and for all. Making it again changes nothing and is answered as such, which is how a run that
//! cannot read the catalog, having nothing but a job's token, finds out that an earlier one did.

mod settings;
mod step;
mod target;

pub use settings::{CatalogSettings, KIND};
pub use target::CatalogTarget;
