//! Which program drives BuildKit: looked for as files, and asked for its version by those who need it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::docker_config;
use super::tool::Tool;
use crate::error::{Error, Result};
use crate::names::env;
use crate::process::Child;
use crate::world::World;

/// `version` prints one line; a program that takes longer is stuck.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Which.
    pub tool: Tool,
    /// The file that is run. For docker's plugin the plugin itself: docker would only start it.
    pub path: PathBuf,
    /// Its version, `0.13.1`; none where it was built without one, or was not asked.
    pub version: Option<String>,
}

impl Program {
    /// Asks for its version. Starting it costs more time than looking for BuildKit, so only those ask who go on to build,
    /// or who want to see everything.
    ///
    /// # Errors
    /// `Missing` when it does not run.
    pub async fn ask(mut self, world: &World, cancel: &CancellationToken) -> Result<Self> {
        if self.tool == Tool::Buildctl {
            return Ok(self);
        }
        let fails = |why: &str| {
            Error::missing(format!("{} is there and does not run: {why}", self.path.display()))
                .hint("run it by hand with `version`, and install it again")
        };
        let said =
            Child::new(world, &self.path).arg("version").deadline(PATIENCE).run(cancel).await.map_err(|error| fails(&error.to_string()))?;
        if !said.success() {
            return Err(fails(&said.tail(1)));
        }
        self.version = version_of(&said.stdout);
        Ok(self)
    }

    /// Whether `--progress=rawjson` exists: since buildx 0.13. A buildx without a version was built from sources, most
    /// likely of later ones.
    pub fn has_rawjson(&self) -> bool {
        let Some(version) = &self.version else { return true };
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (0, 13)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.tool)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, " {version}"))
    }
}

/// What is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Programs {
    /// buildx: docker's plugin, else the binary by itself.
    pub buildx: Option<Program>,
    /// `buildctl`, enough where BuildKit has an address.
    pub buildctl: Option<Program>,
    /// Why there is no buildx, a fragment.
    pub why_no_buildx: String,
}

impl Programs {
    /// Looks, and runs nothing.
    pub fn find(world: &World) -> Self {
        let mut why = Vec::new();
        let mut buildx = None;
        match (on_path(world, Tool::Docker.program()), docker_config::buildx_plugin(world)) {
            (Some(_), Some(plugin)) => buildx = Some((Tool::Docker, plugin)),
            (Some(_), None) => why.push("docker is there without its buildx plugin"),
            (None, _) => why.push("docker is not installed"),
        }
        if buildx.is_none() {
            buildx = on_path(world, Tool::Standalone.program()).map(|path| (Tool::Standalone, path));
            why.push("buildx is not installed");
        }
        let program = |(tool, path)| Program { tool, path, version: None };
        let buildx = buildx.map(program);
        let buildctl = on_path(world, Tool::Buildctl.program()).map(|path| program((Tool::Buildctl, path)));
        let why_no_buildx = if buildx.is_some() { String::new() } else { why.join(" and ") };
        Self { buildx, buildctl, why_no_buildx }
    }

    /// Looks, and asks buildx for its version. One that does not run is none.
    pub async fn ask(world: &World, cancel: &CancellationToken) -> Self {
        let mut found = Self::find(world);
        if let Some(buildx) = found.buildx.take() {
            match buildx.ask(world, cancel).await {
                Ok(buildx) => found.buildx = Some(buildx),
                Err(error) => error.message().clone_into(&mut found.why_no_buildx),
            }
        }
        found
    }

    /// The program for a backend, which `buildctl` reaches only where it has an address.
    pub fn choose(&self, has_address: bool) -> Option<&Program> {
        self.buildx.as_ref().or_else(|| self.buildctl.as_ref().filter(|_| has_address))
    }
}

/// A program by name, as the system would find it.
pub(crate) fn on_path(world: &World, name: &str) -> Option<PathBuf> {
    let path = world.env.get(env::PATH)?;
    path.split(':').filter(|dir| !dir.is_empty()).map(|dir| world.cwd.join(dir).join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    crate::fs::is_executable(path)
}

/// `github.com/docker/buildx v0.13.1 788433953af10f2a…` or, from distributions, `… 0.13.1+ds1 …`.
fn version_of(text: &str) -> Option<String> {
    let word = text.split_whitespace().nth(1)?.trim_start_matches('v');
    let version: String = word.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    (!version.is_empty() && version != "0.0.0").then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_as_releases_and_distributions_print_them() {
        assert_eq!(version_of("github.com/docker/buildx v0.37.2 abc\n").as_deref(), Some("0.37.2"));
        assert_eq!(version_of("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3\n").as_deref(), Some("0.13.1"));
        assert_eq!(version_of("github.com/docker/buildx v0.0.0+unknown \n"), None);
        assert_eq!(version_of("what\n"), None);
    }

    #[test]
    fn rawjson_begins_with_0_13() {
        for (version, expected) in
            [(Some("0.12.1"), false), (Some("0.13.0"), true), (Some("0.37.2"), true), (Some("1.0.0"), true), (None, true)]
        {
            let program = Program { tool: Tool::Docker, path: PathBuf::new(), version: version.map(str::to_owned) };
            assert_eq!(program.has_rawjson(), expected, "{version:?}");
        }
    }
}
