//! An embedded forge where releases are published together with one that moves, and what somebody else does there.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use stagefreight::core::{Ancestry, BoxFuture, Secret};
use stagefreight::forge::{Carrier, Forge};
use stagefreight::publish::{Cx, Lineage, Overrides, StepReport, Target as _};
use stagefreight::rehearse::api::{self, Logged, Observer};
use stagefreight::rehearse::fault::FaultPlan;
use stagefreight::rehearse::{forge_github, forge_gitlab};
use tokio_util::sync::CancellationToken;

use crate::support::file_release::{FileRelease, Publisher, noise};
use crate::support::openapi::{Findings, OpenApi};
use crate::support::ports;

pub const PROJECT: &str = "acme/app";
pub const NIGHTLY: &str = "nightly";
pub const TOKEN: &str = "canary-of-a-release-that-moves-4711";
/// Of a Developer of GitLab, who may release and not remove files of packages.
const DEVELOPER: &str = "canary-of-a-developer-4711";

/// What people attached and wrote themselves.
pub const BY_HAND: &str = "by-hand.txt";
const ABOVE: &str = "Dear all,";
const BELOW: &str = "Thanks!";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    Github,
    Gitlab,
}

/// The n-th commit of the history; 9 is on another line.
pub fn commit(n: u8) -> String {
    n.to_string().repeat(40)
}

struct History;

impl Lineage for History {
    fn compare<'a>(&'a self, ours: &'a str, theirs: &'a str, _: &'a CancellationToken) -> BoxFuture<'a, Option<Ancestry>> {
        let order = match ours.cmp(theirs) {
            _ if ours.starts_with('9') || theirs.starts_with('9') => Ancestry::Apart,
            std::cmp::Ordering::Less => Ancestry::Before,
            std::cmp::Ordering::Equal => Ancestry::Same,
            std::cmp::Ordering::Greater => Ancestry::After,
        };
        Box::pin(async move { Some(order) })
    }
}

/// The release that moves, as everybody sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nightly {
    pub title: String,
    pub notes: String,
    /// Digests by name.
    pub files: BTreeMap<String, String>,
}

/// Looks behind the scenes, and does there what somebody else does.
#[derive(Clone)]
pub struct Somebody {
    product: Product,
    addr: SocketAddr,
    dir: PathBuf,
    gitlab: Weak<forge_gitlab::Running>,
}

enum Server {
    Github(api::Running),
    Gitlab(Arc<forge_gitlab::Running>),
}

pub struct Desk {
    pub product: Product,
    server: Server,
    dir: tempfile::TempDir,
    tags: BTreeMap<String, String>,
    findings: Findings,
    publisher: Publisher,
    token: &'static str,
}

/// What strikes at requests, told where it is.
pub type Strike = Arc<dyn Fn(&Somebody, &api::Seen) + Send + Sync>;

impl Desk {
    /// With tags v1, v2 and v3.
    pub async fn start(product: Product, publisher: &Publisher) -> Self {
        Self::with(product, publisher, (1..=3).map(|n| (format!("v{n}.0.0"), commit(n))).collect()).await
    }

    /// With these tags.
    pub async fn with(product: Product, publisher: &Publisher, tags: BTreeMap<String, String>) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (server, findings) = serve(product, dir.path(), ports::free_addr(), &tags, FaultPlan::default(), None).await;
        Self { product, server, dir, tags, findings, publisher: publisher.clone(), token: TOKEN }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// The same forge, misbehaving.
    pub async fn again(self, faults: FaultPlan, strike: Option<Strike>) -> Self {
        let Self { product, server, dir, tags, findings, publisher, token } = self;
        findings.assert_none();
        let addr = server.addr();
        let (server, findings) = match server {
            Server::Github(running) => {
                running.shutdown().await;
                serve(product, dir.path(), addr, &tags, faults, strike).await
            }
            Server::Gitlab(mut held) => {
                // Whoever looks holds it for a moment.
                let running = loop {
                    match Arc::try_unwrap(held) {
                        Ok(running) => break running,
                        Err(back) => held = back,
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                };
                let here = Arc::default();
                let (options, findings) = gitlab(dir.path(), addr, &tags, faults, observer(product, addr, dir.path(), &here, strike));
                let running = Arc::new(running.restart(options).await.expect("server on the same port"));
                assert!(here.set(Arc::downgrade(&running)).is_ok());
                (Server::Gitlab(running), findings)
            }
        };
        Self { product, server, dir, tags, findings, publisher, token }
    }

    pub fn somebody(&self) -> Somebody {
        let gitlab = match &self.server {
            Server::Gitlab(running) => Arc::downgrade(running),
            Server::Github(_) => Weak::new(),
        };
        Somebody { product: self.product, addr: self.server.addr(), dir: self.dir.path().to_owned(), gitlab }
    }

    pub fn release(&self, n: u8) -> FileRelease {
        release(self.dir.path(), n)
    }

    /// Publishes the n-th release, and the one that moves with it.
    pub async fn publish(&self, n: u8, adopt: bool) -> Vec<StepReport> {
        self.by(self.dir.path()).publish(n, Some(adopt)).await
    }

    /// Publishes the n-th release alone.
    pub async fn publish_alone(&self, n: u8) -> Vec<StepReport> {
        self.by(self.dir.path()).publish(n, None).await
    }

    /// The same from another machine.
    pub async fn publish_elsewhere(&self, n: u8) -> Vec<StepReport> {
        self.by(&self.dir.path().join("elsewhere")).publish(n, Some(false)).await
    }

    fn by<'a>(&'a self, dir: &'a Path) -> Who<'a> {
        Who { publisher: &self.publisher, product: self.product, addr: self.server.addr(), token: self.token, dir }
    }

    /// From now on somebody publishes who may not remove files of packages.
    pub fn by_a_developer(self) -> Self {
        Self { token: DEVELOPER, ..self }
    }

    pub fn log(&self) -> Vec<Logged> {
        match &self.server {
            Server::Github(running) => running.log().entries(),
            Server::Gitlab(running) => running.log().entries(),
        }
    }

    pub fn forget_log(&self) {
        match &self.server {
            Server::Github(running) => running.log().clear(),
            Server::Gitlab(running) => running.log().clear(),
        }
    }

    #[track_caller]
    pub fn assert_described(&self) {
        self.findings.assert_none();
    }
}

/// The n-th release: a file whose name stays, one whose name changes, and the sums.
fn release(dir: &Path, n: u8) -> FileRelease {
    let files = vec![("app.tar.gz".to_owned(), noise(u64::from(n), 900)), (format!("app-{n}.zip"), noise(u64::from(n) + 100, 500))];
    let mut release = FileRelease::of(&dir.join(format!("dist-{n}")), &format!("v{n}.0.0"), &commit(n), files);
    release.notes = format!("what is new in {n}");
    release
}

/// Who publishes, from where.
struct Who<'a> {
    publisher: &'a Publisher,
    product: Product,
    addr: SocketAddr,
    token: &'a str,
    dir: &'a Path,
}

impl Who<'_> {
    /// A release, and the one that moves with it: whether that is taken over. `None`: the release alone.
    async fn publish(&self, n: u8, moving: Option<bool>) -> Vec<StepReport> {
        let url = format!("http://{}", self.addr);
        let forge: Arc<dyn Forge> = match self.product {
            Product::Github => self.publisher.github(&url, PROJECT, self.token),
            Product::Gitlab => self.publisher.gitlab(&url, PROJECT, self.token, Carrier::PrivateToken),
        };
        let release = release(self.dir, n);
        let moves = release.moving(&*forge, NIGHTLY, "forward");
        let adopt = moving == Some(true);
        let decided = adopt.then(|| (moves.name.clone(), "it is ours".to_owned())).into_iter().collect();
        let mut own = vec![release.own(&*forge)];
        own.extend(moving.map(|_| moves));
        let steps = self.publisher.target(&forge, &release).bind_all(&release.artifacts(&*forge), &own);
        let cx = Cx {
            lineage: Some(Arc::new(History)),
            overrides: Arc::new(Overrides { adopt: decided, ..Overrides::default() }),
            ..self.publisher.cx()
        };
        self.publisher.run_as(cx, &steps, &self.dir.join(format!("state-{n}"))).await
    }
}

async fn serve(
    product: Product,
    dir: &Path,
    addr: SocketAddr,
    tags: &BTreeMap<String, String>,
    faults: FaultPlan,
    strike: Option<Strike>,
) -> (Server, Findings) {
    let here = Arc::default();
    let observer = observer(product, addr, dir, &here, strike);
    match product {
        Product::Github => {
            let repository = forge_github::Repository { tags: tags.clone(), ..forge_github::Repository::default() };
            let mut options = forge_github::Options::new(dir.join("forge"), [(PROJECT.to_owned(), repository)]);
            options.token = Some(Secret::new(TOKEN));
            options.server = api::Options { addr, faults, observer, ..api::Options::default() };
            let heard = crate::forge_github::openapi::Heard::default();
            options.server.recorder = Some(heard.recorder());
            let server = ports::again(|| forge_github::serve(options.clone())).await;
            (Server::Github(server), heard.into())
        }
        Product::Gitlab => {
            let (options, findings) = gitlab(dir, addr, tags, faults, observer);
            let running = Arc::new(ports::again(|| forge_gitlab::start(options.clone())).await);
            assert!(here.set(Arc::downgrade(&running)).is_ok());
            (Server::Gitlab(running), findings)
        }
    }
}

fn gitlab(
    dir: &Path,
    addr: SocketAddr,
    tags: &BTreeMap<String, String>,
    faults: FaultPlan,
    observer: Option<Observer>,
) -> (forge_gitlab::Options, Findings) {
    let mut options = forge_gitlab::Options::new(dir.join("forge"));
    let mut project = forge_gitlab::Project { path: PROJECT.to_owned(), tags: tags.clone(), ..forge_gitlab::Project::default() };
    project.refs.insert("aside".to_owned(), commit(9));
    options.projects = vec![project];
    let roles = [(TOKEN, forge_gitlab::Role::Maintainer), (DEVELOPER, forge_gitlab::Role::Developer)];
    options.trusted = roles.map(|(token, role)| crate::forge_gitlab::scene::trusted_person(token, role)).into();
    let (recorder, findings) = OpenApi::read("gitlab.json").recorder("", &["/info/refs", "/git-receive-pack"]);
    options.server = api::Options { addr, faults, observer, recorder: Some(recorder), ..api::Options::default() };
    (options, findings)
}

type Here = Arc<OnceLock<Weak<forge_gitlab::Running>>>;

fn observer(product: Product, addr: SocketAddr, dir: &Path, here: &Here, strike: Option<Strike>) -> Option<Observer> {
    let (strike, here, dir) = (strike?, Arc::clone(here), dir.to_owned());
    Some(Arc::new(move |seen: &api::Seen| {
        let gitlab = here.get().cloned().unwrap_or_default();
        strike(&Somebody { product, addr, dir: dir.clone(), gitlab }, seen);
    }))
}

impl Server {
    fn addr(&self) -> SocketAddr {
        match self {
            Self::Github(running) => running.addr,
            Self::Gitlab(running) => running.addr(),
        }
    }
}

impl Somebody {
    /// What everybody sees; nothing while there is no such release.
    pub fn looks(&self) -> Option<Nightly> {
        self.looks_at(NIGHTLY)
    }

    /// The same of any release.
    pub fn looks_at(&self, tag: &str) -> Option<Nightly> {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        match self.product {
            Product::Github => {
                let repo = self.github();
                let release = repo["releases"].as_array()?.iter().find(|one| one["tag_name"] == tag && one["draft"] == false)?.clone();
                let whole = release["assets"].as_array()?.iter().filter(|asset| asset["uploaded"] == true);
                let files = whole.map(|asset| (text(asset, "name"), text(asset, "digest").replace("sha256:", ""))).collect();
                Some(Nightly { title: text(&release, "name"), notes: text(&release, "body"), files })
            }
            Product::Gitlab => {
                let running = self.gitlab.upgrade()?;
                let release = running.releases(PROJECT).into_iter().find(|release| release.tag == tag)?;
                let there = running.files(PROJECT);
                let newest = |name: &String| there.iter().rev().find(|file| file.version == tag && file.name == *name);
                // A link to nothing is no file.
                let offered = release.links.iter().filter_map(|(name, ..)| Some((name.clone(), newest(name)?.digest.hex().to_owned())));
                Some(Nightly { title: release.name.clone(), files: offered.collect(), notes: release.description.clone() })
            }
        }
    }

    /// How many releases and drafts of its tag there are.
    pub fn counts(&self) -> usize {
        match self.product {
            Product::Github => {
                let all = self.github()["releases"].as_array().cloned().unwrap_or_default();
                all.iter().filter(|one| one["tag_name"] == NIGHTLY).count()
            }
            Product::Gitlab => usize::from(self.looks().is_some()),
        }
    }

    /// The commit its tag names.
    pub fn tag(&self) -> Option<String> {
        match self.product {
            Product::Github => self.github()["tags"][NIGHTLY]["commit"].as_str().map(str::to_owned),
            Product::Gitlab => {
                let tags = self.gitlab.upgrade()?.tags(PROJECT);
                tags.into_iter().find(|(name, _)| name == NIGHTLY).map(|(_, commit)| commit)
            }
        }
    }

    fn github(&self) -> Value {
        let text = std::fs::read(self.dir.join("forge/state.json")).expect("state");
        let state: Value = serde_json::from_slice(&text).expect("JSON");
        state["repositories"][PROJECT].clone()
    }

    fn github_release(&self) -> Option<Value> {
        self.github()["releases"].as_array()?.iter().find(|one| one["tag_name"] == NIGHTLY).cloned()
    }

    /// Takes a file away. Nothing when it is not there.
    pub fn removes(&self, name: &str) {
        match self.product {
            Product::Github => {
                let assets = self.github_release().map(|release| release["assets"].as_array().cloned().unwrap_or_default());
                for asset in assets.unwrap_or_default().iter().filter(|asset| asset["name"] == name) {
                    self.asks("DELETE", &format!("/api/v3/repos/{PROJECT}/releases/assets/{}", asset["id"]), b"");
                }
            }
            Product::Gitlab => {
                let packages = self.asks("GET", &gitlab_url("packages?package_name=app&package_version=nightly"), b"");
                let Some(id) = packages[0]["id"].as_u64() else { return };
                let files = self.asks("GET", &gitlab_url(&format!("packages/{id}/package_files?per_page=100")), b"");
                for file in files.as_array().expect("files").iter().filter(|file| file["file_name"] == name) {
                    self.asks("DELETE", &gitlab_url(&format!("packages/{id}/package_files/{}", file["id"])), b"");
                }
            }
        }
    }

    /// Attaches a file, where the forge lets it.
    pub fn attaches(&self, name: &str, bytes: &[u8]) {
        match self.product {
            Product::Github => {
                let Some(release) = self.github_release() else { return };
                self.asks("POST", &format!("/api/uploads/repos/{PROJECT}/releases/{}/assets?name={name}", release["id"]), bytes);
            }
            Product::Gitlab => {
                let Some(running) = self.gitlab.upgrade() else { return };
                running.add_file(PROJECT, "app", NIGHTLY, name, bytes);
                let url = format!("http://{}{}", self.addr, gitlab_url(&format!("packages/generic/app/{NIGHTLY}/{name}")));
                let link = json!({ "name": name, "url": url }).to_string();
                self.asks("POST", &gitlab_url(&format!("releases/{NIGHTLY}/assets/links")), link.as_bytes());
            }
        }
    }

    /// Moves its tag, or takes it away.
    pub fn moves_tag(&self, commit: Option<&str>) {
        match (self.product, commit) {
            (Product::Gitlab, commit) => self.gitlab.upgrade().expect("a server").set_tag(PROJECT, NIGHTLY, commit),
            (Product::Github, None) => {
                self.asks("DELETE", &format!("/api/v3/repos/{PROJECT}/git/refs/tags%2F{NIGHTLY}"), b"");
            }
            (Product::Github, Some(commit)) => {
                let move_it = json!({ "sha": commit, "force": true }).to_string();
                self.asks("PATCH", &format!("/api/v3/repos/{PROJECT}/git/refs/tags%2F{NIGHTLY}"), move_it.as_bytes());
            }
        }
    }

    /// Edits the notes.
    pub fn writes(&self, edit: impl Fn(&str) -> String) {
        let Some(now) = self.looks() else { return };
        let notes = edit(&now.notes);
        match self.product {
            Product::Github => {
                let Some(release) = self.github_release() else { return };
                let change = json!({ "body": notes }).to_string();
                self.asks("PATCH", &format!("/api/v3/repos/{PROJECT}/releases/{}", release["id"]), change.as_bytes());
            }
            Product::Gitlab => {
                let change = json!({ "description": notes }).to_string();
                self.asks("PUT", &gitlab_url(&format!("releases/{NIGHTLY}")), change.as_bytes());
            }
        }
    }

    /// Deletes the release, not its tag.
    pub fn deletes(&self) {
        match self.product {
            Product::Github => {
                let Some(release) = self.github_release() else { return };
                self.asks("DELETE", &format!("/api/v3/repos/{PROJECT}/releases/{}", release["id"]), b"");
            }
            Product::Gitlab => drop(self.asks("DELETE", &gitlab_url(&format!("releases/{NIGHTLY}")), b"")),
        }
    }

    /// Publishes a release meanwhile, from another machine.
    pub fn publishes(&self, publisher: &Publisher, n: u8) -> Vec<StepReport> {
        let dir = self.dir.join("elsewhere");
        let who = Who { publisher, product: self.product, addr: self.addr, token: TOKEN, dir: &dir };
        tokio::runtime::Handle::current().block_on(who.publish(n, Some(false)))
    }

    /// Adds what people add: a file, and text around ours.
    pub fn leaves_traces(&self) {
        self.attaches(BY_HAND, b"attached by hand");
        self.writes(|notes| format!("{ABOVE}\n\n{notes}\n\n{BELOW}"));
    }

    /// Their file and their text are there.
    #[track_caller]
    pub fn finds_traces(&self, row: &str) {
        let now = self.looks().unwrap_or_else(|| panic!("{row}: there is no {NIGHTLY}"));
        assert!(now.files.contains_key(BY_HAND), "{row}: what was attached by hand is gone: {now:#?}");
        assert!(now.notes.starts_with(ABOVE) && now.notes.contains(BELOW), "{row}: what people wrote is gone: {}", now.notes);
    }

    fn asks(&self, method: &str, path: &str, body: &[u8]) -> Value {
        let mut stream = std::net::TcpStream::connect(self.addr).expect("connect");
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
            self.addr
        );
        stream.write_all(head.as_bytes()).expect("request");
        stream.write_all(body).expect("body");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answer");
        let text = String::from_utf8_lossy(&answer);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).unwrap_or(Value::Null)
    }
}

fn gitlab_url(rest: &str) -> String {
    format!("/api/v4/projects/acme%2Fapp/{rest}")
}
