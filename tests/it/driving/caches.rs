//! Caches that are read and written by the call itself.

use std::collections::BTreeMap;

use stagefreight::plan::{BuildStep, CacheRef};

use super::rig::{ALL, By, solve};
use crate::buildx::bench::{Bench, Buildkitd, host, told};
use crate::support::Registry;

fn cache(kind: &str, name: &str, attributes: &[(&str, &str)]) -> CacheRef {
    CacheRef {
        kind: kind.into(),
        name: name.into(),
        attributes: attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
        registry: None,
        platforms: Vec::new(),
    }
}

#[tokio::test]
async fn a_fresh_daemon_finds_what_another_left_in_a_registry() {
    let registry = Registry::v2(false);
    for by in ALL {
        let bench = Bench::with_busybox("RUN sleep 0.5 && echo x >/x\nCOPY more /more\n");
        bench.file("more", format!("{by:?}"));
        let mut step = host();
        let reference = format!("{}/cache:{}", registry.host, format!("{by:?}").to_lowercase());
        step.cache.from = vec![cache("registry", &reference, &[("ref", &reference)])];
        step.cache.to = vec![cache("registry", &reference, &[("ref", &reference), ("mode", "max")])];
        let first = solve(by, &Buildkitd::start(), &bench, &step).await.unwrap_or_else(|error| panic!("{by:?}: {}", told(&error)));
        assert_eq!(first.work.imports, [(reference.clone(), false)], "{by:?}: nothing is there yet, and that is no failure");
        assert_eq!(first.work.exports, [(reference.clone(), None)], "{by:?}");
        assert_eq!(first.work.cached(), 0);
        std::fs::remove_dir_all(&first.layout).expect("layout");
        let second = solve(by, &Buildkitd::start(), &bench, &step).await.unwrap_or_else(|error| panic!("{by:?}: {}", told(&error)));
        assert_eq!(second.work.imports, [(reference.clone(), true)], "{by:?}");
        assert_eq!((second.work.cached(), second.work.steps.len()), (3, 3), "{by:?}: {:?}\n{}", second.work, bench.shown());
        assert_eq!(second.digest, first.digest, "{by:?}");
    }
}

#[tokio::test]
async fn an_export_that_fails_costs_that_cache_and_never_the_build() {
    let daemon = Buildkitd::start();
    for by in ALL {
        let bench = Bench::with_busybox("RUN echo x >/x\n");
        let local = bench.dir.path().join("cache").display().to_string();
        let mut step = BuildStep { id: "app".into(), ..host() };
        // Nobody listens on port 1.
        step.cache.to =
            vec![cache("registry", "far", &[("ref", "127.0.0.1:1/cache:x")]), cache("local", "near", &[("dest", &local), ("mode", "max")])];
        let solved = solve(by, &daemon, &bench, &step).await.unwrap_or_else(|error| panic!("{by:?}: {}", told(&error)));
        let exports = solved.work.exports;
        assert_eq!(exports[0], ("near".to_owned(), None), "{by:?}");
        assert!(exports[1].0 == "far" && exports[1].1.as_ref().is_some_and(|why| why.contains("127.0.0.1:1")), "{by:?}: {exports:?}");
        assert!(bench.dir.path().join("cache/index.json").exists(), "{by:?}: the other cache is written");
        let shown = bench.shown();
        assert!(shown.contains("build app: the cache far could not be written"), "{by:?}: {shown}");
    }
}

#[tokio::test]
async fn a_build_that_fails_is_not_run_again_for_its_caches() {
    let daemon = Buildkitd::start();
    let bench = Bench::with_busybox("RUN echo exporting cache failed >&2; exit 4\n");
    let mut step = host();
    step.cache.to = vec![cache("registry", "far", &[("ref", "127.0.0.1:1/cache:x")])];
    let error = solve(By::Buildx, &daemon, &bench, &step).await.expect_err("it fails");
    assert!(error.message().ends_with("exit code 4"), "{error}");
    assert_eq!(bench.shown().matches("runs buildx").count(), 1);
}
