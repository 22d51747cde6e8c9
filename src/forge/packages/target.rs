//! A place for files as a place to publish to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::file_step::{FileStep, step_name};
use super::host::{At, FileHost};
use super::index::{Index, IndexedFile, POINTER_FILE};
use super::pointer_step::PointerStep;
use crate::core::{BoxFuture, Digest};
use crate::forge::asset::AssetSource;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::transaction::{Refused, media_type};
use crate::manifest::Destination;
use crate::publish::{ApprovedArtifact, Content, Cx, Depth, Inquiry, PlaceError, Preflight, Reading, Step, Target};

/// How destinations here are read back (`observed_by`).
pub(super) const READ_BY: &str = "file-api";

/// Kinds of destinations here, as `destinations.json` writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file of a version.
    File,
    /// A document beside the files of a version: which they are, and of which commit.
    Index,
    /// A document that says which version is meant.
    Pointer,
}

impl Kind {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "package_file",
            Self::Index => "package_index",
            Self::Pointer => "package_pointer",
        }
    }

    /// The kind of a destination.
    pub fn of(destination: &Destination) -> Option<Self> {
        [Self::File, Self::Index, Self::Pointer].into_iter().find(|kind| kind.name() == destination.kind)
    }
}

/// What `destinations.json` says of a pointer or an index beside what it says of every destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointerSettings {
    /// Directory of the version it tells of: `app/1.4.0`.
    pub points_at: String,
    /// Its version.
    pub version: String,
    /// Names of the files that are published with it; empty: all that are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

impl PointerSettings {
    /// Does it tell of this file?
    pub fn is_about(&self, file: &Destination) -> bool {
        let name = file.name.rsplit('/').next().unwrap_or(&file.name);
        file.path == self.points_at
            && Kind::of(file) == Some(Kind::File)
            && (self.files.is_empty() || self.files.iter().any(|listed| listed == name))
    }
}

/// One place for files. The `path` of a destination is the directory, its `tag` the version or the pointer's name.
pub struct PackageTarget {
    name: String,
    host: Arc<dyn FileHost>,
}

impl PackageTarget {
    /// Named as the config names it.
    pub fn new(name: impl Into<String>, host: Arc<dyn FileHost>) -> Self {
        Self { name: name.into(), host }
    }

    /// The place.
    pub fn host(&self) -> &Arc<dyn FileHost> {
        &self.host
    }

    /// The step of a destination that no artifact is: a document about the files of a version.
    fn document_step(&self, destination: &Destination, artifacts: &[ApprovedArtifact]) -> Result<Box<dyn Step>, ForgeError> {
        let settings: PointerSettings = settings_of(destination)?;
        let mut files = BTreeMap::new();
        let mut revision = String::new();
        let mut needs = Vec::new();
        for artifact in artifacts {
            let Content::File(file) = &artifact.content else { continue };
            for place in artifact.destinations.iter().filter(|place| settings.is_about(place)) {
                let at = at_of(place);
                let indexed = IndexedFile { name: at.file.clone(), path: at.path(), sha256: artifact.digest.clone(), size: file.size };
                files.insert(at.file.clone(), indexed);
                revision.clone_from(&artifact.revision);
                needs.push(step_name(&place.name, &artifact.digest));
            }
        }
        if files.is_empty() || files.len() < settings.files.len() {
            let text = format!("{} would tell of files that were left out", destination.name);
            return Err(ForgeError::new(ForgeErrorKind::Rejected, text).hint("publish the files with it; what is complete is kept"));
        }
        let index = Index::new(&settings.version, &revision, files.into_values().collect());
        let host = Arc::clone(&self.host);
        if Kind::of(destination) == Some(Kind::Index) {
            let step = FileStep::of_document(host, at_of(destination), index.bytes(), &destination.name, needs);
            return Ok(Box::new(step));
        }
        Ok(Box::new(PointerStep::new(host, pointer_at(destination), index, destination, needs)))
    }

    async fn reading(&self, cx: &Cx, destination: &Destination, depth: Depth) -> Result<Reading, ForgeError> {
        if Kind::of(destination) == Some(Kind::Pointer) {
            let held = self.host.document(&pointer_at(destination), &cx.cancel).await?;
            let index = held.as_ref().and_then(|held| Index::read(&held.bytes));
            return Ok(match (held, index) {
                (Some(held), index) => {
                    let (version, revision) = index.map(|index| (index.version, index.revision)).unzip();
                    Reading { digest: Some(Digest::of(&held.bytes)), version, revision, ..Reading::default() }
                }
                (None, _) => Reading::default(),
            });
        }
        let at = at_of(destination);
        let Some(held) = self.host.look(&at, &cx.cancel).await? else { return Ok(Reading::default()) };
        let expected: Option<Digest> = destination.digest.parse().ok();
        let digest = match (held.sha256, held.size, expected) {
            (Some(told), _, _) => Some(told),
            // By its length, as far as a status asks.
            (None, Some(size), Some(expected)) if size == destination.size && depth != Depth::Closure => Some(expected),
            _ => self.host.hash(&at, destination.size, &cx.cancel).await?,
        };
        Ok(Reading { digest, ..Reading::default() })
    }
}

/// Where a file's destination is: what follows the directory in its name is the file's.
fn at_of(destination: &Destination) -> At {
    let file = destination.name.rsplit('/').next().unwrap_or(&destination.name).to_owned();
    At { directory: destination.path.clone(), file }
}

/// Where a pointer is.
fn pointer_at(destination: &Destination) -> At {
    At { directory: destination.path.clone(), file: POINTER_FILE.to_owned() }
}

fn settings_of<T: serde::de::DeserializeOwned>(destination: &Destination) -> Result<T, ForgeError> {
    let settings = destination.settings.clone().unwrap_or_default();
    serde_json::from_value(settings).map_err(|error| {
        ForgeError::new(ForgeErrorKind::Source, format!("what destinations.json says of {} cannot be used: {error}", destination.name))
            .hint("it must not be edited, and is written by the same version of this program; run perform again")
    })
}

impl Target for PackageTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn hashes_what_it_sends(&self) -> bool {
        true
    }

    fn preflight<'a>(&'a self, cx: &'a Cx, inquiry: Inquiry) -> BoxFuture<'a, Preflight> {
        self.host.preflight(inquiry, &cx.cancel)
    }

    fn bind(&self, artifact: &ApprovedArtifact) -> Vec<Box<dyn Step>> {
        let Content::File(file) = &artifact.content else { return Vec::new() };
        let steps = artifact.destinations.iter().filter(|place| Kind::of(place) == Some(Kind::File)).map(|place| {
            let at = at_of(place);
            let source = AssetSource {
                name: at.file.clone(),
                path: file.path.clone(),
                size: file.size,
                sha256: artifact.digest.clone(),
                media_type: media_type(&at.file).to_owned(),
            };
            Box::new(FileStep::new(Arc::clone(&self.host), at, source, &place.name)) as Box<dyn Step>
        });
        steps.collect()
    }

    fn bind_all(&self, artifacts: &[ApprovedArtifact], own: &[Destination]) -> Vec<Box<dyn Step>> {
        let mut steps: Vec<Box<dyn Step>> = artifacts.iter().flat_map(|artifact| self.bind(artifact)).collect();
        for destination in own {
            let refused = |error| Box::new(Refused::new(&destination.name, error)) as Box<dyn Step>;
            steps.push(self.document_step(destination, artifacts).unwrap_or_else(refused));
        }
        steps
    }

    fn read<'a>(&'a self, cx: &'a Cx, destination: &'a Destination, depth: Depth) -> BoxFuture<'a, Result<Reading, PlaceError>> {
        Box::pin(async move { Ok(self.reading(cx, destination, depth).await?) })
    }

    fn fetch<'a>(&'a self, _: &'a Cx, destination: &'a Destination, _: &'a Digest, _: &'a Path) -> BoxFuture<'a, Result<(), PlaceError>> {
        Box::pin(async move {
            let text = format!("{} holds files, and no image", destination.name);
            Err(ForgeError::new(ForgeErrorKind::Rejected, text).into())
        })
    }
}
