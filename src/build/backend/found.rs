//! The short form of a resolution: one program and where it builds.

use super::resolution::Resolution;
use super::tool::{Endpoint, Tool};
use crate::config::Driver;

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
    /// Of a resolution, when it found something.
    pub fn of(resolution: &Resolution) -> Option<Self> {
        let (backend, program) = (resolution.backend()?, resolution.program()?);
        let endpoint = match (backend.driver, &backend.place) {
            (Driver::Docker, _) => Endpoint::Engine("default".to_owned()),
            (Driver::Remote, Some(place)) => Endpoint::Remote(place.address.to_string()),
            _ => Endpoint::Container,
        };
        Some(Self { tool: program.tool, version: program.version.clone(), endpoint, buildkit: backend.buildkit().map(str::to_owned) })
    }

    /// Whether `--progress=rawjson` exists: since buildx 0.13. A buildx without a version was built from sources, most
    /// likely of later ones.
    pub fn has_rawjson(&self) -> bool {
        let Some(version) = &self.version else { return true };
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (0, 13)
    }
}
