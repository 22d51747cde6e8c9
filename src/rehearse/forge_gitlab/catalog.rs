//! The CI/CD catalog: `POST /projects/:id/catalog/publish` (`lib/api/ci/catalog.rb`, `Ci::Catalog::Resources::ReleaseService`)
//! and what GraphQL shows of it (docs: "GraphQL API resources", `ciCatalogResource`).

use serde_json::{Value, json};

use super::access::Caller;
use super::options::{CatalogProject, Limits};
use super::refusal::{Refusal, Result};
use super::releases::text;
use super::reply::Reply;
use super::world::{CatalogVersion, Held, Release, World};
use crate::core::Version;
use crate::rehearse::api::Asked;

/// Makes a version of a release.
pub(super) fn publish(project: &mut Held, base: &str, body: &Value, author: &str, limits: &Limits) -> Result<Reply> {
    let tag = text(body, "version").ok_or_else(|| Refusal::parameter("version is missing"))?;
    let metadata = body.get("metadata").filter(|metadata| metadata.is_object());
    let metadata = metadata.ok_or_else(|| Refusal::parameter("metadata is missing"))?;
    // "It fails if the feature flag is not enabled" (`glab release create --help`).
    if !project.catalog_rules.flag {
        return Err(Refusal::missing(""));
    }
    let release = project.release(tag).ok_or_else(|| Refusal::missing(""))?;
    let components: &[Value] = metadata.get("components").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    check(project, release, author)?;
    check_components(components, limits)?;
    let version = CatalogVersion { tag: tag.to_owned(), components: components.to_vec() };
    project.catalog.push(version);
    Ok(Reply::json(201, json!({ "catalog_url": format!("{base}/explore/catalog/{}", project.path) })))
}

/// Where the flag is off, a release of a catalog project is a version at once, with the components GitLab finds itself; it
/// has no repository here, so they have no names.
pub(super) fn of_release(project: &mut Held, tag: &str) {
    let CatalogProject { resource, flag, .. } = project.catalog_rules;
    if resource && !flag {
        project.catalog.push(CatalogVersion { tag: tag.to_owned(), components: Vec::new() });
    }
}

/// In the order and the words of `ValidateService` and `Versions::CreateService`.
fn check(project: &Held, release: &Release, author: &str) -> Result<()> {
    let CatalogProject { resource, readme, described, .. } = project.catalog_rules;
    let mut lacks = Vec::new();
    if !readme {
        lacks.push("Project must have a README");
    }
    if !described {
        lacks.push("Project must have a description");
    }
    if !lacks.is_empty() {
        return Err(Refusal::unprocessable(&lacks.join(" , ")));
    }
    if !resource {
        return Err(Refusal::unprocessable("Project is not a catalog resource"));
    }
    let mut wrong = Vec::new();
    if release.tag.parse::<Version>().is_err() {
        wrong.push("Semver must follow semantic version");
    }
    if project.catalog.iter().any(|version| version.tag == release.tag) {
        wrong.push("Release has already been published");
    }
    if release.author != author {
        wrong.push("Published by must be the same as the release author");
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::unprocessable(&wrong.join(", "))) }
}

/// `BuildComponentsService`, and `catalog_resource_component_spec.json`.
fn check_components(components: &[Value], limits: &Limits) -> Result<()> {
    if components.len() > limits.components {
        return Err(Refusal::unprocessable(&format!("Release cannot contain more than {} components", limits.components)));
    }
    for component in components {
        if text(component, "name").is_none_or(str::is_empty) {
            return Err(Refusal::unprocessable("Build component error: Name can't be blank"));
        }
        match text(component, "component_type") {
            Some("template") | None => {}
            Some(other) => return Err(Refusal::unprocessable(&format!("'{other}' is not a valid component_type"))),
        }
        if !is_spec(component.get("spec").unwrap_or(&Value::Null)) {
            return Err(Refusal::unprocessable("Build component error: Spec must be a valid json schema"));
        }
    }
    Ok(())
}

fn is_spec(spec: &Value) -> bool {
    let Some(spec) = spec.as_object() else { return false };
    let known = spec.keys().all(|key| matches!(key.as_str(), "inputs" | "component"));
    let input = |input: &Value| match input {
        Value::Null => true,
        Value::Object(input) => {
            input.get("default").is_none_or(|value| value.is_array() || value.is_boolean() || value.is_string() || value.is_i64())
                && ["regex", "type"].iter().all(|key| input.get(*key).is_none_or(Value::is_string))
        }
        _ => false,
    };
    let inputs = match spec.get("inputs") {
        None => true,
        Some(Value::Object(inputs)) => inputs.values().all(input),
        Some(_) => false,
    };
    let component = spec.get("component").is_none_or(Value::is_array);
    known && inputs && component
}

/// `/api/graphql`, as far as it is about a catalog: by GET, which only reads. A job's token is none there.
pub(super) fn graphql(world: &World, who: Caller<'_>, asked: &Asked) -> Reply {
    let refused = |status, message: &str| Reply::json(status, json!({ "errors": [{ "message": message }] }));
    if who.is_job() {
        return refused(401, "Invalid token");
    }
    let (query, variables) = (asked.query("query").unwrap_or_default(), asked.query("variables").unwrap_or_default());
    let variables: Value = serde_json::from_str(variables).unwrap_or_default();
    let path = text(&variables, "project").unwrap_or_default();
    let seen = world.find(path).map(|at| &world.projects[at]);
    let seen = seen.filter(|project| project.catalog_rules.public || matches!(who, Caller::Token(_)));
    let mut data = json!({});
    if query.contains("isCatalogResource") {
        data["project"] = match seen {
            None => Value::Null,
            Some(project) => json!({
                "isCatalogResource": project.catalog_rules.resource,
                "description": if project.catalog_rules.described { "parts of pipelines" } else { "" },
            }),
        };
    }
    if query.contains("ciCatalogResource") {
        let wanted = text(&variables, "version");
        data["ciCatalogResource"] = match seen.filter(|project| !project.catalog.is_empty()) {
            None => Value::Null,
            Some(project) => {
                let versions = project.catalog.iter().filter(|version| wanted.is_none_or(|tag| tag == version.tag));
                json!({ "versions": { "nodes": versions.map(shown).collect::<Vec<_>>() } })
            }
        };
    }
    if data.as_object().is_some_and(serde_json::Map::is_empty) {
        return refused(200, "Field is not one of those that are kept here");
    }
    Reply::json(200, json!({ "data": data }))
}

fn shown(version: &CatalogVersion) -> Value {
    let names: Vec<Value> = version.components.iter().map(|component| json!({ "name": component["name"] })).collect();
    json!({ "components": { "nodes": names } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_those_gitlab_takes() {
        for (spec, good) in [
            (json!({}), true),
            (json!({ "inputs": { "a": null, "b": { "default": [1], "type": "array", "regex": "^a" } }, "component": ["name"] }), true),
            (json!({ "inputs": { "a": { "default": 1.5 } } }), false),
            (json!({ "inputs": { "a": { "default": { "b": 1 } } } }), false),
            (json!({ "inputs": ["a"] }), false),
            (json!({ "jobs": {} }), false),
            (json!(null), false),
        ] {
            assert_eq!(is_spec(&spec), good, "{spec}");
        }
    }
}
