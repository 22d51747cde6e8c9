//! What differs between two manifests of the same kind, told by artifact and destination: between two runs, or
//! between a file and a later state of it. Values are compared, not bytes.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::artifact::Artifact;
use super::outcome::{Outcome, OutcomeTarget};
use super::outputs::OutputsManifest;
use super::results::ResultsManifest;

/// One difference. `before` is none for what was added, `after` for what was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// Artifact id; empty for the manifest itself.
    pub artifact: String,
    /// `host/path:tag`, `release asset NAME`, or the type of an outcome without target; empty for the artifact itself.
    pub destination: String,
    /// Which value, `docker.platforms`; empty when the whole artifact or destination was added or removed.
    pub field: String,
    /// Value in the first manifest.
    pub before: Option<String>,
    /// Value in the second manifest.
    pub after: Option<String>,
}

/// Values by name, in the order in which they are shown.
type Facts = IndexMap<String, String>;

/// Everything a manifest says, by artifact, then by destination; the empty key is the artifact (or manifest) itself.
type Told = IndexMap<String, IndexMap<String, Facts>>;

/// Differences between two outputs manifests. Checksums follow from the rest and are left out.
pub fn diff_outputs(before: &OutputsManifest, after: &OutputsManifest) -> Vec<Change> {
    compare(&tell_outputs(before), &tell_outputs(after))
}

/// Differences between two results manifests. Of repeated outcomes at one destination the last counts, and their
/// number is a value of its own.
pub fn diff_results(before: &ResultsManifest, after: &ResultsManifest) -> Vec<Change> {
    compare(&tell_results(before), &tell_results(after))
}

fn tell_outputs(manifest: &OutputsManifest) -> Told {
    let mut told = Told::new();
    let mut head = Facts::new();
    head.insert("generated_at".to_owned(), manifest.generated_at.clone());
    head.insert("commit".to_owned(), manifest.commit.clone());
    flatten("pipeline", &json(&manifest.pipeline), &mut head);
    told.entry(String::new()).or_default().insert(String::new(), known(head));
    for artifact in manifest.artifacts() {
        told.insert(artifact.id.to_string(), tell_artifact(artifact));
    }
    told
}

fn tell_artifact(artifact: &Artifact) -> IndexMap<String, Facts> {
    let mut own = json(artifact);
    let mut places = IndexMap::new();
    if let Some(members) = own.as_object_mut() {
        for key in ["id", "kind", "name", "targets"] {
            members.remove(key);
        }
    }
    let mut facts = Facts::new();
    flatten("", &own, &mut facts);
    places.insert(String::new(), facts);
    for target in artifact.targets.iter().flatten() {
        let mut facts = Facts::new();
        flatten("requires", &json(&target.requirements), &mut facts);
        if let Some(asset) = &target.forge_release_asset {
            places.insert(format!("release asset {}", asset.asset_name), facts.clone());
        }
        if let Some(registry) = &target.registry {
            if registry.native_scan {
                facts.insert("nativeScan".to_owned(), "true".to_owned());
            }
            for tag in registry.tags.iter().flatten() {
                places.insert(format!("{}/{}:{tag}", registry.host, registry.path), facts.clone());
            }
        }
    }
    places
}

fn tell_results(manifest: &ResultsManifest) -> Told {
    let mut told = Told::new();
    let mut head = Facts::new();
    head.insert("completed_at".to_owned(), manifest.completed_at.clone());
    head.insert("intent_checksum".to_owned(), manifest.intent_checksum.clone());
    told.entry(String::new()).or_default().insert(String::new(), known(head));
    for result in manifest.results() {
        let places = told.entry(result.artifact_id.to_string()).or_default();
        places.entry(String::new()).or_default();
        let mut attempts: IndexMap<String, usize> = IndexMap::new();
        for outcome in result.outcomes() {
            let place = place_of(outcome);
            let count = attempts.entry(place.clone()).or_default();
            *count += 1;
            places.insert(place, tell_outcome(outcome, *count));
        }
    }
    told
}

fn place_of(outcome: &Outcome) -> String {
    match &outcome.target {
        Some(OutcomeTarget { host, path, tag, .. }) => format!("{host}/{path}:{tag} ({})", outcome.kind),
        None => outcome.kind.to_string(),
    }
}

fn tell_outcome(outcome: &Outcome, attempts: usize) -> Facts {
    let mut facts = Facts::new();
    let body = json(outcome);
    for (key, value) in body.as_object().into_iter().flatten() {
        if key != "type" && key != "target" {
            flatten("", value, &mut facts);
        }
    }
    if attempts > 1 {
        facts.insert("attempts".to_owned(), attempts.to_string());
    }
    facts
}

fn compare(before: &Told, after: &Told) -> Vec<Change> {
    let mut changes = Vec::new();
    for artifact in union(before, after) {
        let (old, new) = (before.get(artifact), after.get(artifact));
        let (Some(old), Some(new)) = (old, new) else {
            changes.push(whole(artifact, "", old.is_some(), old.or(new)));
            continue;
        };
        for place in union(old, new) {
            let (Some(old), Some(new)) = (old.get(place), new.get(place)) else {
                changes.push(whole(artifact, place, old.contains_key(place), None));
                continue;
            };
            for field in union(old, new) {
                let (before, after) = (old.get(field).cloned(), new.get(field).cloned());
                if before != after {
                    changes.push(Change { artifact: artifact.clone(), destination: place.clone(), field: field.clone(), before, after });
                }
            }
        }
    }
    changes
}

/// A whole artifact or destination that only one side has; its digest, when known, is its value.
fn whole(artifact: &str, destination: &str, removed: bool, places: Option<&IndexMap<String, Facts>>) -> Change {
    let digest = places.and_then(|places| places.get("")?.get("digest")).cloned().unwrap_or_default();
    let (before, after) = if removed { (Some(digest), None) } else { (None, Some(digest)) };
    Change { artifact: artifact.to_owned(), destination: destination.to_owned(), field: String::new(), before, after }
}

/// Keys of both, those of the first in its order, then the new ones.
fn union<'a, V>(before: &'a IndexMap<String, V>, after: &'a IndexMap<String, V>) -> impl Iterator<Item = &'a String> {
    before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)))
}

fn known(facts: Facts) -> Facts {
    facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// Our types always serialize; should one not, it has no facts.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn flatten(path: &str, value: &Value, facts: &mut Facts) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, facts);
            }
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(plain).collect();
            facts.insert(path.to_owned(), format!("[{}]", items.join(", ")));
        }
        Value::Null => {}
        _ => {
            facts.insert(path.to_owned(), plain(value));
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{ArtifactKind, DockerDescriptor, Target};

    fn outputs(digest: &str, tags: &[&str]) -> OutputsManifest {
        let artifact = Artifact {
            id: crate::manifest::ArtifactId::new(&ArtifactKind::Docker, "app"),
            kind: ArtifactKind::Docker,
            name: "app".to_owned(),
            digest: digest.to_owned(),
            docker: Some(DockerDescriptor::default()),
            targets: Some(vec![Target::registry("h", "a/app", tags.iter().map(|tag| (*tag).to_owned()).collect())]),
            ..Artifact::default()
        };
        OutputsManifest { artifacts: Some(vec![artifact]), ..OutputsManifest::default() }
    }

    #[test]
    fn a_new_digest_and_moved_tags_are_told_by_place() {
        let before = outputs("sha256:a", &["1", "latest"]);
        let mut after = outputs("sha256:b", &["2", "latest"]);
        if let Some(target) = after.artifacts.iter_mut().flatten().flat_map(|a| a.targets.iter_mut().flatten()).next() {
            target.requirements.sign = true;
        }
        let told: Vec<_> = diff_outputs(&before, &after)
            .into_iter()
            .map(|c| format!("{}|{}|{}|{:?}|{:?}", c.artifact, c.destination, c.field, c.before, c.after))
            .collect();
        assert_eq!(
            told,
            [
                r#"docker:app||digest|Some("sha256:a")|Some("sha256:b")"#,
                r#"docker:app|h/a/app:1||Some("")|None"#,
                r#"docker:app|h/a/app:latest|requires.sign|None|Some("true")"#,
                r#"docker:app|h/a/app:2||None|Some("")"#,
            ]
        );
        assert!(diff_outputs(&before, &before).is_empty());
    }
}
