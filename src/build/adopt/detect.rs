//! What a path is. Decided by names the tools themselves fix, and by content, never by a guess.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::core::PathError;
use crate::error::{Error, Result};
use crate::fs;

/// How much of a file is looked at.
const HEAD: u64 = 512;

/// The list GoReleaser writes into its `dist` directory.
pub(super) const GORELEASER: &str = "artifacts.json";
/// What `dist build --output-format=json` prints, under the name its documentation gives it.
pub(super) const CARGO_DIST: &str = "dist-manifest.json";

/// What others make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A directory with an OCI image layout (`type=oci,tar=false`).
    OciLayout,
    /// A tar with images: an OCI archive (`type=oci`) or `docker save`, also compressed.
    ImageTar,
    /// GoReleaser's `dist` directory.
    GoReleaser,
    /// cargo-dist's manifest and the files beside it.
    CargoDist,
    /// What buildx writes with `--metadata-file`.
    BuildxMetadata,
    /// A directory of files.
    Directory,
}

impl Format {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OciLayout => "OCI layout",
            Self::ImageTar => "image archive",
            Self::GoReleaser => "GoReleaser",
            Self::CargoDist => "cargo-dist",
            Self::BuildxMetadata => "buildx metadata",
            Self::Directory => "files",
        }
    }
}

/// Says what `path` is, and where to begin reading: for GoReleaser and cargo-dist the list itself.
pub fn detect(path: &Path, shown: &str) -> Result<(Format, PathBuf)> {
    if !fs::is_present(path)? {
        return Err(Error::missing(format!("there is nothing at {shown}")).hint("name what the other builder wrote"));
    }
    let path = fs::real_path(path)?;
    if fs::is_dir(&path) { directory(path, shown) } else { file(path, shown) }
}

fn directory(path: PathBuf, shown: &str) -> Result<(Format, PathBuf)> {
    if fs::is_file(&path.join("oci-layout")) {
        return Ok((Format::OciLayout, path));
    }
    let lists = [(Format::GoReleaser, path.join(GORELEASER)), (Format::CargoDist, path.join(CARGO_DIST))];
    let there: Vec<_> = lists.into_iter().filter(|(_, list)| fs::exists(list)).collect();
    match <[_; 1]>::try_from(there) {
        Ok([one]) => Ok(one),
        Err(none) if none.is_empty() => Ok((Format::Directory, path)),
        Err(_) => Err(Error::usage(format!("{shown} holds {GORELEASER} and {CARGO_DIST}")).hint("name the one that is meant")),
    }
}

fn file(path: PathBuf, shown: &str) -> Result<(Format, PathBuf)> {
    let (file, _) = fs::open_regular(&path).map_err(|error| Error::from(error).hint("name a regular file or a directory"))?;
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head).map_err(PathError::at("read", &path))?;
    let tar = head.get(257..262) == Some(b"ustar".as_slice());
    let packed = matches!(head.as_slice(), [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]);
    if tar || packed {
        return Ok((Format::ImageTar, path));
    }
    let unknown = || {
        Error::usage(format!("{shown} is nothing that can be taken over")).hint(
            "name an OCI layout or archive, a `docker save` archive, GoReleaser's dist, cargo-dist's dist-manifest.json, what buildx \
             wrote with --metadata-file, or a directory of files",
        )
    };
    // A file whose name the tool fixes is what it is called, also when it is broken: its own reader says where.
    match path.file_name().and_then(|name| name.to_str()) {
        Some(GORELEASER) => return Ok((Format::GoReleaser, path)),
        Some(CARGO_DIST) => return Ok((Format::CargoDist, path)),
        _ => {}
    }
    match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => Ok((Format::GoReleaser, path)),
        Some(b'{') => {
            let keys = super::json::keys(&path, shown)?;
            let has = |name: &str| keys.iter().any(|key| key == name);
            if has("artifacts") || has("dist_version") {
                Ok((Format::CargoDist, path))
            } else if has("schemaVersion") || keys.is_empty() {
                Err(unknown())
            } else {
                Ok((Format::BuildxMetadata, path))
            }
        }
        _ => Err(unknown()),
    }
}
