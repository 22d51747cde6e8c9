//! What the tests of this room and of the tools share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::{Attempt, Given, Progress, Solve};
use crate::build::BuildCx;
use crate::build::backend::Session;
use crate::build::lifecycle::Node;
use crate::config::BuildkitOptions;
use crate::core::Digest;
use crate::error::Result;
use crate::event::Events;
use crate::fs;
use crate::plan::{BuildStep, BuilderChoice, BuilderKind, PlannedCache};
use crate::world::{Environment, World};

/// A step with nothing special about it.
pub fn step() -> BuildStep {
    BuildStep {
        id: "app".into(),
        required: true,
        depends_on: Vec::new(),
        dockerfile: "Dockerfile".into(),
        context: ".".into(),
        target: None,
        platforms: vec!["linux/amd64".into()],
        args: BTreeMap::new(),
        labels: BTreeMap::new(),
        source_date_epoch: 1_700_000_000,
        provenance: None,
        sbom: false,
        compression: "gzip".into(),
        buildkit: BuildkitOptions::default(),
        stage: Vec::new(),
        cache: PlannedCache::default(),
        builder: BuilderChoice { kind: BuilderKind::Buildx, why: String::new() },
    }
}

/// A workspace with a Dockerfile and a directory `lib`, to see what would be called in it.
pub struct Asked {
    _dir: tempfile::TempDir,
    world: World,
    cx: BuildCx,
    /// Contexts that are other builds, by name.
    pub contexts: BTreeMap<String, (PathBuf, Digest)>,
}

impl Asked {
    pub fn new(env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let root = fs::real_path(dir.path()).expect("real");
        fs::create_dir(&root.join("ws/lib")).expect("workspace");
        fs::create_dir(&root.join("tmp")).expect("tmp");
        fs::write_atomic(&root.join("ws/Dockerfile"), b"FROM scratch\n", 0o644).expect("Dockerfile");
        let mut world = World::of_process().expect("world");
        let tmp = root.join("tmp").display().to_string();
        world.env = Environment::from_pairs(env.iter().copied().chain([("TMPDIR", tmp.as_str())]));
        let cx = BuildCx::new(root.join("ws"), root.join("scratch"), CancellationToken::new(), Events::none());
        Self { _dir: dir, world, cx, contexts: BTreeMap::new() }
    }

    /// The arguments of a step's call, with `WS` and `CALL` for the workspace and the private directory.
    pub async fn attempt(&self, step: &BuildStep, layout: &str, args: fn(&Attempt<'_>) -> Result<Vec<String>>) -> Result<Vec<String>> {
        let session = Session::open(&self.world, &self.cx.workspace)?;
        let node = node();
        let solve = Solve { step, platforms: &step.platforms, node: &node, contexts: &self.contexts, layout: layout.into() };
        let given = Given::find(&self.world, &self.cx, &session, &solve).await?;
        let exports: Vec<_> = step.cache.to.iter().collect();
        let args = args(&Attempt { solve: &solve, given: &given, progress: Progress::RawJson, exports: &exports })?;
        let call = given.metadata.parent().expect("a directory").display().to_string();
        let workspace = self.cx.workspace.display().to_string();
        Ok(args.into_iter().map(|arg| arg.replace(&call, "CALL").replace(&workspace, "WS")).collect())
    }
}

/// A node of the builder `default`.
pub fn node() -> Node {
    Node {
        name: "default0".into(),
        builder: "default".into(),
        address: Some("unix:///run/b.sock".into()),
        tls: None,
        platforms: Vec::new(),
        buildkit: None,
    }
}
