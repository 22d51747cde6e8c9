//! Entries of kind `store`: one reference for each artifact of their builds.

use super::super::Inputs;
use super::super::files::FileStep;
use super::super::template::Scope;
use super::super::types::{PlannedDestination, PlannedTarget, WrittenRequirements};
use super::{Entry, Found};
use crate::config::StorePublish;
use crate::core::artifact_ref::Ref;
use crate::core::{HostOptions, Rendition, StorePlace, StoreSpec};
use crate::error::{Error, Result};

pub(super) fn fan_out(
    inputs: &Inputs<'_>,
    scope: &Scope<'_>,
    entry: &Entry<'_>,
    kind: &StorePublish,
    files: &[FileStep],
) -> Result<Vec<Found>> {
    let StorePublish { builds, store: id, path: template, policy } = kind;
    let Some(store) = inputs.config.stores.get(id) else {
        return Err(Error::usage(format!("store `{id}` is not defined")).hint("define it in `store`"));
    };
    if store.spec.place == StorePlace::Memory {
        return Err(Error::usage(format!("store `{id}` is memory, which ends with the command")).hint("name a store that lasts"));
    }
    let path = scope.text(template).map_err(|error| error.context(format!("path `{template}`")))?;
    let target = target(&store.spec)?;
    let mut found = Vec::new();
    for build in builds {
        for (artifact, tag) in artifacts(inputs, build, files)? {
            let at = format!("{path}/{tag}");
            if let Err(error) = Ref::parse(&at) {
                return Err(Error::usage(error.to_string()).context(format!("path `{template}`")).hint(
                    "a reference is letters, digits, `.`, `_` and `-` in parts between `/`; use other tokens, or name the build otherwise",
                ));
            }
            let destination = PlannedDestination {
                name: format!("{id}:{at}"),
                kind: "artifact".to_owned(),
                target: id.clone(),
                publish: entry.publish.id.clone(),
                build: build.clone(),
                artifact,
                settings: None,
                host: target.host.clone(),
                path: path.clone(),
                tag,
                policy: *policy,
                required: entry.publish.required,
                requires: WrittenRequirements::default(),
                rendition: Rendition::default(),
                why: entry.why.to_owned(),
            };
            found.push(Found { destination, target: target.clone(), named_by: format!("path `{template}`") });
        }
    }
    Ok(found)
}

/// The artifacts of a build, each with the end of its reference: its kind and its name. No id: the image of the build.
fn artifacts(inputs: &Inputs<'_>, build: &str, files: &[FileStep]) -> Result<Vec<(Option<String>, String)>> {
    if inputs.config.builds.contains_key(build) {
        return Ok(vec![(None, format!("docker/{build}"))]);
    }
    let made: Vec<_> = files
        .iter()
        .filter(|step| step.build == build)
        .flat_map(FileStep::artifacts)
        .map(|id| {
            let end = id.replacen(':', "/", 1);
            (Some(id), end)
        })
        .collect();
    if made.is_empty() {
        return Err(Error::usage(format!("build `{build}` makes nothing that can be stored"))
            .hint("name a build of kind docker, binary or archive, or one of kind command with a file among its outputs"));
    }
    Ok(made)
}

fn target(spec: &StoreSpec) -> Result<PlannedTarget> {
    let settings = serde_json::to_value(spec).map_err(|error| Error::failed("cannot write JSON").because(&error))?;
    Ok(PlannedTarget {
        name: spec.name.clone(),
        kind: "store".to_owned(),
        provider: spec.place.kind().to_owned(),
        host: spec.place.shown(),
        plain_http: false,
        credentials: spec.credentials.clone(),
        ca_file: spec.ca_file.clone(),
        options: HostOptions::default(),
        settings: Some(settings),
    })
}
