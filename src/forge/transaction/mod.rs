//! A release as a transaction: the implementation of `publish`'s ports over any [`Forge`].
//!
//! Per release one step makes or finds the draft, one per file brings its bytes, one checks the whole set and makes it
//! visible, and only then names move: the latest release, rolling tags. What is not complete is not visible; what is
//! complete is not touched again. Order: draft < files < visible < moving names.

mod asset;
mod draft;
mod latest;
mod making;
mod read;
mod rolling;
mod rolling_files;
mod rolling_place;
mod rolling_release;
mod settings;
mod target;
mod visible;

pub use settings::{LatestSettings, ListedAsset, ReleaseSettings, RollingReleaseSettings, RollingTagSettings};
pub use target::{Kind, ReleaseTarget};
pub(super) use target::{Refused, media_type};
