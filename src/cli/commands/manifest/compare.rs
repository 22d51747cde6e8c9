//! `stagefreight manifest diff BEFORE AFTER`.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Document, check, content, decode, kind_of, printable, short_digest, shown};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::manifest::{Change, diff_outputs, diff_results};

/// What differs between two manifests.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Difference {
    /// `outputs` or `results`.
    manifest: &'static str,
    /// The earlier file, as given.
    before: String,
    /// The later file, as given.
    after: String,
    /// One per value that differs.
    changes: Vec<Change>,
}

pub(super) fn run(session: &Session, before: &Path, after: &Path) -> Result<()> {
    let (first, second) = (load(session, before)?, load(session, after)?);
    let (manifest, changes) = match (&first, &second) {
        (Document::Outputs(first), Document::Outputs(second)) => ("outputs", diff_outputs(first, second)),
        (Document::Results(first), Document::Results(second)) => ("results", diff_results(first, second)),
        _ => {
            return Err(Error::usage(format!("{} and {} are manifests of different kinds", shown(before), shown(after)))
                .hint("compare outputs with outputs, or results with results; `stagefreight manifest show` joins the two"));
        }
    };
    let named = |file: &Path| file.display().to_string();
    session.print(&Difference { manifest, before: named(before), after: named(after), changes }, text)
}

fn load(session: &Session, file: &Path) -> Result<Document> {
    let text = content(session, file)?;
    let kind = kind_of(file, &text);
    let document = decode(kind, &text).map_err(|error| Error::from(error).context(shown(file)))?;
    if let Err(error) = check(kind, Ok(text)) {
        session.events.warn(format!("{}: {}", shown(file), printable(&error.to_string())), None);
    }
    Ok(document)
}

fn text(difference: &Difference) -> String {
    if difference.changes.is_empty() {
        return format!("the {} say the same\n", difference.manifest);
    }
    let mut out = format!("{} → {}\n", printable(&difference.before), printable(&difference.after));
    let mut artifact = None;
    let mut destination = None;
    for change in &difference.changes {
        if change.artifact.is_empty() {
            out.push_str(&format!("  {}\n", moved(change)));
            continue;
        }
        if change.destination.is_empty() && change.field.is_empty() {
            out.push_str(&format!("{} {}\n", sign(change), printable(&change.artifact)));
            continue;
        }
        if artifact != Some(&change.artifact) {
            artifact = Some(&change.artifact);
            destination = None;
            out.push_str(&format!("~ {}\n", printable(&change.artifact)));
        }
        if change.field.is_empty() {
            out.push_str(&format!("  {} {}\n", sign(change), printable(&change.destination)));
            continue;
        }
        if change.destination.is_empty() {
            out.push_str(&format!("    {}\n", moved(change)));
            continue;
        }
        if destination != Some(&change.destination) {
            destination = Some(&change.destination);
            out.push_str(&format!("  ~ {}\n", printable(&change.destination)));
        }
        out.push_str(&format!("      {}\n", moved(change)));
    }
    out
}

fn sign(change: &Change) -> char {
    if change.after.is_some() { '+' } else { '-' }
}

/// `digest  sha256:… → sha256:…`
fn moved(change: &Change) -> String {
    let value = |text: &Option<String>| text.as_deref().map_or_else(|| "none".to_owned(), short_digest);
    format!("{}  {} → {}", printable(&change.field), value(&change.before), value(&change.after))
}
