//! The one directory of ours that outlives a run: locks that jobs of one machine meet at, and caches of private daemons.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fs;
use crate::names::env;
use crate::world::World;

/// `$XDG_CACHE_HOME/stagefreight`, else `~/.cache/stagefreight`, else one below `/var/tmp` that only this user can
/// enter. Never below the workspace: what lies there may travel, or be cleaned away, with the job.
pub fn own_dir(world: &World, workspace: &Path) -> Result<PathBuf> {
    let workspace = fs::real_path(workspace)?;
    let cache = world.env.get(env::XDG_CACHE_HOME).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = world.env.get(env::HOME).map(PathBuf::from).filter(|home| home.is_absolute()).map(|home| home.join(".cache"));
    let uid = rustix::process::geteuid().as_raw();
    let shared = PathBuf::from(format!("/var/tmp/stagefreight-{uid}"));
    let wanted = cache.into_iter().chain(home).map(|dir| dir.join("stagefreight"));
    for dir in wanted.chain([shared]) {
        let outside = !dir.starts_with(&workspace);
        if outside && fs::create_own_dir(&dir).is_ok() && fs::real_path(&dir).is_ok_and(|real| !real.starts_with(&workspace)) {
            return Ok(dir);
        }
    }
    Err(Error::missing("there is no directory outside the workspace in which jobs of this machine could meet")
        .hint(format!("set {} to a directory this user can write to", env::XDG_CACHE_HOME)))
}
