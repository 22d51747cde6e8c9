//! The private directories of one use of buildx: its docker config and its builder state. They hold nothing of the
//! user's but what is needed to find the plugin and the engine, and they vanish afterwards.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::candidate::Source;
use super::docker_config::{self, MAX_CONFIG};
use super::kind::BackendKind;
use super::program::{Program, on_path};
use super::resolution::Backend;
use crate::error::{Error, Result};
use crate::fs::{self, Scratch};
use crate::names::env;
use crate::process::Child;
use crate::world::World;

/// Set in pods, beside [`env::KUBERNETES_SERVICE_HOST`].
const KUBERNETES_SERVICE_PORT: &str = "KUBERNETES_SERVICE_PORT";

/// Private scratch outside the workspace: a build context must never contain what lies here.
#[derive(Debug)]
pub struct Session {
    scratch: Scratch,
    /// How children reach the backend, once one was chosen; until then they get what our environment says.
    reach: Option<Reach>,
}

/// What children are told of the backend: the program's file, and the variables that name the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reach {
    /// The program with what comes before it.
    program: Vec<String>,
    env: Vec<(&'static str, String)>,
}

/// The fields of docker's `config.json` that decide how the plugin and the engine are found. Credentials are not among
/// them: nothing is pushed from here.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DockerConfig {
    #[serde(rename = "cliPluginsExtraDirs", skip_serializing_if = "Vec::is_empty")]
    plugin_dirs: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    current_context: String,
}

impl Session {
    /// Makes the directories. `workspace` is where they must not be.
    pub fn open(world: &World, workspace: &Path) -> Result<Self> {
        let session = Self { scratch: Scratch::below(&outside(world, workspace)?, "buildx")?, reach: None };
        fs::create_dir(&session.buildx_config())?;
        session.write_docker_config(world)?;
        Ok(session)
    }

    /// The same for what was found: children run this program and reach this engine, whatever our environment names.
    pub fn reaching(world: &World, workspace: &Path, program: &Program, backends: &[Backend]) -> Result<Self> {
        let mut words = vec![program.path.display().to_string()];
        // A private daemon ends with us when we are killed, but not before those who use it.
        if let (true, Some(setpriv)) = (backends.iter().any(|backend| backend.kind == BackendKind::Spawn), on_path(world, "setpriv")) {
            words.splice(..0, [setpriv.display().to_string(), "--pdeathsig".to_owned(), "TERM".to_owned(), "--".to_owned()]);
        }
        // Builders on several name theirs one by one.
        let env = match backends {
            [backend] => reach(world, backend),
            _ => Vec::new(),
        };
        Ok(Self { reach: Some(Reach { program: words, env }), ..Self::open(world, workspace)? })
    }
    /// The child itself, told where the engine is.
    pub(super) fn child(&self, world: &World, program: &str) -> Child {
        let Some(reach) = &self.reach else {
            let names = [env::DOCKER_HOST, env::DOCKER_CONTEXT, env::DOCKER_CERT_PATH, env::DOCKER_TLS_VERIFY];
            return names.iter().fold(Child::new(world, program), |child, name| child.pass(world, name));
        };
        let mut words = reach.program.iter().cloned();
        let child = Child::new(world, words.next().unwrap_or_else(|| program.to_owned())).args(words);
        reach.env.iter().fold(child, |child, (name, value)| child.env(name, value.clone()))
    }

    /// Does the child of [`Tool::Docker`] run the plugin itself?
    pub(super) fn runs_the_plugin(&self) -> bool {
        self.reach.is_some()
    }

    /// For `DOCKER_CONFIG`.
    pub fn docker_config(&self) -> PathBuf {
        self.scratch.path().join("docker")
    }

    /// For `BUILDX_CONFIG`. Private, so that builders made here are never anybody's current builder.
    pub fn buildx_config(&self) -> PathBuf {
        self.scratch.path().join("state")
    }

    /// A place for a file of this session.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn write_docker_config(&self, world: &World) -> Result<()> {
        let theirs = docker_config::directory(world);
        let mut config = DockerConfig::default();
        if let Some(theirs) = theirs {
            if let Ok(bytes) = fs::read_bounded(&theirs.join("config.json"), MAX_CONFIG) {
                // A config docker itself could not read is docker's to complain about, not ours.
                config = serde_json::from_slice(&bytes).unwrap_or_default();
            }
            // Docker looks for plugins beside its config; ours lies elsewhere.
            let plugins = theirs.join("cli-plugins");
            if plugins.is_dir() {
                config.plugin_dirs.push(plugins.display().to_string());
            }
            let contexts = theirs.join("contexts");
            if contexts.is_dir() {
                fs::create_dir(&self.docker_config())?;
                fs::symlink(&contexts, &self.docker_config().join("contexts"))?;
            }
        }
        let json = serde_json::to_vec(&config).map_err(|error| Error::failed("cannot write a docker config").because(&error))?;
        fs::write_atomic(&self.docker_config().join("config.json"), &json, 0o600)?;
        Ok(())
    }
}

/// The variables that make docker and buildx reach a backend.
fn reach(world: &World, backend: &Backend) -> Vec<(&'static str, String)> {
    let mut env = Vec::new();
    match (&backend.source, &backend.place) {
        (Source::Context(name), _) => env.push((env::DOCKER_CONTEXT, name.clone())),
        (_, Some(place)) if backend.engine.is_some() => {
            env.push((env::DOCKER_HOST, place.address.to_string()));
            if let Some(dir) = place.tls.as_ref().and_then(|tls| tls.ca.parent()) {
                env.push((env::DOCKER_CERT_PATH, dir.display().to_string()));
                env.push((env::DOCKER_TLS_VERIFY, "1".to_owned()));
            }
        }
        _ => {}
    }
    for name in [env::KUBECONFIG, env::KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT] {
        let value = world.env.get(name).filter(|_| backend.kind == BackendKind::Kubernetes);
        env.extend(value.map(|value| (name, value.to_owned())));
    }
    env
}

/// The first temporary directory that is not below the workspace.
fn outside(world: &World, workspace: &Path) -> Result<PathBuf> {
    let workspace = fs::real_path(workspace)?;
    let wanted = world.env.get(env::TMPDIR).map(|dir| world.cwd.join(dir));
    wanted
        .into_iter()
        .chain(["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from))
        .find(|dir| fs::real_path(dir).is_ok_and(|real| !real.starts_with(&workspace)))
        .ok_or_else(|| {
            Error::missing("there is no temporary directory outside the workspace").hint(format!(
                "set {} to a directory outside {}",
                env::TMPDIR,
                workspace.display()
            ))
        })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the test lays out directories")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::world::Environment;

    fn world(home: &Path, tmp: &Path) -> World {
        let mut world = World::of_process().expect("world");
        world.env = Environment::from_pairs([("HOME", home.display().to_string()), ("TMPDIR", tmp.display().to_string())]);
        world
    }

    #[test]
    fn carries_no_credentials_but_finds_plugins_and_contexts() {
        let dir = tempfile::tempdir().expect("dir");
        let (home, workspace, tmp) = (dir.path().join("home"), dir.path().join("ws"), dir.path().join("tmp"));
        for made in [home.join(".docker/cli-plugins"), home.join(".docker/contexts"), workspace.clone(), tmp.clone()] {
            std::fs::create_dir_all(made).expect("dir");
        }
        let theirs = r#"{"auths":{"ghcr.io":{"auth":"c2VjcmV0"}},"credsStore":"x","currentContext":"far"}"#;
        std::fs::write(home.join(".docker/config.json"), theirs).expect("config");
        let session = Session::open(&world(&home, &tmp), &workspace).expect("session");
        let ours = std::fs::read_to_string(session.docker_config().join("config.json")).expect("ours");
        let plugins = home.join(".docker/cli-plugins");
        assert_eq!(ours, format!(r#"{{"cliPluginsExtraDirs":["{}"],"currentContext":"far"}}"#, plugins.display()));
        assert!(session.docker_config().join("contexts").is_dir());
        let root = session.path("");
        assert_eq!(root.metadata().expect("metadata").permissions().mode() & 0o777, 0o700);
        drop(session);
        assert!(!root.exists() && home.join(".docker/contexts").exists());
    }

    #[test]
    fn never_lies_below_the_workspace() {
        let dir = tempfile::tempdir().expect("dir");
        let workspace = dir.path().join("ws");
        std::fs::create_dir_all(workspace.join("tmp")).expect("dir");
        let session = Session::open(&world(dir.path(), &workspace.join("tmp")), &workspace).expect("session");
        assert!(!session.path("").starts_with(&workspace));
    }
}
