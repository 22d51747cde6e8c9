//! The memory of attempts: one line before each, one after, on disk before anything else happens. On a re-run the
//! destination is the truth and the journal the explanation; only destinations that cannot be read rely on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::core::{PathError, Timestamp};
use crate::event::{Event, Events};
use crate::fs::{self, AppendFile};

/// Most bytes of one journal that are read back.
const MAX_JOURNAL: u64 = 64 * 1024 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, with milliseconds.
    pub at: String,
    /// Run and job that wrote it.
    pub run: String,
    /// What happened.
    pub event: EntryKind,
    /// Attempt id, the same on the line before and the line after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
    /// Step the attempt belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Destination the step completes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Digest to be placed, or that was placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What was found before, or what came of it, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Why something was replaced on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A run began; `digest` is the checksum of its outputs.
    RunStarted,
    /// An attempt is about to be made.
    Attempt,
    /// The attempt ended well.
    Placed,
    /// The attempt failed for certain.
    Failed,
    /// It is not known what the attempt did.
    Unsettled,
    /// The run ended.
    RunFinished,
}

/// The journal of this run and job.
#[derive(Debug)]
pub struct Journal {
    inner: Mutex<Inner>,
    run: String,
    started: Timestamp,
    events: Events,
}

#[derive(Debug)]
struct Inner {
    file: AppendFile,
    lines: u64,
    attempts: u64,
}

/// What earlier journals say.
#[derive(Debug, Clone, Default)]
pub struct History {
    unfinished: BTreeMap<String, Entry>,
    completed: BTreeSet<String>,
    /// Lines that could not be read: torn by a crash, or foreign.
    pub unreadable: u64,
}

impl Journal {
    /// Opens `<dir>/<run>.jsonl`. `run` is made safe for a file name; `started` tells attempts of a job that is run again
    /// under the same name apart.
    pub fn open(dir: &Path, run: &str, started: Timestamp, events: Events) -> Result<Self, PathError> {
        let name: String =
            run.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' }).take(100).collect();
        let file = AppendFile::open(&dir.join(format!("{name}.jsonl")))?;
        Ok(Self { inner: Mutex::new(Inner { file, lines: 0, attempts: 0 }), run: name, started, events })
    }

    /// A fresh attempt id, unique among all attempts of this run and job.
    pub fn attempt_id(&self) -> String {
        let mut inner = self.lock();
        inner.attempts += 1;
        format!("{}@{}#{}", self.run, self.started.unix_millis(), inner.attempts)
    }

    /// Writes one line; it is on disk when this returns.
    pub fn write(&self, now: Timestamp, mut entry: Entry) -> Result<(), PathError> {
        entry.at = now.precise();
        entry.run.clone_from(&self.run);
        let line = serde_json::to_string(&entry).unwrap_or_default();
        let lines = {
            let mut inner = self.lock();
            inner.file.append(&line)?;
            inner.lines += 1;
            inner.lines
        };
        self.events.emit(Event::Journalled { line: lines });
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A panic while holding the lock leaves at worst a torn line, which readers tolerate.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Entry {
    /// A line with nothing but its kind; `write` fills in time and run.
    pub fn new(event: EntryKind) -> Self {
        Self {
            at: String::new(),
            run: String::new(),
            event,
            attempt: None,
            step: None,
            destination: None,
            digest: None,
            detail: None,
            reason: None,
        }
    }
}

impl History {
    /// Reads every journal below `dir`; none is fine. Unreadable lines are counted and skipped.
    pub fn read(dir: &Path) -> Result<Self, PathError> {
        let mut history = Self::default();
        if !fs::is_dir(dir) {
            return Ok(history);
        }
        let mut files: Vec<PathBuf> =
            fs::walk(dir, &|_| false)?.into_iter().filter(|entry| entry.kind == fs::EntryKind::File).map(|entry| entry.path).collect();
        files.sort();
        let mut entries = Vec::new();
        for file in files {
            let text = fs::read_bounded(&file, MAX_JOURNAL)?;
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                match serde_json::from_slice::<Entry>(line) {
                    Ok(entry) => entries.push(entry),
                    Err(_) => history.unreadable += 1,
                }
            }
        }
        // Journals of parallel jobs lie side by side: time joins them, and file order breaks ties.
        entries.sort_by(|a, b| a.at.cmp(&b.at));
        for entry in entries {
            let (Some(attempt), Some(step)) = (entry.attempt.clone(), entry.step.clone()) else { continue };
            match entry.event {
                EntryKind::Attempt | EntryKind::Unsettled => {
                    history.completed.remove(&step);
                    history.unfinished.insert(step, entry);
                }
                EntryKind::Placed | EntryKind::Failed => {
                    if entry.event == EntryKind::Placed {
                        history.completed.insert(step.clone());
                    }
                    if history.unfinished.get(&step).is_some_and(|open| open.attempt.as_ref() == Some(&attempt)) {
                        history.unfinished.remove(&step);
                    }
                }
                EntryKind::RunStarted | EntryKind::RunFinished => {}
            }
        }
        Ok(history)
    }

    /// Steps whose last attempt ended well: placed, and read back.
    pub fn completed(&self) -> &BTreeSet<String> {
        &self.completed
    }

    /// The attempt at this step that began and never ended, when there is one.
    pub fn unfinished(&self, step: &str) -> Option<&Entry> {
        self.unfinished.get(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(event: EntryKind, attempt: &str, step: &str) -> Entry {
        Entry { attempt: Some(attempt.into()), step: Some(step.into()), ..Entry::new(event) }
    }

    #[test]
    fn remembers_what_was_begun_and_never_ended_and_survives_a_torn_line() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let journal = Journal::open(dir.path(), "42-job/1", Timestamp::from_unix(0), Events::none()).expect("journal");
        let now = Timestamp::from_unix(0);
        for (kind, attempt, step) in [
            (EntryKind::Attempt, "a1", "one"),
            (EntryKind::Placed, "a1", "one"),
            (EntryKind::Attempt, "a2", "two"),
            (EntryKind::Attempt, "a3", "three"),
            (EntryKind::Unsettled, "a3", "three"),
        ] {
            journal.write(now, entry(kind, attempt, step)).expect("line");
        }
        let path = dir.path().join("42-job_1.jsonl");
        let mut bytes = fs::read_bounded(&path, 10_000).expect("journal");
        bytes.extend_from_slice(b"{\"at\":\"torn");
        fs::write_atomic(&path, &bytes, 0o644).expect("torn journal");
        let reopened = Journal::open(dir.path(), "42-job/1", Timestamp::from_unix(0), Events::none()).expect("journal");
        reopened.write(now, entry(EntryKind::Attempt, "a4", "four")).expect("line after a torn one");
        let history = History::read(dir.path()).expect("history");
        assert_eq!(history.unreadable, 1);
        assert!(history.unfinished("one").is_none());
        assert_eq!(history.completed().iter().collect::<Vec<_>>(), ["one"]);
        assert!(["two", "three", "four"].iter().all(|step| history.unfinished(step).is_some()));
    }
}
