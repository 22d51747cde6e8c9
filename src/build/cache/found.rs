//! Which of the planned caches BuildKit means, when it tells of one by a name of its own.

use crate::build::solve::Work;
use crate::plan::{CacheRef, PlannedCache};

/// Gives the caches in `work`, as one call of BuildKit named them, the names of the plan. `cache` is what that call was
/// given. An import that cannot be told from others is left out: the report then says that it is not known. The call
/// succeeded, so an export it says nothing of was written.
///
/// BuildKit names an import by its reference, or by its type and a hash (`local:1234`); an export only by its type. So
/// several imports of a type are told apart only where all of them, or none, were found.
#[must_use]
pub fn named(work: Work, cache: &PlannedCache) -> Work {
    let mut imports: Vec<(String, bool)> = Vec::new();
    for wanted in &cache.from {
        let exact = work.imports.iter().find(|(told, _)| *told == wanted.name).map(|(_, found)| *found);
        if let Some(found) = exact.or_else(|| of_kind(&work.imports, wanted, &cache.from)) {
            imports.push((wanted.name.clone(), found));
        }
    }
    let mut exports: Vec<(String, Option<String>)> = Vec::new();
    for wanted in &cache.to {
        let told = work.exports.iter().find(|(told, _)| *told == wanted.name || writes(told, &wanted.kind));
        exports.push((wanted.name.clone(), told.and_then(|(_, failure)| failure.clone())));
    }
    Work { steps: work.steps, imports, exports }
}

fn of_kind(told: &[(String, bool)], wanted: &CacheRef, all: &[CacheRef]) -> Option<bool> {
    let of_kind: Vec<bool> = told
        .iter()
        .filter(|(name, _)| name.strip_prefix(&wanted.kind).is_some_and(|rest| rest.starts_with(':')))
        .map(|(_, hit)| *hit)
        .collect();
    let first = *of_kind.first()?;
    let complete = all.iter().filter(|cache| cache.kind == wanted.kind).count() == of_kind.len();
    (complete && of_kind.iter().all(|hit| *hit == first)).then_some(first)
}

/// `exporting cache to registry`, `exporting cache to client directory`, `exporting to GitHub Actions Cache`,
/// `exporting cache to Amazon S3`.
fn writes(told: &str, kind: &str) -> bool {
    let word = match kind {
        "registry" => "registry",
        "local" => "client directory",
        "gha" => "github",
        "s3" => "s3",
        _ => return false,
    };
    told.to_ascii_lowercase().contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(kind: &str, name: &str) -> CacheRef {
        CacheRef {
            kind: kind.to_owned(),
            name: name.to_owned(),
            attributes: std::collections::BTreeMap::default(),
            registry: None,
            platforms: Vec::new(),
        }
    }

    fn told(imports: &[(&str, bool)], exports: &[(&str, Option<&str>)]) -> Work {
        Work {
            imports: imports.iter().map(|(name, found)| ((*name).to_owned(), *found)).collect(),
            exports: exports.iter().map(|(name, why)| ((*name).to_owned(), why.map(str::to_owned))).collect(),
            ..Work::default()
        }
    }

    #[test]
    fn buildkits_names_become_ours() {
        let planned = PlannedCache {
            mode: "hybrid".to_owned(),
            from: vec![cache("local", "/c/app"), cache("registry", "r/c:own"), cache("registry", "r/c:main")],
            to: vec![cache("local", "/c/app"), cache("registry", "r/c:own")],
        };
        let work = named(
            told(
                &[("r/c:main", true), ("local:77", true), ("r/c:own", false)],
                &[("exporting cache to registry", Some("denied")), ("exporting cache to client directory", None)],
            ),
            &planned,
        );
        assert_eq!(
            work,
            told(&[("/c/app", true), ("r/c:own", false), ("r/c:main", true)], &[("/c/app", None), ("r/c:own", Some("denied"))])
        );
    }

    #[test]
    fn what_cannot_be_told_apart_is_left_out() {
        let from = vec![cache("gha", "own"), cache("gha", "main")];
        let planned = PlannedCache { mode: "shared".to_owned(), from, to: vec![cache("gha", "own")] };
        let of = |imports: &[(&str, bool)]| named(told(imports, &[("exporting to GitHub Actions Cache", None)]), &planned);
        assert_eq!(of(&[("gha:1", true), ("gha:2", true)]), told(&[("own", true), ("main", true)], &[("own", None)]));
        assert_eq!(of(&[("gha:1", false), ("gha:2", false)]), told(&[("own", false), ("main", false)], &[("own", None)]));
        assert_eq!(of(&[("gha:1", true), ("gha:2", false)]), told(&[], &[("own", None)]));
        assert_eq!(of(&[("gha:1", true)]), told(&[], &[("own", None)]));
        assert_eq!(of(&[]), told(&[], &[("own", None)]));
    }
}
