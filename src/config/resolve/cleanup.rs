//! `build_cache.cleanup`: rules with the reference's defaults (spec/build.md G, T.1).

use std::time::Duration;

use super::build_cache::{positive_duration, positive_size};
use crate::config::decode::Cx;
use crate::config::problem::Problem;
use crate::config::resolved::{CacheKeep, Cleanup};
use crate::config::span::Text;
use crate::config::written::build_cache::{
    CleanupPrune, CleanupSection, EnforcementWord, OlderThan, ProtectImages, ProtectSection, ProtectVolumes, PruneBuildCache,
    PruneContainers, PruneImages, PruneNetworks,
};
use crate::core::{ByteSize, Digest};

/// Age of what goes, unless the config says otherwise.
const OLD: Duration = Duration::from_secs(72 * 60 * 60);

/// Build cache that stays, unless the config says otherwise.
const KEPT_CACHE: ByteSize = ByteSize(20 << 30);

/// Resolves the section. Rules that are not written have their defaults; `never` switches one off.
pub fn resolve(section: Option<CleanupSection>, cx: &mut Cx) -> Cleanup {
    let Some(CleanupSection { enabled, enforcement, protect, prune }) = section else { return Cleanup::default() };
    let ProtectSection { images, volumes } = protect.unwrap_or(ProtectSection { images: None, volumes: None });
    if let Some(ProtectVolumes { named: Some(named) }) = volumes
        && !named.value
    {
        cx.report(Problem::at(named.span, "volumes are never removed").hint("leave `volumes` out; remove volumes by hand"));
    }
    let refs = images.and_then(|ProtectImages { refs }| refs).unwrap_or_default();
    let protect = refs.into_iter().filter_map(|text| protected(&text, cx)).collect();
    let none = CleanupPrune { images: None, containers: None, build_cache: None, networks: None };
    let CleanupPrune { images, containers, build_cache, networks } = prune.unwrap_or(none);
    let PruneImages { dangling, unreferenced } = images.unwrap_or(PruneImages { dangling: None, unreferenced: None });
    let PruneContainers { exited } = containers.unwrap_or(PruneContainers { exited: None });
    let PruneBuildCache { older_than, keep_storage } = build_cache.unwrap_or(PruneBuildCache { older_than: None, keep_storage: None });
    let PruneNetworks { unused } = networks.unwrap_or(PruneNetworks { unused: None });
    let age_of = |rule: Option<OlderThan>, cx: &mut Cx| age(rule.and_then(|OlderThan { older_than }| older_than), cx);
    let cache_age = age(older_than, cx);
    let keep_storage = positive_size(keep_storage, cx).unwrap_or(KEPT_CACHE);
    Cleanup {
        enabled: enabled.unwrap_or(false),
        required: matches!(enforcement, Some(EnforcementWord::Required)),
        protect,
        dangling_images: age_of(dangling, cx),
        unreferenced_images: age_of(unreferenced, cx),
        exited_containers: age_of(exited, cx),
        build_cache: cache_age.map(|age| CacheKeep { older_than: Some(age), keep_storage: Some(keep_storage) }),
        unused_networks: unused.unwrap_or(true),
    }
}

/// `never` is no rule, nothing written is the default.
fn age(text: Option<Text>, cx: &mut Cx) -> Option<Duration> {
    match text {
        None => Some(OLD),
        Some(text) if text.value == "never" => None,
        some => positive_duration(some, cx),
    }
}

/// A glob over references, or a digest.
fn protected(text: &Text, cx: &mut Cx) -> Option<String> {
    let value = text.value.trim();
    if value.starts_with("sha256:") && !value.contains('*') {
        if let Err(error) = value.parse::<Digest>() {
            cx.report(Problem::at(text.span, error.to_string()).hint("write the whole digest, or a glob over references"));
            return None;
        }
    } else if value.is_empty() || globset::Glob::new(value).is_err() {
        let message = format!("`{}` is neither a glob over references nor a digest", text.value.escape_debug());
        cx.report(Problem::at(text.span, message).hint("such as `ghcr.io/acme/*` or `node:22*`"));
        return None;
    }
    Some(value.to_owned())
}
