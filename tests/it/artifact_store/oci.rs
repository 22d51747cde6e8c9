//! Repositories of registries: the suite on distribution 2 and 3 and on olareg.

use std::path::PathBuf;
use std::sync::Arc;

use stagefreight::core::BoxFuture;
use stagefreight::event::Events;
use stagefreight::registry::{HostSpec, OciStore, Registries};
use stagefreight::store::artifact::conformance::{Plan, Subject};
use stagefreight::store::artifact::{ArtifactErrorKind, ArtifactStore, Call, Mode, Ref};
use stagefreight::world::World;

use super::{conforms, from_env, left_out};
use crate::support::{Registry, USER};

/// A repository.
struct Repository {
    host: String,
    scratch: PathBuf,
    user: bool,
}

impl Repository {
    fn store(&self, mode: Mode, path: &str) -> OciStore {
        let mut world = World::of_process().expect("world");
        if self.user {
            world.env = stagefreight::world::Environment::from_pairs([("T_USER", USER.0), ("T_TOKEN", USER.1)]);
        }
        let registries = Registries::new(&world, Events::none()).expect("registries");
        let credentials = self.user.then(|| "T".to_owned());
        let spec = HostSpec { host: self.host.clone(), plain_http: true, credentials, ..HostSpec::default() };
        OciStore::new("images", mode, registries.client_of(&spec).expect("client"), path, &self.scratch)
    }
}

impl Subject for Repository {
    fn name(&self) -> &'static str {
        "images"
    }

    fn open(&self, mode: Mode) -> BoxFuture<'_, Result<Arc<dyn ArtifactStore>, String>> {
        Box::pin(async move { Ok(Arc::new(self.store(mode, "acme/artifacts")) as Arc<dyn ArtifactStore>) })
    }
}

fn conforming(registry: &Registry) {
    let dir = tempfile::tempdir().expect("temporary directory");
    let plan = Plan {
        tries: from_env("SF_STORE_REMOTE_TRIES", 120),
        writers: 4,
        puts_beside_collections: 20,
        large: 24 << 20,
        ..Plan::new(dir.path())
    };
    let subject = Repository { host: registry.host.clone(), scratch: dir.path().to_owned(), user: false };
    let report = conforms(&subject, &plan);
    // No conditional write, no way to damage what it holds, and it collects by itself.
    assert_eq!(left_out(&report).len(), 4, "{:?}", report.not_applicable);
}

#[test]
fn a_repository_of_distribution_3_conforms() {
    conforming(&Registry::v3(false));
}

#[test]
fn a_repository_of_distribution_2_conforms() {
    conforming(&Registry::v2(false));
}

#[test]
fn a_repository_of_olareg_conforms() {
    conforming(&Registry::olareg());
}

#[test]
fn damage_and_refusals_are_told_apart() {
    let registry = Registry::v3(true);
    let dir = tempfile::tempdir().expect("temporary directory");
    let known = Repository { host: registry.host.clone(), scratch: dir.path().to_owned(), user: true };
    let unknown = Repository { user: false, scratch: dir.path().to_owned(), host: registry.host.clone() };
    let (at, call) = (Ref::parse("acme/app/1.4.0").expect("a reference"), Call::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let store = known.store(Mode::Overwrite, "acme/artifacts");
        store.put(&at, b"the data of a pair", b"{}", &call).await.expect("put");
        assert_eq!(store.get(&at, &call).await.expect("get").0, b"the data of a pair");
        let error = unknown.store(Mode::Overwrite, "acme/artifacts").get(&at, &call).await.expect_err("not known");
        assert_eq!(error.kind, ArtifactErrorKind::Credentials, "{error}");
        // Its bytes go, its name stays.
        let hex = stagefreight::core::Digest::of(b"the data of a pair").hex().to_owned();
        let blob = registry.data().join("data/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(&hex).join("data");
        std::fs::write(&blob, b"THE data of a pair").expect("damaged");
        assert_eq!(store.get(&at, &call).await.expect_err("damaged").kind, ArtifactErrorKind::Integrity);
        std::fs::remove_file(&blob).expect("removed");
        assert_eq!(store.get(&at, &call).await.expect_err("gone").kind, ArtifactErrorKind::Integrity);
    });
}

/// A tag that somebody else put into the repository is not a pair, and not nothing.
#[test]
fn other_peoples_tags_are_no_pairs() {
    use crate::support::{Image, component};
    let registry = Registry::v3(false);
    let dir = tempfile::tempdir().expect("temporary directory");
    let layout = dir.path().join("layout");
    let digest = Image { version: "1", revision: "r", layers: vec![b"layer".to_vec()], platforms: &["linux/amd64"] }.write(&layout);
    let pushed = std::process::Command::new(component("crane", "crane"))
        .args(["push", "--insecure"])
        .arg(&layout)
        .arg(format!("{}/acme/artifacts:other", registry.host))
        .output()
        .expect("crane");
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    let subject = Repository { host: registry.host.clone(), scratch: dir.path().to_owned(), user: false };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let store = subject.store(Mode::Overwrite, "acme/artifacts");
        let error = store.get(&Ref::parse("other").expect("a reference"), &Call::default()).await.expect_err("no pair");
        assert_eq!(error.kind, ArtifactErrorKind::Integrity, "{digest}: {error}");
    });
}
