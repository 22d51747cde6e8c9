//! The status screen: every destination, what it shall hold, what it holds.

use schemars::JsonSchema;
use serde::Serialize;

use super::table::Table;

/// One destination as `status` and `verify` report it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StatusLine {
    /// `ghcr.io/acme/app:1.4.0`.
    pub name: String,
    /// Artifact id.
    pub artifact: String,
    /// Digest it shall hold.
    pub expected: String,
    /// Digest it holds.
    pub found: Option<String>,
    /// `complete`, `superseded`, `absent`, `incomplete`, `different`, `unknown`; `hidden`: publish was told that it is there, and
    /// our credentials cannot read it.
    pub state: String,
    /// When it was last placed or read by publish, RFC 3339.
    pub since: Option<String>,
    /// What is there instead, or why it could not be read.
    pub detail: Option<String>,
}

/// The screen. `age` turns `since` into words.
pub fn status_screen(title: &str, lines: &[StatusLine], age: &dyn Fn(&str) -> String) -> String {
    let mut text = format!("{title}\n");
    let mut table = Table::indented(2);
    for line in lines {
        let mark = match line.state.as_str() {
            "complete" => "✓",
            "absent" | "superseded" | "hidden" => "-",
            _ => "✗",
        };
        let digest = |text: &str| text.get(..19).unwrap_or(text).to_owned();
        let what = match (line.state.as_str(), &line.found) {
            // A release, a mark or a git tag holds no artifact: its digest says nothing to people.
            _ if line.artifact.is_empty() => String::new(),
            ("complete", _) => digest(&line.expected),
            (_, Some(found)) => format!("{} instead of {}", digest(found), digest(&line.expected)),
            _ => format!("expected {}", digest(&line.expected)),
        };
        let detail = [line.detail.clone(), line.since.as_deref().map(age)].into_iter().flatten().collect::<Vec<_>>().join("  ");
        table.row([line.name.clone(), mark.to_owned(), line.state.clone(), what, detail]);
    }
    text.push_str(&table.render());
    let count = |state: &str| lines.iter().filter(|line| line.state == state).count();
    let newer = match count("superseded") {
        0 => String::new(),
        newer => format!(", {newer} kept newer"),
    };
    let hidden = match count("hidden") {
        0 => String::new(),
        hidden => format!(", {hidden} cannot be read"),
    };
    text.push_str(&format!("{} of {} hold what was published{newer}{hidden}\n", count("complete"), lines.len()));
    text
}
