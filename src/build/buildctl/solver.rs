//! One call of buildctl.

use std::sync::Arc;
use std::time::Duration;

use crate::build::BuildCx;
use crate::build::backend::{Session, Tool};
use crate::build::solve::{self, DEADLINE, Given, Progress, Solve, Solved, Solver};
use crate::core::BoxFuture;
use crate::error::Result;
use crate::world::World;

use super::argv;

/// Runs calls with `buildctl`, which takes a daemon's address and needs no builder.
#[derive(Debug, Clone)]
pub struct Buildctl {
    world: World,
    progress: Progress,
    session: Arc<Session>,
    deadline: Duration,
}

impl Buildctl {
    /// With the program on PATH; `rawjson` when it has `--progress=rawjson`, which came with BuildKit 0.13.
    pub fn new(world: &World, rawjson: bool, session: Arc<Session>) -> Self {
        Self { world: world.clone(), progress: Progress::of(rawjson), session, deadline: DEADLINE }
    }

    /// The same with another limit on one call's time.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    async fn run(&self, cx: &BuildCx, solve: &Solve<'_>) -> Result<Solved> {
        let given = Given::find(&self.world, cx, &self.session, solve).await?;
        solve::run(cx, solve, &given, "buildctl", self.progress, |attempt| {
            let child = Tool::Buildctl.bare(&self.world, &self.session).args(argv::build_args(attempt)?);
            Ok(given.equip(child, &self.world, solve.step).deadline(self.deadline))
        })
        .await
    }
}

impl Solver for Buildctl {
    fn solve<'a>(&'a self, cx: &'a BuildCx, solve: &'a Solve<'a>) -> BoxFuture<'a, Result<Solved>> {
        Box::pin(self.run(cx, solve))
    }
}
