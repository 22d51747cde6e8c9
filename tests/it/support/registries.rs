//! Real registries on loopback, each with its own data, ended when dropped.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::component;

/// The user of registries with Basic authentication, and its password.
pub const USER: (&str, &str) = ("alice", "wonderland");

/// bcrypt of the password, cost 4.
const HTPASSWD: &str = "alice:$2b$04$fGJvSmNY9Fe2pZiXO6ZaQexIFU6VbFNc.WDUFYIODnc/sbuQYEEba\n";

/// A running registry.
pub struct Registry {
    pub host: String,
    child: Child,
    dir: tempfile::TempDir,
}

impl Registry {
    /// distribution 2.8 (Debian's `docker-registry`), which has no referrers API.
    pub fn v2(basic_auth: bool) -> Self {
        Self::distribution("docker-registry", "registry2", basic_auth)
    }

    /// distribution 3.
    pub fn v3(basic_auth: bool) -> Self {
        Self::distribution("registry", "registry3", basic_auth)
    }

    /// olareg, which has the referrers API.
    pub fn olareg() -> Self {
        Self::start(|port, dir| {
            let mut command = Command::new(component("olareg", "olareg"));
            command
                .args(["serve", "--addr", "127.0.0.1", "--port", &port.to_string(), "--api-delete", "--api-blob-delete", "--dir"])
                .arg(dir);
            command
        })
    }

    fn distribution(program: &str, name: &str, basic_auth: bool) -> Self {
        Self::start(|port, dir| {
            let mut config = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp: {{addr: \"127.0.0.1:{port}\", secret: s}}\n",
                dir.join("data").display()
            );
            if basic_auth {
                std::fs::write(dir.join("htpasswd"), HTPASSWD).expect("htpasswd");
                config.push_str(&format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", dir.join("htpasswd").display()));
            }
            std::fs::write(dir.join("config.yml"), config).expect("config");
            let mut command = Command::new(component(program, name));
            command.arg("serve").arg(dir.join("config.yml")).env("OTEL_TRACES_EXPORTER", "none");
            command
        })
    }

    fn start(describe: impl Fn(u16, &Path) -> Command) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("address").port();
        let mut command = describe(port, dir.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the registry starts");
        let mut registry = Self { host: format!("127.0.0.1:{port}"), child, dir };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&registry.host).is_err() {
            assert!(registry.child.try_wait().expect("child").is_none(), "the registry ended at once");
            assert!(Instant::now() < deadline, "the registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// Its data directory, for damaging it.
    pub fn data(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
