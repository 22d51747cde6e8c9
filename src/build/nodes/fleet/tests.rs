//! The fleet with a solver that needs no BuildKit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::build::solve::WorkStep;
use crate::build::solve::tests::step;
use crate::core::oci::{ManifestKind, media_type};
use crate::error::Kind;
use crate::event::{Event, Events, Sink, StepState};
use crate::store::{Layout, LayoutWriter};

/// A solver without BuildKit: an image for one platform, one step of work, and a wait that shows who runs beside whom.
#[derive(Clone, Default)]
struct Fake {
    /// Calls that must have begun before any of them goes on.
    together: Option<Arc<tokio::sync::Barrier>>,
    /// The node that fails.
    fails: Option<&'static str>,
    /// Nodes that never finish by themselves.
    hangs: Vec<&'static str>,
    /// What was asked, as `node: platforms`.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn answer(&self, cx: &BuildCx, solve: &Solve<'_>) -> Result<Solved> {
        let node = solve.node.name.as_str();
        let contexts: Vec<_> = solve.contexts.keys().map(|name| format!(" with {name}")).collect();
        self.asked.lock().expect("asked").push(format!("{node}: {}{}", solve.platforms.join(" "), contexts.concat()));
        cx.events.emit(Event::Step { build: solve.step.id.clone(), name: "RUN x".into(), state: StepState::Started, elapsed: None });
        if let Some(barrier) = &self.together {
            let all = tokio::time::timeout(Duration::from_secs(10), barrier.wait()).await;
            assert!(all.is_ok(), "the calls run side by side");
        }
        if self.fails == Some(node) {
            return Err(Error::failed("build app failed at Dockerfile:2: exit code 7").hint("look at the step"));
        }
        if self.hangs.contains(&node) {
            cx.cancel.cancelled().await;
            return Err(Error::new(Kind::Terminated, "build app: interrupted"));
        }
        let platform = solve.platforms.first().expect("at least one");
        let (os, arch) = platform.split_once('/').expect("os/arch");
        let writer = LayoutWriter::create(&solve.layout)?;
        let config = serde_json::json!({"os": os, "architecture": arch, "rootfs": {"type": "layers", "diff_ids": []}});
        let config = writer.put_bytes(media_type::OCI_CONFIG, config.to_string().as_bytes())?;
        let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": []});
        let manifest = writer.put_bytes(media_type::OCI_MANIFEST, manifest.to_string().as_bytes())?;
        writer.finish(&manifest)?;
        let steps = vec![WorkStep { name: format!("{platform} RUN x"), ran: None }];
        let bases = vec![("docker.io/library/debian:12".to_owned(), "sha256:aa".to_owned())];
        Ok(Solved { digest: manifest.digest, layout: solve.layout.clone(), bases, work: Work { steps, ..Work::default() } })
    }
}

impl Solver for Fake {
    fn solve<'a>(&'a self, cx: &'a BuildCx, solve: &'a Solve<'a>) -> BoxFuture<'a, Result<Solved>> {
        Box::pin(self.answer(cx, solve))
    }
}

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Sink for Recorder {
    fn emit(&self, event: Event) {
        self.0.lock().expect("events").push(event);
    }
}

struct Bench {
    dir: tempfile::TempDir,
    events: Arc<Recorder>,
    fake: Fake,
}

impl Bench {
    fn with(fake: Fake) -> Self {
        Self { dir: tempfile::tempdir().expect("directory"), events: Arc::default(), fake }
    }

    fn cx(&self) -> BuildCx {
        BuildCx::new(
            self.dir.path().to_owned(),
            self.dir.path().join("scratch"),
            tokio_util::sync::CancellationToken::new(),
            Events::new(self.events.clone()),
        )
    }

    fn fleet(&self) -> Fleet {
        let node = |name: &str, platform: &str| Node {
            name: name.into(),
            builder: name.into(),
            address: None,
            tls: None,
            platforms: vec![platform.parse().expect("platform")],
            buildkit: None,
        };
        Fleet::new("buildx", vec![node("far", "linux/s390x"), node("near", "linux/amd64")], Box::new(self.fake.clone()))
    }

    async fn build(&self, platforms: &[&str]) -> Result<Built> {
        self.fleet().build(&self.cx(), &BuildStep { platforms: platforms.iter().map(|&text| text.to_owned()).collect(), ..step() }).await
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.fake.asked.lock().expect("asked").clone();
        asked.sort();
        asked
    }
}

#[tokio::test]
async fn one_node_is_asked_once() {
    let bench = Bench::with(Fake::default());
    let built = bench.build(&["linux/amd64"]).await.expect("built");
    assert_eq!(bench.asked(), ["near: linux/amd64"]);
    assert_eq!(built.layout, bench.dir.path().join("scratch/layout"));
    assert_eq!(Layout::open(&built.layout).expect("layout").read_manifest(&built.digest).expect("root").kind, ManifestKind::Image);
}

#[tokio::test]
async fn two_nodes_build_side_by_side_and_their_results_are_one() {
    let bench = Bench::with(Fake { together: Some(Arc::new(tokio::sync::Barrier::new(2))), ..Fake::default() });
    let built = bench.build(&["linux/amd64", "linux/s390x"]).await.expect("built");
    assert_eq!(bench.asked(), ["far: linux/s390x", "near: linux/amd64"]);
    let closure = Layout::open(&built.layout).expect("layout").closure(&built.digest).expect("every byte is there");
    let platforms: Vec<_> = closure
        .root_manifest()
        .expect("index")
        .manifests
        .iter()
        .filter_map(|entry| entry.platform.clone())
        .map(|p| p.architecture)
        .collect();
    assert_eq!(platforms, ["amd64", "s390x"], "in the order of the config, not of the nodes");
    assert_eq!(built.bases.len(), 1, "both started from the same image");
    assert_eq!(built.work.steps.len(), 2);

    let shown = bench.events.0.lock().expect("events");
    let builds: Vec<&str> =
        shown.iter().filter_map(|event| if let Event::Step { build, .. } = event { Some(&**build) } else { None }).collect();
    assert!(builds.contains(&"app linux/amd64") && builds.contains(&"app linux/s390x"), "{builds:?}");
}

#[tokio::test]
async fn the_first_failure_stops_the_others_and_names_its_node() {
    let bench = Bench::with(Fake { fails: Some("far"), hangs: vec!["near"], ..Fake::default() });
    let error = bench.build(&["linux/amd64", "linux/s390x"]).await.expect_err("it fails");
    assert_eq!(error.message(), "linux/s390x on far: build app failed at Dockerfile:2: exit code 7");
    assert_eq!((error.kind(), error.hint_text()), (Kind::Failed, Some("look at the step")));
    assert_eq!(error.notes(), ["stopped: linux/amd64 on near"]);
}

#[tokio::test]
async fn cancelling_the_build_ends_every_call() {
    let bench = Bench::with(Fake { hangs: vec!["far", "near"], ..Fake::default() });
    let cx = bench.cx();
    let fleet = bench.fleet();
    let step = BuildStep { platforms: vec!["linux/amd64".into(), "linux/s390x".into()], ..step() };
    let cancel = cx.cancel.clone();
    let (ended, ()) = tokio::join!(fleet.build(&cx, &step), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        cancel.cancel();
    });
    assert_eq!(ended.expect_err("cancelled").kind(), Kind::Terminated);
}

#[tokio::test]
async fn contexts_of_other_builds_reach_every_call() {
    let bench = Bench::with(Fake::default());
    let mut step = BuildStep { platforms: vec!["linux/amd64".into(), "linux/s390x".into()], ..step() };
    step.buildkit.contexts = [("base", "build:first"), ("src", "lib")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let error = bench.fleet().build(&bench.cx(), &step).await.expect_err("nothing was made");
    assert_eq!(error.message(), "build app has the context base = build:first, and there is no such image yet");
    let mut cx = bench.cx();
    cx.made.insert("first".into(), ("/store/first".into(), Digest::of(b"first")));
    bench.fleet().build(&cx, &step).await.expect("built");
    assert_eq!(bench.asked(), ["far: linux/s390x with base", "near: linux/amd64 with base"]);
}
