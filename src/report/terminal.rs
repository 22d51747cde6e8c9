//! Progress bars on a terminal. Lines above the bars are those of the plain renderer, without timestamps.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plain::{Groups, Plain, PlainOptions};
use crate::core::{Redactor, Timestamp};
use crate::event::{Event, Level, Sink, StepState};

/// The renderer.
pub struct Terminal {
    bars: MultiProgress,
    transfers: Mutex<HashMap<String, ProgressBar>>,
    activity: Mutex<Option<ProgressBar>>,
    lines: Plain,
    verbose: bool,
    redactor: Redactor,
}

impl Terminal {
    /// Draws on standard error.
    pub fn new(now: Arc<dyn Fn() -> Timestamp + Send + Sync>, verbose: bool, requests: bool, redactor: Redactor) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let printer = bars.clone();
        let out: super::Out = Arc::new(move |text: &str| {
            let _hidden = printer.println(text.trim_end_matches('\n'));
        });
        let options = PlainOptions { quiet: false, verbose, requests, timestamps: false, groups: Groups::None };
        let lines = Plain::new(out, now, options, redactor.clone());
        Self { bars, transfers: Mutex::default(), activity: Mutex::default(), lines, verbose, redactor }
    }

    fn transfer(&self, id: String, label: String, done: u64, total: Option<u64>) {
        let mut transfers = self.transfers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if total == Some(done) {
            if let Some(bar) = transfers.remove(&id) {
                bar.finish_and_clear();
            }
            return;
        }
        let bar = transfers.entry(id).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new(total.unwrap_or(0)));
            let style =
                ProgressStyle::with_template("  {msg:40!} {bar:24} {binary_bytes:>10} of {binary_total_bytes:<10} {binary_bytes_per_sec}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(label);
            bar
        });
        bar.set_position(done);
    }

    // What a build is doing right now: one line that is replaced.
    fn activity(&self, text: &str) {
        let mut activity = self.activity.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bar = activity.get_or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new_spinner());
            bar.set_style(ProgressStyle::with_template("  {spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        bar.set_message(self.redactor.redact(text).into_owned());
        bar.tick();
    }

    fn clear_activity(&self) {
        let mut activity = self.activity.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(bar) = activity.take() {
            bar.finish_and_clear();
        }
    }
}

impl Sink for Terminal {
    fn emit(&self, event: Event) {
        match event {
            Event::Transfer { id, label, done, total } => self.transfer(id, label, done, total),
            Event::Output { source, line } if !self.verbose => self.activity(&format!("{source}  {line}")),
            Event::Step { build, name, state: StepState::Started, .. } => self.activity(&format!("{build}  {name}")),
            Event::Destination { .. }
            | Event::Note { level: Level::Info | Level::Warning, .. }
            | Event::GroupStarted { .. }
            | Event::GroupFinished { .. } => {
                self.clear_activity();
                self.lines.emit(event);
            }
            other => self.lines.emit(other),
        }
    }

    fn finish(&self) {
        self.clear_activity();
        let _hidden = self.bars.clear();
    }
}
