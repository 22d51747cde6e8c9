//! What all remotes of one command share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::executor::Pace;
use super::receipt::Receipts;
use super::resolve::Policy;
use crate::core::Timestamp;
use crate::error::Result;
use crate::event::Events;
use crate::http::{Client, Options};
use crate::world::World;

/// The machine and the workspace remotes are used from.
#[derive(Debug, Clone)]
pub struct Host {
    /// The process.
    pub world: World,
    /// Where progress goes.
    pub events: Events,
    /// The workspace, absolute and without links.
    pub workspace: PathBuf,
    /// For uploads and downloads: made when the first one begins, because reading all authorities takes time.
    http: Arc<OnceLock<Client>>,
    /// How often adapters are started.
    pub pace: Arc<Pace>,
    /// Which adapters may run.
    pub policy: Policy,
    /// Records of pushes and pulls.
    pub receipts: Receipts,
    /// What is known of the build this runs in: `git_sha`, `ci_run_url`, `runner_type`, `pipeline_id`.
    pub build_context: BTreeMap<String, String>,
}

impl Host {
    /// For one command.
    pub fn new(world: &World, events: &Events, workspace: &Path, policy: Policy) -> Result<Self> {
        let workspace = crate::fs::real_path(workspace)?;
        Ok(Self {
            world: world.clone(),
            events: events.clone(),
            http: Arc::default(),
            pace: Arc::default(),
            policy,
            receipts: Receipts::of(&workspace),
            workspace,
            build_context: BTreeMap::new(),
        })
    }

    /// The same with what is known of the build.
    #[must_use]
    pub fn with_build_context(mut self, context: BTreeMap<String, String>) -> Self {
        self.build_context = context;
        self
    }

    /// The client of uploads and downloads, with the proxy and the certificate authorities of the environment.
    pub fn http(&self) -> Result<Client> {
        if let Some(client) = self.http.get() {
            return Ok(client.clone());
        }
        let client = Client::new(&self.world, self.events.clone(), &Options::of_environment(&self.world.env)?)?;
        Ok(self.http.get_or_init(|| client).clone())
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }
}
