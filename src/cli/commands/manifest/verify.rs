//! `stagefreight manifest verify FILE…`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Document, check, kind_of, printable, read, short_checksum, shown};
use crate::cli::session::Session;
use crate::error::{Error, Kind, Result};
use crate::manifest::{DocumentKind, Sentinel};
use crate::report::counted;

/// The verdict on all files.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Report {
    /// One per file.
    files: Vec<Verdict>,
    /// What is worth knowing and makes no file invalid.
    warnings: Vec<String>,
}

/// The verdict on one file.
#[derive(Debug, Serialize, JsonSchema)]
struct Verdict {
    /// The file, as given.
    file: String,
    /// `outputs` or `results`.
    manifest: &'static str,
    /// Structure and checksum are right.
    valid: bool,
    /// Its checksum, when it is valid.
    checksum: Option<String>,
    /// The first rule it breaks (docs/manifests.md).
    rule: Option<&'static str>,
    /// How.
    problem: Option<String>,
    #[serde(skip)]
    summary: String,
    #[serde(skip)]
    absent: bool,
}

pub(super) fn run(session: &Session, files: &[PathBuf]) -> Result<()> {
    let mut report = Report { files: Vec::new(), warnings: Vec::new() };
    let mut valid = Vec::new();
    let mut errors: Vec<Error> = Vec::new();
    for file in files {
        let content = read(session, file);
        let kind = content.as_deref().map_or_else(|_| kind_of(file, b""), |text| kind_of(file, text));
        if let Ok(text) = &content {
            report.warnings.extend(unprotected(file, kind, text));
        }
        let mut verdict = Verdict {
            file: file.display().to_string(),
            manifest: kind.name(),
            valid: false,
            checksum: None,
            rule: None,
            problem: None,
            summary: String::new(),
            absent: false,
        };
        match check(kind, content) {
            Ok(document) => {
                verdict.valid = true;
                let (checksum, summary) = summary(&document);
                verdict.checksum = Some(checksum);
                verdict.summary = summary;
                valid.push((file, document));
            }
            Err(error) => {
                verdict.absent = error.sentinel().is_some_and(Sentinel::is_not_found);
                verdict.rule = Some(error.rule().name());
                verdict.problem = Some(error.message().to_owned());
                errors.push(Error::from(error).context(shown(file)));
            }
        }
        report.files.push(verdict);
    }
    report.warnings.extend(unrelated(&valid));
    for warning in &report.warnings {
        session.events.warn(printable(warning), None);
    }
    session.print(&report, text)?;
    verdict(errors, files.len())
}

fn summary(document: &Document) -> (String, String) {
    match document {
        Document::Outputs(manifest) => (manifest.checksum.clone(), format!("outputs, {}", counted(manifest.artifacts().len(), "artifact"))),
        Document::Results(manifest) => (manifest.checksum.clone(), format!("results, {}", counted(manifest.results().len(), "artifact"))),
    }
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    for verdict in &report.files {
        let file = printable(&verdict.file);
        match (&verdict.checksum, verdict.rule) {
            (Some(checksum), _) => out.push_str(&format!("valid    {file}  {}  {}\n", verdict.summary, short_checksum(checksum))),
            (None, _) if verdict.absent => out.push_str(&format!("absent   {file}\n")),
            (None, rule) => out.push_str(&format!("invalid  {file}  {}\n", rule.unwrap_or_default())),
        }
    }
    out
}

/// Keys outside the checksum can be added by anybody.
fn unprotected(file: &Path, kind: DocumentKind, text: &[u8]) -> Option<String> {
    let (paths, count) = kind.unprotected_keys(text).ok()?;
    if count == 0 {
        return None;
    }
    let more = if count > paths.len() { ", …" } else { "" };
    let keys = if count == 1 { "a key" } else { "keys" };
    Some(format!("{} holds {keys} we do not know, which the checksum does not cover: {}{more}", file.display(), paths.join(", ")))
}

/// Results whose intent checksum is not that of an outputs manifest given with them. A warning, not a verdict: older
/// StageFreights wrote such pairs (spec/manifest.md §10.5).
fn unrelated(valid: &[(&PathBuf, Document)]) -> Vec<String> {
    let outputs: Vec<_> = valid
        .iter()
        .filter_map(|(file, document)| match document {
            Document::Outputs(manifest) => Some((file, &manifest.checksum)),
            Document::Results(_) => None,
        })
        .collect();
    let mut warnings = Vec::new();
    for (file, document) in valid {
        let Document::Results(manifest) = document else { continue };
        if outputs.is_empty() || outputs.iter().any(|(_, checksum)| **checksum == manifest.intent_checksum) {
            continue;
        }
        let others: Vec<_> = outputs.iter().map(|(file, checksum)| format!("{} ({})", file.display(), short_checksum(checksum))).collect();
        warnings.push(format!(
            "{} belongs to outputs {}, not to {}",
            file.display(),
            short_checksum(&manifest.intent_checksum),
            others.join(", ")
        ));
    }
    warnings
}

/// One failure speaks for itself; several are counted and listed.
fn verdict(mut errors: Vec<Error>, count: usize) -> Result<()> {
    let Some(first) = errors.pop() else { return Ok(()) };
    if errors.is_empty() {
        return Err(first);
    }
    errors.push(first);
    let kind = errors.iter().map(Error::kind).reduce(Kind::worse).unwrap_or(Kind::Unverified);
    let mut error = Error::new(kind, format!("{} of {count} manifests are not valid", errors.len()));
    for cause in &errors {
        error = error.note(cause.message());
    }
    Err(error.hint("take them again from the job that wrote them"))
}
