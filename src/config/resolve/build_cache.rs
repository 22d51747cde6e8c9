//! `build_cache`: what each mode needs is there, prefixes can be told apart, sizes and durations are exact.

use std::time::Duration;

use indexmap::IndexMap;

use super::registries::check_repository_path;
use super::{Scope, check_reference};
use crate::config::decode::{Cx, NameMap, Scalar};
use crate::config::problem::Problem;
use crate::config::resolved::{BuildCache, BuilderKeep, CacheExport, CacheMode, CachePlace, ExternalCache, LocalCache, Registry};
use crate::config::span::{Span, Spanned, Text};
use crate::config::written::build_cache::{
    BuildCacheSection, CacheExportWord, CacheModeWord, CacheTypeWord, ExternalCacheSection, ExternalRetention, LocalCacheSection,
    LocalRetention, PruneSection,
};
use crate::core::{ByteSize, duration};

/// The prefix, the repository's hash and the branch's hash share one tag of at most 128 characters.
const MAX_PREFIX: usize = 40;

/// Registries of the config, resolved, and the ids of all.
pub struct Lookup<'a> {
    pub known: &'a [String],
    pub resolved: &'a IndexMap<String, Registry>,
}

/// Resolves everything but `builder` and `cleanup`, which have their own files.
pub fn resolve(section: BuildCacheSection, lookup: &Lookup<'_>, scope: &Scope<'_>, cx: &mut Cx) -> BuildCache {
    let BuildCacheSection { mode, builder: _, local, external, prune, cleanup: _ } = section;
    let place = mode.as_ref().map(|mode| mode.span);
    let mode = mode.map_or(CacheMode::Off, |mode| match mode.value {
        CacheModeWord::Off => CacheMode::Off,
        CacheModeWord::Local => CacheMode::Local,
        CacheModeWord::Shared => CacheMode::Shared,
        CacheModeWord::Hybrid => CacheMode::Hybrid,
    });
    let LocalCacheSection { path, retention } = local.unwrap_or(LocalCacheSection { path: None, retention: None });
    let written = retention.is_some();
    let LocalRetention { max_age, max_size } = retention.unwrap_or(LocalRetention { max_age: None, max_size: None });
    let (max_age, max_size) = (positive_duration(max_age, cx), positive_size(max_size, cx));
    let keep = match prune {
        Some(PruneSection { max_age, reserved_space, max_used_space, min_free_space }) => BuilderKeep {
            max_age: positive_duration(max_age, cx),
            reserved_space: positive_size(reserved_space, cx),
            max_used_space: positive_size(max_used_space, cx),
            min_free_space: positive_size(min_free_space, cx),
        },
        // Where the reference's builder is a daemon or a container, this is what it applies them to (F.1).
        None if written => BuilderKeep { max_age, max_used_space: max_size, ..BuilderKeep::default() },
        None => BuilderKeep::default(),
    };
    let has_external = external.is_some();
    let external = external.and_then(|external| resolve_external(external, lookup, scope, cx));
    if matches!(mode, CacheMode::Shared | CacheMode::Hybrid) && !has_external {
        let message = format!("cache mode `{}` has nowhere to go", mode.name());
        cx.report(Problem::new(message, place).hint("add `external: { registry: ID }`, or use mode local"));
    }
    BuildCache { mode, local: LocalCache { path: path.and_then(|path| absolute(&path, cx)), max_age, max_size }, external, keep }
}

fn resolve_external(external: Spanned<ExternalCacheSection>, lookup: &Lookup<'_>, scope: &Scope<'_>, cx: &mut Cx) -> Option<ExternalCache> {
    let span = external.span;
    let ExternalCacheSection { r#type, registry, repository, path, fallback, mode, options, retention } = external.value;
    let kind = r#type.unwrap_or(CacheTypeWord::Registry);
    if kind != CacheTypeWord::Registry {
        for text in [&registry, &repository].into_iter().flatten() {
            cx.report(
                Problem::at(text.span, "`registry` and `repository` belong to type registry").hint("leave them out, or leave `type` out"),
            );
        }
    }
    if kind != CacheTypeWord::S3
        && let Some((key, _)) = options.as_ref().and_then(|options| options.entries.first())
    {
        cx.report(Problem::at(key.span, "`options` belong to type s3").hint("leave them out"));
    }
    let place = match kind {
        CacheTypeWord::Registry => registry_place(registry, repository, span, lookup, scope, cx),
        CacheTypeWord::Gha => Some(CachePlace::Gha),
        CacheTypeWord::S3 => s3_options(options, span, cx).map(CachePlace::S3),
    };
    if kind != CacheTypeWord::Registry
        && let Some(retention) = &retention
    {
        let at = retention.max_refs.as_ref().map(|count| count.span).or_else(|| Some(retention.stale_age.as_ref()?.span));
        cx.report(
            Problem::at(at.unwrap_or(span), "`retention` is for type registry: others keep a cache by rules of their own")
                .hint("leave it out; GitHub removes what is unused for 7 days, and a bucket has lifecycle rules"),
        );
    }
    let ExternalRetention { max_refs, stale_age } = retention.unwrap_or(ExternalRetention { max_refs: None, stale_age: None });
    let max_refs = max_refs.and_then(|count| {
        let number = u32::try_from(count.value).ok().filter(|number| *number > 0);
        if number.is_none() {
            cx.report(Problem::at(count.span, format!("`max_refs: {}` would keep nothing", count.value)).hint("name at least 1"));
        }
        number
    });
    let stale_age = positive_duration(stale_age, cx);
    let prefix = path.map_or_else(|| Some("cache".to_owned()), |path| check_prefix(&path, cx));
    Some(ExternalCache {
        place: place?,
        prefix: prefix?,
        fallback: fallback.map(|branch| branch.value).filter(|branch| !branch.is_empty()),
        export: match mode {
            Some(CacheExportWord::Min) => CacheExport::Min,
            Some(CacheExportWord::Max) | None => CacheExport::Max,
        },
        max_refs,
        stale_age,
    })
}

fn registry_place(
    registry: Option<Text>,
    repository: Option<Text>,
    span: Span,
    lookup: &Lookup<'_>,
    scope: &Scope<'_>,
    cx: &mut Cx,
) -> Option<CachePlace> {
    let Some(registry) = registry else {
        cx.report(Problem::at(span, "the cache has no `registry`").hint("name an id of `registries`: `external: { registry: ghcr }`"));
        return None;
    };
    if !check_reference(&registry, "registry", lookup.known, cx) {
        return None;
    }
    if let Some(repository) = &repository {
        check_repository_path(repository, scope, cx);
    } else if lookup.resolved.get(&registry.value).is_some_and(|found| found.default_path.is_none()) {
        cx.report(
            Problem::at(registry.span, format!("the cache has no repository: registry `{}` has no `default_path`", registry.value))
                .hint("name one: `external: { registry: …, repository: acme/cache }`"),
        );
    }
    Some(CachePlace::Registry { registry: registry.value, repository: repository.map(|text| text.value) })
}

fn s3_options(options: Option<NameMap<Spanned<Scalar>>>, span: Span, cx: &mut Cx) -> Option<IndexMap<String, String>> {
    const NEEDED: [&str; 2] = ["bucket", "region"];
    // Not `name`: that is the branch's, and a name for all of them would make every export replace every other.
    const KNOWN: [&str; 7] = ["bucket", "region", "prefix", "endpoint_url", "use_path_style", "upload_parallelism", "touch_refresh"];
    let mut resolved = IndexMap::new();
    for (key, value) in options.map(|options| options.entries).unwrap_or_default() {
        if ["access_key_id", "secret_access_key", "session_token"].contains(&key.text.as_str()) {
            let problem = Problem::at(key.span, format!("`{}` is a secret and does not belong here", key.text)).secret();
            cx.report(problem.hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the job's environment"));
        } else if KNOWN.contains(&key.text.as_str()) {
            resolved.insert(key.text, value.value.0);
        } else {
            cx.report(
                Problem::at(key.span, format!("`{}` is not an option of the s3 cache", key.text))
                    .hint(format!("known: {}", KNOWN.join(", "))),
            );
        }
    }
    if let Some(missing) = NEEDED.iter().find(|name| !resolved.contains_key(**name)) {
        cx.report(
            Problem::at(span, format!("the s3 cache has no `{missing}`"))
                .hint("such as `options: { bucket: ci-cache, region: eu-central-1 }`"),
        );
        return None;
    }
    Some(resolved)
}

/// A tag's first part. A later segment of eight hex digits would be taken for the repository's hash (spec/build.md E.1).
fn check_prefix(path: &Text, cx: &mut Cx) -> Option<String> {
    let prefix = &path.value;
    let first = prefix.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let words = prefix.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    let hash_like = |part: &str| part.len() == 8 && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let reason = if !first || !words || prefix.ends_with('-') {
        "is not the beginning of a tag"
    } else if prefix.len() > MAX_PREFIX {
        "is longer than 40 characters"
    } else if prefix.split('-').skip(1).any(hash_like) {
        "has a part of eight hex digits, which would be taken for the repository's hash"
    } else {
        return Some(prefix.clone());
    };
    let message = format!("cache `path` `{}` {reason}", prefix.escape_debug());
    cx.report(
        Problem::at(path.span, message).hint("it is the first part of the cache's tags: letters, digits, `.`, `_`, `-`, such as `cache`"),
    );
    None
}

/// A cache outlives the workspace, so its directory is absolute.
fn absolute(path: &Text, cx: &mut Cx) -> Option<String> {
    let parts = || path.value.split('/').skip(1);
    let clean =
        path.value.starts_with('/') && path.value.len() > 1 && !path.value.contains(['\0', '\n']) && !parts().any(|part| part == "..");
    if clean {
        return Some(path.value.trim_end_matches('/').to_owned());
    }
    let message = format!("cache directory `{}` is not an absolute path", path.value.escape_debug());
    cx.report(Problem::at(path.span, message).hint("such as `/var/cache/stagefreight`; it outlives the workspace"));
    None
}

/// A duration above zero.
pub fn positive_duration(text: Option<Text>, cx: &mut Cx) -> Option<Duration> {
    let text = text?;
    match duration::parse(&text.value) {
        Ok(Duration::ZERO) => {
            cx.report(Problem::at(text.span, "a duration of nothing").hint("such as `72h` or `7d`; leave it out for the default"));
            None
        }
        Ok(duration) => Some(duration),
        Err(error) => {
            cx.report(Problem::at(text.span, error.to_string()).hint("such as `72h` or `7d`"));
            None
        }
    }
}

/// A size above zero.
pub fn positive_size(text: Option<Text>, cx: &mut Cx) -> Option<ByteSize> {
    let text = text?;
    match ByteSize::parse_binary(&text.value) {
        Ok(ByteSize(0)) => {
            cx.report(Problem::at(text.span, "a size of nothing").hint("such as `15GB`; leave it out for the default"));
            None
        }
        Ok(size) => Some(size),
        Err(error) => {
            cx.report(Problem::at(text.span, error.to_string()).hint("such as `15GB` or `512MB`"));
            None
        }
    }
}
