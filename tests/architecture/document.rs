//! The import table as docs/architecture.md shows it to people.

use std::collections::{BTreeMap, BTreeSet};

/// What the document says that a room may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Rooms of which everything may be named.
    pub whole: BTreeSet<String>,
    /// Rooms of which only some items may be named.
    pub parts: BTreeSet<String>,
}

/// The rows of the table headed `room | may use`. One row may stand for several rooms: `| names, error | core |`. After
/// the rooms that may be used whole, `; of ROOM … , of ROOM …` names those of which only items may be.
pub fn table(text: &str) -> BTreeMap<String, Row> {
    let lines = text.lines().skip_while(|line| *line != "| room | may use |").skip(2);
    let mut rows = BTreeMap::new();
    for line in lines.take_while(|line| line.starts_with('|')) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (rooms, uses) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let (whole, parts) = uses.split_once("; of ").map_or((uses, String::new()), |(whole, parts)| (whole, format!("of {parts}")));
        let row = Row {
            whole: whole.split(", ").filter(|room| *room != "–").map(str::to_owned).collect(),
            parts: parts.split(", ").filter_map(|part| part.strip_prefix("of ")?.split(' ').next().map(str::to_owned)).collect(),
        };
        rows.extend(rooms.split(", ").map(|room| (room.to_owned(), row.clone())));
    }
    rows
}
