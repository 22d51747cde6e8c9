//! Runs a plan's builds through the `Builder` port: `buildx` (BuildKit) and `embedded` (no daemon). Both end in an
//! OCI layout; the caller puts it into the content store.

pub mod embedded;
mod port;

pub use port::{BaseImage, BaseImages, BuildCx, Builder, Built};
