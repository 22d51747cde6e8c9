//! A repository to build, by us and by BuildKit, and what came out of it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use stagefreight::build::embedded::Embedded;
use stagefreight::build::{BaseImage, BaseImages, BuildCx, Builder as _, Built};
use stagefreight::core::{BoxFuture, Digest, Platform, Reference};
use stagefreight::error::Error;
use stagefreight::event::Events;
use stagefreight::plan::{BuildStep, BuilderChoice, BuilderKind};
use tokio_util::sync::CancellationToken;

pub(super) const EPOCH: i64 = 1_700_000_000;

/// A repository in a temporary directory.
pub(super) struct Repo {
    pub(super) dir: tempfile::TempDir,
    args: BTreeMap<String, String>,
    target: Option<String>,
    bases: Vec<(&'static str, PathBuf, Digest)>,
}

impl Repo {
    pub(super) fn new(dockerfile: &str) -> Self {
        let repo = Self { dir: tempfile::tempdir().expect("dir"), args: BTreeMap::new(), target: None, bases: Vec::new() };
        repo.file("Dockerfile", dockerfile, 0o644)
    }

    pub(super) fn root(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    pub(super) fn file(self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> Self {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("parents");
        std::fs::write(&path, content).expect("file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        self
    }

    pub(super) fn dir(self, name: &str, mode: u32) -> Self {
        let path = self.root().join(name);
        std::fs::create_dir_all(&path).expect("dir");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        self
    }

    pub(super) fn link(self, name: &str, target: &str) -> Self {
        std::os::unix::fs::symlink(target, self.root().join(name)).expect("link");
        self
    }

    pub(super) fn arg(mut self, name: &str, value: &str) -> Self {
        self.args.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn target(mut self, name: &str) -> Self {
        self.target = Some(name.to_owned());
        self
    }

    pub(super) fn base(mut self, name: &'static str, built: &Built) -> Self {
        self.bases.push((name, built.layout.clone(), built.digest.clone()));
        self
    }

    pub(super) fn step(&self) -> BuildStep {
        BuildStep {
            id: "app".to_owned(),
            required: true,
            depends_on: Vec::new(),
            dockerfile: "Dockerfile".to_owned(),
            context: ".".to_owned(),
            target: self.target.clone(),
            platforms: vec!["linux/amd64".to_owned()],
            args: self.args.clone(),
            labels: BTreeMap::new(),
            source_date_epoch: EPOCH,
            provenance: None,
            sbom: false,
            compression: "gzip".to_owned(),
            buildkit: stagefreight::config::BuildkitOptions::default(),
            stage: Vec::new(),
            cache: stagefreight::plan::PlannedCache::default(),
            builder: BuilderChoice { kind: BuilderKind::Embedded, why: "a test".to_owned() },
        }
    }

    /// Builds with a changed step, below `out`.
    pub(super) fn build_as(&self, out: &str, threads: usize, change: impl FnOnce(&mut BuildStep)) -> Result<Built, Error> {
        let mut step = self.step();
        change(&mut step);
        let scratch = self.dir.path().join(out);
        std::fs::create_dir_all(&scratch).expect("scratch");
        let cx = BuildCx::new(self.root(), scratch, CancellationToken::new(), Events::none());
        let builder = Embedded::new(vec![Arc::new(Bases(self.bases.clone()))]).threads(threads);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(builder.build(&cx, &step))
    }

    #[track_caller]
    pub(super) fn build(&self) -> Built {
        self.build_as("embedded", 2, |_| {}).unwrap_or_else(|e| panic!("{e}\nhint: {:?}", e.hint_text()))
    }

    #[track_caller]
    pub(super) fn fails(&self) -> Error {
        match self.build_as("failing", 2, |_| {}) {
            Ok(built) => panic!("built {}", built.digest),
            Err(error) => error,
        }
    }

    /// The same through docker buildx, as an OCI layout.
    #[track_caller]
    pub(super) fn buildkit(&self) -> Built {
        let docker = docker();
        let layout = self.dir.path().join("buildkit");
        let mut command = Command::new(docker);
        command.args(["buildx", "build", "--provenance=false", "--platform=linux/amd64", "--build-arg"]);
        command.arg(format!("SOURCE_DATE_EPOCH={EPOCH}"));
        for (name, value) in &self.args {
            command.arg("--build-arg").arg(format!("{name}={value}"));
        }
        if let Some(target) = &self.target {
            command.arg("--target").arg(target);
        }
        for (name, path, digest) in &self.bases {
            command.arg("--build-context").arg(format!("{name}=oci-layout://{}@{digest}", path.display()));
        }
        command.arg("--output").arg(format!("type=oci,tar=false,dest={}", layout.display())).arg(".").current_dir(self.root());
        let output = command.output().expect("docker runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).expect("index")).expect("json");
        let digest = index["manifests"][0]["digest"].as_str().expect("digest").parse().expect("digest");
        Built { digest, layout, build_args_digest: None, bases: Vec::new(), work: stagefreight::build::solve::Work::default() }
    }
}

pub(super) fn docker() -> PathBuf {
    let own = std::env::var_os("SF_COMPONENTS")
        .map_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/stagefreight/components"), PathBuf::from);
    let own = own.join("bin/docker");
    let docker = if own.exists() { own } else { PathBuf::from("docker") };
    let alive = Command::new(&docker).arg("info").output().is_ok_and(|output| output.status.success());
    assert!(alive, "docker does not answer: run `scripts/components install docker && scripts/components start docker`");
    docker
}

/// Base images the test hands to the builder.
pub(super) struct Bases(pub(super) Vec<(&'static str, PathBuf, Digest)>);

impl BaseImages for Bases {
    fn fetch<'a>(
        &'a self,
        reference: &'a Reference,
        _: &'a Platform,
        _: &'a Path,
        _: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<BaseImage, Error>> {
        Box::pin(async move {
            let path = reference.repository.path.trim_start_matches("library/");
            let found = self.0.iter().find(|(name, ..)| *name == path);
            let (_, layout, digest) = found.ok_or_else(|| Error::missing(format!("{reference} is not one of the test's images")))?;
            Ok(BaseImage { layout: layout.clone(), manifest: digest.clone(), resolved: digest.clone() })
        })
    }
}

pub(super) fn blob(layout: &Path, digest: &str) -> Vec<u8> {
    let bytes = std::fs::read(layout.join("blobs").join(digest.replace(':', "/"))).expect("blob");
    assert_eq!(Digest::of(&bytes).as_str(), digest, "a blob's name is its digest");
    bytes
}

pub(super) fn json(layout: &Path, digest: &str) -> Value {
    serde_json::from_slice(&blob(layout, digest)).expect("json")
}

pub(super) fn config(built: &Built) -> Value {
    let manifest = json(&built.layout, built.digest.as_str());
    json(&built.layout, manifest["config"]["digest"].as_str().expect("config"))
}

/// The image's files with overlay semantics: type, mode, owner, and content or link target by path.
pub(super) fn tree(built: &Built) -> BTreeMap<String, String> {
    let manifest = json(&built.layout, built.digest.as_str());
    let mut files = BTreeMap::<String, String>::new();
    // BuildKit writes `null` for an image without layers.
    for layer in manifest["layers"].as_array().unwrap_or(&Vec::new()) {
        let packed = blob(&built.layout, layer["digest"].as_str().expect("digest"));
        let mut bytes = Vec::new();
        if layer["mediaType"].as_str().is_some_and(|t| t.ends_with("zstd")) {
            bytes = zstd::decode_all(packed.as_slice()).expect("zstd");
        } else {
            flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).expect("gzip");
        }
        let mut archive = tar::Archive::new(bytes.as_slice());
        for entry in archive.entries().expect("tar") {
            let mut entry = entry.expect("entry");
            let path = entry.path().expect("path").to_string_lossy().trim_matches('/').to_owned();
            if path.is_empty() {
                continue;
            }
            if let Some((dir, name)) = path.rsplit_once('/').or(Some(("", &path))).filter(|(_, name)| name.starts_with(".wh.")) {
                let hidden = format!("{dir}/{}", &name[4..]).trim_start_matches('/').to_owned();
                files.retain(|path, _| *path != hidden && !path.starts_with(&format!("{hidden}/")));
                continue;
            }
            let header = entry.header().clone();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("content");
            let what = match header.entry_type() {
                tar::EntryType::Directory => "dir".to_owned(),
                tar::EntryType::Symlink => format!("-> {}", entry.link_name().expect("link").expect("link").display()),
                tar::EntryType::Link => {
                    let target = entry.link_name().expect("link").expect("link").to_string_lossy().trim_matches('/').to_owned();
                    let same = files.get(&target).unwrap_or_else(|| panic!("hard link to {target}")).clone();
                    files.insert(path, same);
                    continue;
                }
                _ => format!("file {}", Digest::of(&content).short()),
            };
            let owner = (header.uid().expect("uid"), header.gid().expect("gid"));
            files.insert(path, format!("{:o} {}:{} {what}", header.mode().expect("mode") & 0o7777, owner.0, owner.1));
        }
    }
    files
}

/// Asserts that both builders made the same image, as far as anybody who runs it can tell.
#[track_caller]
pub(super) fn same(name: &str, repo: &Repo) {
    let (ours, theirs) = (repo.build(), repo.buildkit());
    let (our_tree, their_tree) = (tree(&ours), tree(&theirs));
    let differences: Vec<String> = our_tree
        .keys()
        .chain(their_tree.keys())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .filter(|path| our_tree.get(*path) != their_tree.get(*path))
        .map(|path| format!("{path}: embedded {:?}, BuildKit {:?}", our_tree.get(path), their_tree.get(path)))
        .collect();
    assert!(differences.is_empty(), "{name}:\n{}", differences.join("\n"));
    let (ours, theirs) = (config(&ours), config(&theirs));
    for key in ["Env", "Entrypoint", "Cmd", "WorkingDir", "User", "Labels", "ExposedPorts", "Volumes", "Healthcheck", "StopSignal", "Shell"]
    {
        assert_eq!(ours["config"][key], theirs["config"][key], "{name}: {key}");
    }
    for key in ["architecture", "os", "variant", "author"] {
        assert_eq!(ours[key], theirs[key], "{name}: {key}");
    }
    let history = |config: &Value| config["history"].as_array().map(|h| h.iter().map(|e| e["empty_layer"] == true).collect::<Vec<_>>());
    assert_eq!(history(&ours), history(&theirs), "{name}: history");
}

pub(super) fn with_files(dockerfile: &str) -> Repo {
    Repo::new(dockerfile)
        .file("app", "#!/bin/sh\necho hello\n", 0o755)
        .file("LICENSE", "free\n", 0o644)
        .file("conf/app.toml", "port = 1\n", 0o640)
        .file("conf/d/10-a.toml", "a\n", 0o600)
        .file("conf/d/20-b.toml", "b\n", 0o644)
        .file("site/index.html", "<p>", 0o644)
        .file("site/css/main.css", "p{}", 0o644)
        .file("setuid", "x", 0o4755)
        .dir("empty", 0o750)
        .dir("conf/d", 0o700)
        .link("site/home.html", "index.html")
        .link("site/outside", "/etc/passwd")
        .link("to-app", "app")
        .link("to-conf", "conf")
}

impl Repo {
    /// The image together with the repository that keeps it on disk.
    pub(super) fn build_kept(self) -> (Self, Built) {
        let built = self.build();
        (self, built)
    }
}
