//! What a build test stands on: a workspace, a world in which docker is found, servers, and a look into the layout.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stagefreight::build::backend::Resolution;
use stagefreight::build::lifecycle::{Lease, Order};
use stagefreight::build::{BuildCx, Builder as _, Built, leased, look};
use stagefreight::config::BuilderSettings;
use stagefreight::core::Digest;
use stagefreight::core::oci::Manifest;
use stagefreight::error::{Error, Result};
use stagefreight::event::{Event, Events, Sink};
use stagefreight::plan::{BuildStep, BuilderChoice, BuilderKind};
use stagefreight::world::{Environment, World};
use tokio_util::sync::CancellationToken;

use crate::support::{component, path_with_components};

pub const EPOCH: i64 = 1_700_000_000;

/// The beginning of every Dockerfile here that runs something.
const BUSYBOX: &str = "FROM scratch\nCOPY busybox /bin/busybox\nSHELL [\"/bin/busybox\", \"sh\", \"-c\"]\n";

/// A workspace, a private temporary directory and a world in which docker is found.
pub struct Bench {
    pub dir: tempfile::TempDir,
    env: BTreeMap<String, String>,
    pub events: Arc<Recorder>,
    pub cancel: CancellationToken,
}

#[derive(Default)]
pub struct Recorder(pub Mutex<Vec<Event>>);

impl Sink for Recorder {
    fn emit(&self, event: Event) {
        self.0.lock().expect("events").push(event);
    }
}

impl Bench {
    pub fn new(dockerfile: &str) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        for name in ["ws", "tmp", "home", "scratch"] {
            std::fs::create_dir(dir.path().join(name)).expect("dir");
        }
        let at = |name: &str| dir.path().join(name).display().to_string();
        let env = BTreeMap::from([("PATH".to_owned(), path()), ("HOME".to_owned(), at("home")), ("TMPDIR".to_owned(), at("tmp"))]);
        let bench = Self { dir, env, events: Arc::default(), cancel: CancellationToken::new() };
        bench.file("Dockerfile", dockerfile);
        bench
    }

    pub fn with_busybox(dockerfile: &str) -> Self {
        let bench = Self::new(&format!("{BUSYBOX}{dockerfile}"));
        let busybox = std::fs::read("/bin/busybox").expect("a static busybox: scripts/components install busybox");
        bench.file("busybox", busybox);
        std::fs::set_permissions(bench.ws().join("busybox"), std::fs::Permissions::from_mode(0o755)).expect("mode");
        bench
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    pub fn ws(&self) -> PathBuf {
        self.dir.path().join("ws")
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.ws().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("parents");
        std::fs::write(path, content).expect("file");
    }

    pub fn world(&self) -> World {
        let mut world = World::of_process().expect("world");
        world.env = Environment::from_pairs(self.env.clone());
        world.cwd = self.ws();
        world
    }

    /// What there is to build with, by the settings of a config that says nothing.
    pub async fn resolution(&self) -> Result<Resolution> {
        look(&self.world(), &self.ws(), &BuilderSettings::default(), &Events::new(self.events.clone()), &self.cancel).await
    }

    pub async fn build(&self, step: &BuildStep) -> Result<Built> {
        self.build_within(step, None).await
    }

    /// Builds on a lease of its own, each call within the deadline.
    pub async fn build_within(&self, step: &BuildStep, deadline: Option<Duration>) -> Result<Built> {
        let (world, events, settings) = (self.world(), Events::new(self.events.clone()), BuilderSettings::default());
        let resolution = self.resolution().await?;
        let order = Order {
            world: &world,
            workspace: &self.ws(),
            settings: &settings,
            repository: "acme/app",
            events: &events,
            cancel: &self.cancel,
        };
        let lease = Lease::acquire(&order, &resolution).await?;
        let scratch = self.dir.path().join("scratch").join(step.id.as_str());
        let cx = BuildCx::new(self.ws(), scratch, self.cancel.clone(), events.clone());
        let result = leased(&world, &lease, deadline).build(&cx, step).await;
        drop(lease);
        assert_eq!(names(&self.dir.path().join("tmp")), Vec::<String>::new(), "private directories are removed");
        result
    }

    /// Everything the reader of the log could see.
    pub fn shown(&self) -> String {
        format!("{:#?}", self.events.0.lock().expect("events"))
    }
}

pub fn path() -> String {
    path_with_components().into_string().expect("PATH is text")
}

pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).expect("dir").map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub fn step(platforms: &[&str]) -> BuildStep {
    BuildStep {
        id: "app".into(),
        required: true,
        depends_on: Vec::new(),
        dockerfile: "Dockerfile".into(),
        context: ".".into(),
        target: None,
        platforms: platforms.iter().map(|&p| p.to_owned()).collect(),
        args: BTreeMap::new(),
        labels: BTreeMap::from([("org.opencontainers.image.revision".to_owned(), "abc".to_owned())]),
        source_date_epoch: EPOCH,
        provenance: None,
        sbom: false,
        compression: "gzip".into(),
        buildkit: stagefreight::config::BuildkitOptions::default(),
        stage: Vec::new(),
        cache: stagefreight::plan::PlannedCache::default(),
        builder: BuilderChoice { kind: BuilderKind::Buildx, why: "test".into() },
    }
}

pub fn host() -> BuildStep {
    step(&[&stagefreight::core::Platform::host().to_string()])
}

pub fn blob(layout: &Path, digest: &Digest) -> Vec<u8> {
    let bytes = std::fs::read(layout.join("blobs/sha256").join(digest.hex())).expect("blob");
    assert_eq!(Digest::of(&bytes), *digest, "a blob is what its name says");
    bytes
}

pub fn manifest(layout: &Path, digest: &Digest) -> Manifest {
    Manifest::parse(blob(layout, digest)).expect("manifest")
}

/// Every file of an image manifest's layers with its time.
pub fn tree(layout: &Path, manifest: &Manifest) -> BTreeMap<String, (u64, Vec<u8>)> {
    let mut files = BTreeMap::new();
    for layer in &manifest.layers {
        let bytes = blob(layout, &layer.digest);
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        for entry in archive.entries().expect("entries") {
            let mut entry = entry.expect("entry");
            let path = entry.path().expect("path").display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("content");
            files.insert(path.trim_end_matches('/').to_owned(), (entry.header().mtime().expect("mtime"), content));
        }
    }
    files
}

/// An error as people see it.
pub fn told(error: &Error) -> String {
    let mut text = format!("error: {} (exit {})\n", error.message(), error.kind().exit_code());
    text.extend(error.excerpt_text().map(|excerpt| format!("{excerpt}\n")));
    text.extend(error.notes().iter().map(|note| format!("  {note}\n")));
    text.extend(error.hint_text().map(|hint| format!("hint: {hint}\n")));
    text
}

/// A server of our own, ended with the test.
pub struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _asked = std::process::Command::new("kill").arg(self.0.id().to_string()).status();
        let _reaped = self.0.wait();
    }
}

/// A distribution registry on a free port.
pub async fn registry(dir: &Path) -> (Server, String) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("address").to_string();
    drop(free);
    let config = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
        dir.join("registry").display()
    );
    std::fs::write(dir.join("registry.yml"), config).expect("config");
    let server = std::process::Command::new(component("docker-registry", "registry2"))
        .args(["serve", &dir.join("registry.yml").display().to_string()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the registry starts");
    let server = Server(server);
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(&address).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the registry does not answer");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (server, address)
}

/// A BuildKit daemon of our own, without docker, in a private directory.
pub struct Buildkitd {
    server: Server,
    pub address: String,
    _dir: tempfile::TempDir,
}

impl Buildkitd {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.server.0.id()
    }

    /// Starts one, and waits until it takes connections: the socket is there a moment earlier.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let log = dir.path().join("log");
        let address = format!("unix://{}", dir.path().join("sock").display());
        let child = std::process::Command::new(component("buildkitd", "buildkit"))
            .args(["--root", &dir.path().join("root").display().to_string(), "--addr", &address, "--containerd-worker=false"])
            .env("PATH", path())
            .stdout(std::process::Stdio::null())
            .stderr(std::fs::File::create(&log).expect("log"))
            .spawn()
            .expect("buildkitd starts");
        let mut server = Server(child);
        let begun = Instant::now();
        while std::os::unix::net::UnixStream::connect(dir.path().join("sock")).is_err() {
            let ended = server.0.try_wait().expect("its status");
            assert!(
                ended.is_none() && begun.elapsed() < Duration::from_secs(30),
                "buildkitd does not start ({ended:?}):\n{}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { server, address, _dir: dir }
    }
}
