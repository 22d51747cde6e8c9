//! The job summary: the publish table in Markdown.

use super::publish::mark;
use crate::core::ByteSize;
use crate::publish::{PlacementState, Placements};

/// Markdown for the summary page of the CI host. Cells are escaped: names and messages come from outside.
pub fn summary_markdown(placements: &Placements) -> String {
    let totals = &placements.totals;
    let mut text = format!(
        "### Published {} — {} of {} destinations\n\n| | destination | digest | state |\n|---|---|---|---|\n",
        cell(&placements.version),
        totals.complete,
        totals.expected
    );
    for placement in &placements.destinations {
        let state = match &placement.error {
            Some(error) => cell(&error.message),
            None if placement.state.is_complete() => "complete".to_owned(),
            None if placement.state == PlacementState::Superseded => "kept: it is newer".to_owned(),
            None => "not placed".to_owned(),
        };
        let digest = placement.expected.get(..19).unwrap_or(&placement.expected);
        text.push_str(&format!("| {} | `{}` | `{digest}` | {state} |\n", mark(placement.state), cell(&placement.name)));
    }
    text.push_str(&format!("\n{} writes, {} sent, commit `{:.12}`\n", totals.writes, ByteSize(totals.sent), cell(&placements.commit)));
    text
}

fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' => safe.push_str("\\|"),
            '<' => safe.push_str("&lt;"),
            '`' => safe.push('\''),
            '\n' | '\r' => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}
