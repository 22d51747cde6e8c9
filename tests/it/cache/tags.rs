//! Retention of caches in real registries: of one repository's and of nobody else's.

use std::time::Duration;

use stagefreight::build::cache::{CacheTags, Stamp, TagKeep, TagRetention, prune_tags};
use stagefreight::core::Timestamp;
use stagefreight::event::Events;
use stagefreight::plan::cache::{RepositoryId, Scope};
use stagefreight::registry::{HostSpec, Registries, RegistryCacheTags};
use stagefreight::world::World;
use tokio_util::sync::CancellationToken;

use crate::support::{Registry, component};

const PATH: &str = "lab/caches";
const DAY: u64 = 86_400;

struct Bench {
    registry: Registry,
    tags: RegistryCacheTags,
    cancel: CancellationToken,
}

impl Bench {
    fn new(registry: Registry) -> Self {
        let world = World::of_process().expect("world");
        let registries = Registries::new(&world, Events::none()).expect("registries");
        let client = registries.client_of(&HostSpec { host: registry.host.clone(), plain_http: true, ..HostSpec::default() });
        let tags = RegistryCacheTags::new(client.expect("client"), PATH);
        Self { registry, tags, cancel: CancellationToken::new() }
    }

    /// Something under a tag, written by another client.
    fn push(&self, tag: &str, content: &str) {
        let dir = tempfile::tempdir().expect("dir");
        std::fs::write(dir.path().join("file"), content).expect("file");
        let pushed = std::process::Command::new(component("oras", "oras"))
            .args(["push", "--plain-http", &format!("{}/{PATH}:{tag}", self.registry.host), "file:text/plain"])
            .args(["--annotation", "org.opencontainers.image.created=2026-01-01T00:00:00Z"])
            .current_dir(dir.path())
            .env("HOME", dir.path())
            .output()
            .expect("oras runs");
        assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    }

    async fn written(&self, repository: &str, branch: &str, days_ago: u64) -> String {
        let tag = scope(repository).tag(branch).to_string();
        self.push(&tag, &tag);
        let written = Timestamp::from_unix(now().unix() - i64::try_from(days_ago * DAY).expect("days"));
        self.tags.stamp(&tag, &Stamp { written, repository: id(repository) }, &self.cancel).await.expect("stamped");
        let read = self.tags.read(&tag, &self.cancel).await.expect("read").expect("there");
        assert_eq!((read.written, read.repository), (Some(written), Some(id(repository).to_string())));
        tag
    }

    async fn left(&self) -> Vec<String> {
        let mut left = self.tags.list(&self.cancel).await.expect("listed");
        left.sort();
        left
    }

    async fn prune(&self, repository: &str, max_refs: usize, dry_run: bool) -> TagRetention {
        let keep = TagKeep { repository: id(repository), scope: scope(repository), max_refs, stale_age: Duration::from_secs(14 * DAY) };
        prune_tags(&self.tags, &keep, now(), dry_run, &self.cancel).await.expect("pruned")
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix(1_790_000_000)
}

fn id(name: &str) -> RepositoryId {
    RepositoryId::of_address(&format!("https://forge.example/lab/{name}")).expect("an address")
}

fn scope(name: &str) -> Scope {
    Scope::new("cache", &id(name)).expect("a scope")
}

async fn only_ones_own_goes(registry: Registry) {
    let bench = Bench::new(registry);
    let old = bench.written("app", "old", 30).await;
    let middle = bench.written("app", "middle", 3).await;
    let new = bench.written("app", "new", 1).await;
    let theirs = bench.written("other", "old", 400).await;
    let shared = bench.written("app", "shared", 50).await;
    let undated = scope("app").tag("undated").to_string();
    bench.push(&undated, "undated");
    bench.push("latest", "image");
    // Somebody keeps the manifest of an old cache under a name of their own.
    retag(&bench, &shared, "kept-by-hand");
    let mut all = bench.left().await;
    assert_eq!(all.len(), 8);

    let said = bench.prune("app", 1, true).await;
    assert_eq!(bench.left().await, all, "a dry run removes nothing");
    let done = bench.prune("app", 1, false).await;
    assert_eq!(said, done, "and says what the run does");
    let gone: Vec<&str> = done.tags.iter().filter(|tag| tag.removed).map(|tag| tag.tag.as_str()).collect();
    assert_eq!(gone, [old.as_str(), middle.as_str()], "{done:#?}");
    assert!(done.errors.is_empty(), "{done:#?}");
    all.retain(|tag| *tag != old && *tag != middle);
    assert_eq!(bench.left().await, all);
    for kept in [&new, &theirs, &shared, &undated] {
        assert!(bench.tags.read(kept, &bench.cancel).await.expect("read").is_some(), "{kept} can still be read");
    }
    assert_eq!(bench.prune("app", 1, false).await.removed(), 0, "a second run finds nothing");
}

#[tokio::test]
async fn distribution_2_deletes_by_digest() {
    only_ones_own_goes(Registry::v2(false)).await;
}

#[tokio::test]
async fn distribution_3_deletes_by_tag() {
    only_ones_own_goes(Registry::v3(false)).await;
}

#[tokio::test]
async fn olareg_deletes_by_tag() {
    only_ones_own_goes(Registry::olareg()).await;
}

#[tokio::test]
async fn many_tags_of_one_manifest_go_together() {
    let bench = Bench::new(Registry::v3(false));
    let first = bench.written("app", "b-0", 30).await;
    for number in 1..120 {
        retag(&bench, &first, &scope("app").tag(&format!("b-{number}")).to_string());
    }
    let said = bench.prune("app", 5, true).await;
    assert_eq!(said.tags.len(), 120);
    assert!(said.tags.iter().all(|tag| tag.removed), "all of them are of one age and one manifest");
    let done = bench.prune("app", 5, false).await;
    assert_eq!((done.removed(), bench.left().await.len()), (120, 0));
}

/// Gives a manifest another tag, by another client.
fn retag(bench: &Bench, from: &str, to: &str) {
    let reference = format!("{}/{PATH}:{from}", bench.registry.host);
    let tagged = std::process::Command::new(component("crane", "crane")).args(["tag", "--insecure", &reference, to]).output();
    assert!(tagged.expect("crane runs").status.success());
}
