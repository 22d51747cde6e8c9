//! A release of three files, published by the library as the command does it, to any forges.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stagefreight::core::{Digest, Secret, Timestamp};
use stagefreight::event::{Event, Events, Sink};
use stagefreight::forge::gitea::Gitea;
use stagefreight::forge::github::{GitHub, addresses};
use stagefreight::forge::gitlab::Gitlab;
use stagefreight::forge::transaction::{Kind, ListedAsset, ReleaseSettings, ReleaseTarget, RollingReleaseSettings};
use stagefreight::forge::{Api, Carrier, Forge, Pace, Place, Provider, ReleaseLink, Token, Uploader};
use stagefreight::http::{self, Ladder, Options, Timeouts, Url};
use stagefreight::manifest::Destination;
use stagefreight::publish::{
    ApprovedArtifact, Content, Cx, Engine, File, History, Journal, Overrides, Step, StepReport, StepState, Target as _,
};
use stagefreight::world::World;
use tokio_util::sync::CancellationToken;

/// What it is made of.
#[derive(Clone)]
pub struct FileRelease {
    pub tag: String,
    pub commit: String,
    pub notes: String,
    /// Files that are artifacts, by name.
    pub files: Vec<(String, Vec<u8>)>,
    /// What it links to beside them.
    pub links: Vec<ReleaseLink>,
    dir: PathBuf,
    sums: Option<String>,
}

/// Bytes that do not repeat, the same every time.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    crate::faults::release::noise(seed, len)
}

impl FileRelease {
    pub fn write(dir: &Path, tag: &str, commit: &str) -> Self {
        let files = [("app-linux-amd64.tar.gz", 60_000), ("app-windows-amd64.zip", 5_000)];
        let files = files.iter().enumerate().map(|(seed, (name, len))| ((*name).to_owned(), noise(seed as u64 + 1, *len))).collect();
        Self::of(dir, tag, commit, files)
    }

    pub fn of(dir: &Path, tag: &str, commit: &str, files: Vec<(String, Vec<u8>)>) -> Self {
        let release = Self {
            tag: tag.to_owned(),
            commit: commit.to_owned(),
            notes: "what is new".to_owned(),
            files,
            links: Vec::new(),
            dir: dir.to_owned(),
            sums: None,
        };
        std::fs::create_dir_all(dir).expect("directory");
        for (name, bytes) in &release.files {
            std::fs::write(dir.join(name), bytes).expect("file");
        }
        std::fs::write(dir.join("SHA256SUMS"), release.sums()).expect("sums");
        release
    }

    /// Keeps the text of the sums, whatever the files are called from now on.
    pub fn sums_as_written(&mut self, sums: String) {
        self.sums = Some(sums);
    }

    pub fn sums(&self) -> String {
        if let Some(sums) = &self.sums {
            return sums.clone();
        }
        let lines = self.files.iter().map(|(name, bytes)| format!("{}  {name}\n", Digest::of(bytes).hex()));
        lines.collect::<Vec<_>>().concat()
    }

    /// Names and digests of everything attached, sorted.
    pub fn expected(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self.files.iter().map(|(name, bytes)| (name.clone(), Digest::of(bytes).hex().to_owned())).collect();
        all.push(("SHA256SUMS".to_owned(), Digest::of(self.sums().as_bytes()).hex().to_owned()));
        all.sort();
        all
    }

    fn destination(&self, name: String, kind: Kind, digest: String, size: u64, settings: Option<serde_json::Value>) -> Destination {
        Destination {
            name,
            kind: kind.name().to_owned(),
            target: "forge".to_owned(),
            artifact: if kind == Kind::Asset { "archive:app".to_owned() } else { String::new() },
            digest,
            size,
            derived: None,
            path: "acme/app".to_owned(),
            tag: self.tag.clone(),
            settings,
            policy: "immutable".to_owned(),
            required: true,
            why: "test".to_owned(),
        }
    }

    /// The release itself.
    pub fn own(&self, forge: &dyn Forge) -> Destination {
        let kept = |name: &str| forge.rules().names.kept(name);
        let listed = |name: &str, bytes: &[u8], path: Option<String>| ListedAsset {
            name: kept(name),
            sha256: Digest::of(bytes),
            size: bytes.len() as u64,
            path,
        };
        let mut assets: Vec<_> = self.files.iter().map(|(name, bytes)| listed(name, bytes, None)).collect();
        assets.push(listed("SHA256SUMS", self.sums().as_bytes(), Some("SHA256SUMS".to_owned())));
        let settings = ReleaseSettings {
            title: self.tag.clone(),
            notes: self.notes.clone(),
            prerelease: false,
            commit: self.commit.clone(),
            may_make_tag: false,
            assets,
            verification: None,
            links: self.links.clone(),
            after: Vec::new(),
            making: None,
        };
        let settings = serde_json::to_value(settings).expect("settings");
        self.destination(self.name_at(forge), Kind::Release, String::new(), 0, Some(settings))
    }

    /// A release that moves with it.
    pub fn moving(&self, forge: &dyn Forge, tag: &str, policy: &str) -> Destination {
        let all = self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone()));
        let all = all.chain([("SHA256SUMS", self.sums().into_bytes())]);
        let listed = |(name, bytes): (&str, Vec<u8>)| ListedAsset {
            name: name.to_owned(),
            sha256: Digest::of(&bytes),
            size: bytes.len() as u64,
            path: Some(name.to_owned()),
        };
        let settings = RollingReleaseSettings {
            release: self.tag.clone(),
            title: format!("{tag} is {}", self.tag),
            notes: self.notes.clone(),
            prerelease: false,
            commit: self.commit.clone(),
            assets: all.map(listed).collect(),
        };
        let settings = serde_json::to_value(settings).expect("settings");
        let name = format!("{}@{tag}", forge.place());
        let destination = self.destination(name, Kind::RollingRelease, String::new(), 0, Some(settings));
        Destination { tag: tag.to_owned(), policy: policy.to_owned(), ..destination }
    }

    pub fn name_at(&self, forge: &dyn Forge) -> String {
        format!("{}@{}", forge.place(), self.tag)
    }

    /// Its files.
    pub fn artifacts(&self, forge: &dyn Forge) -> Vec<ApprovedArtifact> {
        let artifact = |(name, bytes): &(String, Vec<u8>)| {
            let digest = Digest::of(bytes);
            let place = format!("{}/{}", self.name_at(forge), forge.rules().names.kept(name));
            ApprovedArtifact {
                id: format!("archive:{name}"),
                digest: digest.clone(),
                content: Content::File(File { path: self.dir.join(name), name: name.clone(), size: bytes.len() as u64 }),
                version: self.tag.trim_start_matches('v').to_owned(),
                revision: self.commit.clone(),
                destinations: vec![self.destination(place, Kind::Asset, digest.to_string(), bytes.len() as u64, None)],
            }
        };
        self.files.iter().map(artifact).collect()
    }
}

/// Keeps everything that was said.
#[derive(Default)]
pub struct Heard(Mutex<Vec<String>>);

impl Sink for Heard {
    fn emit(&self, event: Event) {
        self.0.lock().expect("heard").push(format!("{event:?}"));
    }
}

impl Heard {
    /// Requests that change something.
    pub fn writes(&self) -> usize {
        let heard = self.0.lock().expect("heard");
        let reads = |line: &&String| line.starts_with("Request") && !line.contains("\"GET\"") && !line.contains("\"HEAD\"");
        heard.iter().filter(reads).count()
    }

    /// All requests.
    pub fn requests(&self) -> usize {
        self.0.lock().expect("heard").iter().filter(|line| line.starts_with("Request")).count()
    }

    pub fn all(&self) -> String {
        self.0.lock().expect("heard").join("\n")
    }
}

/// Somebody who publishes.
#[derive(Clone)]
pub struct Publisher {
    pub events: Events,
    pub http: http::Client,
}

impl Publisher {
    pub fn new(sink: Option<Arc<dyn Sink>>) -> Self {
        let options = Options {
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                answer: Duration::from_secs(6),
                stall_window: Duration::from_millis(1500),
                stall_floor: 1024,
            },
            ladder: Ladder {
                retries: 4,
                first: Duration::from_millis(10),
                longest: Duration::from_millis(40),
                longest_asked: Duration::from_secs(3),
                ..Ladder::default()
            },
            ..Options::default()
        };
        Self::with(sink, &options)
    }

    /// With the patience of production.
    pub fn patient(sink: Option<Arc<dyn Sink>>) -> Self {
        Self::with(sink, &Options::default())
    }

    fn with(sink: Option<Arc<dyn Sink>>, options: &Options) -> Self {
        let world = World::of_process().expect("world");
        let events = sink.map_or_else(Events::none, Events::new);
        let http = http::Client::new(&world, events.clone(), options).expect("client");
        Self { events, http }
    }

    pub fn api(&self, base: &str, token: &str, carrier: Carrier) -> Api {
        let token = Token { secret: Secret::new(token), carrier, from: "TOKEN".to_owned() };
        Api::new(self.http.clone(), Url::parse(base).expect("URL"), Some(token), Arc::new(Pace::default()), "set another token")
    }

    pub fn gitlab(&self, url: &str, project: &str, token: &str, carrier: Carrier) -> Arc<dyn Forge> {
        self.gitlab_project(url, project, token, carrier)
    }

    pub fn gitlab_project(&self, url: &str, project: &str, token: &str, carrier: Carrier) -> Arc<Gitlab> {
        let instance = Url::parse(url).expect("URL");
        let host = url.trim_start_matches("http://").to_owned();
        let place = Place { provider: Provider::Gitlab, host, project: project.to_owned() };
        Arc::new(Gitlab::new(place, self.api(&format!("{url}/api/v4"), token, carrier), &instance))
    }

    pub fn github(&self, url: &str, project: &str, token: &str) -> Arc<dyn Forge> {
        let instance = Url::parse(url).expect("URL");
        let place = Place { provider: Provider::Github, host: url.trim_start_matches("http://").to_owned(), project: project.to_owned() };
        let (base, uploads) = addresses(&instance);
        let api = self.api(base.as_str(), token, Carrier::Bearer);
        Arc::new(GitHub::new(place, api, uploads).expect("owner/name"))
    }

    pub fn gitea(&self, url: &str, project: &str, token: &str) -> Arc<dyn Forge> {
        let instance = Url::parse(url).expect("URL");
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let place = Place { provider: Provider::Gitea, host, project: project.to_owned() };
        let base = format!("{}/api/v1", url.trim_end_matches('/'));
        Arc::new(Gitea::new(place, self.api(&base, token, Carrier::Token), &instance))
    }

    /// Git's own protocol to a repository of a Gitea.
    pub fn refs(&self, url: &str, project: &str, token: &str) -> stagefreight::forge::Refs {
        let repository = Url::parse(&format!("{}/{project}.git", url.trim_end_matches('/'))).expect("URL");
        stagefreight::forge::Refs::new(self.http.clone(), repository, Some(("anybody", Secret::new(token))))
    }

    pub fn target(&self, forge: &Arc<dyn Forge>, release: &FileRelease) -> ReleaseTarget {
        let at_a_time = forge.rules().uploads_at_a_time;
        let uploader = Uploader::new(self.http.clone(), Arc::new(Pace::default()), at_a_time, self.events.clone());
        ReleaseTarget::new("forge", Arc::clone(forge), uploader, &release.dir)
    }

    /// Publishes to all of them at once; what is remembered is kept in `dir`.
    pub async fn publish(&self, release: &FileRelease, forges: &[Arc<dyn Forge>], dir: &Path, overrides: Overrides) -> Vec<StepReport> {
        let mut steps: Vec<Box<dyn Step>> = Vec::new();
        for forge in forges {
            let target = self.target(forge, release);
            steps.extend(target.bind_all(&release.artifacts(&**forge), &[release.own(&**forge)]));
        }
        self.run(&steps, dir, overrides).await
    }

    /// Runs any steps.
    pub async fn run(&self, steps: &[Box<dyn Step>], dir: &Path, overrides: Overrides) -> Vec<StepReport> {
        self.run_as(Cx { overrides: Arc::new(overrides), ..self.cx() }, steps, dir).await
    }

    /// Runs any steps in a context; what earlier runs completed is added to it.
    pub async fn run_as(&self, cx: Cx, steps: &[Box<dyn Step>], dir: &Path) -> Vec<StepReport> {
        let journals = dir.join("journal");
        let history = History::read(&journals).expect("history");
        let journal = Journal::open(&journals, "run", Timestamp::from_unix(0), self.events.clone()).expect("journal");
        let cx = Cx { completed: Arc::new(history.completed().clone()), ..cx };
        let engine = Engine { cx: &cx, journal: Some(&journal), history: &history, now: Arc::new(|| Timestamp::from_unix(0)) };
        engine.run(steps).await.expect("steps in an order")
    }

    pub fn cx(&self) -> Cx {
        Cx {
            cancel: CancellationToken::new(),
            events: self.events.clone(),
            overrides: Arc::default(),
            lineage: None,
            completed: Arc::default(),
        }
    }
}

/// Every step came to be, before or now.
#[track_caller]
pub fn assert_done(reports: &[StepReport]) {
    let open: Vec<_> = reports.iter().filter(|report| !matches!(report.state, StepState::Complete | StepState::Placed)).collect();
    assert!(open.is_empty(), "{open:#?}");
}

/// Everything a run left behind, for looking whether a secret is in it.
pub fn left_behind(dir: &Path) -> String {
    let mut all = String::new();
    let Ok(entries) = std::fs::read_dir(dir) else { return all };
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            all.push_str(&left_behind(&entry.path()));
        } else if let Ok(text) = std::fs::read(entry.path()) {
            all.push_str(&String::from_utf8_lossy(&text));
        }
    }
    all
}
