//! The table of modes, branches and places.

use indexmap::IndexMap;

use super::*;
use crate::ci::{Event, PullRequest};
use crate::config::{BuildCache, CacheExport, LocalCache, Node};
use crate::plan::{Surroundings, fixtures};

fn external(place: CachePlace) -> ExternalCache {
    ExternalCache { place, prefix: "cache".to_owned(), fallback: None, export: CacheExport::Max, max_refs: None, stale_age: None }
}

fn at_registry() -> CachePlace {
    CachePlace::Registry { registry: "ghcr".to_owned(), repository: None }
}

fn config(mode: CacheMode, place: CachePlace) -> Config {
    let mut config = fixtures::config(Vec::new());
    let local = LocalCache { path: Some("/var/cache/sf/".to_owned()), ..LocalCache::default() };
    config.build_cache = BuildCache { mode, local, external: Some(external(place)), ..BuildCache::default() };
    config
}

fn planned_for(config: &Config, context: &PipelineContext, platforms: &[&str]) -> Result<PlannedCache> {
    planned_in_job(config, context, platforms, &[])
}

fn planned_in_job(config: &Config, context: &PipelineContext, platforms: &[&str], job: &[&str]) -> Result<PlannedCache> {
    let git = fixtures::git(&[]);
    let repository = RepositoryId::of_address("https://github.com/acme/app").expect("an address");
    let surroundings =
        Surroundings { repository, part: job.iter().map(|text| text.parse().expect("platform")).collect(), ..fixtures::surroundings() };
    let inputs =
        Inputs { config, context, git: &git, surroundings: &surroundings, env: &|_| None, now: crate::core::Timestamp::from_unix(0) };
    let platforms: Vec<String> = platforms.iter().map(|platform| (*platform).to_owned()).collect();
    of_build(&inputs, "app", &platforms, BuilderKind::Buildx)
}

fn planned(config: &Config, context: &PipelineContext) -> PlannedCache {
    planned_for(config, context, &["linux/amd64"]).expect("planned")
}

fn names(caches: &[CacheRef]) -> Vec<&str> {
    caches.iter().map(|cache| cache.name.as_str()).collect()
}

fn spec(cache: &CacheRef) -> String {
    let attributes: Vec<String> = cache.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("type={},{}", cache.kind, attributes.join(","))
}

#[test]
fn modes_decide_what_is_read_and_written() {
    let app = super::super::hash("github.com/acme/app");
    let scope = format!("cache-{}", &app[..8]);
    let branch = fixtures::on_branch("feature/x");
    let local = format!("/var/cache/sf/{app}/app-{}", &super::super::hash("app")[..8]);
    let own = format!("ghcr.io/acme/app:{scope}-{}", canonicalize_ref("feature/x"));
    let main = format!("ghcr.io/acme/app:{scope}-main-0d6e4079");
    let table = [
        (CacheMode::Off, vec![], vec![]),
        (CacheMode::Local, vec![&local], vec![&local]),
        (CacheMode::Shared, vec![&own, &main], vec![&own]),
        (CacheMode::Hybrid, vec![&local, &own, &main], vec![&local, &own]),
    ];
    for (mode, from, to) in table {
        let planned = planned(&config(mode, at_registry()), &branch);
        assert_eq!(planned.mode, if mode == CacheMode::Off { "" } else { mode.name() });
        assert_eq!(names(&planned.from), from, "{mode:?}");
        assert_eq!(names(&planned.to), to, "{mode:?}");
    }
}

#[test]
fn every_place_is_written_as_buildkit_wants_it() {
    let tag = |branch: &str| format!("cache-{}-{}", &super::super::hash("github.com/acme/app")[..8], canonicalize_ref(branch));
    let main = fixtures::on_branch("main");
    let bucket = IndexMap::from([("bucket".to_owned(), "ci".to_owned()), ("region".to_owned(), "eu-1".to_owned())]);
    let s3 = planned(&config(CacheMode::Shared, CachePlace::S3(bucket)), &main);
    assert_eq!(spec(&s3.to[0]), format!("type=s3,bucket=ci,ignore-error=true,mode=max,name={},region=eu-1", tag("main")));
    assert_eq!(spec(&s3.from[0]), format!("type=s3,bucket=ci,name={},region=eu-1", tag("main")));
    assert_eq!(names(&s3.to), [format!("s3://ci/{}", tag("main"))]);
    let gha = planned(&config(CacheMode::Shared, CachePlace::Gha), &main);
    assert_eq!(spec(&gha.to[0]), format!("type=gha,ignore-error=true,mode=max,scope={}", tag("main")));
    let mut at_plain_http = config(CacheMode::Shared, at_registry());
    at_plain_http.registries["ghcr"].plain_http = true;
    at_plain_http.build_cache.external.as_mut().expect("external").export = CacheExport::Min;
    let registry = planned(&at_plain_http, &main);
    let reference = format!("ghcr.io/acme/app:{}", tag("main"));
    assert_eq!(
        spec(&registry.to[0]),
        format!("type=registry,ignore-error=true,image-manifest=true,mode=min,oci-mediatypes=true,ref={reference},registry.insecure=true")
    );
    assert_eq!(spec(&registry.from[0]), format!("type=registry,ref={reference},registry.insecure=true"));
    assert_eq!(registry.from[0].registry.as_deref(), Some("ghcr"));
    assert_eq!(names(&registry.from), [reference], "the fallback is the branch itself");
}

#[test]
fn branches_fall_back_and_strangers_only_read() {
    type Row = (PipelineContext, Option<&'static str>, &'static [&'static str], Option<&'static str>);
    let table: Vec<Row> = vec![
        (fixtures::on_branch("main"), None, &["main"], Some("main")),
        (fixtures::on_branch("x"), None, &["x", "main"], Some("x")),
        (fixtures::on_branch("x"), Some("develop"), &["x", "develop"], Some("x")),
        (fixtures::on_tag("v1.0.0"), None, &["default", "main"], Some("default")),
        (fixtures::context(Event::Push, None, None), None, &["default", "main"], Some("default")),
        (fixtures::pull_request(false), None, &["topic", "main"], Some("topic")),
        (fixtures::pull_request(false), Some("develop"), &["topic", "main", "develop"], Some("topic")),
        (fixtures::pull_request(true), None, &["main"], None),
    ];
    for (context, fallback, read, write) in table {
        let branches = Branches::of(&context, fallback);
        assert_eq!(branches, Branches { read: read.iter().map(|s| (*s).to_owned()).collect(), write: write.map(str::to_owned) });
    }
    // A fork whose branch is called like ours, and both caches.
    let mut fork = fixtures::pull_request(true);
    fork.pull_request = fork.pull_request.map(|pr| PullRequest { source_branch: Some("main".to_owned()), ..pr });
    let planned = planned(&config(CacheMode::Hybrid, at_registry()), &fork);
    assert!(planned.to.is_empty(), "{planned:?}");
    assert_eq!(planned.from.len(), 2);
}

#[test]
fn builds_and_nodes_do_not_take_turns_in_one_cache() {
    let main = fixtures::on_branch("main");
    let alone = config(CacheMode::Shared, at_registry());
    let mut two = alone.clone();
    two.builds.insert("tool".to_owned(), fixtures::build("tool", &[]));
    let (one, of_two) = (planned(&alone, &main), planned(&two, &main));
    assert_ne!(one.to[0].name, of_two.to[0].name);
    assert!(of_two.to[0].name.ends_with(&canonicalize_ref("main:app")), "{of_two:?}");

    let mut on_nodes = alone.clone();
    let node = |endpoint: &str, platform: &str| Node {
        endpoint: endpoint.to_owned(),
        platforms: vec![platform.parse().expect("a platform")],
        driver_opts: IndexMap::new(),
    };
    on_nodes.builder.nodes = vec![node("tcp://a:1234", "linux/amd64"), node("tcp://b:1234", "linux/arm64")];
    let both = planned_for(&on_nodes, &main, &["linux/amd64", "linux/arm64"]).expect("planned");
    assert_eq!((both.from.len(), both.to.len()), (2, 2));
    let part = both.for_platforms(&["linux/arm64".to_owned()]);
    assert_eq!(names(&part.to), [both.to[1].name.as_str()]);
    assert!(part.to[0].name.ends_with(&canonicalize_ref("main:linux/arm64")));
    // One platform is one call, whatever nodes there are.
    assert_eq!(planned_for(&on_nodes, &main, &["linux/amd64"]).expect("planned"), one);
}

#[test]
fn what_has_no_place_is_refused() {
    let main = fixtures::on_branch("main");
    let mut nowhere = config(CacheMode::Shared, at_registry());
    nowhere.build_cache.external = None;
    let mut unknown = config(CacheMode::Hybrid, CachePlace::Registry { registry: "gone".to_owned(), repository: None });
    let mut prefix = config(CacheMode::Shared, at_registry());
    prefix.build_cache.external.as_mut().expect("external").prefix = "a/b".to_owned();
    let mut pathless = config(CacheMode::Shared, at_registry());
    pathless.registries["ghcr"].default_path = None;
    for (config, why) in [
        (&mut nowhere, "build_cache.mode is shared, and build_cache.external says not where"),
        (&mut unknown, "build_cache.external.registry: there is no registry `gone`"),
        (&mut prefix, "the cache prefix `a/b` is the first part of tags: only letters, digits, `_`, `.` and `-`"),
        (&mut pathless, "build_cache.external: no repository, and registry `ghcr` has no default_path"),
    ] {
        assert_eq!(planned_for(config, &main, &[]).expect_err(why).message(), why);
    }
}

#[test]
fn jobs_that_build_some_platforms_have_caches_of_their_own() {
    let config = config(CacheMode::Shared, at_registry());
    let branch = fixtures::on_branch("main");
    let both = ["linux/amd64", "linux/arm64"];
    let in_job = |job: &[&str]| planned_in_job(&config, &branch, &both, job).expect("planned").to;
    let (whole, amd64, arm64) = (in_job(&[]), in_job(&["linux/amd64"]), in_job(&["linux/arm64/v8"]));
    assert_eq!((amd64.len(), arm64.len()), (1, 1));
    assert!(whole[0].name != amd64[0].name && amd64[0].name != arm64[0].name, "{whole:?} {amd64:?} {arm64:?}");
    assert_eq!((&*whole[0].platforms, &*amd64[0].platforms), (&[][..], &["linux/amd64".to_owned()][..]));
    assert_eq!(names(&in_job(&both)), names(&whole), "a job that builds all of them is the whole");
}
