//! A build on the one BuildKit that was found: makes the builder and passes the step on in a single call.

use std::sync::Arc;
use std::time::Duration;

use super::Buildx;
use crate::build::backend::{Endpoint, Found, Session};
use crate::build::lifecycle::Node;
use crate::build::solve::{Solve, Solver as _};
use crate::build::{BuildCx, Builder, Built};
use crate::core::{BoxFuture, Digest};
use crate::error::{Error, Result};
use crate::manifest::build_args_digest;
use crate::plan::BuildStep;
use crate::world::World;

/// Starting a builder's container may pull an image first.
const CREATE_DEADLINE: Duration = Duration::from_secs(300);

/// Builds through a BuildKit that [`crate::build::backend::find`] found.
#[derive(Debug)]
pub struct OneNode {
    world: World,
    found: Found,
    repository: String,
    deadline: Option<Duration>,
}

impl OneNode {
    /// A builder for one repository (`group/project`): repositories do not share builders, so that one's cache policy
    /// cannot evict another's cache.
    pub fn new(world: &World, found: Found, repository: &str) -> Self {
        Self { world: world.clone(), found, repository: repository.to_owned(), deadline: None }
    }

    /// The same with another limit on one build's time.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    async fn run(&self, cx: &BuildCx, step: &BuildStep) -> Result<Built> {
        let session = Arc::new(Session::open(&self.world, &cx.workspace)?);
        let node = self.node(cx, &session).await?;
        let mut buildx = Buildx::new(&self.world, self.found.tool, self.found.has_rawjson(), session);
        if let Some(deadline) = self.deadline {
            buildx = buildx.with_deadline(deadline);
        }
        let contexts = crate::build::nodes::contexts::resolve(cx, step)?;
        let solve = Solve { step, platforms: &step.platforms, node: &node, contexts: &contexts, layout: cx.scratch.join("layout") };
        let solved = buildx.solve(cx, &solve).await?;
        Ok(Built {
            digest: solved.digest,
            layout: solved.layout,
            build_args_digest: build_args_digest(&step.args),
            bases: solved.bases,
            work: solved.work,
        })
    }

    /// Builders made here live in the session's private state: nobody's current builder changes, and a container of the
    /// same name is taken up again instead of made twice.
    async fn node(&self, cx: &BuildCx, session: &Session) -> Result<Node> {
        let node = |builder: &str, address: Option<&str>| Node {
            name: format!("{builder}0"),
            builder: builder.to_owned(),
            address: address.map(str::to_owned),
            tls: None,
            platforms: Vec::new(),
            buildkit: self.found.buildkit.clone(),
        };
        let (driver, address) = match &self.found.endpoint {
            Endpoint::Engine(name) => return Ok(node(name, None)),
            Endpoint::Container => ("docker-container", None),
            Endpoint::Remote(address) => ("remote", Some(address.as_str())),
        };
        let name = builder_name(&self.repository);
        let create = self.found.tool.buildx(&self.world, session).args(["create", "--name", &name, "--driver", driver]).args(address);
        let created = create.deadline(CREATE_DEADLINE).run(&cx.cancel).await?;
        if created.success() {
            return Ok(node(&name, address));
        }
        Err(Error::failed(format!("cannot create builder {name} with driver {driver}: {}", created.tail(3)))
            .hint("look at `docker buildx ls`, or set BUILDKIT_HOST to a BuildKit daemon"))
    }
}

impl Builder for OneNode {
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
