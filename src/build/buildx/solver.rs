//! One call of buildx, from arguments to a checked layout.

use std::sync::Arc;
use std::time::Duration;

use crate::build::BuildCx;
use crate::build::backend::{Session, Tool};
use crate::build::solve::{Follower, Solve, Solved, Solver, context, failure, interrupted, outcome};
use crate::core::BoxFuture;
use crate::error::Result;
use crate::fs::{self, Scratch};
use crate::names::env;
use crate::world::World;

use super::argv::{self, Invocation};

/// A build that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(2 * 3600);

/// Runs calls with one buildx in one session, where the builders of its nodes are known. Several calls may run at once.
#[derive(Debug, Clone)]
pub struct Buildx {
    world: World,
    tool: Tool,
    rawjson: bool,
    session: Arc<Session>,
    deadline: Duration,
}

impl Buildx {
    /// With this program; `rawjson` when it has `--progress=rawjson`.
    pub fn new(world: &World, tool: Tool, rawjson: bool, session: Arc<Session>) -> Self {
        Self { world: world.clone(), tool, rawjson, session, deadline: DEADLINE }
    }

    /// The same with another limit on one call's time.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    async fn run(&self, cx: &BuildCx, solve: &Solve<'_>) -> Result<Solved> {
        let step = solve.step;
        let private = Scratch::below(&self.session.path("calls"), "call")?;
        let context = context::prepare(&cx.workspace, step, private.path())?;
        let metadata = private.path().join("metadata.json");
        fs::create_dir(&solve.layout)?;
        let mut follower = Follower::new(&step.id, "buildx", cx.events.clone(), self.world.env.redactor(), self.rawjson);
        let invocation = Invocation { builder: &solve.node.builder, progress: follower.format(), context: &context, metadata: &metadata };
        let child = self
            .tool
            .buildx(&self.world, &self.session)
            .args(argv::build_args(solve, &invocation)?)
            .env(env::SOURCE_DATE_EPOCH, step.source_date_epoch.to_string())
            .cwd(&context.dir)
            .deadline(self.deadline);
        cx.events.detail(format!("runs {}", child.describe()));
        let finished = child.run_lines(&cx.cancel, &mut |line| follower.line(line.text)).await.map_err(|error| interrupted(step, error))?;
        if !finished.success() {
            return Err(failure::report(step, follower.tracker()));
        }
        outcome::take(step, &metadata, &solve.layout, follower.tracker())
    }
}

impl Solver for Buildx {
    fn solve<'a>(&'a self, cx: &'a BuildCx, solve: &'a Solve<'a>) -> BoxFuture<'a, Result<Solved>> {
        Box::pin(self.run(cx, solve))
    }
}
