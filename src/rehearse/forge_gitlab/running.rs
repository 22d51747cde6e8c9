//! A GitLab that is listening, and what tests look at behind its back.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::options::Options;
use super::site::{Gitlab, lock};
use super::state;
use super::world::{CatalogVersion, HeldFile, HeldRelease, World};
use crate::error::Result;
use crate::fs;
use crate::rehearse::api::{self, RequestLog};

/// Tries to have the same port again.
const TRIES: u32 = 200;

/// An embedded GitLab that is listening. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    server: api::Running,
    world: Arc<Mutex<World>>,
    prefix: String,
    dir: PathBuf,
}

/// Opens the directory, binds, and serves on the current runtime.
pub async fn start(options: Options) -> Result<Running> {
    fs::create_dir(&options.dir)?;
    let world = Arc::new(Mutex::new(state::open(&options)?));
    let (prefix, dir, server) = (options.prefix.clone(), options.dir.clone(), options.server.clone());
    let server = api::start(Arc::new(Gitlab::new(options, Arc::clone(&world))), server).await?;
    Ok(Running { server, world, prefix, dir })
}

impl Running {
    /// Address of the instance, with its prefix: what the config calls `url`.
    pub fn url(&self) -> String {
        format!("{}{}", self.server.url(), self.prefix)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr
    }

    /// What was asked so far.
    pub fn log(&self) -> &RequestLog {
        self.server.log()
    }

    /// Stops listening, lets answers under way finish for a few seconds, and closes.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }

    /// Serves the same world with other faults, on the same port.
    pub async fn restart(self, options: Options) -> Result<Self> {
        let Self { server, world, prefix, dir } = self;
        let addr = server.addr;
        server.shutdown().await;
        let settings = api::Options { addr, ..options.server.clone() };
        let site = Arc::new(Gitlab::new(options, Arc::clone(&world)));
        let mut tries = 0;
        let server = loop {
            match api::start(Arc::clone(&site) as Arc<dyn api::Service>, settings.clone()).await {
                // Somebody's connection may have been given the port meanwhile.
                Err(_) if tries < TRIES => tries += 1,
                outcome => break outcome?,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        Ok(Self { server, world, prefix, dir })
    }

    /// Releases of a project, in the order they were made.
    pub fn releases(&self, project: &str) -> Vec<HeldRelease> {
        let world = lock(&self.world);
        let Some(at) = world.find(project) else { return Vec::new() };
        let shown = world.projects[at].releases.iter().map(|release| HeldRelease {
            tag: release.tag.clone(),
            commit: release.commit.clone(),
            name: release.name.clone(),
            description: release.description.clone(),
            links: release.links.iter().map(|link| (link.name.clone(), link.url.clone(), link.kind.clone())).collect(),
        });
        shown.collect()
    }

    /// Files of packages of a project, in the order they came.
    pub fn files(&self, project: &str) -> Vec<HeldFile> {
        let world = lock(&self.world);
        let Some(at) = world.find(project) else { return Vec::new() };
        let packages = world.projects[at].packages.iter();
        let files = packages.flat_map(|package| package.files.iter().map(move |file| (package, file)));
        let shown = files.map(|(package, file)| HeldFile {
            package: package.name.clone(),
            version: package.version.clone(),
            name: file.name.clone(),
            digest: file.kept.digest.clone(),
        });
        shown.collect()
    }

    /// Git tags of a project.
    pub fn tags(&self, project: &str) -> Vec<(String, String)> {
        let world = lock(&self.world);
        let tags = world.find(project).map(|at| world.projects[at].tags.clone().into_iter().collect());
        tags.unwrap_or_default()
    }

    /// Versions a project has in the catalog.
    pub fn catalog(&self, project: &str) -> Vec<String> {
        let world = lock(&self.world);
        let versions = world.find(project).map(|at| world.projects[at].catalog.iter().map(|version| version.tag.clone()).collect());
        versions.unwrap_or_default()
    }

    /// What the catalog was told of the components of a version.
    pub fn components(&self, project: &str, version: &str) -> Vec<serde_json::Value> {
        let world = lock(&self.world);
        let held = world.find(project).and_then(|at| world.projects[at].catalog.iter().find(|held| held.tag == version));
        held.map(|held| held.components.clone()).unwrap_or_default()
    }

    /// Moves or removes a tag behind everybody's back.
    pub fn set_tag(&self, project: &str, tag: &str, commit: Option<&str>) {
        let mut world = lock(&self.world);
        let Some(at) = world.find(project) else { return };
        let tags = &mut world.projects[at].tags;
        match commit {
            Some(commit) => drop(tags.insert(tag.to_owned(), commit.to_owned())),
            None => drop(tags.remove(tag)),
        }
    }
}

/// What somebody else does meanwhile.
impl Running {
    /// Takes every file of a name out of all packages.
    pub fn remove_file(&self, project: &str, name: &str) {
        let mut world = lock(&self.world);
        let Some(at) = world.find(project) else { return };
        for package in &mut world.projects[at].packages {
            package.files.retain(|file| file.name != name);
        }
    }

    /// Puts a file into a package.
    pub fn add_file(&self, project: &str, package: &str, version: &str, name: &str, bytes: &[u8]) {
        let mut world = lock(&self.world);
        let Some(at) = world.find(project) else { return };
        world.add_file(at, &self.dir, (package, version, name), bytes);
    }

    /// Makes a version in the catalog, with components of these names.
    pub fn add_version(&self, project: &str, tag: &str, names: &[&str]) {
        let mut world = lock(&self.world);
        let Some(at) = world.find(project) else { return };
        let components = names.iter().map(|name| serde_json::json!({ "name": name })).collect();
        world.projects[at].catalog.push(CatalogVersion { tag: tag.to_owned(), components });
    }

    /// Makes a release that shows nothing.
    pub fn add_release(&self, project: &str, tag: &str, commit: &str) {
        let mut world = lock(&self.world);
        let Some(at) = world.find(project) else { return };
        world.add_release(at, tag, commit);
    }
}
