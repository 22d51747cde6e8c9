//! Entries of kind `gitlab-component`: the version of a project's components in GitLab's CI/CD catalog, after the release of
//! its tag.

use std::collections::BTreeMap;

use globset::GlobBuilder;
use serde_json::{Value, json};

use super::super::types::{PlannedDestination, PlannedTarget, WrittenRequirements};
use super::super::{ComponentFile, Inputs};
use super::release::{host_of, place_of};
use super::{Entry, Found};
use crate::config::{COMPONENT_DIR, ComponentPublish, TagPolicy, component_name, component_spec};
use crate::core::{HostOptions, Rendition, Version};
use crate::error::{Error, Result};

/// Most components of a project (`Ci::Catalog::ComponentsProject::COMPONENTS_LIMIT`; in older versions 30).
const MOST: usize = 100;

/// Most that is told of them, in bytes of JSON.
const LARGEST: usize = 2 << 20;

/// One component, checked.
pub(super) struct Component {
    name: String,
    path: String,
    spec: Value,
}

/// The components of an entry. They are checked in every pipeline, so that a tag does not find out.
pub(super) fn checked(inputs: &Inputs<'_>, kind: &ComponentPublish) -> Result<Vec<Component>> {
    let chosen = chosen(&inputs.surroundings.components, &kind.spec_files)?;
    if chosen.len() > MOST {
        return Err(Error::usage(format!("there are {} components, and GitLab takes at most {MOST} of a project", chosen.len()))
            .hint("divide them between projects, or choose some with `spec_files`"));
    }
    let mut components: BTreeMap<String, Component> = BTreeMap::new();
    for file in chosen {
        let Some(name) = component_name(&file.path) else { continue };
        let spec = file.text.as_ref().map_err(Clone::clone).and_then(|text| component_spec(text));
        let spec = spec.map_err(|why| {
            Error::usage(format!("{} {why}", file.path)).hint("a component begins with `spec: { inputs: … }`, then `---`, then its jobs")
        })?;
        let component = Component { name: name.to_owned(), path: file.path.clone(), spec };
        if let Some(other) = components.insert(name.to_owned(), component) {
            return Err(Error::usage(format!("{} and {} are both called `{name}`", other.path, file.path)).hint("remove one of them"));
        }
    }
    let components: Vec<Component> = components.into_values().collect();
    let size = metadata(&components).to_string().len();
    if size > LARGEST {
        return Err(Error::usage(format!("what the catalog is told of the components has {size} bytes, more than {LARGEST}"))
            .hint("shorten descriptions and defaults"));
    }
    Ok(components)
}

/// Is a component among those that an entry's `spec_files` choose?
pub fn chooses(wanted: &[String], path: &str) -> bool {
    let matches = |pattern: &String| {
        let glob = || GlobBuilder::new(pattern).literal_separator(true).build();
        path == pattern || glob().is_ok_and(|glob| glob.compile_matcher().is_match(path))
    };
    wanted.is_empty() || wanted.iter().any(matches)
}

fn chosen<'a>(files: &'a [ComponentFile], wanted: &[String]) -> Result<Vec<&'a ComponentFile>> {
    let mut chosen: Vec<&ComponentFile> = Vec::new();
    for pattern in wanted {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        glob.map_err(|error| Error::usage(format!("`spec_files: {pattern}` is not a pattern")).because(&error))?;
        let matches = |file: &&ComponentFile| chooses(std::slice::from_ref(pattern), &file.path);
        let before = chosen.len();
        let mut found = 0;
        for file in files.iter().filter(matches) {
            found += 1;
            if !chosen.iter().any(|known| known.path == file.path) {
                chosen.push(file);
            }
        }
        if found == 0 && chosen.len() == before {
            return Err(Error::usage(format!("`spec_files: {pattern}` is no component that is there")).hint(known(files)));
        }
    }
    if wanted.is_empty() {
        chosen = files.iter().collect();
    }
    if chosen.is_empty() {
        return Err(Error::usage("the project has no components").hint(known(files)));
    }
    Ok(chosen)
}

fn known(files: &[ComponentFile]) -> String {
    let names: Vec<&str> = files.iter().take(20).map(|file| file.path.as_str()).collect();
    if names.is_empty() {
        format!("a component is {COMPONENT_DIR}/NAME.yml or {COMPONENT_DIR}/NAME/template.yml, its name letters, digits, `_` and `-`")
    } else {
        format!("components here: {}", names.join(", "))
    }
}

/// What the catalog is told, as GitLab's own client tells it (`glab release create --publish-to-catalog`).
fn metadata(components: &[Component]) -> Value {
    let told: Vec<Value> = components
        .iter()
        .map(|component| json!({ "name": component.name, "spec": component.spec, "component_type": "template" }))
        .collect();
    json!({ "components": told })
}

/// Why there is nothing to publish in this pipeline, where that is nobody's mistake.
pub(super) fn not_here(inputs: &Inputs<'_>, kind: &ComponentPublish, components: &[Component]) -> Option<String> {
    let checked = match components {
        [one] => format!("component {} is in order", one.name),
        several => format!("{} components are in order", several.len()),
    };
    if !kind.catalog {
        return Some(format!("{checked}, and `catalog: false` publishes nothing"));
    }
    inputs.context.tag.is_none().then(|| format!("this is no tag pipeline; {checked}"))
}

pub(super) fn fan_out(inputs: &Inputs<'_>, entry: &Entry<'_>, kind: &ComponentPublish, components: &[Component]) -> Result<Vec<Found>> {
    let Some(tag) = &inputs.context.tag else { return Ok(Vec::new()) };
    if tag.parse::<Version>().is_err() {
        return Err(Error::usage(format!("tag `{tag}` is no semantic version, and the CI/CD catalog keeps no others"))
            .hint("tag versions like 1.4.0 or v1.4.0, and let `when: { git_tags: … }` choose those"));
    }
    let (repo, forge) = place_of(inputs.config, &kind.repo)?;
    let host = host_of(forge);
    let at = format!("{host}/{}", repo.project);
    let names: Vec<&str> = components.iter().map(|component| component.name.as_str()).collect();
    let files: Vec<&str> = components.iter().map(|component| component.path.as_str()).collect();
    let destination = PlannedDestination {
        name: format!("{at}#catalog@{tag}"),
        kind: "catalog_version".to_owned(),
        // A repository has releases under its own name.
        target: format!("{}.catalog", repo.id),
        publish: entry.publish.id.clone(),
        build: String::new(),
        artifact: None,
        settings: Some(json!({ "files": files, "metadata": metadata(components), "after": [format!("{at}@{tag}")] })),
        host: host.clone(),
        path: repo.project.clone(),
        tag: tag.clone(),
        policy: TagPolicy::Immutable,
        required: entry.publish.required && repo.required,
        requires: WrittenRequirements::default(),
        rendition: Rendition::default(),
        why: format!("{}; components {}", entry.why, names.join(", ")),
    };
    let target = PlannedTarget {
        name: destination.target.clone(),
        kind: "catalog".to_owned(),
        provider: forge.provider.name().to_owned(),
        host,
        plain_http: forge.url.starts_with("http://"),
        credentials: forge.credentials.clone(),
        ca_file: forge.ca_file.clone(),
        options: HostOptions::default(),
        settings: Some(json!({ "forge": forge.id, "url": forge.url, "project": repo.project })),
    };
    Ok(vec![Found { destination, target, named_by: format!("repository `{}`", repo.id) }])
}

/// A version in the catalog is one of a release: is it planned, too?
pub(super) fn need_releases(destinations: &[PlannedDestination]) -> Result<()> {
    for version in destinations.iter().filter(|destination| destination.kind == "catalog_version") {
        let is_its_release = |other: &PlannedDestination| {
            other.kind == "release" && (&other.host, &other.path, &other.tag) == (&version.host, &version.path, &version.tag)
        };
        if !destinations.iter().any(is_its_release) {
            let repo = version.target.trim_end_matches(".catalog");
            let text =
                format!("publish `{}`: no entry makes release {} of {}/{}", version.publish, version.tag, version.host, version.path);
            return Err(Error::usage(text).hint(format!(
                "GitLab's catalog keeps versions of releases: add `release: {{ kind: release, repos: [{repo}] }}` to `publish`, for the same tags"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> ComponentFile {
        ComponentFile { path: path.to_owned(), text: Ok("spec: { inputs: { a: } }\n---\n".to_owned()) }
    }

    #[test]
    fn files_are_chosen_by_path_and_by_pattern_and_each_once() {
        let files = [file("templates/a.yml"), file("templates/b.yml"), file("templates/c/template.yml")];
        let of = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
            chosen(&files, &wanted).map(|files| files.iter().map(|file| file.path.clone()).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]).expect("all").len(), 3);
        assert_eq!(of(&["templates/*.yml", "templates/a.yml"]).expect("two"), ["templates/a.yml", "templates/b.yml"]);
        assert_eq!(of(&["templates/*/template.yml"]).expect("one"), ["templates/c/template.yml"]);
        let missing = of(&["templates/x.yml"]).expect_err("not there");
        assert!(missing.hint_text().is_some_and(|hint| hint.contains("templates/b.yml")), "{missing:?}");
        assert!(chosen(&[], &[]).is_err());
    }
}
