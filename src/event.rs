//! The only way progress leaves the engine: rooms emit events, renderers in `report` turn them into text.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::core::{Problem, SafeUrl};

/// How much a note matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Shown with `-v`.
    Detail,
    /// Shown always, except with `--quiet`.
    Info,
    /// Shown always; an annotation in CI.
    Warning,
}

/// Something that happened. Renderers decide what it looks like.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A group of lines begins (a log group in CI): `build app`, `publish`.
    GroupStarted {
        /// Title of the group.
        title: String,
    },
    /// The innermost group ends.
    GroupFinished {
        /// Title it began with.
        title: String,
        /// How long it took.
        #[serde(serialize_with = "seconds")]
        elapsed: Duration,
    },
    /// One sentence.
    Note {
        /// How much it matters.
        level: Level,
        /// The sentence, lower case, without a full stop.
        text: String,
        /// The next action, for warnings.
        hint: Option<String>,
    },
    /// A line of a child's output or of a build step, already redacted.
    Output {
        /// Which build or tool.
        source: String,
        /// The line.
        line: String,
    },
    /// A unit of work of a build began or ended (a BuildKit vertex, a layer).
    Step {
        /// Which build.
        build: String,
        /// What, as the builder names it: `[2/4] COPY app /app`.
        name: String,
        /// How it stands.
        state: StepState,
        /// How long it took, once ended.
        #[serde(serialize_with = "maybe_seconds")]
        elapsed: Option<Duration>,
    },
    /// An error in the sources: an annotation in CI.
    Problem {
        /// Which build.
        build: String,
        /// What is wrong, and where. The path is below the repository's root where the file is in the repository.
        problem: Problem,
    },
    /// Bytes are moving. Emitted at the start, at most ten times a second, and at the end (`done == total`).
    Transfer {
        /// Stable key of the transfer, e.g. the digest and the host.
        id: String,
        /// What people call it.
        label: String,
        /// Bytes so far.
        done: u64,
        /// Bytes in all, when known.
        total: Option<u64>,
    },
    /// A destination reached a state.
    Destination {
        /// Its name, `ghcr.io/acme/app:1.2.3`.
        name: String,
        /// What happened.
        state: DestinationState,
        /// One line of detail: digest, bytes sent, error.
        detail: String,
        /// How long it took.
        #[serde(serialize_with = "seconds")]
        elapsed: Duration,
    },
    /// A line reached the journal and is on disk.
    Journalled {
        /// How many lines this run has written.
        line: u64,
    },
    /// An HTTP request is about to leave.
    Request {
        /// Method.
        method: String,
        /// Where to, without credentials or query.
        url: String,
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// Its answer arrived.
    Response {
        /// Method.
        method: String,
        /// Where from.
        url: String,
        /// Status, or none when the connection failed.
        status: Option<u16>,
        /// Until the headers.
        #[serde(serialize_with = "seconds")]
        elapsed: Duration,
    },
}

/// State of a build step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It runs.
    Started,
    /// It finished.
    Done,
    /// It was in the cache.
    Cached,
    /// It failed.
    Failed,
}

/// State of a destination as people read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationState {
    /// It already held our bytes.
    AlreadyComplete,
    /// It holds them now.
    Placed,
    /// It could not be reached or refused.
    Failed,
    /// It holds something else.
    Conflict,
    /// It was not tried: something it needs failed, or it was left out.
    Skipped,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

#[expect(clippy::ref_option, reason = "serde's serialize_with passes a reference to the field")]
fn maybe_seconds<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => seconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}

/// Where events go. Implementations must not block for long: they are called from the engine's tasks.
pub trait Sink: Send + Sync {
    /// Takes one event.
    fn emit(&self, event: Event);

    /// The command is over: progress bars are cleared before anything else is printed.
    fn finish(&self) {}
}

/// A cheap handle that rooms pass around.
#[derive(Clone)]
pub struct Events(Arc<dyn Sink>);

impl Events {
    /// Events that go to a sink.
    pub fn new(sink: Arc<dyn Sink>) -> Self {
        Self(sink)
    }

    /// Events nobody sees.
    pub fn none() -> Self {
        struct Nobody;
        impl Sink for Nobody {
            fn emit(&self, _: Event) {}
        }
        Self(Arc::new(Nobody))
    }

    /// Sends one event.
    pub fn emit(&self, event: Event) {
        self.0.emit(event);
    }

    /// A note everybody sees.
    pub fn info(&self, text: impl Into<String>) {
        self.emit(Event::Note { level: Level::Info, text: text.into(), hint: None });
    }

    /// A note for `-v`.
    pub fn detail(&self, text: impl Into<String>) {
        self.emit(Event::Note { level: Level::Detail, text: text.into(), hint: None });
    }

    /// A warning with what to do about it.
    pub fn warn(&self, text: impl Into<String>, hint: Option<String>) {
        self.emit(Event::Note { level: Level::Warning, text: text.into(), hint });
    }

    /// A request is about to leave.
    pub fn request(&self, method: &str, url: &SafeUrl, attempt: u32) {
        self.emit(Event::Request { method: method.to_owned(), url: url.to_string(), attempt });
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
