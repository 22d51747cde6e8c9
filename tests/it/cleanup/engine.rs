//! A docker daemon with its own data, socket and containerd, ended with the test; and a workspace that cleans it up.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Sf, component, path_with_components};

/// How the engine stores images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// In containerd.
    Containerd,
    /// Itself, as engines do that were set up some years ago.
    Graph,
}

/// A running engine.
pub struct Engine {
    child: Child,
    dir: tempfile::TempDir,
}

impl Engine {
    pub fn start(store: Store) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let at = |name: &str| dir.path().join(name).display().to_string();
        let config = format!(r#"{{"features": {{"containerd-snapshotter": {}}}}}"#, store == Store::Containerd);
        std::fs::write(at("daemon.json"), config).expect("config");
        let log = std::fs::File::create(at("log")).expect("log");
        // In a network of its own: an engine without a bridge removes `docker0`, also when another engine uses it.
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--"])
            .arg(component("dockerd", "docker"))
            .args(["--config-file", &at("daemon.json"), "--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")])
            .args(["--host", &format!("unix://{}", at("sock")), "--bridge=none", "--iptables=false", "--ip6tables=false"])
            .env("PATH", path_with_components())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if store == Store::Graph {
            // Works on any file system.
            command.args(["--storage-driver", "vfs"]);
        }
        let mut engine = Self { child: command.spawn().expect("dockerd starts"), dir };
        let begun = Instant::now();
        while !engine.docker_succeeds(&["version"]) {
            let ended = engine.child.try_wait().expect("child").is_some();
            let log = || std::fs::read_to_string(engine.dir.path().join("log")).unwrap_or_default();
            assert!(!ended && begun.elapsed() < Duration::from_secs(90), "dockerd does not answer:\n{}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
        engine
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(component("docker", "docker"));
        command.env("DOCKER_HOST", self.host()).env("PATH", path_with_components()).env("HOME", self.dir.path());
        command.env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1").stdin(Stdio::null());
        command
    }

    fn docker_succeeds(&self, args: &[&str]) -> bool {
        self.command().args(args).output().is_ok_and(|output| output.status.success())
    }

    /// Runs the docker client and tells what it prints.
    #[track_caller]
    pub fn docker(&self, args: &[&str]) -> String {
        let output = self.command().args(args).output().expect("docker runs");
        assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A small image of its own content, and its id.
    #[track_caller]
    pub fn image(&self, name: &str, content: &str) -> String {
        let dir = self.dir.path().join("image");
        std::fs::create_dir_all(&dir).expect("dir");
        std::fs::write(dir.join("content"), content).expect("content");
        std::fs::write(dir.join("Dockerfile"), "FROM scratch\nCOPY content /content\n").expect("Dockerfile");
        let tar = self.dir.path().join("image.tar");
        let packed = Command::new("tar").args(["-C", &dir.display().to_string(), "-cf", &tar.display().to_string(), "content"]).status();
        assert!(packed.expect("tar runs").success());
        self.docker(&["import", "--change", "CMD [\"/content\"]", &tar.display().to_string(), name])
    }

    /// Ids of all images, sorted.
    pub fn images(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.docker(&["images", "--all", "--quiet", "--no-trunc"]).lines().map(str::to_owned).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// A workspace whose cleanup has this section, below `cleanup:`.
    pub fn workspace(&self, cleanup: &str) -> Sf {
        workspace(&self.host(), cleanup)
    }
}

/// A workspace for an engine at an address.
pub fn workspace(host: &str, cleanup: &str) -> Sf {
    let config = format!(
        "version: 1\nbuilds:\n  app: {{ kind: docker, builder: embedded }}\nbuild_cache:\n  cleanup:\n    enabled: true\n{cleanup}"
    );
    Sf::new()
        .file("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
        .file(".gitignore", ".stagefreight/\n")
        .file(".stagefreight.yml", config)
        .env("DOCKER_HOST", host)
        .git()
}

/// Ids of the removals of a document with this kind, sorted.
pub fn ids(document: &Value, kind: &str) -> Vec<String> {
    let all = document["removals"].as_array().expect("removals");
    let mut ids: Vec<String> =
        all.iter().filter(|item| item["kind"] == kind).map(|item| item["id"].as_str().expect("id").to_owned()).collect();
    ids.sort();
    ids
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Asked politely it ends its containerd too, and takes its mounts down.
        let _asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let _reaped = self.child.wait();
        unmount(self.dir.path());
    }
}

fn unmount(below: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below = below.display().to_string();
    for point in mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|point| point.starts_with(&below)) {
        let _gone = Command::new("umount").args(["-l", point]).stderr(Stdio::null()).status();
    }
}
