//! Plain timestamped lines, with the CI host's log groups.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Out;
use super::annotation::{self, Annotation, Severity};
use crate::core::{ByteSize, Problem, Redactor, Timestamp, duration};
use crate::event::{DestinationState, Event, Level, Sink, StepState};

/// How often a transfer that goes on is mentioned.
const TRANSFER_EVERY: Duration = Duration::from_secs(10);

/// Which log groups the host folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    /// Titles only.
    None,
    /// `::group::` of GitHub, Gitea and Forgejo Actions.
    Actions,
    /// `section_start` of GitLab.
    Gitlab,
    /// `##[group]` of Azure Pipelines.
    Azure,
}

/// What is shown.
#[derive(Debug, Clone)]
pub struct PlainOptions {
    /// Warnings only.
    pub quiet: bool,
    /// Details and build output too.
    pub verbose: bool,
    /// Every HTTP request.
    pub requests: bool,
    /// `HH:MM:SS` before each line.
    pub timestamps: bool,
    /// Log groups.
    pub groups: Groups,
}

/// The renderer.
pub struct Plain {
    out: Out,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    options: PlainOptions,
    redactor: Redactor,
    transfers: Mutex<HashMap<String, Timestamp>>,
}

impl Plain {
    /// A renderer that writes to `out` and masks what `redactor` knows.
    pub fn new(out: Out, now: Arc<dyn Fn() -> Timestamp + Send + Sync>, options: PlainOptions, redactor: Redactor) -> Self {
        Self { out, now, options, redactor, transfers: Mutex::default() }
    }

    fn line(&self, text: &str) {
        let text = self.redactor.redact(text);
        let stamp = if self.options.timestamps { format!("{}  ", (self.now)().time_of_day()) } else { String::new() };
        (self.out)(&format!("{stamp}{text}\n"));
    }

    fn group_start(&self, title: &str) {
        match self.options.groups {
            Groups::None => self.line(title),
            Groups::Actions => (self.out)(&format!("::group::{}\n", one_line(title))),
            Groups::Azure => (self.out)(&format!("##[group]{}\n", one_line(title))),
            Groups::Gitlab => {
                let now = (self.now)().unix();
                (self.out)(&format!("\x1b[0Ksection_start:{now}:{}\r\x1b[0K{}\n", section_id(title), one_line(title)));
            }
        }
    }

    fn group_end(&self, title: &str, elapsed: Duration) {
        match self.options.groups {
            Groups::None => {}
            Groups::Actions => (self.out)("::endgroup::\n"),
            Groups::Azure => (self.out)("##[endgroup]\n"),
            Groups::Gitlab => {
                let now = (self.now)().unix();
                (self.out)(&format!("\x1b[0Ksection_end:{now}:{}\r\x1b[0K\n", section_id(title)));
            }
        }
        if self.options.verbose {
            self.line(&format!("{title}: {}", duration::human(elapsed)));
        }
    }

    fn warning(&self, text: &str, hint: Option<&str>) {
        let hint_text = hint.map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        let message = self.redactor.redact(&format!("{text}{hint_text}")).into_owned();
        let annotation =
            Annotation { severity: Severity::Warning, file: None, line: None, column: None, title: "stagefreight", message: &message };
        match self.options.groups {
            Groups::Actions => (self.out)(&annotation::actions(&annotation)),
            Groups::Azure => (self.out)(&annotation::azure(&annotation)),
            Groups::None | Groups::Gitlab => self.line(&format!("warning: {message}")),
        }
    }

    // Beside its line where the host can; within the section of the build where it has sections; and else not here: the
    // error that ends the command lists them all.
    fn problem(&self, build: &str, problem: &Problem) {
        let message = self.redactor.redact(&problem.message).into_owned();
        let file = problem.file.as_deref().map(|file| self.redactor.redact(file).into_owned());
        let title = format!("build {build}: {}", problem.tool);
        let annotation = Annotation {
            severity: Severity::Error,
            file: file.as_deref(),
            line: problem.line,
            column: problem.column,
            title: &title,
            message: &message,
        };
        match self.options.groups {
            Groups::Actions => (self.out)(&annotation::actions(&annotation)),
            Groups::Azure => (self.out)(&annotation::azure(&annotation)),
            Groups::Gitlab => self.line(&annotation::line(&annotation)),
            Groups::None => {}
        }
    }

    // A transfer that takes long is mentioned now and then, a short one never.
    fn transfer(&self, id: &str, label: &str, done: u64, total: Option<u64>) {
        let now = (self.now)();
        let mut transfers = self.transfers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let last = *transfers.entry(id.to_owned()).or_insert(now);
        if total == Some(done) {
            transfers.remove(id);
        } else if now.since(last) >= TRANSFER_EVERY {
            transfers.insert(id.to_owned(), now);
            drop(transfers);
            let of = total.map(|total| format!(" of {}", ByteSize(total))).unwrap_or_default();
            self.line(&format!("{label}: {}{of}", ByteSize(done)));
        }
    }
}

impl Sink for Plain {
    fn emit(&self, event: Event) {
        let loud = !self.options.quiet;
        match event {
            Event::GroupStarted { title } if loud => self.group_start(&title),
            Event::GroupFinished { title, elapsed } if loud => self.group_end(&title, elapsed),
            Event::Note { level: Level::Warning, text, hint } => self.warning(&text, hint.as_deref()),
            Event::Note { level: Level::Info, text, .. } if loud => self.line(&text),
            Event::Note { level: Level::Detail, text, .. } if self.options.verbose => self.line(&text),
            Event::Output { source, line } if loud => self.line(&format!("{source} | {line}")),
            Event::Step { build, name, state, elapsed } if loud => {
                let took = elapsed.map(|elapsed| format!("  {}", duration::human(elapsed))).unwrap_or_default();
                match state {
                    StepState::Started if !self.options.verbose => {}
                    StepState::Started => self.line(&format!("{build}  {name}")),
                    StepState::Done => self.line(&format!("{build}  {name}  done{took}")),
                    StepState::Cached => self.line(&format!("{build}  {name}  cached")),
                    StepState::Failed => self.line(&format!("{build}  {name}  failed{took}")),
                }
            }
            Event::Problem { build, problem } => self.problem(&build, &problem),
            Event::Transfer { id, label, done, total } if loud => self.transfer(&id, &label, done, total),
            Event::Destination { name, state, detail, elapsed } if loud => {
                let took = duration::human(elapsed);
                let (mark, text) = match state {
                    DestinationState::AlreadyComplete => ("✓", format!("{}  already there", short(&detail))),
                    DestinationState::Placed => ("✓", format!("{}  placed  {took}", short(&detail))),
                    DestinationState::Failed | DestinationState::Conflict => ("✗", detail),
                    DestinationState::Skipped => ("-", detail),
                };
                self.line(&format!("{mark} {name}  {text}"));
            }
            Event::Request { method, url, attempt } if self.options.requests => {
                let again = if attempt > 1 { format!("  (try {attempt})") } else { String::new() };
                self.line(&format!("> {method} {url}{again}"));
            }
            Event::Response { method, url, status, elapsed } if self.options.requests => {
                let status = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                self.line(&format!("< {status} {method} {url}  {}ms", elapsed.as_millis()));
            }
            _ => {}
        }
    }
}

fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

// A title must not end the group's line or smuggle a workflow command in.
fn one_line(title: &str) -> String {
    title.replace(['\n', '\r'], " ")
}

fn section_id(title: &str) -> String {
    title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(options: PlainOptions, events: Vec<Event>) -> String {
        let text = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&text);
        let out: Out = Arc::new(move |line: &str| sink.lock().expect("lock").push_str(line));
        let mut redactor = Redactor::default();
        redactor.learn(&crate::core::Secret::new("s3cr3t-value"));
        let plain = Plain::new(out, Arc::new(|| Timestamp::from_unix(45_296)), options, redactor);
        for event in events {
            plain.emit(event);
        }
        drop(plain);
        Arc::into_inner(text).expect("the renderer is gone").into_inner().expect("lock")
    }

    fn options(groups: Groups) -> PlainOptions {
        PlainOptions { quiet: false, verbose: false, requests: false, timestamps: true, groups }
    }

    fn warning(text: &str) -> Event {
        Event::Note { level: Level::Warning, text: text.to_owned(), hint: None }
    }

    #[test]
    fn stamps_masks_and_groups() {
        let events = vec![
            Event::GroupStarted { title: "build app".into() },
            Event::Output { source: "app".into(), line: "token s3cr3t-value".into() },
            Event::GroupFinished { title: "build app".into(), elapsed: Duration::ZERO },
        ];
        assert_eq!(rendered(options(Groups::None), events.clone()), "12:34:56  build app\n12:34:56  app | token ***\n");
        assert_eq!(rendered(options(Groups::Actions), events), "::group::build app\n12:34:56  app | token ***\n::endgroup::\n");
    }

    #[test]
    fn a_warning_cannot_smuggle_a_workflow_command() {
        let text = rendered(options(Groups::Actions), vec![warning("a\n::set-output name=x::y")]);
        assert_eq!(text, "::warning title=stagefreight::a%0A::set-output name=x::y\n");
    }
}
