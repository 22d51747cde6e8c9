//! Reads `--progress=plain`, which buildx before 0.13 has nothing better than (spec/build.md C.8).

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use super::progress::{Mark, Tracker};
use crate::core::Digest;

/// A line about a step: `#7 …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Number of the step.
    pub number: u64,
    /// What is said of it.
    pub said: Said<'a>,
}

/// What a line says of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// `[internal] load .dockerignore`: a chore of BuildKit's.
    Internal(&'a str),
    /// `[stage 2/5] RUN make`: a step of the Dockerfile begins.
    Opens {
        /// Platform and stage, or empty.
        stage: &'a str,
        /// `2/5`.
        position: &'a str,
        /// `RUN`.
        instruction: &'a str,
        /// `make`.
        detail: &'a str,
    },
    /// `CACHED`.
    Cached,
    /// `DONE 1.2s`.
    Done(Duration),
    /// `ERROR: why`.
    Failed(&'a str),
    /// `0.123 text`: a line of its output.
    Output(&'a str),
    /// `sha256:82f4… 103B / 103B 0.0s done`: a layer on its way from a registry.
    Fetches,
    /// Anything else: its name, or progress of it.
    Other(&'a str),
}

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, which the tests compile")]
static OPENS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\[([^\]]*?) ?(\d+/\d+)\] (\w+)\s*(.*)").unwrap());

impl<'a> Line<'a> {
    /// Reads a line; `None` when it is not about a step.
    pub fn read(line: &'a str) -> Option<Self> {
        let (number, rest) = line.strip_prefix('#')?.split_once(' ')?;
        let number = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())??;
        let said = if rest.starts_with("[internal]") {
            Said::Internal(rest)
        } else if let Some([stage, position, instruction, detail]) = OPENS.captures(rest).map(|found| found.extract().1) {
            Said::Opens { stage: stage.trim(), position, instruction, detail }
        } else if rest.starts_with("CACHED") {
            Said::Cached
        } else if let Some(elapsed) = rest.strip_prefix("DONE ").and_then(seconds) {
            Said::Done(elapsed)
        } else if let Some(error) = rest.strip_prefix("ERROR: ") {
            Said::Failed(error)
        } else if let Some((_, output)) = rest.split_once(' ').filter(|(stamp, _)| is_stamp(stamp)) {
            Said::Output(output)
        } else if rest.split_once(' ').is_some_and(|(digest, _)| digest.parse::<Digest>().is_ok()) {
            Said::Fetches
        } else {
            Said::Other(rest)
        };
        Some(Self { number, said })
    }
}

/// Takes the next line in: of a step, or text of the tool itself.
pub fn line(text: &str, tracker: &mut Tracker) {
    let Some(Line { number, said }) = Line::read(text) else {
        if !text.trim().is_empty() {
            tracker.text(text);
        }
        return;
    };
    if number == 0 {
        // Not a step: what the tool says of itself.
        tracker.text(text);
        return;
    }
    let key = number.to_string();
    let name = || text.split_once(' ').map_or("", |(_, name)| name);
    match said {
        Said::Internal(_) | Said::Opens { .. } => tracker.vertex(&key, name(), Mark::Started, None),
        Said::Cached => tracker.vertex(&key, "", Mark::Cached, None),
        Said::Done(elapsed) => tracker.vertex(&key, "", Mark::Done, Some(elapsed)),
        Said::Failed(error) => tracker.vertex(&key, "", Mark::Failed(error.to_owned()), None),
        Said::Output(output) => tracker.log(&key, &format!("{output}\n")),
        Said::Fetches => tracker.fetched(&key),
        // The first thing said of a step is its name; then comes progress: `transferring context: 2B done`.
        Said::Other(name) if !tracker.knows(&key) => tracker.vertex(&key, name, Mark::Started, None),
        Said::Other(_) => {}
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let number: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(number).ok()
}

// Seconds since the step began, always with a fraction: `0.083`.
fn is_stamp(text: &str) -> bool {
    text.split_once('.')
        .is_some_and(|(whole, part)| !whole.is_empty() && !part.is_empty() && (whole.to_owned() + part).bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::progress::tests::{recorded, tracker};

    #[test]
    fn reads_steps_output_and_errors() {
        let (mut tracker, log) = tracker();
        let text = "\
#0 building with \"default\" instance using docker driver
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#5 [build 1/2] COPY busybox /bin/busybox
#5 CACHED

#6 [build 2/2] RUN make
#6 0.083 cc -c main.c
#6 0.123 3.5 of 7
#6 ERROR: process \"/bin/sh -c make\" did not complete successfully: exit code: 2
------
ERROR: failed to solve: exit code: 2";
        for line in text.lines() {
            super::line(line, &mut tracker);
        }
        assert_eq!(
            recorded(&log),
            [
                "started [build 1/2] COPY busybox /bin/busybox",
                "cached [build 1/2] COPY busybox /bin/busybox",
                "started [build 2/2] RUN make",
                "| cc -c main.c",
                "| 3.5 of 7",
                "failed [build 2/2] RUN make"
            ]
        );
        assert_eq!(tracker.said().last(), Some(&"ERROR: failed to solve: exit code: 2"));
    }
    #[test]
    fn a_step_whose_layers_are_fetched_was_cached_also_where_the_word_is_missing() {
        let (mut tracker, log) = tracker();
        let layer = format!("sha256:{} 103B / 103B 0.0s done", "8".repeat(64));
        let text = format!(
            "#5 [1/3] FROM docker.io/library/alpine\n#5 {layer}\n#5 DONE 0.3s\n#6 [2/3] COPY more /more\n#6 {layer}\n#6 DONE 0.1s\n\
             #7 [3/3] COPY x /x\n#7 DONE 0.1s"
        );
        for line in text.lines() {
            super::line(line, &mut tracker);
        }
        let steps: Vec<bool> = tracker.work().steps.iter().map(|step| step.ran.is_none()).collect();
        assert_eq!(steps, [true, false], "{:?}", recorded(&log));
    }
}
