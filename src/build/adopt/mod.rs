//! What other builders made, taken over as it is: buildx's OCI layouts and archives, `docker save`, GoReleaser's `dist`,
//! cargo-dist's manifest, a plain directory.
//!
//! The way through: `detect` says what a path is; one file per format reads it into [`Found`]: images in OCI layouts, and
//! files that were copied into scratch and hashed on the way. Nothing below a path is trusted: `tree` enters it only by
//! names that stay inside and never through a link, `image_tar` unpacks no name, only content, `inside` looks for entries
//! that would leave an archive, `sums` and the formats compare what is claimed with what is there. Counts, sizes and depth
//! are bounded. Nothing is written outside scratch: who calls puts everything into place once all of it was accepted.

mod buildx;
mod cargo_dist;
mod detect;
mod directory;
mod docker_save;
mod executable;
mod found;
mod goreleaser;
mod image_tar;
mod inside;
mod json;
mod limits;
mod names;
mod oci;
mod staging;
mod sums;
mod tree;
mod triple;
mod zip;

#[cfg(test)]
mod tests;

use std::path::Path;

use tokio_util::sync::CancellationToken;

pub use detect::{Format, detect};
pub use found::{FileKind, Found, FoundFile, FoundImage, ImageClaim, Says};
pub use limits::Limits;

use crate::error::{Error, Kind, Result};

/// What reading a foreign tree needs.
#[derive(Debug)]
pub struct AdoptCx<'a> {
    /// A private directory on the store's file system. Layouts and copies go below it.
    pub scratch: &'a Path,
    /// How much is read before a source is called hostile.
    pub limits: Limits,
    /// Ends it early.
    pub cancel: &'a CancellationToken,
}

impl AdoptCx<'_> {
    /// An error when it was cancelled.
    pub(crate) fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(Kind::Terminated, "interrupted while reading what others built; nothing was recorded"));
        }
        Ok(())
    }
}

/// Reads what lies at `path`. `shown` is what people call it; messages begin with it.
///
/// # Errors
/// Kind `Missing` when nothing is there; `Usage` when it is nothing we know; `Failed` for what is damaged, lies about itself
/// or is hostile, with the file and its line or entry named.
pub fn adopt(cx: &AdoptCx<'_>, path: &Path, shown: &str) -> Result<Found> {
    cx.check()?;
    let (format, place) = detect(path, shown)?;
    match format {
        Format::OciLayout => oci::read_layout(cx, &place, shown),
        Format::ImageTar => image_tar::read(cx, &place, shown),
        Format::GoReleaser => goreleaser::read(cx, &place, shown),
        Format::CargoDist => cargo_dist::read(cx, &place, shown),
        Format::BuildxMetadata => buildx::read(&place, shown),
        Format::Directory => directory::read(cx, &place, shown),
    }
}
