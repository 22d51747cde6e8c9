//! Runs a plan's builds through the `Builder` port: `buildx` (BuildKit) and `embedded` (no daemon). Both end in an
//! OCI layout; the caller puts it into the content store. `choose` finds out which builder is there and decides.

pub mod adopt;
pub mod archive;
pub mod backend;
pub mod bake;
pub mod binary;
pub mod buildctl;
pub mod buildx;
pub mod cache;
mod choose;
pub mod cleanup;
pub mod dag;
pub mod diagnostics;
pub mod embedded;
pub mod inspect;
pub mod inventory;
mod leased;
pub mod lifecycle;
mod load;
pub mod merge;
pub mod nodes;
mod port;
pub mod project;
pub mod solve;
pub mod spawn;
mod stage;
mod stored;

pub use backend::Need;
pub use cache::{CacheTags, Stamp, TagFacts};
pub use choose::{Available, Facts, GET_BUILDKIT, choose, look};
pub use leased::leased;
pub use load::{Loaded, load};
pub use port::{BaseImage, BaseImages, BuildCx, Builder, Built, Login, Logins};
pub use stage::stage;
pub use stored::StoredBaseImages;
