//! Where everything goes: one file per kind of publish entry says which destinations an entry has and at which targets;
//! this one asks them in document order and sees to it that no destination has two sources.

mod catalog;
mod files_home;
mod install;
mod packages;
mod registry;
mod release;
mod remote;
mod store;

pub use catalog::chooses;
pub use files_home::{FilesHome, files_home};
pub use install::Installable;
pub use release::Making;
pub(super) use release::without_verification;

use std::collections::HashMap;

use super::Inputs;
use super::files::FileStep;
use super::template::Scope;
use super::types::{PlannedDestination, PlannedTarget, Skipped};
use super::when::{self, Verdict};
use crate::config::{Publish, PublishKind};
use crate::error::{Error, Result};

/// Destinations in document order, the targets they are at, and what does not apply.
#[derive(Default)]
pub(super) struct Placement {
    pub(super) targets: Vec<PlannedTarget>,
    pub(super) destinations: Vec<PlannedDestination>,
    pub(super) skipped: Vec<Skipped>,
}

/// What one publish entry comes to.
struct Entry<'a> {
    /// Id, for messages and records.
    publish: &'a Publish,
    /// Why it applies.
    why: &'a str,
}

/// One destination, the target it is at, and what of the config it was named by, for messages: ``tags `{version}` ``.
struct Found {
    destination: PlannedDestination,
    target: PlannedTarget,
    named_by: String,
}

pub(super) fn place(inputs: &Inputs<'_>, scope: &Scope<'_>, files: &[FileStep]) -> Result<Placement> {
    let mut placement = Placement::default();
    let mut seen = HashMap::new();
    let mut places = HashMap::new();
    for publish in inputs.config.publish.values() {
        let in_publish = |error: Error| error.context(format!("publish `{}`", publish.id));
        let components = match &publish.kind {
            PublishKind::Component(kind) => catalog::checked(inputs, kind).map_err(in_publish)?,
            PublishKind::Files(kind) => packages::check(kind, files).map(|()| Vec::new()).map_err(in_publish)?,
            _ => Vec::new(),
        };
        let verdict = verdict(inputs, publish).map_err(|error| error.context(format!("publish `{}`: when", publish.id)))?;
        if !verdict.applies {
            placement.skipped.push(Skipped { publish: publish.id.clone(), why: verdict.why });
            continue;
        }
        let entry = Entry { publish, why: &verdict.why };
        let found = match &publish.kind {
            PublishKind::Registry(kind) => registry::fan_out(inputs, scope, &entry, kind),
            PublishKind::Remote(kind) => remote::fan_out(inputs, scope, &entry, kind, files),
            PublishKind::Store(kind) => store::fan_out(inputs, scope, &entry, kind, files),
            PublishKind::Release(kind) => match release::not_here(inputs, kind) {
                Some(why) => {
                    placement.skipped.push(Skipped { publish: publish.id.clone(), why });
                    continue;
                }
                None => release::fan_out(inputs, scope, &entry, kind, files),
            },
            PublishKind::Files(kind) => packages::fan_out(inputs, scope, &entry, kind, files),
            PublishKind::Component(kind) => match catalog::not_here(inputs, kind, &components) {
                Some(why) => {
                    placement.skipped.push(Skipped { publish: publish.id.clone(), why });
                    continue;
                }
                None => catalog::fan_out(inputs, &entry, kind, &components),
            },
        };
        for found in found.map_err(in_publish)? {
            let Found { destination, target, named_by } = found;
            refuse_twice(&mut seen, &destination, &named_by)?;
            match placement.targets.iter().find(|known| known.name == target.name) {
                Some(known) if *known == target => {}
                Some(known) => return Err(two_places(known, places.get(&known.name), &target, &destination, &named_by)),
                None => {
                    places.insert(target.name.clone(), Claim { publish: destination.publish.clone(), named_by });
                    placement.targets.push(target);
                }
            }
            placement.destinations.push(destination);
        }
    }
    catalog::need_releases(&placement.destinations)?;
    packages::keep_off_releases(&placement)?;
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

/// Ids may contain dots, and some places are called by an id and an ending: what goes to one must not get to the other.
fn two_places(
    known: &PlannedTarget,
    first: Option<&Claim>,
    target: &PlannedTarget,
    destination: &PlannedDestination,
    named_by: &str,
) -> Error {
    let first = first.map_or_else(String::new, |first| format!(" of publish `{}` ({})", first.publish, first.named_by));
    let text = format!(
        "two places would be called {}: {} {}{first} and {} {} of publish `{}` ({named_by})",
        target.name, known.kind, known.host, target.kind, target.host, destination.publish
    );
    Error::usage(text).hint("give one of the ids another name: what is published is told apart by the names of places")
}

struct Claim {
    publish: String,
    named_by: String,
}

fn refuse_twice(seen: &mut HashMap<String, Claim>, destination: &PlannedDestination, named_by: &str) -> Result<()> {
    let claim = Claim { publish: destination.publish.clone(), named_by: named_by.to_owned() };
    let Some(first) = seen.insert(destination.name.clone(), claim) else { return Ok(()) };
    let (one, other) = (&first.publish, &destination.publish);
    let between = if one == other {
        format!("publish `{one}` names it twice")
    } else {
        format!("publish `{one}` and publish `{other}` both name it")
    };
    Err(Error::usage(format!("{} would be placed twice: {between} ({} and {named_by})", destination.name, first.named_by))
        .hint("let their tags or their `when` differ, so that one destination has one source"))
}
