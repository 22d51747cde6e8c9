//! Gathering the parts that are to be joined.

use std::path::{Path, PathBuf};

use super::file::{PART_SCHEMA_VERSION, Part};
use crate::cli::files;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::fs;
use crate::names;
use crate::store::ContentStore;

/// Parts that are joined at once. Nobody has more jobs for one release.
const MAX_PARTS: usize = 64;

/// A part and where it was found.
pub struct Found {
    /// Its file, as people are told of it.
    pub name: String,
    /// The part.
    pub part: Part,
    /// The store of the same place, where its bytes are looked for first.
    pub store: ContentStore,
}

/// The parts of this workspace, and those of each of `dirs`: a workspace, or its `.stagefreight/` under whatever name
/// it was handed over. A part that is there twice is one part.
///
/// # Errors
/// Kind `Missing` when there is none, or none in a directory that was named; kind `Usage` for more than 64.
pub fn find(session: &Session, dirs: &[PathBuf]) -> Result<Vec<Found>> {
    let own = session.path(names::path::ROOT);
    let mut found = read_all(&own, names::path::ROOT)?;
    for dir in dirs {
        let path = session.world.cwd.join(dir);
        let told = dir.display().to_string();
        let roots = [(path.join(names::path::ROOT), format!("{told}/{}", names::path::ROOT)), (path, told.clone())];
        let mut here = Vec::new();
        for (root, name) in roots.iter().filter(|(root, _)| !same(root, &own)) {
            here = read_all(root, name)?;
            if !here.is_empty() {
                break;
            }
        }
        if here.is_empty() && !roots.iter().any(|(root, _)| same(root, &own)) {
            return Err(Error::missing(format!("there is no part of a build in {told}"))
                .hint("name the workspace, or the .stagefreight/ directory, of a job that ran `stagefreight perform --platform …`"));
        }
        for one in here {
            if !found.iter().any(|known| known.part == one.part) {
                found.push(one);
            }
        }
    }
    match found.len() {
        0 => Err(Error::missing(format!("there is no part of a build in {}", names::path::PARTS))
            .hint("run `stagefreight perform --platform …` in one job per platform, and hand the .stagefreight/ of each to this one")),
        1..=MAX_PARTS => Ok(found),
        many => Err(Error::usage(format!("{many} parts are too many; at most {MAX_PARTS} are joined at once"))),
    }
}

fn same(one: &Path, other: &Path) -> bool {
    matches!((fs::real_path(one), fs::real_path(other)), (Ok(one), Ok(other)) if one == other)
}

fn read_all(root: &Path, told: &str) -> Result<Vec<Found>> {
    let below = |path: &str| path.strip_prefix(names::path::ROOT).unwrap_or(path).trim_start_matches('/').to_owned();
    let (parts, objects) = (below(names::path::PARTS), below(names::path::OBJECTS));
    let mut found = Vec::new();
    let names = fs::names_in(&root.join(&parts))?;
    for file in names.iter().filter(|name| name.strip_suffix(".json").is_some() && !name.starts_with('.')).take(MAX_PARTS + 1) {
        let name = format!("{told}/{parts}/{file}");
        let bytes = files::read(root, &format!("{parts}/{file}"))?;
        let part: Part = files::parse(&name, &bytes, PART_SCHEMA_VERSION)?;
        found.push(Found { name, part, store: ContentStore::at(&root.join(&objects)) });
    }
    Ok(found)
}
