//! What an embedded GitLab knows, as a file: a rehearsal goes on where the one before stopped.

use std::path::{Path, PathBuf};

use super::options::Options;
use super::world::World;
use crate::error::{Error, Result};
use crate::fs;

/// The most the file may weigh.
const LARGEST: u64 = 256 << 20;

/// What was known when the last one stopped, and what the options say exists.
pub(super) fn open(options: &Options) -> Result<World> {
    let file = file(&options.dir);
    if !options.remembers || !fs::exists(&file) {
        return Ok(World::new(&options.projects));
    }
    let bytes = fs::read_bounded(&file, LARGEST).map_err(|error| Error::from(error).context("cannot open the embedded forge"))?;
    let mut world: World = serde_json::from_slice(&bytes).map_err(|error| {
        Error::failed(format!("{} is not the state of an embedded forge", file.display()))
            .because(&error)
            .hint("remove its directory; it holds nothing but rehearsals")
    })?;
    // The directory may have come from another machine.
    for kept in world.kept_mut() {
        kept.path = kept.path.file_name().map_or_else(PathBuf::new, |name| options.dir.join(name));
    }
    world.take_in(&options.projects);
    Ok(world)
}

/// Keeps a change. A disk that is full shows in the next rehearsal, not in this one.
pub(super) fn save(world: &World, dir: &Path) {
    if let Ok(bytes) = serde_json::to_vec(world) {
        let _kept = fs::write_atomic(&file(dir), &bytes, 0o600);
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join("state.json")
}
