//! One call's part of a step that several nodes build together.

use std::collections::BTreeMap;

use crate::core::Platform;
use crate::plan::BuildStep;

/// Kinds of annotations BuildKit knows (buildx, `--annotation`).
const KINDS: [&str; 4] = ["index", "manifest", "index-descriptor", "manifest-descriptor"];

/// Kinds that are of the whole image. A call that builds one platform has no index, and BuildKit refuses them there.
const OF_THE_WHOLE: [&str; 2] = ["index", "index-descriptor"];

/// The step as the call for `platforms` gets it: with the caches that are its own, without what is said of the whole
/// image, and loaded into the local engine only by the call that builds for this machine.
pub fn share_of(step: &BuildStep, platforms: &[String]) -> BuildStep {
    let mut share = step.clone();
    platforms.clone_into(&mut share.platforms);
    share.cache = step.cache.for_platforms(platforms);
    share.buildkit.annotations =
        step.buildkit.annotations.iter().filter_map(|(key, value)| Some((of_a_part(key)?, value.clone()))).collect();
    share.buildkit.load = step.buildkit.load && platforms.iter().any(|text| text.parse() == Ok(Platform::host()));
    share
}

/// Annotations of the merged index: those the step gives to `index`.
pub fn index_annotations(step: &BuildStep) -> BTreeMap<String, String> {
    let of_index = |(key, value): (&String, &String)| {
        let (kinds, name) = kinds(key);
        kinds.iter().any(|(kind, _)| *kind == "index").then(|| (name.to_owned(), value.clone()))
    };
    step.buildkit.annotations.iter().filter_map(of_index).collect()
}

// The key without the kinds that are of the whole image; none when nothing is left to be said.
fn of_a_part(key: &str) -> Option<String> {
    let (kinds, name) = kinds(key);
    if kinds.is_empty() {
        return Some(name.to_owned());
    }
    let kept: Vec<&str> = kinds.iter().filter(|(kind, _)| !OF_THE_WHOLE.contains(kind)).map(|(_, written)| *written).collect();
    (!kept.is_empty()).then(|| format!("{}:{name}", kept.join(",")))
}

// `index,manifest[linux/amd64]:key` as kinds, each with how it is written, and the key; a key alone has no kinds.
fn kinds(key: &str) -> (Vec<(&str, &str)>, &str) {
    let Some((before, name)) = key.split_once(':') else { return (Vec::new(), key) };
    let kind = |written| str::split_once(written, '[').map_or(written, |(kind, _)| kind);
    let kinds: Vec<(&str, &str)> = before.split(',').map(|written| (kind(written), written)).collect();
    if kinds.iter().all(|(kind, _)| KINDS.contains(kind)) { (kinds, name) } else { (Vec::new(), key) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::solve::tests::step;
    use crate::plan::CacheRef;

    fn pairs(annotations: &BTreeMap<String, String>) -> String {
        annotations.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_said_of_the_index_is_not_said_to_a_node() {
        let mut step = step();
        let keys = [
            "plain",
            "index:a",
            "index,manifest:b",
            "manifest[linux/386]:c",
            "index-descriptor:d",
            "not-a-kind:e",
            "manifest-descriptor:f:g",
        ];
        step.buildkit.annotations = keys.iter().map(|&key| (key.to_owned(), "1".to_owned())).collect();
        let share = share_of(&step, &["linux/386".to_owned()]);
        assert_eq!(
            pairs(&share.buildkit.annotations),
            "manifest-descriptor:f:g=1 manifest:b=1 manifest[linux/386]:c=1 not-a-kind:e=1 plain=1"
        );
        assert_eq!(pairs(&index_annotations(&step)), "a=1 b=1");
        assert_eq!(share.platforms, ["linux/386"]);
    }

    #[test]
    fn a_call_has_its_own_caches_and_only_the_machines_own_image_is_loaded() {
        let cache = |name: &str, platforms: &[&str]| CacheRef {
            kind: "local".into(),
            name: name.into(),
            attributes: BTreeMap::new(),
            registry: None,
            platforms: platforms.iter().map(|&text| text.to_owned()).collect(),
        };
        let host = Platform::host().to_string();
        let mut step = step();
        step.buildkit.load = true;
        step.cache.from = vec![cache("all", &[]), cache("mine", &["linux/s390x"]), cache("other", &[&host])];
        let share = share_of(&step, &["linux/s390x".to_owned()]);
        assert_eq!(share.cache.from.iter().map(|cache| cache.name.as_str()).collect::<Vec<_>>(), ["all", "mine"]);
        assert!(!share.buildkit.load && share_of(&step, &[host]).buildkit.load);
    }
}
