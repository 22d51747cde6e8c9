//! What a build found in its caches and wrote to them (spec/build.md E.4).

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::solve::Work;
use crate::core::duration;
use crate::plan::{CacheRef, PlannedCache};

/// Steps remembered of one build: far more than a Dockerfile has.
const MAX_TIMES: usize = 2000;

/// How long steps took when they ran last, in milliseconds, by the name BuildKit gives them.
pub type Times = BTreeMap<String, u64>;

/// What became of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CacheWord {
    /// It was there.
    Hit,
    /// It was not.
    Miss,
    /// It was not asked, or BuildKit did not say.
    Skipped,
}

impl CacheWord {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Skipped => "skipped",
        }
    }

    fn of(found: Option<bool>) -> Self {
        match found {
            Some(true) => Self::Hit,
            Some(false) => Self::Miss,
            None => Self::Skipped,
        }
    }
}

/// What a build found in its caches and wrote to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheResolution {
    /// `off`, `local`, `shared`, `hybrid`.
    pub mode: String,
    /// The directory of this machine.
    pub local: CacheWord,
    /// The branch's own shared cache.
    pub external: CacheWord,
    /// Shared caches of other branches.
    pub fallback: CacheWord,
    /// `hit` when any step was found, wherever it was.
    pub result: CacheWord,
    /// Steps of the Dockerfile, on all platforms.
    pub steps: usize,
    /// Those found in a cache, the builder's own included.
    pub cached: usize,
    /// How long the found steps took when they ran last, in milliseconds, as far as it is remembered.
    pub saved_ms: Option<u64>,
    /// Caches that were read, in order of precedence.
    pub imports: Vec<CacheImport>,
    /// Caches that were written.
    pub exports: Vec<CacheExported>,
}

/// A cache that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheImport {
    /// Reference, directory or scope.
    pub name: String,
    /// `registry`, `local`, `gha`, `s3`.
    pub kind: String,
    /// Whether it was there.
    pub found: CacheWord,
}

/// A cache that was written, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheExported {
    /// Reference, directory or scope.
    pub name: String,
    /// `registry`, `local`, `gha`, `s3`.
    pub kind: String,
    /// It was.
    pub written: bool,
    /// Why it was not.
    pub why: Option<String>,
}

impl CacheResolution {
    /// Puts together what was planned, what BuildKit did, and how long its steps took when they last ran.
    pub fn of(planned: &PlannedCache, work: &Work, times: &Times) -> Self {
        let found = |cache: &CacheRef| work.imports.iter().find(|(name, _)| *name == cache.name).map(|(_, found)| *found);
        let imports: Vec<CacheImport> = planned
            .from
            .iter()
            .map(|cache| CacheImport { name: cache.name.clone(), kind: cache.kind.clone(), found: CacheWord::of(found(cache)) })
            .collect();
        let exports = planned.to.iter().map(|cache| {
            let told = work.exports.iter().find(|(name, _)| *name == cache.name);
            let why = match told {
                Some((_, why)) => why.clone(),
                None => Some("BuildKit did not say that it was written".to_owned()),
            };
            CacheExported { name: cache.name.clone(), kind: cache.kind.clone(), written: why.is_none(), why }
        });
        let own = |import: &&CacheImport| planned.to.iter().any(|cache| cache.name == import.name);
        let best = |imports: Vec<&CacheImport>| {
            let words: Vec<CacheWord> = imports.iter().map(|import| import.found).collect();
            [CacheWord::Hit, CacheWord::Miss].into_iter().find(|word| words.contains(word)).unwrap_or(CacheWord::Skipped)
        };
        let (local, shared): (Vec<&CacheImport>, Vec<&CacheImport>) = imports.iter().partition(|import| import.kind == "local");
        let (external, fallback): (Vec<&CacheImport>, Vec<&CacheImport>) = shared.into_iter().partition(own);
        let cached = work.cached();
        let known: Vec<u64> =
            work.steps.iter().filter(|step| step.ran.is_none()).filter_map(|step| times.get(&step.name).copied()).collect();
        Self {
            mode: if planned.mode.is_empty() { "off".to_owned() } else { planned.mode.clone() },
            local: best(local),
            external: best(external),
            fallback: best(fallback),
            result: if work.steps.is_empty() { CacheWord::Skipped } else { CacheWord::of(Some(cached > 0)) },
            steps: work.steps.len(),
            cached,
            saved_ms: (!known.is_empty()).then(|| known.iter().sum()),
            exports: exports.collect(),
            imports,
        }
    }

    /// Of a hundred steps so many were found; none without steps.
    pub fn percent(&self) -> Option<usize> {
        (self.steps > 0).then(|| self.cached * 100 / self.steps)
    }

    /// `7 of 8 steps found (87 %), 12.4s saved`.
    pub fn summary(&self) -> String {
        let mut text = match self.percent() {
            Some(percent) => format!("{} of {} steps found ({percent} %)", self.cached, self.steps),
            None => "no steps to find".to_owned(),
        };
        if let Some(saved) = self.saved_ms {
            text.push_str(&format!(", {} saved", duration::human(Duration::from_millis(saved))));
        }
        text
    }
}

/// What is remembered after a build: the times of steps that ran, and of those that were found what was known before.
pub fn remember(work: &Work, before: &Times) -> Times {
    let mut times = Times::new();
    for step in work.steps.iter().take(MAX_TIMES) {
        let took = step.ran.map(|ran| u64::try_from(ran.as_millis()).unwrap_or(u64::MAX));
        if let Some(took) = took.or_else(|| before.get(&step.name).copied()) {
            times.insert(step.name.clone(), took);
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::solve::WorkStep;

    fn cache(kind: &str, name: &str) -> CacheRef {
        CacheRef { kind: kind.to_owned(), name: name.to_owned(), attributes: BTreeMap::new(), registry: None, platforms: Vec::new() }
    }

    fn step(name: &str, ran: Option<u64>) -> WorkStep {
        WorkStep { name: name.to_owned(), ran: ran.map(Duration::from_millis) }
    }

    #[test]
    fn says_what_was_found_where_and_what_it_saved() {
        let planned = PlannedCache {
            mode: "hybrid".to_owned(),
            from: vec![cache("local", "/c"), cache("registry", "r/c:own"), cache("registry", "r/c:main")],
            to: vec![cache("local", "/c"), cache("registry", "r/c:own")],
        };
        let cold = Work {
            steps: vec![step("[1/2] RUN a", Some(9000)), step("[2/2] RUN b", Some(500))],
            imports: vec![("/c".to_owned(), false), ("r/c:own".to_owned(), false), ("r/c:main".to_owned(), true)],
            exports: vec![("/c".to_owned(), None), ("r/c:own".to_owned(), Some("denied".to_owned()))],
        };
        let told = CacheResolution::of(&planned, &cold, &Times::new());
        assert_eq!((told.local, told.external, told.fallback), (CacheWord::Miss, CacheWord::Miss, CacheWord::Hit));
        assert_eq!((told.result, told.summary().as_str()), (CacheWord::Miss, "0 of 2 steps found (0 %)"));
        assert_eq!(told.exports.iter().map(|export| export.written).collect::<Vec<_>>(), [true, false]);
        let times = remember(&cold, &Times::new());

        let warm = Work { steps: vec![step("[1/2] RUN a", None), step("[2/2] RUN b", Some(700))], ..Work::default() };
        let told = CacheResolution::of(&planned, &warm, &times);
        assert_eq!((told.result, told.saved_ms), (CacheWord::Hit, Some(9000)));
        assert_eq!(told.summary(), "1 of 2 steps found (50 %), 9.0s saved");
        assert_eq!(told.local, CacheWord::Skipped, "BuildKit did not say");
        assert_eq!(remember(&warm, &times), Times::from([("[1/2] RUN a".to_owned(), 9000), ("[2/2] RUN b".to_owned(), 700)]));
        assert_eq!(CacheResolution::of(&PlannedCache::default(), &Work::default(), &times).mode, "off");
    }
}
