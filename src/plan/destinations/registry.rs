//! Entries of kind `registry`: fanned out over registries and tags.

use super::super::template::Scope;
use super::super::types::{PlannedDestination, PlannedTarget, WrittenRequirements};
use super::super::{Inputs, slug};
use super::{Entry, Found};
use crate::config::{Build, Registry, RegistryPublish, Requirements, TagTemplate};
use crate::core::{Platform, Repository, Tag};
use crate::error::{Error, Result};

pub(super) fn fan_out(inputs: &Inputs<'_>, scope: &Scope<'_>, entry: &Entry<'_>, kind: &RegistryPublish) -> Result<Vec<Found>> {
    let RegistryPublish { build, registries, path, tags, requires } = kind;
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
                publish: entry.publish.id.clone(),
                build: built.id.clone(),
                artifact: None,
                settings: None,
                host: repository.host.clone(),
                path: repository.path.clone(),
                tag: tag.to_string(),
                policy: template.policy,
                required: entry.publish.required && registry.required,
                requires: written(*requires),
                rendition: registry.rendition.clone(),
                why: entry.why.to_owned(),
            };
            found.push(Found { destination, target: target(registry), named_by: format!("tag `{}`", template.template) });
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

fn target(registry: &Registry) -> PlannedTarget {
    let Registry { id, provider, host, plain_http, credentials, default_path: _, required: _, ca_file, mirrors: _, options, rendition: _ } =
        registry;
    PlannedTarget {
        name: id.clone(),
        kind: "registry".to_owned(),
        provider: provider.name().to_owned(),
        host: host.clone(),
        plain_http: *plain_http,
        credentials: credentials.clone(),
        ca_file: ca_file.clone(),
        options: options.clone(),
        settings: None,
    }
}
