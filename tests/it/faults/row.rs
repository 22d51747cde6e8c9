//! One row of the table: a fault, what publishing comes to, and that it comes right afterwards.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use stagefreight::core::Digest;
use stagefreight::publish::{PlaceErrorKind, StepReport, StepState};
use stagefreight::rehearse::fault::FaultPlan;
use stagefreight::rehearse::registry::{Logged, Observer, Options, Phase, RequestSeen, Server};

use super::readback;
use super::release::{Publisher, Release, TAGS};

/// What the first run comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First {
    /// Everything is in place.
    Done,
    /// It stops with this, and says so.
    Stops(PlaceErrorKind),
}

type Alter<T> = Arc<dyn Fn(T) -> T + Send + Sync>;
type Act = Arc<dyn Fn(&Scene) + Send + Sync>;

/// Where something happens.
pub struct Scene<'a> {
    pub release: &'a Release,
    pub addr: SocketAddr,
}

/// Something that happens when the n-th request of a kind arrives.
#[derive(Clone)]
struct Event {
    method: &'static str,
    path: &'static str,
    nth: usize,
    act: Act,
}

/// A row. Made with [`row`] and refined by what differs from the ordinary.
#[derive(Clone)]
pub struct Row {
    pub name: String,
    first: First,
    plan: FaultPlan,
    options: Alter<Options>,
    publisher: Publisher,
    before: Option<Act>,
    event: Option<Event>,
    mended: bool,
    conflict: bool,
    twice: bool,
    publishers: usize,
    says: &'static str,
    within: Duration,
}

/// A fault of the registry that publishing gets over.
pub fn row(name: impl Into<String>, plan: FaultPlan) -> Row {
    Row {
        name: name.into(),
        first: First::Done,
        plan,
        options: Arc::new(|options| options),
        publisher: Publisher::default(),
        before: None,
        event: None,
        mended: false,
        conflict: false,
        twice: false,
        publishers: 1,
        says: "",
        within: Duration::from_secs(40),
    }
}

impl Row {
    /// The first run stops with this kind of failure, whose sentence contains the text.
    pub fn stops(self, kind: PlaceErrorKind, says: &'static str) -> Self {
        Self { first: First::Stops(kind), says, ..self }
    }

    /// The server is started differently.
    pub fn server(self, options: impl Fn(Options) -> Options + Send + Sync + 'static) -> Self {
        Self { options: Arc::new(options), ..self }
    }

    /// The publisher is another.
    pub fn publisher(self, publisher: Publisher) -> Self {
        Self { publisher, ..self }
    }

    /// Something happens before the first run.
    pub fn before(self, act: impl Fn(&Scene) + Send + Sync + 'static) -> Self {
        Self { before: Some(Arc::new(act)), ..self }
    }

    /// Something happens when the n-th of our requests like this arrives, before it has any effect.
    pub fn at(self, method: &'static str, path: &'static str, nth: usize, act: impl Fn(&Scene) + Send + Sync + 'static) -> Self {
        Self { event: Some(Event { method, path, nth, act: Arc::new(act) }), ..self }
    }

    /// The release is made anew before the second run.
    pub fn mended(self) -> Self {
        Self { mended: true, ..self }
    }

    /// The second run finds something else under an immutable tag, and leaves it alone.
    pub fn then_conflict(self) -> Self {
        Self { conflict: true, ..self }
    }

    /// A blob may arrive twice here: what the registry said was not so.
    pub fn may_send_twice(self) -> Self {
        Self { twice: true, ..self }
    }

    /// So many publish at once.
    pub fn publishers(self, publishers: usize) -> Self {
        Self { publishers, twice: true, ..self }
    }

    /// Runs the row and panics where something is not as it says.
    pub async fn run(self) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let release = Arc::new(Release::write(&dir.path().join("image")));
        let data = dir.path().join("registry");
        let listening = Arc::new(OnceLock::new());
        let observer = self.event.clone().map(|event| event.observer(&release, &listening));
        let options = (self.options)(Options { faults: self.plan.clone(), observer, ..Options::new(&data) });
        let server = Server::start(options).await.expect("server");
        let (addr, hosts) = (server.addr, vec![server.host()]);
        listening.set(addr).expect("once");
        if let Some(before) = &self.before {
            before(&Scene { release: &release, addr });
        }
        let began = std::time::Instant::now();
        let runs = (0..self.publishers).map(|at| {
            let state = dir.path().join(format!("publisher-{at}"));
            std::fs::create_dir_all(&state).expect("state");
            let (publisher, release, hosts) = (&self.publisher, &release, &hosts);
            async move { publisher.publish(release, hosts, &state).await }
        });
        for reports in futures_util::future::join_all(runs).await {
            self.judge(&reports);
        }
        assert!(began.elapsed() < self.within, "{}: took {:?}", self.name, began.elapsed());

        // The same registry without its fault.
        let mut log = server.log().entries();
        server.shutdown().await;
        let healthy = (self.options)(Options { addr, ..Options::new(&data) });
        let server = Server::start(Options { faults: FaultPlan::default(), observer: None, ..healthy }).await.expect("server");
        let readable = !self.publisher.login;
        let visible = if readable { readback::tags(addr) } else { std::collections::BTreeMap::new() };
        if self.first == First::Done && !self.conflict && readable {
            for (tag, _) in TAGS {
                assert_eq!(visible.get(tag), Some(&release.digest), "{}: {tag} after the first run", self.name);
            }
        }
        if self.mended {
            // What lies there under the right name is not looked at when it is written again.
            let _absent = std::fs::remove_file(release.layout.join("blobs/sha256").join(release.large.digest.hex()));
            Release::write(&release.layout);
        }
        let again = self.publisher.publish(&release, &hosts, &dir.path().join("publisher-0")).await;
        if self.conflict {
            let conflicts = again.iter().filter(|report| matches!(report.state, StepState::Conflict(_))).count();
            assert_eq!(conflicts, 1, "{}: {again:#?}", self.name);
        } else {
            let open: Vec<&StepReport> =
                again.iter().filter(|report| !matches!(report.state, StepState::Complete | StepState::Placed)).collect();
            assert!(open.is_empty(), "{}: the second run does not converge: {open:#?}", self.name);
            if readable {
                self.is_whole(addr, &release);
            }
        }
        log.extend(server.log().entries());
        if !self.conflict {
            self.is_in_order(&log, &release);
        }
        server.shutdown().await;
    }

    fn judge(&self, reports: &[StepReport]) {
        let failures: Vec<_> = reports
            .iter()
            .filter_map(|report| match &report.state {
                StepState::Failed(error) | StepState::Conflict(error) => Some(error),
                _ => None,
            })
            .collect();
        match self.first {
            First::Done => assert!(failures.is_empty(), "{}: {failures:#?}", self.name),
            First::Stops(kind) => {
                assert!(failures.iter().any(|error| error.kind == kind), "{}: not {kind:?} but {failures:#?}", self.name);
                assert!(failures.iter().any(|error| error.message.contains(self.says)), "{}: {failures:#?}", self.name);
                assert!(failures.iter().all(|error| !error.message.contains("wonderland")), "{}: {failures:#?}", self.name);
            }
        }
    }

    fn is_whole(&self, addr: SocketAddr, release: &Release) {
        let visible = readback::tags(addr);
        for (tag, _) in TAGS {
            assert_eq!(visible.get(tag), Some(&release.digest), "{}: {tag} after the second run", self.name);
        }
        let mut subject = release.digest.clone();
        for referrer in &release.referrers {
            let listed = readback::referrers(addr, &subject);
            assert_eq!(listed, [referrer.to_string()], "{}: what refers to {subject}", self.name);
            subject = referrer.clone();
        }
    }

    /// Subjects before what refers to them, both before every name; and nothing arrives twice.
    fn is_in_order(&self, log: &[Logged], release: &Release) {
        let accepted = |entry: &&Logged| entry.method == "PUT" && entry.status.is_none_or(|status| !(300..500).contains(&status));
        let puts: Vec<&str> =
            log.iter().filter(accepted).filter_map(|entry| entry.path.rsplit_once("/manifests/").map(|(_, to)| to)).collect();
        let first = |reference: &str| puts.iter().position(|put| *put == reference);
        let mut order = vec![first(release.digest.as_str())];
        order.extend(release.referrers.iter().map(|digest| first(digest.as_str())));
        order.push(TAGS.iter().filter_map(|(tag, _)| first(tag)).min());
        assert!(order.is_sorted(), "{}: {order:?} in {puts:#?}", self.name);
        assert!(order.iter().all(Option::is_some), "{}: {order:?} in {puts:#?}", self.name);
        for (digest, count) in arrivals(log) {
            assert!(count == 1 || self.twice, "{}: {digest} arrived {count} times", self.name);
        }
    }
}

impl Event {
    fn observer(self, release: &Arc<Release>, listening: &Arc<OnceLock<SocketAddr>>) -> Observer {
        let (release, listening, seen) = (Arc::clone(release), Arc::clone(listening), AtomicUsize::new(0));
        Arc::new(move |request: &RequestSeen| {
            let ours = request.user_agent.starts_with("stagefreight") && request.phase == Phase::Arrived;
            if ours
                && request.method == self.method
                && request.path.contains(self.path)
                && seen.fetch_add(1, Ordering::SeqCst) + 1 == self.nth
            {
                let addr = *listening.get().expect("the server listens before it is asked");
                (self.act)(&Scene { release: &release, addr });
            }
        })
    }
}

/// How often each blob arrived whole.
pub fn arrivals(log: &[Logged]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for entry in log.iter().filter(|entry| entry.method == "PUT" && entry.path.contains("/blobs/uploads/") && entry.status == Some(201)) {
        if let Some(digest) = entry.query.split('&').find_map(|pair| pair.strip_prefix("digest=")) {
            let digest: String = digest.replace("%3A", ":");
            assert!(digest.parse::<Digest>().is_ok(), "{digest}");
            *counts.entry(digest).or_default() += 1;
        }
    }
    counts
}
