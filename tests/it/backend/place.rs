//! What backend tests stand on: a world with chosen variables, daemons of our own, and certificates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use stagefreight::build::backend::{Need, Resolution, Thoroughness, resolve};
use stagefreight::config::BuilderSettings;
use stagefreight::error::Result;
use stagefreight::world::{Environment, World};
use tokio_util::sync::CancellationToken;

use crate::support::ports::free_port;
use crate::support::{component, docker, path_with_components};

/// A machine on which nothing is configured: a workspace, a home, a runtime directory.
pub struct Place {
    pub dir: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        for name in ["ws", "tmp", "home", "run"] {
            std::fs::create_dir(dir.path().join(name)).expect("dir");
        }
        let at = |name: &str| dir.path().join(name).display().to_string();
        let path = path_with_components().into_string().expect("PATH is text");
        let env = [("PATH", path), ("HOME", at("home")), ("TMPDIR", at("tmp")), ("XDG_RUNTIME_DIR", at("run"))];
        let env = env.map(|(name, value)| (name.to_owned(), value)).into();
        Self { dir, env }
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Only these programs are installed.
    pub fn with_only(self, programs: &[(&str, &str)]) -> Self {
        let bin = self.path("bin");
        std::fs::create_dir_all(&bin).expect("dir");
        for (program, of) in programs {
            std::os::unix::fs::symlink(component(program, of), bin.join(program)).expect("link");
        }
        self.env("PATH", bin.display().to_string())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn world(&self) -> World {
        let mut world = World::of_process().expect("world");
        world.env = Environment::from_pairs(self.env.clone());
        world.cwd = self.path("ws");
        world
    }

    pub async fn resolve(&self, settings: &BuilderSettings) -> Result<Resolution> {
        self.look(settings, Thoroughness::First).await
    }

    pub async fn look(&self, settings: &BuilderSettings, thoroughness: Thoroughness) -> Result<Resolution> {
        resolve(&self.world(), &self.path("ws"), settings, Need::IMAGES, thoroughness, &CancellationToken::new()).await
    }

    /// Why nothing is found by default.
    pub async fn why_not(&self) -> String {
        let resolution = self.resolve(&BuilderSettings::default()).await.expect("resolution");
        assert!(resolution.backend().is_none(), "{resolution:?}");
        resolution.why_not().to_owned()
    }
}

/// A daemon of our own, ended with the test.
pub struct Daemon {
    child: std::process::Child,
    pub address: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let _reaped = self.child.wait();
    }
}

impl Daemon {
    /// A BuildKit daemon at a socket below `dir`.
    pub fn unix(dir: &Path) -> Self {
        let socket = dir.join("buildkitd.sock");
        let address = format!("unix://{}", socket.display());
        let child = start(dir, &["--addr".to_owned(), address.clone()]);
        wait_for(|| std::os::unix::net::UnixStream::connect(&socket).is_ok());
        Self { child, address }
    }

    /// One over TCP that lets in only those with a certificate of `authority`.
    pub fn tls(dir: &Path, authority: &Authority) -> Self {
        let port = free_port();
        let address = format!("tcp://127.0.0.1:{port}");
        let certificates = dir.join("server");
        authority.issue(&certificates, "127.0.0.1");
        let file = |name: &str| certificates.join(name).display().to_string();
        let tls = [("--tlscacert", "ca.pem"), ("--tlscert", "cert.pem"), ("--tlskey", "key.pem")];
        let args: Vec<_> = tls.iter().flat_map(|(flag, name)| [(*flag).to_owned(), file(name)]).collect();
        let child = start(dir, &[["--addr".to_owned(), address.clone()].to_vec(), args].concat());
        wait_for(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { child, address }
    }
}

fn start(dir: &Path, args: &[String]) -> std::process::Child {
    std::fs::create_dir_all(dir).expect("dir");
    Command::new(component("buildkitd", "buildkit"))
        .args(["--root", &dir.join("root").display().to_string(), "--containerd-worker=false"])
        .args(args)
        .env("PATH", path_with_components())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.join("buildkitd.log")).expect("log"))
        .spawn()
        .expect("buildkitd starts")
}

/// The image that buildx starts builder containers from, made of the programs that are installed: nothing is pulled in
/// tests.
pub fn builder_image() {
    use std::sync::Once;
    const NAME: &str = "moby/buildkit:buildx-stable-1";
    static MADE: Once = Once::new();
    MADE.call_once(|| {
        let docker = docker();
        let dir = tempfile::tempdir().expect("dir");
        let runc = component("runc", "docker");
        let libraries = Command::new("ldd").arg(&runc).output().expect("ldd runs").stdout;
        let libraries = String::from_utf8(libraries).expect("text");
        let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
        let programs = [component("buildkitd", "buildkit"), component("buildctl", "buildkit"), runc, component("busybox", "busybox")];
        let into_bin = programs.into_iter().map(|path| (PathBuf::from("usr/bin").join(path.file_name().expect("name")), path));
        let as_they_are = libraries.map(|path| (path.strip_prefix("/").expect("absolute").to_owned(), path.clone()));
        for (at, from) in into_bin.chain(as_they_are) {
            let to = dir.path().join("root").join(at);
            std::fs::create_dir_all(to.parent().expect("parent")).expect("dir");
            std::fs::copy(from, to).expect("copy");
        }
        // BuildKit unpacks frontends' inputs there.
        std::fs::create_dir(dir.path().join("root/tmp")).expect("dir");
        let file = "FROM scratch\nCOPY root /\nENV PATH=/usr/bin\nENTRYPOINT [\"buildkitd\"]\n";
        std::fs::write(dir.path().join("Dockerfile"), file).expect("file");
        let made = Command::new(docker).args(["build", "--quiet", "--tag", NAME]).arg(dir.path()).output().expect("docker runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    });
}

pub fn wait_for(mut there: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A certificate authority of the test.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority"))
    }

    /// Writes `ca.pem`, `cert.pem` and `key.pem` of a new certificate for a name.
    pub fn issue(&self, dir: &Path, name: &str) {
        std::fs::create_dir_all(dir).expect("dir");
        let key = KeyPair::generate().expect("key");
        let certificate = CertificateParams::new(vec![name.to_owned()]).expect("params").signed_by(&key, &self.0).expect("certificate");
        for (file, text) in [("ca.pem", self.0.pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())] {
            std::fs::write(dir.join(file), text).expect("file");
        }
    }
}
