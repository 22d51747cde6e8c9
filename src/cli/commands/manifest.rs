//! `stagefreight manifest …`: show, check, compare and finalize the two manifests other tools read.

mod compare;
mod show;
mod verify;

pub(in crate::cli) use compare::Difference;
pub(in crate::cli) use show::Shown;
pub(in crate::cli) use verify::Report;

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use crate::cli::schemas::{self, SchemaOf};
use crate::cli::session::Session;
use crate::core::PathError;
use crate::error::{Error, Kind, Result};
use crate::manifest::{DocumentKind, MAX_FILE_SIZE, ManifestError, OutputsManifest, ResultsManifest};
use crate::{fs, names};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum ManifestCommand {
    /// Show artifacts, destinations and outcomes; as JSON: the manifests and their three views
    Show {
        /// Manifests [default: .stagefreight/outputs.json and .stagefreight/published.json]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Check structure and checksum, and whether results belong to the outputs given with them
    Verify {
        /// Manifests [default: .stagefreight/outputs.json and .stagefreight/published.json]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Explain what differs, by artifact and destination
    Diff {
        /// The earlier manifest
        before: PathBuf,
        /// The later manifest, of the same kind
        after: PathBuf,
    },
    /// Print the JSON Schema of a file
    Schema {
        /// Which file
        file: SchemaOf,
    },
    /// Print the exact bytes of the valid manifest that FILE describes
    Finalize {
        /// Which manifest it is
        manifest: Which,
        /// JSON without the parts StageFreight fills in: version, time, ids, checksum
        file: PathBuf,
    },
}

/// One of the two manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// outputs.json
    Outputs,
    /// published.json
    Results,
}

/// Runs it.
pub fn run(session: &Session, command: ManifestCommand) -> Result<()> {
    match command {
        ManifestCommand::Show { files } => show::run(session, &files_or_default(session, files)),
        ManifestCommand::Verify { files } => verify::run(session, &files_or_default(session, files)),
        ManifestCommand::Diff { before, after } => compare::run(session, &before, &after),
        ManifestCommand::Schema { file } => print_schema(session, file),
        ManifestCommand::Finalize { manifest, file } => finalize(session, manifest, &file),
    }
}

/// The workspace's own manifests: outputs always (it is the one to miss), results when they are there.
fn files_or_default(session: &Session, files: Vec<PathBuf>) -> Vec<PathBuf> {
    if !files.is_empty() {
        return files;
    }
    let mut files = vec![PathBuf::from(names::path::OUTPUTS)];
    if fs::exists(&session.path(names::path::RESULTS)) {
        files.push(PathBuf::from(names::path::RESULTS));
    }
    files
}

fn print_schema(session: &Session, file: SchemaOf) -> Result<()> {
    let text =
        serde_json::to_string_pretty(&schemas::of_file(file)).map_err(|error| Error::failed("cannot write the schema").because(&error))?;
    session.world.print(&format!("{text}\n"));
    Ok(())
}

fn finalize(session: &Session, manifest: Which, file: &Path) -> Result<()> {
    let text = content(session, file)?;
    let now = session.world.clock.now();
    let finalized = match manifest {
        Which::Outputs => OutputsManifest::decode(&text).and_then(|manifest| manifest.into_file(now)),
        Which::Results => ResultsManifest::decode(&text).and_then(|manifest| manifest.into_file(now)),
    };
    // What is wrong was given on the command line, so it is a usage error and not a failed verification.
    let bytes = finalized.map_err(|error| {
        Error::usage(error.to_string()).context(shown(file)).hint("docs/manifests.md lists what every rule asks of a manifest")
    })?;
    session.world.print(&String::from_utf8_lossy(&bytes));
    Ok(())
}

/// A decoded manifest of either kind.
enum Document {
    Outputs(OutputsManifest),
    Results(ResultsManifest),
}

/// Reads a file of the workspace with a bound; the failure stays a value, because rules are about it too.
fn read(session: &Session, file: &Path) -> std::result::Result<Vec<u8>, PathError> {
    fs::read_bounded(&session.path(file), MAX_FILE_SIZE)
}

fn content(session: &Session, file: &Path) -> Result<Vec<u8>> {
    read(session, file).map_err(|error| {
        let error = Error::from(error);
        let missing = error.kind() == Kind::Missing;
        if missing { error.hint("name a manifest that exists, or run the stage that writes it") } else { error }
    })
}

/// By content, else by name, else outputs: `published.json` and `results.json` are results.
fn kind_of(file: &Path, text: &[u8]) -> DocumentKind {
    DocumentKind::detect(text).unwrap_or_else(|| {
        let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if name.contains("published") || name.contains("results") { DocumentKind::Results } else { DocumentKind::Outputs }
    })
}

fn decode(kind: DocumentKind, text: &[u8]) -> std::result::Result<Document, ManifestError> {
    match kind {
        DocumentKind::Outputs => OutputsManifest::decode(text).map(Document::Outputs),
        DocumentKind::Results => ResultsManifest::decode(text).map(Document::Results),
    }
}

fn check(kind: DocumentKind, content: std::result::Result<Vec<u8>, PathError>) -> std::result::Result<Document, ManifestError> {
    match kind {
        DocumentKind::Outputs => OutputsManifest::from_file(content).map(Document::Outputs),
        DocumentKind::Results => ResultsManifest::from_file(content).map(Document::Results),
    }
}

fn shown(file: &Path) -> String {
    printable(&file.display().to_string())
}

/// Foreign text on a screen: characters that move the cursor or turn the writing direction are shown as escapes.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// `sha256:6c1f0a9b2d3e`, or the text as it is when it is no digest.
fn short_digest(text: &str) -> String {
    match text.parse::<crate::core::Digest>() {
        Ok(digest) => digest.short().to_owned(),
        Err(_) => printable(text),
    }
}

/// The first twelve digits of a checksum.
fn short_checksum(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { printable(&text.chars().take(12).collect::<String>()) }
}
