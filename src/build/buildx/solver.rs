//! One call of buildx.

use std::sync::Arc;
use std::time::Duration;

use crate::build::BuildCx;
use crate::build::backend::{Session, Tool};
use crate::build::solve::{self, DEADLINE, Given, Progress, Solve, Solved, Solver};
use crate::core::BoxFuture;
use crate::error::Result;
use crate::world::World;

use super::argv;

/// Runs calls with one buildx in one session, where the builders of its nodes are known. Several calls may run at once.
#[derive(Debug, Clone)]
pub struct Buildx {
    world: World,
    tool: Tool,
    progress: Progress,
    session: Arc<Session>,
    deadline: Duration,
}

impl Buildx {
    /// With this program; `rawjson` when it has `--progress=rawjson`.
    pub fn new(world: &World, tool: Tool, rawjson: bool, session: Arc<Session>) -> Self {
        Self { world: world.clone(), tool, progress: Progress::of(rawjson), session, deadline: DEADLINE }
    }

    /// The same with another limit on one call's time.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    async fn run(&self, cx: &BuildCx, solve: &Solve<'_>) -> Result<Solved> {
        let given = Given::find(&self.world, cx, &self.session, solve).await?;
        solve::run(cx, solve, &given, "buildx", self.progress, |attempt| {
            let child = self.tool.buildx(&self.world, &self.session).args(argv::build_args(attempt)?);
            Ok(given.equip(child, &self.world, solve.step).deadline(self.deadline))
        })
        .await
    }
}

impl Solver for Buildx {
    fn solve<'a>(&'a self, cx: &'a BuildCx, solve: &'a Solve<'a>) -> BoxFuture<'a, Result<Solved>> {
        Box::pin(self.run(cx, solve))
    }
}
