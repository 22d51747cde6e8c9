//! Parts of one build were made from the same commit, for the same version, by the same plan, in the same pipeline.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::find::Found;
use crate::error::{Error, Result};
use crate::plan::Plan;

/// How many differences of two plans are named.
const MAX_DIFFERENCES: usize = 3;

/// Something a plan says of itself, as people read it.
type Aspect = fn(&Plan) -> String;

/// The plan all parts belong to.
///
/// # Errors
/// Kind `Usage`, naming the part that differs from most of the others and in what.
pub fn agreed(found: &[Found]) -> Result<&Plan> {
    let aspects: [(&str, Aspect); 5] = [
        ("commit", |plan| plan.commit.clone()),
        ("version", |plan| plan.version.version.clone()),
        ("pipeline", |plan| plan.pipeline_id.clone().map_or_else(|| "none".to_owned(), |id| format!("{} {id}", plan.provider))),
        ("state of the files", |plan| if plan.dirty { "changed since the commit".to_owned() } else { "as committed".to_owned() }),
        ("plan", |plan| plan.fingerprint.clone()),
    ];
    for (what, of) in aspects {
        let Some((odd, usual)) = odd_one(found, of) else { continue };
        let mut error = Error::usage(format!("the parts are not of one build: the {what} of {} differs", odd.name));
        for part in found {
            error = error.note(format!("{}  {}", part.name, of(&part.part.plan)));
        }
        if what == "plan" {
            error = differences(usual, odd).into_iter().fold(error, Error::note);
        }
        return Err(error.hint("leave that part out and make it again, from the same commit and config as the others"));
    }
    found.first().map(|first| &first.part.plan).ok_or_else(|| Error::missing("there is no part of a build"))
}

// The first part whose value is not the one most parts have, and the first that has it.
fn odd_one(found: &[Found], of: Aspect) -> Option<(&Found, &Found)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for part in found {
        *counts.entry(of(&part.part.plan)).or_default() += 1;
    }
    let count = |part: &Found| counts.get(&of(&part.part.plan)).copied().unwrap_or_default();
    // Of several as common the first counts, so that the later one is named.
    let usual = found.iter().rev().max_by_key(|part| count(part))?;
    let odd = found.iter().find(|part| of(&part.part.plan) != of(&usual.part.plan))?;
    Some((odd, usual))
}

/// Where two plans differ in what the fingerprint is of.
fn differences(usual: &Found, odd: &Found) -> Vec<String> {
    let mut paths = Vec::new();
    let (one, other) = (decisive(&usual.part.plan), decisive(&odd.part.plan));
    compare("", &one, &other, &mut |path, one, other| paths.push(format!("{path}: {one} in {}, {other} in {}", usual.name, odd.name)));
    if paths.is_empty() {
        paths.push("they differ in a value that is masked because it looks secret".to_owned());
    }
    paths.truncate(MAX_DIFFERENCES);
    paths
}

// Builds and destinations by name, without what decides nothing about the bytes and where they go.
fn decisive(plan: &Plan) -> Value {
    let mut value = serde_json::to_value(plan).unwrap_or_default();
    let Some(members) = value.as_object_mut() else { return value };
    members.retain(|key, _| ["project", "builds", "targets", "destinations"].contains(&key.as_str()));
    for (list, name, left_out) in
        [("builds", "id", ["cache", "depends_on"]), ("targets", "name", ["", ""]), ("destinations", "name", ["publish", "why"])]
    {
        let Some(Value::Array(entries)) = members.get_mut(list).map(Value::take) else { continue };
        let mut named = serde_json::Map::new();
        for mut entry in entries {
            if let Some(kind) = entry.pointer("/builder/kind").cloned() {
                entry["builder"] = kind;
            }
            let key = entry[name].as_str().unwrap_or_default().to_owned();
            if let Some(entry) = entry.as_object_mut() {
                entry.retain(|key, _| !left_out.contains(&key.as_str()));
            }
            named.insert(key, entry);
        }
        members.insert(list.to_owned(), Value::Object(named));
    }
    value
}

fn compare(path: &str, one: &Value, other: &Value, differs: &mut dyn FnMut(&str, &str, &str)) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, one.get(key).unwrap_or(&Value::Null), other.get(key).unwrap_or(&Value::Null), differs);
            }
        }
        (one, other) if one != other => differs(path, &short(one), &short(other)),
        _ => {}
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.chars().take(60).collect(),
        Value::Object(_) => "something".to_owned(),
        other => other.to_string().chars().take(60).collect(),
    }
}
