//! What docker's own configuration says about engines: contexts and plugins. Credentials in it are not ours to read.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::address::Address;
use crate::build::lifecycle::NodeTls;
use crate::core::Digest;
use crate::fs;
use crate::names::env;
use crate::world::World;

/// A context's description is a few lines.
const MAX_META: u64 = 256 * 1024;

/// A docker `config.json` is small; a larger one is not one.
pub(super) const MAX_CONFIG: u64 = 1024 * 1024;

/// Where docker looks for plugins after the user's own.
const PLUGIN_DIRS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// The directory docker reads: `DOCKER_CONFIG`, else `~/.docker`.
pub(super) fn directory(world: &World) -> Option<PathBuf> {
    match (world.env.get(env::DOCKER_CONFIG), world.env.get(env::HOME)) {
        (Some(dir), _) => Some(world.cwd.join(dir)),
        (None, Some(home)) => Some(Path::new(home).join(".docker")),
        (None, None) => None,
    }
}

/// The parts of `config.json` that we use.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    cli_plugins_extra_dirs: Vec<PathBuf>,
    current_context: String,
}

fn config(world: &World) -> Config {
    let bytes = directory(world).and_then(|dir| fs::read_bounded(&dir.join("config.json"), MAX_CONFIG).ok());
    // A config docker itself could not read is docker's to complain about.
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// The context `docker context use` chose; none for docker's default.
pub(super) fn current_context(world: &World) -> Option<String> {
    Some(config(world).current_context).filter(|name| !name.is_empty() && name != "default")
}

/// The buildx plugin, in the order docker looks.
pub(super) fn buildx_plugin(world: &World) -> Option<PathBuf> {
    let own = directory(world).map(|dir| dir.join("cli-plugins"));
    let extra = config(world).cli_plugins_extra_dirs;
    let usual = PLUGIN_DIRS.iter().map(PathBuf::from);
    extra.into_iter().chain(own).chain(usual).map(|dir| dir.join("docker-buildx")).find(|path| path.is_file())
}

/// A context: where its engine is and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) address: Address,
    pub(super) tls: Option<NodeTls>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: Endpoints,
}

#[derive(Debug, Deserialize)]
struct Endpoints {
    docker: DockerEndpoint,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEndpoint {
    host: String,
}

/// Reads a context by name. The reason of a failure is a sentence's end: `docker context far …`.
pub(super) fn context(world: &World, name: &str) -> Result<Context, String> {
    let dir = directory(world).ok_or("is not known: neither DOCKER_CONFIG nor HOME is set")?;
    // Docker names the directories after the hash of the name.
    let id = Digest::of(name.as_bytes()).hex().to_owned();
    let path = dir.join("contexts/meta").join(&id).join("meta.json");
    let bytes = fs::read_bounded(&path, MAX_META)
        .map_err(|error| if error.is_not_found() { "does not exist".to_owned() } else { error.to_string() })?;
    let meta: Meta = serde_json::from_slice(&bytes).map_err(|error| format!("cannot be read: {}: {error}", path.display()))?;
    let certificates = dir.join("contexts/tls").join(&id).join("docker");
    let tls = if certificates.is_dir() { Some(super::tls::in_directory(&certificates)?) } else { None };
    let host = meta.endpoints.docker.host;
    let address = Address::of_engine(&host, tls.is_some()).map_err(|why| format!("names no usable engine: {why}"))?;
    Ok(Context { address, tls })
}
