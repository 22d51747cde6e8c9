//! What makes two plans the same.

use std::collections::BTreeMap;

use serde::Serialize;

use super::files::{FileStep, StagedFile};
use super::types::{BuildStep, BuilderKind, Plan, PlannedDestination, PlannedTarget, WrittenRequirements};
use crate::config::{BuildkitOptions, TagPolicy};
use crate::core::{Digest, Rendition};

/// SHA-256 (hex) over the JSON of everything that decides the bytes and the destinations: commit, version, builds
/// with their arguments, labels and builder, targets and destinations. Left out: the run (provider, event, ids, branch
/// and tag, which act through the values above), the sentences of why, and warnings. Keys are sorted, so the text is
/// canonical.
pub(super) fn of_plan(plan: &Plan) -> String {
    let decisive = Decisive {
        schema: &plan.schema_version,
        project: &plan.project,
        commit: &plan.commit,
        version: &plan.version.version,
        builds: plan.builds.iter().map(Build::of).collect(),
        files: &plan.files,
        targets: &plan.targets,
        destinations: plan.destinations.iter().map(Destination::of).collect(),
    };
    // Values of strings, numbers and lists always have a JSON form.
    let json = serde_json::to_value(&decisive).unwrap_or_default().to_string();
    Digest::of(json.as_bytes()).hex().to_owned()
}

#[derive(Serialize)]
struct Decisive<'a> {
    schema: &'a str,
    project: &'a str,
    commit: &'a str,
    version: &'a str,
    builds: Vec<Build<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    files: &'a [FileStep],
    targets: &'a [PlannedTarget],
    destinations: Vec<Destination<'a>>,
}

#[derive(Serialize)]
struct Build<'a> {
    id: &'a str,
    required: bool,
    dockerfile: &'a str,
    context: &'a str,
    target: Option<&'a str>,
    platforms: &'a [String],
    args: &'a BTreeMap<String, String>,
    labels: &'a BTreeMap<String, String>,
    source_date_epoch: i64,
    provenance: Option<&'a str>,
    sbom: bool,
    compression: &'a str,
    buildkit: &'a BuildkitOptions,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stage: &'a [StagedFile],
    builder: BuilderKind,
}

impl<'a> Build<'a> {
    fn of(step: &'a BuildStep) -> Self {
        // No `..`: a new field must be decided on here. Order is not the bytes, so `depends_on` is left out.
        let BuildStep {
            id,
            required,
            depends_on: _,
            dockerfile,
            context,
            target,
            platforms,
            args,
            labels,
            source_date_epoch,
            provenance,
            sbom,
            compression,
            buildkit,
            cache: _,
            stage,
            builder,
        } = step;
        Self {
            id,
            required: *required,
            dockerfile,
            context,
            target: target.as_deref(),
            platforms,
            args,
            labels,
            source_date_epoch: *source_date_epoch,
            provenance: provenance.as_deref(),
            sbom: *sbom,
            compression,
            buildkit,
            stage,
            builder: builder.kind,
        }
    }
}

#[derive(Serialize)]
struct Destination<'a> {
    name: &'a str,
    kind: &'a str,
    target: &'a str,
    build: &'a str,
    policy: TagPolicy,
    required: bool,
    requires: WrittenRequirements,
    #[serde(skip_serializing_if = "Rendition::is_default")]
    rendition: &'a Rendition,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<&'a serde_json::Value>,
}

impl<'a> Destination<'a> {
    fn of(destination: &'a PlannedDestination) -> Self {
        // Host, path and tag are the name; the publish entry's id and the reason decide nothing.
        let PlannedDestination {
            name,
            kind,
            target,
            publish: _,
            build,
            artifact,
            settings,
            host: _,
            path: _,
            tag: _,
            policy,
            required,
            requires,
            rendition,
            why: _,
        } = destination;
        Self {
            name,
            kind,
            target,
            build,
            policy: *policy,
            required: *required,
            requires: *requires,
            rendition,
            artifact: artifact.as_deref(),
            settings: settings.as_ref(),
        }
    }
}

/// `NormalizeBuildPlan` (spec/build.md K.3) of one step: SHA-256 (hex) over one line per fact. It becomes the label
/// `org.stagefreight.plan.sha256`. `BUILD_DATE` is left out, as the format demands.
pub(super) fn of_build(
    name: &str,
    dockerfile: &str,
    context: &str,
    target: Option<&str>,
    platforms: &[String],
    args: &BTreeMap<String, String>,
) -> String {
    let mut text = format!("step:{name}\ndockerfile:{}\ncontext:{}\n", clean(dockerfile), clean(context));
    if let Some(target) = target {
        text.push_str(&format!("target:{target}\n"));
    }
    let mut platforms: Vec<&str> = platforms.iter().map(String::as_str).collect();
    platforms.sort_unstable();
    text.push_str(&format!("platforms:{}\n", platforms.join(",")));
    for (key, value) in args.iter().filter(|(key, _)| *key != "BUILD_DATE") {
        text.push_str(&format!("arg:{key}={value}\n"));
    }
    Digest::of(text.as_bytes()).hex().to_owned()
}

/// A relative path without `.`, `..` that can be resolved, and doubled slashes; `.` for nothing.
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_specification() {
        let args = BTreeMap::from([("VERSION".to_owned(), "1.2.3".to_owned()), ("A".to_owned(), "1".to_owned())]);
        let platforms = ["linux/arm64".to_owned(), "linux/amd64".to_owned()];
        let expected = "9cb30067949248e27f9e2a84ffa3099d07a6ce1c8c4cd80ae6541314a53eb871";
        assert_eq!(of_build("app", "Dockerfile", ".", None, &platforms, &args), expected);
        assert_eq!(of_build("app", "./Dockerfile", "./", None, &platforms, &args), expected);
        let mut dated = args.clone();
        dated.insert("BUILD_DATE".to_owned(), "now".to_owned());
        assert_eq!(of_build("app", "Dockerfile", ".", None, &platforms, &dated), expected);
        assert_ne!(of_build("app", "Dockerfile", ".", Some("x"), &platforms, &args), expected);
    }

    #[test]
    fn paths_are_cleaned() {
        for (path, expected) in [("", "."), ("./", "."), ("a//b/./c", "a/b/c"), ("a/../b", "b"), ("../x", "../x"), ("../../x", "../../x")] {
            assert_eq!(clean(path), expected, "{path}");
        }
    }
}
