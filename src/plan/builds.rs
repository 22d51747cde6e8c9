//! The builds of a plan, in the order they run.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::files::{self, FileStep};
use super::fingerprint::{self, clean};
use super::template::Scope;
use super::types::{BuildStep, BuilderKind};
use super::{DockerfileFacts, Inputs, cache};
use crate::config::{Build, BuildkitOptions, Config, DockerBuild, FileBuild};
use crate::core::Timestamp;
use crate::error::{Error, Result};
use crate::names::label;

/// How images are built today (spec/build.md K.2).
const MODE: &str = "standard";

/// Every build of the config: what is needed first, otherwise in document order. Those of images, and those of files.
pub(super) fn steps(inputs: &Inputs<'_>, scope: &Scope<'_>, source_date: Timestamp) -> Result<(Vec<BuildStep>, Vec<FileStep>)> {
    let (images, files) = ordered(inputs.config)?;
    let files = files::steps(inputs, scope, source_date, &files)?;
    let images = images
        .into_iter()
        .map(|build| step(inputs, scope, source_date, build, &files).map_err(|error| error.context(format!("build `{}`", build.id))))
        .collect::<Result<_>>()?;
    Ok((images, files))
}

/// Images first only because a config without files was there first: neither kind waits for the other without need.
fn ordered(config: &Config) -> Result<(Vec<&Build>, Vec<&FileBuild>)> {
    let images = config.builds.values().map(|build| (build.id.as_str(), dependencies(build).collect::<Vec<_>>()));
    let files = config.files.values().map(|build| (build.id.as_str(), build.depends_on.iter().map(String::as_str).collect()));
    let mut pending: Vec<(&str, Vec<&str>)> = images.chain(files).collect();
    let mut order: Vec<&str> = Vec::with_capacity(pending.len());
    while !pending.is_empty() {
        let is_done = |id: &&str| order.contains(id);
        let Some(next) = pending.iter().position(|(_, needs)| needs.iter().all(is_done)) else {
            let names = pending.iter().map(|(id, _)| *id).collect::<Vec<_>>().join(", ");
            return Err(Error::usage(format!("builds depend on each other in a circle, or on builds that do not exist: {names}"))
                .hint("correct `depends_on`, `stage`, or a `build:` of `build_contexts`, of one of them"));
        };
        order.push(pending.remove(next).0);
    }
    let images = order.iter().filter_map(|id| config.builds.get(*id)).collect();
    let files = order.iter().filter_map(|id| config.files.get(*id)).collect();
    Ok((images, files))
}

/// Builds that come first: those named, and those whose image this one is built with.
fn dependencies(build: &Build) -> impl Iterator<Item = &str> {
    let images = build.docker.buildkit.contexts.values().filter_map(|context| context.strip_prefix("build:"));
    build.depends_on.iter().map(String::as_str).chain(images)
}

fn step(inputs: &Inputs<'_>, scope: &Scope<'_>, source_date: Timestamp, build: &Build, files: &[FileStep]) -> Result<BuildStep> {
    // No `..`: a new setting must reach the plan or be named here.
    let Build { id, required, depends_on: _, docker } = build;
    let DockerBuild { dockerfile, context, target, platforms, args, labels, builder: _, provenance, sbom, compression, buildkit, stage } =
        docker;
    let choice = inputs.surroundings.builders.get(id).unwrap_or(&inputs.surroundings.default_builder);
    let adopted = choice.kind == BuilderKind::Adopted;
    // What others built is not said to come from the Dockerfile that happens to be here.
    let unknown = DockerfileFacts { path: String::new(), args: Vec::new() };
    let file = if adopted { &unknown } else { find_dockerfile(inputs, dockerfile.as_deref())? };
    inside(context, "context")?;
    let platforms: Vec<String> = if platforms.is_empty() {
        vec![inputs.surroundings.host_platform.to_string()]
    } else {
        platforms.iter().map(ToString::to_string).collect()
    };
    let args = arguments(scope, source_date, file, args)?;
    let plan_digest = fingerprint::of_build(id, &file.path, context, target.as_deref(), &platforms, &args);
    let labels = if adopted { BTreeMap::new() } else { image_labels(scope, source_date, labels, plan_digest)? };
    let cache = cache::of_build(inputs, id, &platforms, choice.kind)?;
    let stage = files::staged(scope, stage, &platforms, files)?;
    Ok(BuildStep {
        id: id.clone(),
        required: *required,
        depends_on: dependencies(build).fold(Vec::new(), |mut all, id| {
            if !all.iter().any(|known| known == id) {
                all.push(id.to_owned());
            }
            all
        }),
        dockerfile: file.path.clone(),
        context: if adopted { String::new() } else { clean(context) },
        target: target.clone(),
        platforms,
        args,
        labels,
        source_date_epoch: source_date.unix(),
        provenance: provenance.clone(),
        sbom: *sbom,
        compression: compression.clone().unwrap_or_else(|| "gzip".to_owned()),
        buildkit: rendered(scope, buildkit)?,
        cache,
        stage,
        builder: choice.clone(),
    })
}

fn find_dockerfile<'a>(inputs: &Inputs<'a>, named: Option<&str>) -> Result<&'a DockerfileFacts> {
    let known = &inputs.surroundings.dockerfiles;
    let Some(named) = named else {
        return known.first().ok_or_else(|| {
            Error::usage("there is no Dockerfile: looked in ., build and docker")
                .hint("add one, or name it: `dockerfile: path/to/Dockerfile`")
        });
    };
    inside(named, "dockerfile")?;
    let path = clean(named);
    known.iter().find(|file| file.path == path).ok_or_else(|| {
        let found = known.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", ");
        let hint =
            if found.is_empty() { "add it, or correct `dockerfile:`".to_owned() } else { format!("Dockerfiles found here: {found}") };
        Error::usage(format!("there is no Dockerfile at {path}")).hint(hint)
    })
}

/// Paths of the config stay inside the repository.
fn inside(path: &str, key: &str) -> Result<()> {
    let leaves = path.starts_with(['/', '~', '\\']) || clean(path).split('/').any(|part| part == "..") || path.contains(':');
    if leaves {
        return Err(Error::usage(format!("`{key}: {path}` leads out of the repository"))
            .hint("give a path relative to the repository, without `..`"));
    }
    Ok(())
}

/// The config's arguments, and `VERSION`, `COMMIT` and `BUILD_DATE` where the Dockerfile asks for them.
fn arguments(
    scope: &Scope<'_>,
    source_date: Timestamp,
    file: &DockerfileFacts,
    config: &IndexMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut args = BTreeMap::new();
    for (name, template) in config {
        args.insert(name.clone(), scope.text(template).map_err(|error| error.context(format!("argument `{name}`")))?);
    }
    let automatic = [
        ("VERSION", scope.version.map(|version| version.version.clone()).unwrap_or_default()),
        ("COMMIT", scope.commit.chars().take(7).collect()),
        // The time of the sources: the same sources make the same image.
        ("BUILD_DATE", source_date.to_string()),
    ];
    for (name, value) in automatic {
        if file.args.iter().any(|declared| declared == name) {
            args.entry(name.to_owned()).or_insert(value);
        }
    }
    Ok(args)
}

/// Values of annotations and contexts are templates.
fn rendered(scope: &Scope<'_>, options: &BuildkitOptions) -> Result<BuildkitOptions> {
    let mut options = options.clone();
    for (what, values) in [("annotation", &mut options.annotations), ("context", &mut options.contexts)] {
        for (name, value) in values {
            *value = scope.text(value).map_err(|error| error.context(format!("{what} `{name}`")))?;
        }
    }
    Ok(options)
}

fn image_labels(
    scope: &Scope<'_>,
    source_date: Timestamp,
    config: &IndexMap<String, String>,
    plan: String,
) -> Result<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for (name, template) in config {
        labels.insert(name.clone(), scope.text(template).map_err(|error| error.context(format!("label `{name}`")))?);
    }
    let automatic = [
        (label::CREATED, Some(source_date.to_string())),
        (label::REVISION, Some(scope.commit.to_owned())),
        (label::VERSION, scope.version.map(|version| version.version.clone())),
        (label::SOURCE, scope.context.repo_url.clone()),
        (label::BUILD_MODE, Some(MODE.to_owned())),
        (label::PLAN, Some(plan)),
    ];
    for (name, value) in automatic {
        if let Some(value) = value {
            labels.entry(name.to_owned()).or_insert(value);
        }
    }
    Ok(labels)
}
