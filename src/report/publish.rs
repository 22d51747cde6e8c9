//! The publish screen: one line per repository and state, totals, and what to do next.

use super::place::place_and_name;
use super::table::{Table, counted};
use crate::core::{ByteSize, duration};
use crate::names;
use crate::publish::{Placement, PlacementState, Placements};

/// The screen (ux: "publish, one registry failing"). `elapsed` is the whole run's.
pub fn publish_screen(placements: &Placements, reviewed_at: &str, elapsed: std::time::Duration, dry_run: bool) -> String {
    let verb = if dry_run { "would publish" } else { "publish" };
    let mut text = format!(
        "{verb}  outputs {:.12}…  version {}  approved by review {}\n",
        placements.outputs_checksum,
        placements.version,
        reviewed_at.get(11..19).unwrap_or(reviewed_at)
    );
    let mut table = Table::indented(2);
    let mut last = String::new();
    for group in grouped(&placements.destinations) {
        let first = group[0];
        let (repository, _) = place_of(first);
        let shown = if repository == last { String::new() } else { repository.to_owned() };
        repository.clone_into(&mut last);
        let names: Vec<&str> = group.iter().map(|placement| place_of(placement).1).collect();
        table.row([shown, mark(first.state).to_owned(), names.join(", "), detail(first)]);
    }
    text.push_str(&table.render());
    text.push_str(&totals(placements, elapsed, dry_run));
    text
}

// Neighbours of one repository, artifact and state share a line; failures and moves stand alone.
fn grouped(all: &[Placement]) -> Vec<Vec<&Placement>> {
    let mut groups: Vec<Vec<&Placement>> = Vec::new();
    for placement in all {
        let joins = groups.last().and_then(|group| group.last()).is_some_and(|last| {
            let same_place = place_of(last).0 == place_of(placement).0 && last.expected == placement.expected;
            same_place && last.state == placement.state && last.error == placement.error && last.moved_from == placement.moved_from
        });
        match groups.last_mut() {
            Some(group) if joins => group.push(placement),
            _ => groups.push(vec![placement]),
        }
    }
    groups
}

fn place_of(placement: &Placement) -> (&str, &str) {
    place_and_name(&placement.name, &placement.path, &placement.tag)
}

pub(super) fn mark(state: PlacementState) -> &'static str {
    match state {
        PlacementState::Complete | PlacementState::Placed => "✓",
        PlacementState::Failed | PlacementState::Conflict => "✗",
        PlacementState::WouldPlace => "+",
        PlacementState::Superseded | PlacementState::Skipped | PlacementState::NotTried => "-",
    }
}

fn detail(placement: &Placement) -> String {
    let effort = if placement.required { "" } else { "  best effort" };
    // A release, a mark or a git tag holds no artifact: its digest says nothing to people.
    let digest = if placement.artifact.is_empty() { "" } else { placement.expected.get(..19).unwrap_or(&placement.expected) };
    let text = match placement.state {
        PlacementState::Complete => format!("{digest}  already there"),
        PlacementState::Placed => match &placement.moved_from {
            Some(from) => {
                let reason = placement.reason.as_ref().map(|reason| format!("  ({reason})")).unwrap_or_default();
                format!("{digest}  moved from {from}{reason}")
            }
            None => format!("{digest}  placed"),
        },
        PlacementState::Superseded => format!("kept: {}", placement.note.as_deref().unwrap_or("it stands further on")),
        PlacementState::WouldPlace => format!("{digest}  would be placed"),
        PlacementState::Failed | PlacementState::Conflict => {
            placement.error.as_ref().map_or_else(|| "failed".to_owned(), |error| error.message.clone())
        }
        PlacementState::Skipped => "left out of this run".to_owned(),
        PlacementState::NotTried => "not tried: the run was interrupted".to_owned(),
    };
    format!("{}{effort}", text.trim_start())
}

fn totals(placements: &Placements, elapsed: std::time::Duration, dry_run: bool) -> String {
    let totals = &placements.totals;
    let took = duration::human(elapsed);
    if dry_run {
        let open = placements.destinations.iter().filter(|p| p.state == PlacementState::WouldPlace).count();
        return format!("{} of {} are complete, {open} would be placed   {took}   nothing was written\n", totals.complete, totals.expected);
    }
    let mut text = format!("placed {} of {}", totals.complete, totals.expected);
    if totals.already_complete > 0 {
        text.push_str(&format!(": {} were complete, {} placed now", totals.already_complete, totals.placed));
    }
    if totals.superseded > 0 {
        text.push_str(&format!("   {} kept newer", totals.superseded));
    }
    if totals.missing_required > 0 {
        text.push_str(&format!("   {} required missing", totals.missing_required));
    }
    let writes = counted(usize::try_from(totals.writes).unwrap_or(usize::MAX), "write");
    text.push_str(&format!("   {took}   {writes}"));
    if totals.sent > 0 {
        text.push_str(&format!("   {} sent", ByteSize(totals.sent)));
    }
    text.push_str(&format!("   record: {}\n", names::path::RESULTS));
    text
}
