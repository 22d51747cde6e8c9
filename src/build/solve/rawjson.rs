//! Reads `--progress=rawjson`: JSON values one after the other, printed over several lines by older versions and on one
//! line each by newer ones, with plain text (warnings, the final error) between them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::progress::{Mark, Tracker};
use crate::core::Timestamp;

/// A value larger than this is not progress.
const MAX_VALUE: usize = 4 * 1024 * 1024;

/// Assembles values from lines.
#[derive(Debug, Default)]
pub struct RawJson {
    pending: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    vertexes: Option<Vec<Vertex>>,
    statuses: Option<Vec<Transfer>>,
    logs: Option<Vec<Log>>,
    warnings: Option<Vec<Warning>>,
}

#[derive(Deserialize)]
struct Vertex {
    digest: String,
    #[serde(default)]
    name: String,
    started: Option<String>,
    completed: Option<String>,
    #[serde(default)]
    cached: bool,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct Transfer {
    id: String,
    vertex: String,
    #[serde(default)]
    current: u64,
    #[serde(default)]
    total: u64,
    completed: Option<String>,
}

#[derive(Deserialize)]
struct Log {
    vertex: String,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct Warning {
    #[serde(default)]
    short: String,
    #[serde(default)]
    url: String,
}

impl RawJson {
    /// Takes the next line in.
    pub fn line(&mut self, line: &str, tracker: &mut Tracker) {
        if self.pending.is_empty() && !line.starts_with('{') {
            tracker.text(line);
            return;
        }
        if self.pending.len() + line.len() > MAX_VALUE {
            self.pending.clear();
            return;
        }
        // Inside a value every line is indented, so only its last line, or the only one, ends in a brace at this point.
        let may_be_whole = line == "}" || (self.pending.is_empty() && line.ends_with('}'));
        self.pending.push_str(line);
        self.pending.push('\n');
        if may_be_whole && let Ok(status) = serde_json::from_str::<Status>(&self.pending) {
            self.pending.clear();
            status.report(tracker);
        } else if line == "}" {
            // Ended and not understood: a later version may say more than we know.
            self.pending.clear();
        }
    }
}

impl Status {
    fn report(self, tracker: &mut Tracker) {
        for vertex in self.vertexes.unwrap_or_default() {
            let time = |text: &Option<String>| Timestamp::parse(text.as_deref()?).ok();
            let elapsed = time(&vertex.started).zip(time(&vertex.completed)).map(|(started, completed)| completed.since(started));
            let mark = match (&vertex.started, &vertex.completed) {
                (_, Some(_)) if !vertex.error.is_empty() => Mark::Failed(vertex.error),
                // A step that was found is fetched only when its layers are needed, and then reported as started and done
                // once more, without the word: what was said first counts.
                _ if vertex.cached => Mark::Cached,
                (_, Some(_)) => Mark::Done,
                (Some(_), None) => Mark::Started,
                (None, None) => Mark::Known,
            };
            tracker.vertex(&vertex.digest, &vertex.name, mark, elapsed);
        }
        for moved in self.statuses.unwrap_or_default() {
            tracker.transfer(&moved.vertex, &moved.id, moved.current, moved.total, moved.completed.is_some());
        }
        for log in self.logs.unwrap_or_default() {
            tracker.log(&log.vertex, &decode(&log.data));
        }
        for warning in self.warnings.unwrap_or_default() {
            tracker.warning(&decode(&warning.short), &warning.url);
        }
    }
}

fn decode(data: &str) -> String {
    STANDARD.decode(data).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::progress::tests::{recorded, tracker};
    use super::*;

    const PRETTY: &str = r#"{
  "vertexes": [
    {
      "digest": "sha256:aa",
      "name": "[1/2] RUN \u0026\u0026 true",
      "started": "2026-11-21T11:25:06.883856297Z"
    }
  ]
}
{
  "logs": [
    {
      "vertex": "sha256:aa",
      "stream": 1,
      "data": "b25lCnR3",
      "timestamp": "2026-11-21T11:25:07.118867702Z"
    }
  ]
}
WARNING: something in between
{
  "vertexes": [
    {
      "digest": "sha256:aa",
      "name": "[1/2] RUN \u0026\u0026 true",
      "started": "2026-11-21T11:25:06.883856297Z",
      "completed": "2026-11-21T11:25:08.883856297Z",
      "error": "exit code: 7"
    }
  ]
}
ERROR: failed to solve"#;

    fn run(text: &str) -> (Vec<String>, Tracker) {
        let (mut tracker, log) = tracker();
        let mut reader = RawJson::default();
        for line in text.lines() {
            reader.line(line, &mut tracker);
        }
        (recorded(&log), tracker)
    }

    #[test]
    fn reads_values_over_several_lines_and_text_between_them() {
        let (events, tracker) = run(PRETTY);
        assert_eq!(
            events,
            ["started [1/2] RUN && true", "| one", "| tw", "failed [1/2] RUN && true 2.0s"],
            "the torn line is shown when its step ends"
        );
        assert_eq!(tracker.failed().map(|step| step.error.as_str()), Some("exit code: 7"));
        assert_eq!(tracker.said(), ["WARNING: something in between", "ERROR: failed to solve"]);
    }

    #[test]
    fn a_step_that_was_found_stays_found_while_its_layers_are_fetched() {
        let vertex = |times: &str| format!(r#"{{"vertexes":[{{"digest":"sha256:aa","name":"[2/2] RUN x",{times}}}]}}"#);
        let start = r#""started":"2026-11-21T14:53:02.4Z""#;
        let end = r#""completed":"2026-11-21T14:53:03.1Z""#;
        let found = vertex(&format!(r#"{start},"cached":true"#));
        let (events, tracker) = run(&[found, vertex(start), vertex(&format!("{start},{end}"))].join("\n"));
        assert_eq!(events, ["cached [2/2] RUN x"]);
        assert_eq!((tracker.work().steps.len(), tracker.work().cached()), (1, 1));
    }

    #[test]
    fn reads_one_value_per_line_alike() {
        let compact: String = PRETTY.replace("\n  ", "").replace("\n}", "}").replace("{\n", "{");
        assert!(compact.lines().count() == 5, "{compact}");
        assert_eq!(run(&compact).0, run(PRETTY).0);
    }

    #[test]
    fn goes_on_after_a_value_it_does_not_understand() {
        let (events, _) = run(&format!("{{\n  \"vertexes\": 5\n}}\n{PRETTY}"));
        assert_eq!(events.len(), 4);
    }
}
