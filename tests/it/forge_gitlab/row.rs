//! One row of the table: a fault, what publishing comes to, and that it comes right afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use stagefreight::forge::Carrier;
use stagefreight::publish::{Overrides, PlaceErrorKind, StepReport, StepState};
use stagefreight::rehearse::api::{Observer, Phase, Seen};
use stagefreight::rehearse::fault::FaultPlan;
use stagefreight::rehearse::forge_gitlab::{Options, Running, start};

use super::scene::{self, JOB, PERSONAL, PROJECT, assert_whole};
use crate::support::file_release::{FileRelease, Heard, Publisher, assert_done, left_behind};

/// What the first run comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
enum First {
    /// Everything is in place.
    Done,
    /// It stops with this, and says so.
    Stops(PlaceErrorKind, &'static str),
}

type Alter = Arc<dyn Fn(Options) -> Options + Send + Sync>;
type Act = Arc<dyn Fn(&Running) + Send + Sync>;

/// A row. Made with [`row`] and refined by what differs from the ordinary.
#[derive(Clone)]
pub struct Row {
    pub name: String,
    first: First,
    plan: FaultPlan,
    options: Alter,
    event: Option<(&'static str, &'static str, usize, Act)>,
    mend: Option<Act>,
    files: Option<Vec<(String, Vec<u8>)>>,
    token: (&'static str, Carrier),
    converges: bool,
}

/// A fault that publishing gets over.
pub fn row(name: impl Into<String>, plan: FaultPlan) -> Row {
    Row {
        name: name.into(),
        first: First::Done,
        plan,
        options: Arc::new(|options| options),
        event: None,
        mend: None,
        files: None,
        token: (JOB, Carrier::JobToken),
        converges: true,
    }
}

impl Row {
    /// The first run stops with this kind of failure, whose sentence or hint contains the text.
    pub fn stops(self, kind: PlaceErrorKind, says: &'static str) -> Self {
        Self { first: First::Stops(kind, says), ..self }
    }

    /// The server is started differently, and stays so.
    pub fn server(self, options: impl Fn(Options) -> Options + Send + Sync + 'static) -> Self {
        Self { options: Arc::new(options), ..self }
    }

    /// Something happens when the n-th request like this arrives, before it has any effect.
    pub fn at(self, method: &'static str, path: &'static str, nth: usize, act: impl Fn(&Running) + Send + Sync + 'static) -> Self {
        Self { event: Some((method, path, nth, Arc::new(act))), ..self }
    }

    /// Somebody puts it right before the second run.
    pub fn mended(self, act: impl Fn(&Running) + Send + Sync + 'static) -> Self {
        Self { mend: Some(Arc::new(act)), ..self }
    }

    /// It stays as it is: the second run says the same.
    pub fn for_good(self) -> Self {
        Self { converges: false, ..self }
    }

    /// Other files.
    pub fn files(self, files: Vec<(String, Vec<u8>)>) -> Self {
        Self { files: Some(files), ..self }
    }

    /// Another token.
    pub fn token(self, token: &'static str, carrier: Carrier) -> Self {
        Self { token: (token, carrier), ..self }
    }

    /// Runs the row and panics where something is not as it says.
    pub async fn run(self) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (options, findings) = scene::options(dir.path());
        let here: Arc<OnceLock<Weak<Running>>> = Arc::default();
        let mut faulty = (self.options)(options.clone());
        faulty.server.faults = self.plan.clone();
        faulty.server.observer = self.event.clone().map(|event| observer(event, Arc::clone(&here)));
        let server = Arc::new(start(faulty).await.expect("server"));
        let known = here.set(Arc::downgrade(&server));
        assert!(known.is_ok());
        let release = match &self.files {
            Some(files) => FileRelease::of(&dir.path().join("dist"), scene::TAG, scene::COMMIT, files.clone()),
            None => FileRelease::write(&dir.path().join("dist"), scene::TAG, scene::COMMIT),
        };
        let heard = Arc::new(Heard::default());
        let publisher = Publisher::new(Some(Arc::clone(&heard) as Arc<_>));
        let (state, url) = (dir.path().join("state"), server.url());
        let publish = async || {
            let forge = publisher.gitlab(&url, PROJECT, self.token.0, self.token.1);
            publisher.publish(&release, &[forge], &state, Overrides::default()).await
        };
        let reports = publish().await;
        self.judge(&reports);
        if self.first == First::Done {
            assert_whole(&server, &renamed(&release));
        }
        // The same server without its fault.
        if let Some(mend) = &self.mend {
            mend(&server);
        }
        let server = Arc::into_inner(server).expect("nobody else holds it");
        let server = server.restart((self.options)(options)).await.expect("server on the same port");
        let again = publish().await;
        if self.converges {
            assert_done(&again);
            assert_whole(&server, &renamed(&release));
            server.log().clear();
            assert_done(&publish().await);
            assert!(server.log().writes().is_empty(), "{}: a third run writes: {:#?}", self.name, server.log().writes());
        } else {
            self.judge(&again);
        }
        findings.assert_none();
        let all = format!("{reports:?}{again:?}{}{}", heard.all(), left_behind(&state));
        for canary in [JOB, PERSONAL, self.token.0] {
            assert!(!all.contains(canary), "{}: a token was seen", self.name);
        }
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
            First::Stops(kind, says) => {
                assert!(failures.iter().any(|error| error.kind == kind), "{}: not {kind:?} but {failures:#?}", self.name);
                let said = |error: &&&stagefreight::publish::PlaceError| {
                    error.message.contains(says) || error.hint.as_ref().is_some_and(|hint| hint.contains(says))
                };
                assert!(failures.iter().any(|error| said(&error)), "{}: `{says}` is not in {failures:#?}", self.name);
            }
        }
    }
}

/// As GitLab keeps the names.
fn renamed(release: &FileRelease) -> FileRelease {
    let rules = stagefreight::core::NameRules::GITLAB;
    let mut kept = release.clone();
    let sums = release.sums();
    for (name, _) in &mut kept.files {
        *name = rules.kept(name);
    }
    // The sums are written with the names our files have.
    kept.sums_as_written(sums);
    kept
}

fn observer((method, path, nth, act): (&'static str, &'static str, usize, Act), here: Arc<OnceLock<Weak<Running>>>) -> Observer {
    let seen = AtomicUsize::new(0);
    Arc::new(move |request: &Seen| {
        if request.phase == Phase::Arrived
            && request.method == method
            && request.path.contains(path)
            && seen.fetch_add(1, Ordering::SeqCst) + 1 == nth
            && let Some(server) = here.get().and_then(Weak::upgrade)
        {
            act(&server);
        }
    })
}
