//! Runs a plan's builds through the `Builder` port: `buildx` (BuildKit) and `embedded` (no daemon). Both end in an
//! OCI layout; the caller puts it into the content store. `choose` finds out which builder is there and decides.

pub mod buildx;
mod choose;
pub mod embedded;
mod port;
mod stored;

pub use choose::{Available, Facts, choose, probe};
pub use port::{BaseImage, BaseImages, BuildCx, Builder, Built};
pub use stored::StoredBaseImages;
