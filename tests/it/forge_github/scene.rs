//! A forge, a release with everything that can be in one, and a publisher that works as the command does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use stagefreight::core::{Digest, HostOptions, Secret, Timestamp};
use stagefreight::event::{Event, Events, Sink};
use stagefreight::forge::{Forges, notes};
use stagefreight::http::{Ladder, Options as HttpOptions, Timeouts};
use stagefreight::manifest::{Destination, DestinationTarget};
use stagefreight::publish::{
    ApprovedArtifact, Content, Cx, Engine, File, History, Journal, Overrides, PlaceErrorKind, StepReport, StepState, Target as _,
};
use stagefreight::rehearse::FaultPlan;
use stagefreight::rehearse::api::{Options as ServerOptions, Running};
use stagefreight::rehearse::forge_github::{Options, Repository, serve};
use stagefreight::world::{Environment, World};
use tokio_util::sync::CancellationToken;

use super::openapi::Heard;
use crate::faults::release::noise;
use crate::support::ports;

pub const PROJECT: &str = "acme/app";
pub const TAG: &str = "v1.4.0";
pub const ALIAS: &str = "v1";

/// The token of every test. No output may contain it.
pub const TOKEN: &str = "canary-0f1e2d3c4b5a69788796";

pub fn commit() -> String {
    "a".repeat(40)
}

/// Names and contents of the files that are artifacts.
pub fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![("app-linux-amd64.tar.gz", noise(7, 120_000)), ("app.big.bin", noise(8, 1_500_000)), ("tool+x.exe", b"MZ".to_vec())]
}

/// Told everything, for the search for secrets.
#[derive(Default)]
pub struct Listener(Mutex<String>);

impl Sink for Listener {
    fn emit(&self, event: Event) {
        self.0.lock().expect("text").push_str(&format!("{}\n", serde_json::to_string(&event).expect("JSON")));
    }
}

/// A forge in this process, and a workspace.
pub struct Scene {
    pub server: Running,
    pub heard: Heard,
    pub dir: tempfile::TempDir,
    options: Options,
}

/// How a publisher differs from the ordinary one.
#[derive(Clone, Default)]
pub struct Publisher {
    pub token: Option<&'static str>,
    pub may_make_tag: bool,
    pub adopt: bool,
    pub replace: Option<&'static str>,
    /// A further file of this name and content.
    pub further: Option<(&'static str, &'static [u8])>,
    /// A file that is left out of the artifacts, though the release must have it.
    pub left_out: Option<&'static str>,
    pub notes: Option<&'static str>,
    /// Where it works, beside the others.
    pub workspace: Option<&'static str>,
}

/// What came of a run.
pub struct Outcome {
    pub reports: Vec<StepReport>,
    pub said: String,
}

impl Outcome {
    /// The worst that happened; nothing when all is as it should be.
    pub fn failure(&self) -> Option<PlaceErrorKind> {
        self.reports.iter().find_map(|report| match &report.state {
            StepState::Conflict(error) | StepState::Failed(error) => Some(error.kind),
            _ => None,
        })
    }

    pub fn message(&self) -> String {
        let failed = self.reports.iter().find_map(|report| match &report.state {
            StepState::Conflict(error) | StepState::Failed(error) => {
                Some(format!("{} ({})", error.message, error.hint.as_deref().unwrap_or_default()))
            }
            _ => None,
        });
        failed.unwrap_or_default()
    }

    pub fn writes(&self) -> u64 {
        self.reports.iter().map(|report| report.placed.writes).sum()
    }
}

impl Scene {
    /// A repository that has the tag, with these faults.
    pub async fn with(faults: FaultPlan, change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let repository = Repository { tags: BTreeMap::from([(TAG.to_owned(), commit())]), ..Repository::default() };
        let heard = Heard::default();
        let mut options = Options::new(dir.path().join("forge"), [(PROJECT.to_owned(), repository)]);
        options.token = Some(Secret::new(TOKEN));
        options.server = ServerOptions { faults, recorder: Some(heard.recorder()), addr: ports::free_addr(), ..ServerOptions::default() };
        change(&mut options);
        let server = serve(options.clone()).await.expect("forge");
        Self { server, heard, dir, options }
    }

    pub fn repository(options: &mut Options) -> &mut Repository {
        options.repositories.get_mut(PROJECT).expect("the repository")
    }

    /// The same forge without faults, on the same port.
    pub async fn healed(self, change: impl FnOnce(&mut Options)) -> Self {
        let Self { server, heard, dir, mut options } = self;
        options.server.addr = server.addr;
        options.server.faults = FaultPlan::default();
        options.server.observer = None;
        change(&mut options);
        server.shutdown().await;
        let server = ports::again(|| serve(options.clone())).await;
        Self { server, heard, dir, options }
    }

    /// A request of somebody else.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}{path}", self.server.url());
        ask(&url, method, body.map(|body| body.to_string().into_bytes()).unwrap_or_default()).await
    }

    pub async fn releases(&self) -> Vec<Value> {
        self.ask("GET", &format!("/api/v3/repos/{PROJECT}/releases?per_page=100"), None).await.as_array().cloned().unwrap_or_default()
    }

    /// The visible release of the tag, when there is one.
    pub async fn visible(&self) -> Option<Value> {
        let mut visible: Vec<Value> =
            self.releases().await.into_iter().filter(|one| one["draft"] == false && one["tag_name"] == TAG).collect();
        assert!(visible.len() < 2, "two releases of one tag");
        visible.pop()
    }

    /// Names and digests of a release's files.
    pub fn set(release: &Value) -> BTreeMap<String, String> {
        let text = |asset: &Value, key: &str| asset[key].as_str().unwrap_or_default().to_owned();
        release["assets"].as_array().expect("assets").iter().map(|asset| (text(asset, "name"), text(asset, "digest"))).collect()
    }

    /// What the set must be.
    pub fn expected() -> BTreeMap<String, String> {
        let mut set: BTreeMap<String, String> =
            files().into_iter().map(|(name, bytes)| (name.to_owned(), Digest::of(&bytes).to_string())).collect();
        set.insert("SHA256SUMS".to_owned(), Digest::of(b"sums\n").to_string());
        set
    }

    pub async fn publish(&self, publisher: &Publisher) -> Outcome {
        let listener = Arc::new(Listener::default());
        let events = Events::new(Arc::clone(&listener) as Arc<dyn Sink>);
        let workspace = self.dir.path().join(publisher.workspace.unwrap_or("ws"));
        std::fs::create_dir_all(&workspace).expect("workspace");
        let (steps, world) = self.steps(publisher, &workspace, &events);
        let journals = workspace.join("journal");
        let history = History::read(&journals).expect("history");
        let run = format!("run-{}", std::fs::read_dir(&journals).map_or(0, Iterator::count));
        let journal = Journal::open(&journals, &run, Timestamp::from_unix(0), events.clone()).expect("journal");
        let decided = |name: Option<String>| name.map(|name| BTreeMap::from([(name, "decided".to_owned())])).unwrap_or_default();
        let at = format!("{}/{PROJECT}@{TAG}", self.host());
        let overrides = Overrides {
            adopt: decided(publisher.adopt.then(|| at.clone())),
            replace: decided(publisher.replace.map(|file| format!("{at}/{file}"))),
            ..Overrides::default()
        };
        let cx = Cx {
            cancel: CancellationToken::new(),
            events,
            overrides: Arc::new(overrides),
            lineage: None,
            completed: Arc::new(history.completed().clone()),
        };
        let engine = Engine { cx: &cx, journal: Some(&journal), history: &history, now: Arc::new(|| Timestamp::from_unix(0)) };
        let reports = engine.run(&steps).await.expect("steps in an order");
        drop(world);
        let mut said = listener.0.lock().expect("text").clone();
        said.push_str(&format!("{reports:?}"));
        for entry in std::fs::read_dir(&journals).expect("journal").flatten() {
            said.push_str(&std::fs::read_to_string(entry.path()).expect("text"));
        }
        let outcome = Outcome { reports, said };
        assert!(!outcome.said.contains(TOKEN), "the token is in what was said");
        outcome
    }

    pub fn host(&self) -> String {
        self.server.addr.to_string()
    }

    /// The target that publishes here.
    pub fn target(
        &self,
        publisher: &Publisher,
        workspace: &Path,
        events: &Events,
    ) -> (stagefreight::forge::transaction::ReleaseTarget, World) {
        let mut world = World::of_process().expect("world");
        let token = publisher.token.unwrap_or(TOKEN);
        world.env = Environment::from_pairs([("FORGE_TOKEN", token)]);
        let options = HttpOptions {
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                answer: Duration::from_secs(3),
                stall_window: Duration::from_millis(700),
                stall_floor: 1024,
            },
            ladder: Ladder {
                retries: 4,
                first: Duration::from_millis(10),
                longest: Duration::from_millis(40),
                longest_asked: Duration::from_secs(3),
                ..Ladder::default()
            },
            ..HttpOptions::default()
        };
        let target = DestinationTarget {
            name: "home".to_owned(),
            kind: "release".to_owned(),
            provider: "github".to_owned(),
            host: self.host(),
            plain_http: true,
            credentials: Some("FORGE".to_owned()),
            ca_file: None,
            options: HostOptions::default(),
            settings: Some(json!({ "forge": "hub", "url": self.server.url(), "project": PROJECT })),
        };
        let target = Forges::with_options(&world, events.clone(), options).releases(&target, workspace, None).expect("target");
        (target, world)
    }

    fn steps(&self, publisher: &Publisher, workspace: &Path, events: &Events) -> (Vec<Box<dyn stagefreight::publish::Step>>, World) {
        let (target, world) = self.target(publisher, workspace, events);
        let at = format!("{}/{PROJECT}@{TAG}", self.host());
        let destination = |name: String, kind: &str, settings: Option<Value>| Destination {
            name,
            kind: kind.to_owned(),
            target: "home".to_owned(),
            artifact: String::new(),
            digest: String::new(),
            size: 0,
            derived: None,
            path: PROJECT.to_owned(),
            tag: TAG.to_owned(),
            settings,
            policy: "immutable".to_owned(),
            required: true,
            why: "test".to_owned(),
        };
        let mut listed = Vec::new();
        let mut artifacts = Vec::new();
        for (name, bytes) in files().into_iter().chain(publisher.further.map(|(name, bytes)| (name, bytes.to_vec()))) {
            let path: PathBuf = workspace.join(name.replace('/', "_"));
            if !path.exists() {
                std::fs::write(&path, &bytes).expect("file");
            }
            let (sha256, size) = (Digest::of(&bytes), bytes.len() as u64);
            listed.push(json!({ "name": name, "sha256": sha256.to_string(), "size": size }));
            if publisher.left_out == Some(name) {
                continue;
            }
            let place = Destination {
                artifact: format!("archive:{name}"),
                digest: sha256.to_string(),
                size,
                ..destination(format!("{at}/{name}"), "release_asset", None)
            };
            artifacts.push(ApprovedArtifact {
                id: format!("archive:{name}"),
                digest: sha256,
                content: Content::File(File { path, name: name.to_owned(), size }),
                version: "1.4.0".to_owned(),
                revision: commit(),
                destinations: vec![place],
            });
        }
        std::fs::write(workspace.join("SHA256SUMS"), "sums\n").expect("sums");
        listed.push(json!({ "name": "SHA256SUMS", "sha256": Digest::of(b"sums\n").to_string(), "size": 5, "path": "SHA256SUMS" }));
        let settings = json!({
            "title": "1.4.0", "notes": publisher.notes.unwrap_or("what changed"), "prerelease": false, "commit": commit(),
            "may_make_tag": publisher.may_make_tag, "assets": listed,
        });
        let own = [
            destination(at.clone(), "release", Some(settings)),
            Destination {
                policy: "forward".to_owned(),
                ..destination(format!("{}/{PROJECT}#latest", self.host()), "release_latest", Some(json!({ "release": TAG })))
            },
            Destination {
                policy: "any".to_owned(),
                tag: ALIAS.to_owned(),
                ..destination(
                    format!("{}/{PROJECT}@{ALIAS}", self.host()),
                    "release_tag",
                    Some(json!({ "release": TAG, "commit": commit() })),
                )
            },
        ];
        (target.bind_all(&artifacts, &own), world)
    }
}

/// Our notes, as a release that is ours carries them.
pub fn marked(text: &str) -> String {
    notes::merge("", text)
}

/// A plain request, as a person at a terminal makes it.
pub async fn ask(url: &str, method: &str, body: Vec<u8>) -> Value {
    let (url, method) = (url.to_owned(), method.to_owned());
    tokio::task::spawn_blocking(move || ask_now(&url, &method, &body)).await.expect("answered")
}

/// The same, without a runtime.
pub fn ask_now(url: &str, method: &str, body: &[u8]) -> Value {
    use std::io::{Read as _, Write as _};
    let rest = url.strip_prefix("http://").expect("http");
    let (host, path) = rest.split_once('/').expect("path");
    let mut stream = std::net::TcpStream::connect(host).expect("connect");
    let length = body.len();
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("request");
    stream.write_all(body).expect("body");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answer");
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or(Value::Null)
}
