//! Where everything goes: publish entries fanned out over registries and tags.

use std::collections::HashMap;

use super::template::Scope;
use super::types::{PlannedDestination, PlannedTarget, Skipped, WrittenRequirements};
use super::when::{self, Verdict};
use super::{Inputs, slug};
use crate::config::{Build, Publish, Registry, RegistryPublish, Requirements, TagTemplate};
use crate::core::{Platform, Repository, Tag};
use crate::error::{Error, Result};

/// Destinations in document order, the targets they are at, and what does not apply.
#[derive(Default)]
pub(super) struct Placement {
    pub(super) targets: Vec<PlannedTarget>,
    pub(super) destinations: Vec<PlannedDestination>,
    pub(super) skipped: Vec<Skipped>,
}

pub(super) fn place(inputs: &Inputs<'_>, scope: &Scope<'_>) -> Result<Placement> {
    let mut placement = Placement::default();
    let mut seen = HashMap::new();
    for publish in inputs.config.publish.values() {
        let verdict = verdict(inputs, publish).map_err(|error| error.context(format!("publish `{}`: when", publish.id)))?;
        if verdict.applies {
            let found =
                fan_out(inputs, scope, publish, &verdict.why).map_err(|error| error.context(format!("publish `{}`", publish.id)))?;
            for (destination, template) in found {
                refuse_twice(&mut seen, &destination, template)?;
                remember_target(inputs, &mut placement.targets, &destination);
                placement.destinations.push(destination);
            }
        } else {
            placement.skipped.push(Skipped { publish: publish.id.clone(), why: verdict.why });
        }
    }
    Ok(placement)
}

fn verdict(inputs: &Inputs<'_>, publish: &Publish) -> Result<Verdict> {
    if inputs.context.is_untrusted() {
        let number = inputs.context.pull_request.as_ref().and_then(|pr| pr.number).map_or_else(String::new, |n| format!(" {n}"));
        // Woodpecker and runners without an event file cannot deny it.
        let why = format!("pull request{number} counts as a fork's: its changes are built, and published nowhere");
        return Ok(Verdict { applies: false, why });
    }
    when::evaluate(&publish.when, &inputs.config.git, inputs.context)
}

fn fan_out<'a>(inputs: &Inputs<'a>, scope: &Scope<'_>, publish: &'a Publish, why: &str) -> Result<Vec<(PlannedDestination, &'a str)>> {
    let Publish { id, build, when: _, registry } = publish;
    let RegistryPublish { registries, path, tags, requires, required } = registry;
    let Some(built) = inputs.config.builds.get(build) else {
        return Err(Error::usage(format!("build `{build}` is not defined")).hint("correct `build:`"));
    };
    let mut found = Vec::new();
    for registry_id in registries {
        let Some(registry) = inputs.config.registries.get(registry_id) else {
            return Err(Error::usage(format!("registry `{registry_id}` is not defined")).hint("define it in `registries`"));
        };
        refuse_unknown_platforms(inputs, built, registry)?;
        let repository = repository(scope, registry, path.as_deref())?;
        for template in tags {
            let tag = tag(scope, template)?;
            let destination = PlannedDestination {
                name: format!("{repository}:{tag}"),
                kind: "registry_tag".to_owned(),
                target: registry.id.clone(),
                publish: id.clone(),
                build: built.id.clone(),
                host: repository.host.clone(),
                path: repository.path.clone(),
                tag: tag.to_string(),
                policy: template.policy,
                required: *required && registry.required,
                requires: written(*requires),
                rendition: registry.rendition.clone(),
                why: why.to_owned(),
            };
            found.push((destination, template.template.as_str()));
        }
    }
    Ok(found)
}

/// A registry that waits for a platform nobody builds would get less than its config says.
fn refuse_unknown_platforms(inputs: &Inputs<'_>, build: &Build, registry: &Registry) -> Result<()> {
    let host = [inputs.surroundings.host_platform.clone()];
    let built = if build.docker.platforms.is_empty() { &host[..] } else { &build.docker.platforms };
    let built: Vec<Platform> = built.iter().map(Platform::normalized).collect();
    let Some(unknown) = registry.rendition.platforms.iter().find(|platform| !built.contains(platform)) else { return Ok(()) };
    let names: Vec<String> = built.iter().map(ToString::to_string).collect();
    let text =
        format!("registry `{}` gets {unknown}, which build `{}` does not make; it makes {}", registry.id, build.id, names.join(", "));
    Err(Error::usage(text).hint(format!("add {unknown} to the build's `platforms`, or take it out of the registry's")))
}

fn repository(scope: &Scope<'_>, registry: &Registry, path: Option<&str>) -> Result<Repository> {
    let Some(template) = path.or(registry.default_path.as_deref()) else {
        return Err(Error::usage(format!("registry `{}` has no path for this", registry.id))
            .hint("give the publish entry a `path`, or the registry a `default_path`"));
    };
    let path = scope.text(template).map_err(|error| error.context(format!("path `{template}`")))?;
    Repository::new(&registry.host, &path).map_err(|error| {
        Error::usage(format!("path `{template}`"))
            .because(&error)
            .hint("repository paths are lower-case: write it so, or use another token")
    })
}

fn tag(scope: &Scope<'_>, template: &TagTemplate) -> Result<Tag> {
    let text = &template.template;
    let parts = scope.parts(text).map_err(|error| error.context(format!("tag `{text}`")))?;
    slug::tag(&parts).map_err(|error| {
        error
            .context(format!("tag `{text}`"))
            .hint("a tag is at most 128 letters, digits, `_`, `.` and `-`, and begins with none of the last two")
    })
}

fn written(requires: Requirements) -> WrittenRequirements {
    let Requirements { sign, attest, sbom } = requires;
    WrittenRequirements { sign, attest, sbom }
}

struct Claim {
    publish: String,
    template: String,
}

fn refuse_twice(seen: &mut HashMap<String, Claim>, destination: &PlannedDestination, template: &str) -> Result<()> {
    let claim = Claim { publish: destination.publish.clone(), template: template.to_owned() };
    let Some(first) = seen.insert(destination.name.clone(), claim) else { return Ok(()) };
    let (one, other) = (&first.publish, &destination.publish);
    let between = if one == other {
        format!("publish `{one}` names it twice")
    } else {
        format!("publish `{one}` and publish `{other}` both name it")
    };
    Err(Error::usage(format!("{} would be placed twice: {between} (tags `{}` and `{template}`)", destination.name, first.template))
        .hint("let their tags or their `when` differ, so that one destination has one source"))
}

fn remember_target(inputs: &Inputs<'_>, targets: &mut Vec<PlannedTarget>, destination: &PlannedDestination) {
    if targets.iter().any(|target| target.name == destination.target) {
        return;
    }
    let Some(registry) = inputs.config.registries.get(&destination.target) else { return };
    let Registry { id, provider, host, plain_http, credentials, default_path: _, required: _, ca_file, mirrors: _, options, rendition: _ } =
        registry;
    targets.push(PlannedTarget {
        name: id.clone(),
        kind: "registry".to_owned(),
        provider: provider.name().to_owned(),
        host: host.clone(),
        plain_http: *plain_http,
        credentials: credentials.clone(),
        ca_file: ca_file.clone(),
        options: options.clone(),
    });
}
