//! What BuildKit has done so far: its steps become events, and what a failure report needs is kept.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::core::Redactor;
use crate::event::{Event, Events, StepState};

use super::{Work, WorkStep};

/// Lines kept of each step that has not ended well: errors are found in them when it fails.
const KEPT_LINES: usize = 4000;

/// Bytes of these lines.
const KEPT_BYTES: usize = 512 * 1024;

/// Steps tracked; a build with more is shown without the rest.
const MAX_STEPS: usize = 20_000;

/// A log line beyond this is cut.
const MAX_LINE: usize = 16 * 1024;

/// Lines of plain text kept from the tool itself.
const KEPT_TEXT: usize = 400;

/// How BuildKit calls reading a cache.
const IMPORT: &str = "importing cache manifest from ";

/// How it calls writing one.
const EXPORTS: [&str; 2] = ["exporting cache to ", "exporting to GitHub Actions Cache"];

/// What is newly known of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// It exists.
    Known,
    /// It runs.
    Started,
    /// It finished.
    Done,
    /// It was in the cache.
    Cached,
    /// It failed, with BuildKit's words.
    Failed(String),
}

/// A step of the build, a BuildKit vertex.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// As BuildKit names it, `[2/4] COPY . /app`, redacted.
    pub name: String,
    /// Its last lines of output, redacted.
    pub lines: VecDeque<String>,
    /// BuildKit's error, redacted; empty unless it failed.
    pub error: String,
    kept: usize,
    cached: bool,
    elapsed: Duration,
    /// Output not yet ended by a line feed.
    torn: String,
    started: bool,
    ended: bool,
}

/// Follows one build.
#[derive(Debug)]
pub struct Tracker {
    build: String,
    tool: &'static str,
    events: Events,
    redactor: Redactor,
    steps: BTreeMap<String, Step>,
    failed: Option<String>,
    said: VecDeque<String>,
    bases: BTreeMap<String, String>,
}

impl Tracker {
    /// Follows the build of this id, which `tool` runs.
    pub fn new(build: &str, tool: &'static str, events: Events, redactor: Redactor) -> Self {
        Self {
            build: build.to_owned(),
            tool,
            events,
            redactor,
            steps: BTreeMap::new(),
            failed: None,
            said: VecDeque::new(),
            bases: BTreeMap::new(),
        }
    }

    /// Something about the step with this key. BuildKit repeats itself; each change is told once.
    pub fn vertex(&mut self, key: &str, name: &str, mark: Mark, elapsed: Option<Duration>) {
        if !self.steps.contains_key(key) && self.steps.len() >= MAX_STEPS {
            return;
        }
        let step = self.steps.entry(key.to_owned()).or_default();
        if !name.is_empty() {
            step.name = clean(&self.redactor.redact(name)).into_owned();
            if let Some((reference, digest)) = base_of(&step.name) {
                self.bases.insert(reference.to_owned(), digest.to_owned());
            }
        }
        let state = match mark {
            Mark::Known => return,
            Mark::Started if step.started || step.ended => return,
            Mark::Started => StepState::Started,
            Mark::Failed(error) => {
                let first = step.error.is_empty();
                step.error = clean(&self.redactor.redact(&error)).into_owned();
                if step.name.starts_with(IMPORT) {
                    // A cache that is not there yet is no failure.
                    if first {
                        self.events.detail(format!("{}: no cache: {}", self.build, step.error));
                    }
                    step.ended = true;
                    return;
                }
                // When one step fails BuildKit cancels the others; they are not what failed.
                if self.failed.is_none() && !step.error.contains("context canceled") {
                    self.failed = Some(key.to_owned());
                }
                if !first {
                    return;
                }
                StepState::Failed
            }
            Mark::Cached if step.ended => {
                step.cached = true;
                return;
            }
            Mark::Done if step.ended => return,
            Mark::Done => StepState::Done,
            Mark::Cached => StepState::Cached,
        };
        step.started = true;
        step.ended |= state != StepState::Started;
        step.cached = state == StepState::Cached;
        step.elapsed = elapsed.unwrap_or_default();
        if step.ended && !step.torn.is_empty() {
            let rest = std::mem::take(&mut step.torn);
            show(&self.build, &self.events, &self.redactor, step, &rest);
        }
        if matches!(state, StepState::Done | StepState::Cached) {
            step.lines = VecDeque::new();
            step.kept = 0;
        }
        // BuildKit's own chores interest nobody until they fail.
        if step.name.starts_with("[internal]") && state != StepState::Failed {
            return;
        }
        self.events.emit(Event::Step {
            build: self.build.clone(),
            name: step.name.clone(),
            state,
            elapsed: elapsed.filter(|_| state != StepState::Started),
        });
    }

    /// Has something been said of this step before?
    pub fn knows(&self, key: &str) -> bool {
        self.steps.contains_key(key)
    }

    /// Layers of this step are fetched: it was found in a remote cache. BuildKit's plain text tells that it was cached and
    /// that the fetching is done in one place, and only the later of the two when they come quickly.
    pub fn fetched(&mut self, key: &str) {
        if self.steps.get(key).is_some_and(|step| !step.ended && step.is_of_dockerfile()) {
            self.vertex(key, "", Mark::Cached, None);
        }
    }

    /// Output of a step, in pieces that need not end at a line feed.
    pub fn log(&mut self, key: &str, text: &str) {
        let Some(step) = self.steps.get_mut(key) else { return };
        step.torn.push_str(text);
        while let Some(end) = step.torn.find('\n') {
            let rest = step.torn.split_off(end + 1);
            let line = std::mem::replace(&mut step.torn, rest);
            show(&self.build, &self.events, &self.redactor, step, &line);
        }
        if step.torn.len() > MAX_LINE {
            let line = std::mem::take(&mut step.torn);
            show(&self.build, &self.events, &self.redactor, step, &line);
        }
    }

    /// Bytes that move for a step: the context on its way to the builder, a layer on its way from a registry.
    pub fn transfer(&mut self, key: &str, what: &str, done: u64, total: u64, ended: bool) {
        // Less than this is there before anybody looks.
        const WORTH_SHOWING: u64 = 1024 * 1024;
        if done.max(total) < WORTH_SHOWING || !self.steps.contains_key(key) {
            return;
        }
        let what = clean(&self.redactor.redact(what)).trim_end_matches(':').to_owned();
        let total = if ended { Some(done) } else { Some(total).filter(|total| *total >= done) };
        let label = format!("{}  {what}", self.build);
        self.events.emit(Event::Transfer { id: format!("{} {key} {what}", self.build), label, done, total });
    }

    /// What was done and what was found, so far.
    pub fn work(&self) -> Work {
        let mut work = Work::default();
        for step in self.steps.values().filter(|step| step.ended) {
            if step.is_of_dockerfile() {
                work.steps.push(WorkStep { name: step.name.clone(), ran: (!step.cached).then_some(step.elapsed) });
            } else if let Some(name) = step.name.strip_prefix(IMPORT) {
                work.imports.push((name.to_owned(), step.error.is_empty()));
            } else if EXPORTS.iter().any(|export| step.name.starts_with(export)) {
                work.exports.push((step.name.clone(), Some(step.error.clone()).filter(|error| !error.is_empty())));
            }
        }
        work
    }

    /// A warning of the Dockerfile's frontend.
    pub fn warning(&self, text: &str, url: &str) {
        let text = clean(&self.redactor.redact(text)).into_owned();
        self.events.warn(format!("build {}: {text}", self.build), Some(url.to_owned()).filter(|url| !url.is_empty()));
    }

    /// A line of the tool itself, outside any step.
    pub fn text(&mut self, line: &str) {
        let line = clean(&self.redactor.redact(line)).into_owned();
        self.events.detail(format!("{}: {line}", self.tool));
        self.said.push_back(line);
        if self.said.len() > KEPT_TEXT {
            self.said.pop_front();
        }
    }

    /// The step that failed first.
    pub fn failed(&self) -> Option<&Step> {
        self.steps.get(self.failed.as_ref()?)
    }

    /// What the tool itself said.
    pub fn said(&self) -> Vec<&str> {
        self.said.iter().map(String::as_str).collect()
    }

    /// Base images with the digests they resolved to, as the names of the FROM steps tell them.
    pub fn bases(&self) -> Vec<(String, String)> {
        self.bases.iter().map(|(reference, digest)| (reference.clone(), digest.clone())).collect()
    }
}

impl Step {
    /// `[build 2/4] RUN make`, and not `[internal] load metadata` or `[1/4] FROM debian`, which does no work.
    fn is_of_dockerfile(&self) -> bool {
        let numbered = |place: &str| {
            let position = place.rsplit(' ').next().unwrap_or_default();
            position.split_once('/').is_some_and(|(n, of)| [n, of].iter().all(|part| part.parse::<u32>().is_ok()))
        };
        self.name
            .strip_prefix('[')
            .and_then(|name| name.split_once("] "))
            .is_some_and(|(place, instruction)| numbered(place) && !instruction.starts_with("FROM "))
    }
}

fn show(build: &str, events: &Events, redactor: &Redactor, step: &mut Step, raw: &str) {
    // Of a progress bar that redraws itself the last drawing counts.
    let line = raw.trim_end_matches(['\n', '\r']);
    let line = line.rsplit('\r').next().unwrap_or(line);
    let line: String = clean(&redactor.redact(line)).chars().take(MAX_LINE).collect();
    step.kept += line.len();
    step.lines.push_back(line.clone());
    while step.lines.len() > KEPT_LINES || step.kept > KEPT_BYTES {
        step.kept -= step.lines.pop_front().map_or(0, |line| line.len());
    }
    events.emit(Event::Output { source: build.to_owned(), line });
}

/// Text without terminal control: what a build prints must not move our cursor or colour our screen.
fn clean(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(|c: char| c.is_control() && c != '\t') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.next_if_eq(&'[').is_some() {
            // A control sequence ends at its first letter (ECMA-48 §5.4).
            while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
        } else if !c.is_control() || c == '\t' {
            out.push(c);
        }
    }
    out.into()
}

/// `[build 1/3] FROM docker.io/library/debian:12@sha256:…` names an image and what it resolved to.
fn base_of(name: &str) -> Option<(&str, &str)> {
    let (_, image) = name.split_once("] FROM ")?;
    let (reference, digest) = image.split_whitespace().next()?.rsplit_once('@')?;
    digest.parse::<crate::core::Digest>().is_ok().then_some((reference, digest))
}

#[cfg(test)]
pub(in crate::build) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::core::Secret;
    use crate::event::Sink;

    pub type Log = Arc<Mutex<Vec<Event>>>;

    struct Recorder(Log);

    impl Sink for Recorder {
        fn emit(&self, event: Event) {
            self.0.lock().expect("log").push(event);
        }
    }

    /// A tracker of build `app` that masks `hunter2hunter2`, and what it emitted.
    pub fn tracker() -> (Tracker, Log) {
        let log = Log::default();
        let mut redactor = Redactor::default();
        redactor.learn(&Secret::new("hunter2hunter2"));
        (Tracker::new("app", "buildx", Events::new(Arc::new(Recorder(Arc::clone(&log)))), redactor), log)
    }

    /// Events as short texts.
    pub fn recorded(log: &Log) -> Vec<String> {
        let short = |event: &Event| match event {
            Event::Step { name, state, elapsed, .. } => {
                let elapsed = elapsed.map(|e| format!(" {}", crate::core::duration::human(e))).unwrap_or_default();
                Some(format!("{} {name}{elapsed}", format!("{state:?}").to_lowercase()))
            }
            Event::Output { line, .. } => Some(format!("| {line}")),
            _ => None,
        };
        log.lock().expect("log").iter().filter_map(short).collect()
    }

    #[test]
    fn tells_each_change_once_and_hides_chores() {
        let (mut tracker, log) = tracker();
        for mark in [Mark::Known, Mark::Started, Mark::Started, Mark::Done, Mark::Started, Mark::Done] {
            tracker.vertex("a", "[1/1] COPY a b", mark.clone(), Some(Duration::from_secs(1)));
            tracker.vertex("i", "[internal] load build context", mark, None);
        }
        assert_eq!(recorded(&log), ["started [1/1] COPY a b", "done [1/1] COPY a b 1.0s"]);
    }

    #[test]
    fn the_first_failure_counts_not_those_it_cancelled() {
        let (mut tracker, _) = tracker();
        tracker.vertex("a", "[a 1/1] RUN slow", Mark::Failed("process cancelled: context canceled".into()), None);
        tracker.vertex("b", "[b 1/1] RUN bad", Mark::Failed("exit code: 3".into()), None);
        tracker.vertex("c", "[c 1/1] RUN other", Mark::Failed("exit code: 4".into()), None);
        assert_eq!(tracker.failed().map(|step| step.name.as_str()), Some("[b 1/1] RUN bad"));
    }

    #[test]
    fn masks_secrets_and_strips_terminal_control() {
        let (mut tracker, log) = tracker();
        tracker.vertex("a", "[1/1] RUN x hunter2hunter2", Mark::Started, None);
        tracker.log("a", "10%\r50%\rdone hunter2");
        tracker.log("a", "hunter2 \u{1b}[31mred\u{1b}[0m\u{7}\n");
        assert_eq!(recorded(&log), ["started [1/1] RUN x ***", "| done *** red"]);
    }

    #[test]
    fn reads_base_images_off_step_names() {
        let (mut tracker, _) = tracker();
        let digest = format!("sha256:{}", "a".repeat(64));
        tracker.vertex("a", &format!("[build 1/3] FROM docker.io/library/debian:12@{digest}"), Mark::Known, None);
        tracker.vertex("b", "[2/3] RUN echo FROM x@y", Mark::Known, None);
        assert_eq!(tracker.bases(), [("docker.io/library/debian:12".to_owned(), digest)]);
    }
}
