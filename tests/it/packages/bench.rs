//! Versions of a package, and somebody who publishes them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stagefreight::core::{Digest, index_file};
use stagefreight::forge::AssetSource;
use stagefreight::forge::packages::{At, FileHost, Kind, PackageTarget, PointerSettings};
use stagefreight::manifest::Destination;
use stagefreight::publish::{ApprovedArtifact, Content, File, Overrides, PlaceError, StepReport, StepState, Target as _};

use crate::support::file_release::{Heard, Publisher, noise};

pub struct Bench {
    pub publisher: Publisher,
    pub heard: Arc<Heard>,
    dir: tempfile::TempDir,
    elsewhere: AtomicU64,
}

/// A version, bound to its directory.
pub struct Version {
    artifacts: Vec<ApprovedArtifact>,
    // Its index, and pointers at it.
    documents: Vec<Destination>,
}

impl Version {
    /// Destinations of its files, and what they must hold.
    pub fn places(&self) -> Vec<(Destination, Digest)> {
        self.artifacts.iter().map(|artifact| (artifact.destinations[0].clone(), artifact.digest.clone())).collect()
    }

    /// One of its files, to be sent.
    pub fn source(&self, index: usize) -> AssetSource {
        let artifact = &self.artifacts[index];
        let Content::File(file) = &artifact.content else { panic!("a file") };
        let media_type = "application/octet-stream".to_owned();
        AssetSource { name: file.name.clone(), path: file.path.clone(), size: file.size, sha256: artifact.digest.clone(), media_type }
    }

    /// Where one of its files is.
    pub fn at(&self, index: usize) -> At {
        let place = &self.artifacts[index].destinations[0];
        At { directory: place.path.clone(), file: place.name.rsplit('/').next().expect("a name").to_owned() }
    }
}

impl Bench {
    pub fn new() -> Self {
        let heard = Arc::new(Heard::default());
        let publisher = Publisher::new(Some(Arc::clone(&heard) as Arc<_>));
        Self { publisher, heard, dir: tempfile::tempdir().expect("temporary directory"), elsewhere: AtomicU64::new(0) }
    }

    pub fn target(host: Arc<dyn FileHost>) -> PackageTarget {
        PackageTarget::new("files", host)
    }

    /// Two files, which differ from version to version.
    pub fn version(&self, package: &str, version: &str, pointers: &[&str]) -> Version {
        let seed = version.bytes().map(u64::from).sum::<u64>();
        let files =
            vec![("app-linux-amd64.tar.gz".to_owned(), noise(seed, 60_000)), ("app-windows-amd64.zip".to_owned(), noise(seed + 1, 5_000))];
        self.version_of(package, version, files, pointers)
    }

    pub fn version_of(&self, package: &str, version: &str, files: Vec<(String, Vec<u8>)>, pointers: &[&str]) -> Version {
        let directory = format!("{package}/{version}");
        let place = |name: String, kind: Kind, path: &str, digest: String, size: u64, settings: Option<serde_json::Value>| Destination {
            name,
            kind: kind.name().to_owned(),
            target: "files".to_owned(),
            artifact: String::new(),
            digest,
            size,
            derived: None,
            path: path.to_owned(),
            tag: version.to_owned(),
            settings,
            policy: if kind == Kind::Pointer { "forward" } else { "immutable" }.to_owned(),
            required: true,
            why: "test".to_owned(),
        };
        let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
        let revision = "a".repeat(40);
        let mut artifacts = Vec::new();
        for (name, bytes) in files {
            let path = self.dir.path().join(format!("{}-{name}", Digest::of(&bytes).hex()));
            std::fs::write(&path, &bytes).expect("file");
            let digest = Digest::of(&bytes);
            let size = bytes.len() as u64;
            artifacts.push(ApprovedArtifact {
                id: format!("archive:{name}"),
                digest: digest.clone(),
                content: Content::File(File { path, name: name.clone(), size }),
                version: version.to_owned(),
                revision: revision.clone(),
                destinations: vec![place(format!("host/{directory}/{name}"), Kind::File, &directory, digest.to_string(), size, None)],
            });
        }
        let settings = PointerSettings { points_at: directory.clone(), version: version.to_owned(), files: names.clone() };
        let settings = serde_json::to_value(settings).expect("settings");
        let index = index_file(version, &revision, names.iter().map(String::as_str));
        let about = Some(settings.clone());
        let mut documents = vec![place(format!("host/{directory}/{index}"), Kind::Index, &directory, String::new(), 0, about)];
        documents.extend(pointers.iter().map(|name| {
            let path = format!("{package}/{name}");
            place(format!("host/{path}"), Kind::Pointer, &path, String::new(), 0, Some(settings.clone()))
        }));
        Version { artifacts, documents }
    }

    /// With what earlier runs here remember.
    pub async fn publish(&self, target: &PackageTarget, version: &Version) -> Vec<StepReport> {
        self.run(target, version, self.dir.path().join("state")).await
    }

    /// On a machine that remembers nothing.
    pub async fn publish_elsewhere(&self, target: &PackageTarget, version: &Version) -> Vec<StepReport> {
        let n = self.elsewhere.fetch_add(1, Ordering::SeqCst);
        self.run(target, version, self.dir.path().join(format!("elsewhere-{n}"))).await
    }

    async fn run(&self, target: &PackageTarget, version: &Version, state: PathBuf) -> Vec<StepReport> {
        let steps = target.bind_all(&version.artifacts, &version.documents);
        self.publisher.run(&steps, &state, Overrides::default()).await
    }
}

/// Why the step of a destination whose name contains this failed.
pub fn failure<'a>(reports: &'a [StepReport], name: &str) -> Option<&'a PlaceError> {
    let report = reports.iter().find(|report| report.destination.as_ref().is_some_and(|destination| destination.contains(name)))?;
    match &report.state {
        StepState::Failed(error) | StepState::Conflict(error) => Some(error),
        _ => None,
    }
}

pub fn states(reports: &[StepReport]) -> String {
    reports.iter().map(|report| format!("{}: {:?}", report.name, report.state)).collect::<Vec<_>>().join("\n")
}
