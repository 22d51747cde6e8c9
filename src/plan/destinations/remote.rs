//! Entries of kind `remote`: fanned out over remotes and the files of a build; each file is a release of its own.

use super::super::Inputs;
use super::super::files::{FileStep, StepWork};
use super::super::template::Scope;
use super::super::types::{PlannedDestination, PlannedTarget, WrittenRequirements};
use super::{Entry, Found};
use crate::config::{Remote, RemotePublish, TagPolicy};
use crate::core::{HostOptions, RemoteRelease, Rendition};
use crate::error::{Error, Result};

/// How programs for Windows end.
const EXE: &str = ".exe";

pub(super) fn fan_out(
    inputs: &Inputs<'_>,
    scope: &Scope<'_>,
    entry: &Entry<'_>,
    kind: &RemotePublish,
    files: &[FileStep],
) -> Result<Vec<Found>> {
    let rendered = |what: &str, template: &str| scope.text(template).map_err(|error| error.context(format!("{what} `{template}`")));
    let stream = rendered("stream", kind.stream.as_deref().unwrap_or("{project}"))?;
    let version = rendered("version", kind.version.as_deref().unwrap_or("{version}"))?;
    for (what, text) in [("stream", &stream), ("version", &version)] {
        if text.is_empty() || text.len() > 200 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            let shown = text.escape_debug();
            return Err(Error::usage(format!("{what} `{shown}` is not one")).hint("at most 200 characters, none of them a space"));
        }
    }
    let mut labels = Vec::with_capacity(kind.labels.len());
    for label in &kind.labels {
        labels.push(rendered("label", label)?);
    }
    let notes = kind.notes.as_ref().map(|notes| rendered("notes", notes)).transpose()?;
    let prerelease = kind.prerelease.unwrap_or_else(|| scope.version.is_some_and(|version| version.prerelease));
    let artifacts = files_of(files, &kind.build);
    if artifacts.is_empty() {
        return Err(Error::usage(format!("build `{}` makes no file that could be published", kind.build)).hint("correct `build:`"));
    }
    let mut found = Vec::new();
    for id in &kind.remotes {
        let remote = remote(inputs, id, kind.environment.as_deref())?;
        let target = match &remote.settings.environment {
            Some(environment) => format!("remote:{id}@{environment}"),
            None => format!("remote:{id}"),
        };
        for (file, artifact) in &artifacts {
            let release = RemoteRelease {
                file: file.clone(),
                labels: labels.clone(),
                notes: notes.clone(),
                channel: kind.channel.clone(),
                prerelease,
                checksums: kind.checksums,
            };
            let settings = serde_json::to_value(release).map_err(|error| Error::failed("cannot plan a release").because(&error))?;
            let destination = PlannedDestination {
                name: format!("{target}/{stream}@{version}/{file}"),
                kind: "remote_release".to_owned(),
                target: target.clone(),
                publish: entry.publish.id.clone(),
                build: kind.build.clone(),
                artifact: Some(artifact.clone()),
                settings: Some(settings),
                host: target.clone(),
                path: stream.clone(),
                tag: version.clone(),
                policy: TagPolicy::Immutable,
                required: entry.publish.required && remote.required,
                requires: WrittenRequirements::default(),
                rendition: Rendition::default(),
                why: entry.why.to_owned(),
            };
            found.push(Found { destination, target: planned(&target, remote)?, named_by: format!("remote `{id}`") });
        }
    }
    Ok(found)
}

// What the environment says of it, where one is named and says something.
fn remote<'c>(inputs: &Inputs<'c>, id: &str, environment: Option<&str>) -> Result<&'c Remote> {
    let differing = match environment {
        Some(name) => {
            let known = inputs.config.environments.get(name);
            known.ok_or_else(|| Error::usage(format!("environment `{name}` is not defined")).hint("define it in `environments`"))?.get(id)
        }
        None => None,
    };
    let base = inputs.config.remotes.get(id);
    differing.or(base).ok_or_else(|| Error::usage(format!("remote `{id}` is not defined")).hint("define it in `remotes`"))
}

fn planned(name: &str, remote: &Remote) -> Result<PlannedTarget> {
    let settings = serde_json::to_value(&remote.settings).map_err(|error| Error::failed("cannot plan a remote").because(&error))?;
    Ok(PlannedTarget {
        name: name.to_owned(),
        kind: "remote".to_owned(),
        provider: remote.settings.adapter.clone(),
        host: name.to_owned(),
        plain_http: false,
        credentials: None,
        ca_file: None,
        options: HostOptions::default(),
        settings: Some(settings),
    })
}

/// File name and artifact of everything a build makes.
fn files_of(files: &[FileStep], build: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for step in files.iter().filter(|step| step.build == build) {
        match &step.work {
            StepWork::Archive(_) => found.push((step.name.clone(), step.id())),
            // Programs for several platforms have one file name; the artifact's tells them apart.
            StepWork::Binary(program) => {
                let ending = if step.name.ends_with(EXE) { "" } else { program.file.strip_suffix(EXE).map_or("", |_| EXE) };
                found.push((format!("{}{ending}", step.name), step.id()));
            }
            StepWork::Command(command) => {
                let named = command.outputs.iter().filter_map(|output| Some((output.name.as_ref()?, output.artifact()?)));
                found.extend(named.map(|(name, artifact)| (name.rsplit('/').next().unwrap_or(name).to_owned(), artifact)));
            }
        }
    }
    found
}
