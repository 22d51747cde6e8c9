//! Looks for a buildx that works: the program runs and BuildKit answers it. A socket file alone proves nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::names::env;
use crate::process::ChildError;
use crate::world::World;

use super::session::Session;
use super::tool::{Endpoint, Tool};
use crate::build::lifecycle::inspect::{self, Inspected};

/// Everything together may take this long; an endpoint that accepts and hangs is as good as dead.
const PATIENCE: Duration = Duration::from_secs(2);

/// Name of a builder that lives only in a private session.
const PROBE: &str = "sf-probe";

/// A BuildKit that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The program that reaches it.
    pub tool: Tool,
    /// Version of buildx, `0.13.1`; none where it was built without one.
    pub version: Option<String>,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Version of BuildKit, when it tells one.
    pub buildkit: Option<String>,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.tool)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, " {version}"))?;
        write!(f, " on {}", self.endpoint)?;
        self.buildkit.as_ref().map_or(Ok(()), |version| write!(f, ", BuildKit {version}"))
    }
}

impl Found {
    /// Whether `--progress=rawjson` exists: since buildx 0.13. A buildx without a version was built from sources, most
    /// likely of later ones.
    pub fn has_rawjson(&self) -> bool {
        let Some(version) = &self.version else { return true };
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (0, 13)
    }
}

/// Finds it within two seconds, or says in one sentence why there is none.
pub async fn find(world: &World, workspace: &Path, cancel: &CancellationToken) -> Result<Found, String> {
    let session = Session::open(world, workspace).map_err(|error| error.to_string())?;
    let search = Search { world, session: &session, cancel, until: Instant::now() + PATIENCE };
    let (tool, version) = search.tool().await?;
    let (endpoint, inspected) = match world.env.get(env::BUILDKIT_HOST) {
        Some(address) => (Endpoint::Remote(address.to_owned()), search.remote(tool, address).await?),
        None => search.engine(tool).await?,
    };
    Ok(Found { tool, version, endpoint, buildkit: inspected.buildkit })
}

struct Search<'a> {
    world: &'a World,
    session: &'a Session,
    cancel: &'a CancellationToken,
    until: Instant,
}

/// What a short child said.
struct Said {
    success: bool,
    stdout: String,
    stderr: String,
}

impl Search<'_> {
    /// The program and the version of buildx behind it.
    async fn tool(&self) -> Result<(Tool, Option<String>), String> {
        let mut why = Vec::new();
        for tool in Tool::ALL {
            match self.run(tool.buildx(self.world, self.session).arg("version")).await {
                Ok(said) if said.success => return Ok((tool, version_of(&said.stdout))),
                Ok(_) => why.push(format!("{} is there without its buildx plugin", tool.program())),
                Err(ChildError::NotFound(program)) => why.push(format!("{program} is not installed")),
                Err(error) => why.push(error.to_string()),
            }
        }
        Err(why.join(" and "))
    }

    /// BuildKit at an address.
    async fn remote(&self, tool: Tool, address: &str) -> Result<Inspected, String> {
        let at = || format!("BuildKit at {} = {address}", env::BUILDKIT_HOST);
        let create = tool.buildx(self.world, self.session).args(["create", "--name", PROBE, "--driver", "remote", address]);
        // Creating asks the address too, so this is where a hanging one shows.
        let created = self.run(create).await.map_err(|error| format!("{} does not answer: {}", at(), no_answer(&error)))?;
        if !created.success {
            return Err(format!("{} cannot be used: {}", at(), last_line(&created.stderr)));
        }
        self.inspect(tool, Some(PROBE)).await.map_err(|why| format!("{} does not answer: {why}", at()))
    }

    /// BuildKit in the docker engine.
    async fn engine(&self, tool: Tool) -> Result<(Endpoint, Inspected), String> {
        let (inspected, exports) = tokio::join!(self.inspect(tool, None), self.engine_exports(tool));
        let inspected = inspected.map_err(|why| match self.world.env.get(env::DOCKER_HOST) {
            Some(host) => format!("the docker engine at {} = {host} does not answer: {why}", env::DOCKER_HOST),
            None => format!("the docker engine does not answer: {why}"),
        })?;
        let endpoint = if exports { Endpoint::Engine(inspected.name.clone()) } else { Endpoint::Container };
        Ok((endpoint, inspected))
    }

    async fn inspect(&self, tool: Tool, name: Option<&str>) -> Result<Inspected, String> {
        let inspect = tool.buildx(self.world, self.session).arg("inspect").args(name);
        let said = self.run(inspect).await.map_err(|error| no_answer(&error))?;
        let inspected = inspect::parse(&said.stdout);
        match &inspected.error {
            Some(error) => Err(fragment(error)),
            None if inspected.status == "running" => Ok(inspected),
            None if !said.success => Err(fragment(&last_line(&said.stderr))),
            None => Err(format!("its status is `{}`", inspected.status)),
        }
    }

    /// Does the engine's image store export OCI layouts? Only the containerd one does. Without the docker program nobody
    /// tells; then the build itself will.
    async fn engine_exports(&self, tool: Tool) -> bool {
        if tool == Tool::Standalone {
            return true;
        }
        let info = tool.bare(self.world, self.session).args(["info", "--format", "{{json .DriverStatus}}"]);
        self.run(info).await.is_ok_and(|said| said.stdout.contains("io.containerd.snapshotter"))
    }

    async fn run(&self, child: crate::process::Child) -> Result<Said, ChildError> {
        let left = self.until.saturating_duration_since(Instant::now());
        let finished = child.deadline(left).run(self.cancel).await?;
        Ok(Said { success: finished.success(), stdout: finished.stdout, stderr: finished.stderr })
    }
}

/// `github.com/docker/buildx v0.13.1 788433953af10f2a…` or, from distributions, `… 0.13.1+ds1 …`.
fn version_of(text: &str) -> Option<String> {
    let word = text.split_whitespace().nth(1)?.trim_start_matches('v');
    let version: String = word.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    (!version.is_empty() && version != "0.0.0").then_some(version)
}

fn no_answer(error: &ChildError) -> String {
    match error {
        ChildError::Deadline { .. } => format!("nothing within {}", crate::core::duration::human(PATIENCE)),
        other => other.to_string(),
    }
}

// Docker says it in sentences ("Cannot connect to …. Is the docker daemon running?"); ours goes on after it.
fn fragment(text: &str) -> String {
    let first = text.split(". ").next().unwrap_or(text).trim_end_matches(['.', '?']);
    let mut chars = first.chars();
    let plain_word = chars.clone().nth(1).is_some_and(char::is_lowercase);
    match chars.next() {
        Some(head) if plain_word => head.to_lowercase().chain(chars).collect(),
        _ => first.to_owned(),
    }
}

fn last_line(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim();
    line.strip_prefix("ERROR: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_says_fits_into_a_sentence_of_ours() {
        let said = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
        assert_eq!(fragment(said), "cannot connect to the Docker daemon at unix:///var/run/docker.sock");
        assert_eq!(fragment("EOF"), "EOF");
    }

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
            let version = version.map(str::to_owned);
            let found = Found { tool: Tool::Docker, version: version.clone(), endpoint: Endpoint::Container, buildkit: None };
            assert_eq!(found.has_rawjson(), expected, "{version:?}");
        }
    }
}
