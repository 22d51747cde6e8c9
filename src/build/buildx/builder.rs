//! The builder itself: one call of buildx from arguments to a checked layout.

use std::time::Duration;

use crate::build::{BuildCx, Builder, Built};
use crate::core::{BoxFuture, Digest};
use crate::error::{Error, Result};
use crate::fs;
use crate::names::env;
use crate::plan::BuildStep;
use crate::process::ChildError;
use crate::world::World;

use super::argv::{self, Invocation, Progress};
use super::progress::Tracker;
use super::rawjson::RawJson;
use super::{context, failure, outcome, plain};
use crate::build::backend::Endpoint;
use crate::build::backend::Found;
use crate::build::backend::Session;

/// A build that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(2 * 3600);

/// Starting a builder's container may pull an image first.
const CREATE_DEADLINE: Duration = Duration::from_secs(300);

/// Builds through a BuildKit that [`super::find`] found.
#[derive(Debug)]
pub struct Buildx {
    world: World,
    found: Found,
    repository: String,
    deadline: Duration,
}

impl Buildx {
    /// A builder for one repository (`group/project`): repositories do not share builders, so that one's cache policy
    /// cannot evict another's cache.
    pub fn new(world: &World, found: Found, repository: &str) -> Self {
        Self { world: world.clone(), found, repository: repository.to_owned(), deadline: DEADLINE }
    }

    /// The same with another limit on one build's time.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    async fn run(&self, cx: &BuildCx, step: &BuildStep) -> Result<Built> {
        let session = Session::open(&self.world, &cx.workspace)?;
        let context = context::prepare(&cx.workspace, step, &session)?;
        let builder = self.builder(cx, &session).await?;
        let (layout, metadata) = (cx.scratch.join("layout"), session.path("metadata.json"));
        fs::create_dir(&layout)?;
        let progress = if self.found.has_rawjson() { Progress::RawJson } else { Progress::Plain };
        let invocation = Invocation { builder: &builder, progress, context: &context, layout: &layout, metadata: &metadata };
        let child = self
            .found
            .tool
            .buildx(&self.world, &session)
            .args(argv::build_args(step, &invocation)?)
            .env(env::SOURCE_DATE_EPOCH, step.source_date_epoch.to_string())
            .cwd(&context.dir)
            .deadline(self.deadline);
        cx.events.detail(format!("runs {}", child.describe()));

        let mut tracker = Tracker::new(&step.id, cx.events.clone(), self.world.env.redactor());
        let mut rawjson = RawJson::default();
        let finished = child
            .run_lines(&cx.cancel, &mut |line| match progress {
                Progress::RawJson => rawjson.line(line.text, &mut tracker),
                Progress::Plain => plain::line(line.text, &mut tracker),
            })
            .await
            .map_err(|error| interrupted(step, error))?;
        if !finished.success() {
            return Err(failure::report(step, &tracker));
        }
        outcome::take(step, &metadata, &layout, &tracker)
    }

    /// The name for `--builder`. Builders made here live in the session's private state: nobody's current builder
    /// changes, and a container of the same name is taken up again instead of made twice.
    async fn builder(&self, cx: &BuildCx, session: &Session) -> Result<String> {
        let (driver, address) = match &self.found.endpoint {
            Endpoint::Engine(name) => return Ok(name.clone()),
            Endpoint::Container => ("docker-container", None),
            Endpoint::Remote(address) => ("remote", Some(address.as_str())),
        };
        let name = builder_name(&self.repository);
        let create = self.found.tool.buildx(&self.world, session).args(["create", "--name", &name, "--driver", driver]).args(address);
        let created = create.deadline(CREATE_DEADLINE).run(&cx.cancel).await?;
        if created.success() {
            return Ok(name);
        }
        Err(Error::failed(format!("cannot create builder {name} with driver {driver}: {}", created.tail(3)))
            .hint("look at `docker buildx ls`, or set BUILDKIT_HOST to a BuildKit daemon"))
    }
}

fn interrupted(step: &BuildStep, error: ChildError) -> Error {
    let timed_out = matches!(error, ChildError::Deadline { .. });
    let error = Error::from(error).context(format!("build {}", step.id));
    if timed_out { error.hint("look for a step that waits for input or for the network") } else { error }
}

impl Builder for Buildx {
    fn name(&self) -> &'static str {
        "buildx"
    }

    fn build<'a>(&'a self, cx: &'a BuildCx, step: &'a BuildStep) -> BoxFuture<'a, Result<Built>> {
        Box::pin(self.run(cx, step))
    }
}

/// `sf-` and the first eight hex digits of the hash of the repository's id (spec/build.md B.8).
fn builder_name(repository: &str) -> String {
    format!("sf-{}", &Digest::of(repository.as_bytes()).hex()[..8])
}
