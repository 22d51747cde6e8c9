//! One question to one BuildKit daemon through each tool that reaches it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use stagefreight::build::backend::{Session, Tool};
use stagefreight::build::buildctl::Buildctl;
use stagefreight::build::buildx::Buildx;
use stagefreight::build::lifecycle::Node;
use stagefreight::build::solve::{Solve, Solved, Solver};
use stagefreight::build::{BuildCx, Logins};
use stagefreight::core::Digest;
use stagefreight::error::Result;
use stagefreight::event::Events;
use stagefreight::plan::BuildStep;

use crate::buildx::bench::{Bench, Buildkitd, names};

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The standalone buildx, driver `remote`.
    Buildx,
    /// The same, as if it were older than 0.13.
    BuildxPlain,
    /// buildctl.
    Buildctl,
}

pub const ALL: [By; 3] = [By::Buildx, By::BuildxPlain, By::Buildctl];

/// A question beside the step.
#[derive(Default)]
pub struct Given {
    pub contexts: BTreeMap<String, (PathBuf, Digest)>,
    pub logins: Option<Arc<dyn Logins>>,
}

pub async fn solve(by: By, daemon: &Buildkitd, bench: &Bench, step: &BuildStep) -> Result<Solved> {
    solve_given(by, daemon, bench, step, Given::default()).await
}

pub async fn solve_given(by: By, daemon: &Buildkitd, bench: &Bench, step: &BuildStep, given: Given) -> Result<Solved> {
    let world = bench.world();
    let session = Arc::new(Session::open(&world, &bench.ws())?);
    let scratch = bench.dir.path().join("scratch").join(format!("{}-{by:?}", step.id));
    let node = Node {
        name: "far0".into(),
        builder: "far".into(),
        address: Some(daemon.address.clone()),
        tls: None,
        platforms: Vec::new(),
        buildkit: None,
    };
    let solver: Box<dyn Solver> = match by {
        By::Buildctl => Box::new(Buildctl::new(&world, true, Arc::clone(&session))),
        By::Buildx | By::BuildxPlain => {
            let create = Tool::Standalone.buildx(&world, &session).args(["create", "--name", "far", "--driver", "remote", &daemon.address]);
            assert!(create.run(&bench.cancel).await.expect("buildx runs").success());
            Box::new(Buildx::new(&world, Tool::Standalone, by == By::Buildx, Arc::clone(&session)))
        }
    };
    let mut cx = BuildCx::new(bench.ws(), scratch.clone(), bench.cancel.clone(), Events::new(bench.events.clone()));
    cx.logins = given.logins;
    let solve = Solve { step, platforms: &step.platforms, node: &node, contexts: &given.contexts, layout: scratch.join("layout") };
    let result = solver.solve(&cx, &solve).await;
    drop((solver, session));
    assert_eq!(names(&bench.dir.path().join("tmp")), Vec::<String>::new(), "private directories are removed");
    result
}
