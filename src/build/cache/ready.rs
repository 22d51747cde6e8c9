//! The plan's caches as one call of BuildKit gets them, and what becomes of what it wrote.

use std::path::Path;

use super::local::{Reading, Slot, Writing};
use crate::build::solve::Work;
use crate::core::Timestamp;
use crate::names::env;
use crate::plan::{CacheRef, PlannedCache};

/// Variables that BuildKit's client reads for a type of cache. They are passed on when a build uses that type, and never
/// stand on a command line: they hold tokens.
pub fn environment(kind: &str) -> &'static [&'static str] {
    match kind {
        "gha" => &[env::ACTIONS_CACHE_URL, env::ACTIONS_RESULTS_URL, env::ACTIONS_RUNTIME_TOKEN, env::ACTIONS_CACHE_SERVICE_V2],
        "s3" => &[
            env::AWS_ACCESS_KEY_ID,
            env::AWS_SECRET_ACCESS_KEY,
            env::AWS_SESSION_TOKEN,
            env::AWS_REGION,
            env::AWS_DEFAULT_REGION,
            env::AWS_PROFILE,
            env::AWS_ROLE_ARN,
            env::AWS_WEB_IDENTITY_TOKEN_FILE,
        ],
        _ => &[],
    }
}

/// Caches of one build, ready for use. What is read stays until this is dropped.
#[derive(Debug)]
pub struct Ready {
    cache: PlannedCache,
    reading: Vec<Reading>,
    writing: Vec<(String, Writing)>,
    absent: Vec<(String, String)>,
    unusable: Vec<(String, String)>,
}

/// Gets a plan's caches ready: local ones become the directories of a generation. A cache that cannot be used is left
/// out and reported; it never fails a build.
pub fn prepare(planned: &PlannedCache) -> Ready {
    let mut ready = Ready {
        cache: PlannedCache { mode: planned.mode.clone(), ..PlannedCache::default() },
        reading: Vec::new(),
        writing: Vec::new(),
        absent: Vec::new(),
        unusable: Vec::new(),
    };
    for cache in &planned.from {
        if cache.kind == "local" {
            ready.read_local(cache);
        } else {
            ready.cache.from.push(cache.clone());
        }
    }
    for cache in &planned.to {
        if cache.kind == "local" {
            ready.write_local(cache);
        } else {
            ready.cache.to.push(cache.clone());
        }
    }
    ready
}

impl Ready {
    /// For the builder: names as planned, places that are there.
    pub fn cache(&self) -> &PlannedCache {
        &self.cache
    }

    /// What cannot be used here and why, for warnings. A directory that is merely empty is not among them.
    pub fn unusable(&self) -> &[(String, String)] {
        &self.unusable
    }

    /// After a build: what BuildKit wrote becomes the newest generation, and `work` tells of every planned cache.
    pub fn finish(self, work: &mut Work, now: Timestamp) {
        for (name, _) in &self.absent {
            work.imports.push((name.clone(), false));
        }
        for (name, why) in &self.unusable {
            if !work.exports.iter().any(|(known, _)| known == name) {
                work.exports.push((name.clone(), Some(why.clone())));
            }
        }
        // A reader must not keep the generation that is about to be replaced.
        drop(self.reading);
        for (name, writing) in self.writing {
            let told = work.exports.iter_mut().find(|(known, _)| *known == name);
            if matches!(&told, Some((_, Some(_)))) {
                continue;
            }
            let failure = writing.install(now).err().map(|error| error.message().to_owned());
            match told {
                Some((_, why)) => *why = failure,
                None => work.exports.push((name, failure)),
            }
        }
    }

    fn read_local(&mut self, cache: &CacheRef) {
        let found = open(cache).and_then(|slot| slot.read().map_err(|error| error.message().to_owned()));
        match found {
            Ok(Some(reading)) => {
                self.cache.from.push(placed(cache, "src", reading.path()));
                self.reading.push(reading);
            }
            Ok(None) => self.absent.push((cache.name.clone(), "nothing there yet".to_owned())),
            Err(why) => self.unusable.push((cache.name.clone(), why)),
        }
    }

    fn write_local(&mut self, cache: &CacheRef) {
        let opened = open(cache).and_then(|slot| slot.write().map_err(|error| error.message().to_owned()));
        match opened {
            Ok(writing) => {
                self.cache.to.push(placed(cache, "dest", &writing.path()));
                self.writing.push((cache.name.clone(), writing));
            }
            Err(why) if self.unusable.iter().any(|(name, _)| *name == cache.name) => drop(why),
            Err(why) => self.unusable.push((cache.name.clone(), why)),
        }
    }
}

/// `<root>/<repository>/<slot>`.
fn open(cache: &CacheRef) -> Result<Slot, String> {
    let slot = Path::new(&cache.name);
    let root = slot.parent().and_then(Path::parent).ok_or_else(|| format!("{} is not a cache directory", cache.name))?;
    Slot::open(root, slot).map_err(|why| why.to_string())
}

fn placed(cache: &CacheRef, key: &str, path: &Path) -> CacheRef {
    let mut placed = cache.clone();
    placed.attributes.insert(key.to_owned(), path.display().to_string());
    placed
}
