//! The registry client and target against real registries, with foreign clients as independent readers, and against
//! scripted servers for what real ones only do on bad days.

mod exchange;
mod faults;
mod real;
mod tokens;
mod trust;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stagefreight::core::{Digest, HostOptions};
use stagefreight::event::{Event, Events, Sink};
use stagefreight::http::{Ladder, Options, Timeouts};
use stagefreight::manifest::{Destination, DestinationTarget};
use stagefreight::publish::{ApprovedArtifact, Content, Cx, Image, Observation, Placed, Step};
use stagefreight::registry::{Registries, RegistryTarget};
use stagefreight::world::{Environment, World};
use tokio_util::sync::CancellationToken;

use crate::support::canary::{Secrets, Watch};

/// Remembers every request that left.
#[derive(Default)]
struct Recorder(Mutex<Vec<(String, String)>>);

impl Sink for Recorder {
    fn emit(&self, event: Event) {
        if let Event::Request { method, url, .. } = event {
            self.0.lock().expect("recorder").push((method, url));
        }
    }
}

/// A process of ours, as far as registries can see.
struct Publisher {
    registries: Registries,
    recorder: Arc<Recorder>,
    cx: Cx,
    dir: tempfile::TempDir,
}

impl Publisher {
    fn new(env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut world = World::of_process().expect("world");
        let home = dir.path().display().to_string();
        let env = env.iter().copied().chain([("HOME", home.as_str())]);
        world.env = Environment::from_pairs(env);
        let recorder = Arc::new(Recorder::default());
        let events = Events::new(Arc::new(Watch::new(Secrets::of(world.env.iter()), Some(Arc::<Recorder>::clone(&recorder)))));
        let options = Options {
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                answer: Duration::from_secs(2),
                stall_window: Duration::from_millis(700),
                stall_floor: 1024,
            },
            ladder: Ladder {
                retries: 3,
                first: Duration::from_millis(10),
                longest: Duration::from_millis(40),
                longest_asked: Duration::from_secs(3),
                ..Ladder::default()
            },
            ..Options::default()
        };
        let registries = Registries::with_options(&world, events.clone(), options);
        let cx = Cx { cancel: CancellationToken::new(), events, overrides: Arc::default(), lineage: None, completed: Arc::default() };
        Self { registries, recorder, cx, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Requests since the last call, as `METHOD path`.
    fn requests(&self) -> Vec<String> {
        let all = std::mem::take(&mut *self.recorder.0.lock().expect("recorder"));
        let path = |url: &str| url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
        all.iter().map(|(method, url)| format!("{method} {}", path(url))).collect()
    }

    fn writes(&self) -> Vec<String> {
        self.requests().into_iter().filter(|line| !line.starts_with("GET ") && !line.starts_with("HEAD ")).collect()
    }

    fn target(&self, host: &str, credentials: Option<&str>) -> RegistryTarget {
        let target = DestinationTarget {
            name: host.to_owned(),
            kind: "registry".to_owned(),
            provider: "generic".to_owned(),
            host: host.to_owned(),
            plain_http: true,
            credentials: credentials.map(str::to_owned),
            ca_file: None,
            options: HostOptions::default(),
            settings: None,
        };
        RegistryTarget::new(&self.registries, &target, ["acme/app".to_owned()], self.dir.path(), None).expect("target")
    }
}

fn destination(host: &str, tag: &str, policy: &str, digest: &Digest) -> Destination {
    Destination {
        name: format!("{host}/acme/app:{tag}"),
        kind: "registry_tag".to_owned(),
        target: host.to_owned(),
        artifact: "docker:app".to_owned(),
        digest: digest.to_string(),
        size: 0,
        derived: None,
        path: "acme/app".to_owned(),
        tag: tag.to_owned(),
        settings: None,
        policy: policy.to_owned(),
        required: true,
        why: "test".to_owned(),
    }
}

fn artifact(host: &str, layout: PathBuf, digest: &Digest, version: &str, tags: &[(&str, &str)]) -> ApprovedArtifact {
    ApprovedArtifact {
        id: "docker:app".to_owned(),
        digest: digest.clone(),
        content: Content::Image(Image { layout, referrers: Vec::new(), attestation_tags: Vec::new() }),
        version: version.to_owned(),
        revision: "a".repeat(40),
        destinations: tags.iter().map(|(tag, policy)| destination(host, tag, policy, digest)).collect(),
    }
}

/// Runs steps one after the other in their stages' order, as the engine would for one artifact.
async fn publish(cx: &Cx, steps: &[Box<dyn Step>]) -> Result<Placed, String> {
    let mut order: Vec<&Box<dyn Step>> = steps.iter().collect();
    order.sort_by_key(|step| step.stage());
    let mut sum = Placed::default();
    for step in order {
        let found = step.observe(cx).await;
        match &found {
            Observation::Complete { .. } => continue,
            Observation::Unknown(error) => return Err(format!("{}: {error}", step.name())),
            Observation::Diverged { found, may_move: false, why, .. } => return Err(format!("{} holds {found}: {why}", step.name())),
            _ => {}
        }
        let placed = step.place(cx, &found).await.map_err(|error| error.to_string())?;
        step.verify(cx).await.map_err(|error| error.to_string())?;
        sum.sent += placed.sent;
        sum.reused += placed.reused;
        sum.writes += placed.writes;
    }
    Ok(sum)
}
