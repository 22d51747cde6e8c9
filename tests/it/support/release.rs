//! A small release and the registries it goes to: in-process servers that count requests and misbehave on demand, and
//! a workspace whose RUN-free Dockerfile the embedded builder makes.

use std::path::PathBuf;

use stagefreight::rehearse::fault::FaultPlan;
use stagefreight::rehearse::registry::{Auth, Login, Options, Running, Server};

use super::{Sf, ports};

/// A runtime for in-process servers, and the servers.
pub(crate) struct Registries {
    runtime: tokio::runtime::Runtime,
    pub(crate) servers: Vec<Running>,
    dirs: Vec<PathBuf>,
    root: tempfile::TempDir,
}

impl Registries {
    /// As many servers as there are fault plans.
    pub(crate) fn start(plans: Vec<FaultPlan>) -> Self {
        Self::described(plans.into_iter().map(|faults| (faults, true)).collect())
    }

    /// Each with its faults, and with or without the referrers API.
    pub(crate) fn described(plans: Vec<(FaultPlan, bool)>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        let root = tempfile::tempdir().expect("temporary directory");
        let dirs: Vec<PathBuf> = (0..plans.len()).map(|at| root.path().join(format!("registry-{at}"))).collect();
        let mut servers = Vec::new();
        for (dir, (faults, referrers)) in dirs.iter().zip(plans) {
            servers.push(
                runtime
                    .block_on(Server::start(Options { faults, referrers, addr: ports::free_addr(), ..Options::new(dir) }))
                    .expect("server"),
            );
        }
        Self { runtime, servers, dirs, root }
    }

    /// One that wants a login for everything.
    pub(crate) fn guarded(login: Login) -> Self {
        let mut registries = Self::start(vec![]);
        let dir = registries.root.path().join("registry");
        let options = Options { auth: Auth::Basic(login), addr: ports::free_addr(), ..Options::new(&dir) };
        registries.servers.push(registries.runtime.block_on(Server::start(options)).expect("server"));
        registries.dirs.push(dir);
        registries
    }

    /// Stops one and starts it again with nothing in it, on the same port.
    pub(crate) fn empty(&mut self, at: usize, referrers: bool) {
        let old = self.servers.remove(at);
        let addr = old.addr;
        let dir = self.dirs[at].clone();
        let new = self.runtime.block_on(async move {
            old.shutdown().await;
            std::fs::remove_dir_all(&dir).expect("data of the server");
            ports::again(|| Server::start(Options { referrers, addr, ..Options::new(&dir) })).await
        });
        self.servers.insert(at, new);
    }

    pub(crate) fn two() -> Self {
        Self::start(vec![FaultPlan::default(), FaultPlan::default()])
    }

    /// Stops one and starts another over the same data and port.
    pub(crate) fn restart(&mut self, at: usize, faults: FaultPlan) {
        let old = self.servers.remove(at);
        let addr = old.addr;
        let dir = self.dirs[at].clone();
        let new = self.runtime.block_on(async move {
            old.shutdown().await;
            ports::again(|| Server::start(Options { faults: faults.clone(), addr, ..Options::new(&dir) })).await
        });
        self.servers.insert(at, new);
    }

    /// Attempts to change something, at all of them.
    pub(crate) fn writes(&self) -> usize {
        self.servers.iter().map(|server| server.log().writes().len()).sum()
    }

    pub(crate) fn clear_logs(&self) {
        self.servers.iter().for_each(|server| server.log().clear());
    }

    /// Digest of a tag at a registry, read by a plain HTTP client.
    pub(crate) fn digest(&self, at: usize, path: &str, tag: &str) -> Option<String> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(self.servers[at].addr).expect("connect");
        let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
        let request = format!("HEAD /v2/{path}/manifests/{tag} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answer");
        let line =
            answer.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("docker-content-digest:").map(|d| d.trim().to_owned()));
        line.filter(|_| answer.starts_with("HTTP/1.1 200"))
    }
}

/// A config that publishes `app` to registries at these hosts: an immutable version tag and two moving ones.
pub(crate) fn config(hosts: &[String]) -> String {
    let mut registries = String::new();
    for (at, host) in hosts.iter().enumerate() {
        registries.push_str(&format!("  r{at}: {{ provider: generic, url: \"http://{host}\", default_path: acme/app }}\n"));
    }
    let ids: Vec<String> = (0..hosts.len()).map(|at| format!("r{at}")).collect();
    format!(
        "version: 1\nregistries:\n{registries}builds:\n  app: {{ kind: docker, builder: embedded, platforms: [linux/amd64, linux/arm64] }}\n\
         publish:\n  image: {{ kind: registry, build: app, registry: [{}], tags: [\"{{version}}\", \"{{major}}.{{minor}}\", latest] }}\n",
        ids.join(", ")
    )
}

/// A committed and tagged workspace for these hosts.
pub(crate) fn workspace(hosts: &[String]) -> Sf {
    let dockerfile = "FROM scratch\nCOPY app /app\nCOPY data /data\nENTRYPOINT [\"/app\"]\n";
    Sf::new()
        .file("Dockerfile", dockerfile)
        .file("app", "#!/bin/true\n".repeat(2000))
        .file("data/one", "one")
        .file(".gitignore", ".stagefreight/\n")
        .file(".stagefreight.yml", config(hosts))
        .git()
        .tag("v1.4.0")
}

impl Sf {
    /// A workspace for `registries`.
    pub(crate) fn releasing_to(registries: &Registries) -> Self {
        let hosts: Vec<String> = registries.servers.iter().map(Running::host).collect();
        workspace(&hosts)
    }

    /// Performs and reviews.
    pub(crate) fn prepared(self) -> Self {
        self.run(&["perform"]).code(0);
        self.run(&["review"]).code(0);
        self
    }

    pub(crate) fn placements(&self) -> serde_json::Value {
        serde_json::from_str(&self.read(".stagefreight/placements.json")).expect("placements")
    }

    pub(crate) fn artifact_digest(&self) -> String {
        let outputs: serde_json::Value = serde_json::from_str(&self.read(".stagefreight/outputs.json")).expect("outputs");
        outputs["artifacts"][0]["digest"].as_str().expect("digest").to_owned()
    }
}
