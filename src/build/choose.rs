//! Which builder makes an image, and why: what the config says, else BuildKit where it answers, else the embedded
//! builder where the Dockerfile permits, else an error that names the line in the way.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::backend::{self, Need, Resolution, Thoroughness};
use crate::config::BuilderSettings;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::plan::{BuilderChoice, BuilderKind};
use crate::world::World;

/// How to get BuildKit, for every error that asks for it.
pub const GET_BUILDKIT: &str = "install docker with its buildx plugin and start the engine, or set BUILDKIT_HOST to a BuildKit daemon";

/// What there is to build with. The embedded builder is always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// A BuildKit answered.
    pub buildkit: bool,
    /// What drives it and where it is: `docker buildx on the docker engine, BuildKit 0.12.5`.
    pub sentence: String,
    /// Why there is none, one sentence; empty when there is.
    pub why_not: String,
    /// The config names a backend, so that no other builder may take its place.
    pub insists: bool,
}

impl Available {
    fn missing(why_not: &str) -> Self {
        Self { buildkit: false, sentence: String::new(), why_not: why_not.to_owned(), insists: false }
    }

    /// Nobody was asked.
    pub fn unasked() -> Self {
        Self::missing("BuildKit was not asked for")
    }
}

impl From<&Resolution> for Available {
    fn from(resolution: &Resolution) -> Self {
        Self {
            buildkit: resolution.program().is_some(),
            sentence: resolution.sentence(),
            why_not: resolution.why_not().to_owned(),
            insists: resolution.insists,
        }
    }
}

/// Looks for what builds images, for at most two seconds, with real connections, and tells `-v` what every candidate
/// said.
pub async fn look(
    world: &World,
    workspace: &Path,
    settings: &BuilderSettings,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Resolution> {
    let resolution = backend::resolve(world, workspace, settings, Need::IMAGES, Thoroughness::First, cancel).await?;
    for line in resolution.details() {
        events.detail(line);
    }
    let found = resolution.backend().is_some();
    events.detail(format!(
        "{}: {} ({} ms)",
        if found { "BuildKit answers" } else { "no BuildKit" },
        resolution.sentence(),
        resolution.elapsed.as_millis()
    ));
    Ok(resolution)
}

/// What decides about one build.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Id of the build.
    pub build: &'a str,
    /// `builder:` of the config; none or `auto` leaves it to us.
    pub configured: Option<&'a str>,
    /// Provenance or an SBOM is asked for, which only BuildKit makes.
    pub attestations: bool,
    /// First key of the config that only BuildKit knows.
    pub option: Option<&'a str>,
    /// First line of the Dockerfile that only BuildKit can do, and what is there.
    pub needs_buildkit: Option<&'a (usize, String)>,
}

/// Decides. Pure: the same facts give the same choice.
pub fn choose(facts: &Facts<'_>, available: &Available) -> Result<BuilderChoice> {
    let choice = |kind, why: String| Ok(BuilderChoice { kind, why });
    match (facts.configured, available.buildkit) {
        (Some("buildx"), true) => choice(BuilderKind::Buildx, format!("configured; {}", available.sentence)),
        (Some("buildx"), false) => {
            Err(Error::missing(format!("build {} is configured for buildx, but {}", facts.build, available.why_not)).hint(GET_BUILDKIT))
        }
        (Some("embedded"), _) => match obstacle(facts) {
            None => choice(BuilderKind::Embedded, "configured".to_owned()),
            Some(obstacle) => Err(Error::usage(format!("build {} is configured for the embedded builder, but {obstacle}", facts.build))
                .hint("set `builder: buildx`, or take out what needs BuildKit")),
        },
        (None | Some("auto"), true) => choice(BuilderKind::Buildx, format!("BuildKit answers: {}", available.sentence)),
        (None | Some("auto"), false) if available.insists => {
            Err(Error::missing(format!("build {} cannot be built: {}", facts.build, available.why_not))
                .hint("the config's `builder` section names this backend; start it, or take the section out"))
        }
        (None | Some("auto"), false) => match obstacle(facts) {
            None => choice(BuilderKind::Embedded, format!("{}, and the Dockerfile needs no BuildKit", available.why_not)),
            Some(obstacle) => {
                Err(Error::missing(format!("build {} needs BuildKit: {obstacle}, and {}", facts.build, available.why_not))
                    .hint(GET_BUILDKIT))
            }
        },
        (Some(other), _) => {
            Err(Error::usage(format!("build {}: builder `{other}` is not known", facts.build)).hint("use auto, buildx or embedded"))
        }
    }
}

fn obstacle(facts: &Facts<'_>) -> Option<String> {
    match facts.needs_buildkit {
        Some((line, what)) => Some(format!("line {line} of its Dockerfile is `{what}`")),
        None if facts.option.is_some() => facts.option.map(|option| format!("its config has `{option}`, which only BuildKit knows")),
        None if facts.attestations => Some("it asks for provenance or an SBOM, which only BuildKit attests".to_owned()),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn with_buildkit() -> Available {
        let sentence = "docker buildx on the docker engine, BuildKit 0.12.5".to_owned();
        Available { buildkit: true, sentence, why_not: String::new(), insists: false }
    }

    fn without() -> Available {
        Available::missing("docker is not installed and buildx is not installed")
    }

    #[test]
    fn every_case_gives_a_builder_or_the_way_out() {
        let run = (7, "RUN make".to_owned());
        let facts = |configured, needs_buildkit| Facts { build: "app", configured, attestations: false, option: None, needs_buildkit };
        let chosen = |facts: Facts<'_>, available: &Available| match choose(&facts, available) {
            Ok(choice) => format!("{:?}: {}", choice.kind, choice.why),
            Err(error) => format!("{:?}: {}", error.kind(), error.message()),
        };
        let table = [
            (facts(None, None), with_buildkit(), "Buildx: BuildKit answers: docker buildx on the docker engine, BuildKit 0.12.5"),
            (
                facts(Some("auto"), Some(&run)),
                with_buildkit(),
                "Buildx: BuildKit answers: docker buildx on the docker engine, BuildKit 0.12.5",
            ),
            (
                facts(None, None),
                without(),
                "Embedded: docker is not installed and buildx is not installed, and the Dockerfile needs no BuildKit",
            ),
            (
                facts(None, Some(&run)),
                without(),
                "Missing: build app needs BuildKit: line 7 of its Dockerfile is `RUN make`, and docker is not installed and buildx is not installed",
            ),
            (facts(Some("embedded"), None), with_buildkit(), "Embedded: configured"),
            (
                facts(Some("embedded"), Some(&run)),
                with_buildkit(),
                "Usage: build app is configured for the embedded builder, but line 7 of its Dockerfile is `RUN make`",
            ),
            (facts(Some("buildx"), None), with_buildkit(), "Buildx: configured; docker buildx on the docker engine, BuildKit 0.12.5"),
            (
                facts(Some("buildx"), None),
                without(),
                "Missing: build app is configured for buildx, but docker is not installed and buildx is not installed",
            ),
            (
                facts(None, None),
                Available { insists: true, ..without() },
                "Missing: build app cannot be built: docker is not installed and buildx is not installed",
            ),
            (facts(Some("podman"), None), without(), "Usage: build app: builder `podman` is not known"),
        ];
        for (facts, available, expected) in table {
            assert_eq!(chosen(facts, &available), expected);
        }
    }

    #[test]
    fn attestations_need_buildkit() {
        let facts = Facts { build: "app", configured: None, attestations: true, option: None, needs_buildkit: None };
        let error = choose(&facts, &without()).expect_err("nobody attests");
        assert_eq!(error.kind(), Kind::Missing);
        assert!(error.message().contains("provenance or an SBOM"), "{error}");
    }
}
