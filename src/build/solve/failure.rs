//! Why a build failed, on one screen: the step, its exit code, the lines of the Dockerfile, the errors found in its
//! output, the last lines it printed, and what to do next.

use std::path::Path;

use crate::error::Error;
use crate::plan::BuildStep;

use super::detail::{Known, detail};
use super::progress::Tracker;

/// Text of a step's name or of BuildKit's error beyond this tells nothing more.
const SHOWN_CHARS: usize = 300;

/// Makes the error of a build whose tool ended unsuccessfully. The workspace is where the files are that errors name.
pub fn report(workspace: &Path, step: &BuildStep, tracker: &Tracker) -> Error {
    let said = tracker.said();
    let excerpt = Excerpt::find(&said);
    let last_word = last_word(&said);
    let mut cause = last_word.clone();
    let mut what = String::new();
    if let Some(failed) = tracker.failed() {
        what = format!(", step `{}`", cut(&failed.name));
        cause.clone_from(&failed.error);
    }
    let place = excerpt.as_ref().map(|excerpt| format!(" at {}:{}", step.dockerfile, excerpt.line)).unwrap_or_default();
    let reason = match exit_code(&cause) {
        Some(code) => format!("exit code {code}"),
        None if cause.is_empty() => "buildx ended without saying why".to_owned(),
        None => cut(&plain_reason(&cause)),
    };
    let known = Known {
        cause: &cause,
        reason: &reason,
        exit_code: exit_code(&cause).and_then(|code| i32::try_from(code).ok()),
        line: excerpt.as_ref().map(|excerpt| excerpt.line),
    };
    let mut error = Error::failed(format!("build {} failed{place}{what}: {reason}", step.id));
    if let Some(excerpt) = excerpt {
        error = error.excerpt(excerpt.text);
    }
    let (failure, rows) = detail(workspace, step, tracker, &known);
    for row in rows {
        error = error.note(row);
    }
    // What the kernel says of a foreign program is in the step's output, not in BuildKit's words.
    let output = tracker.failed().and_then(|failed| failed.lines.back()).map(String::as_str).unwrap_or_default();
    error.failure(failure).hint(hint(&cause, &format!("{last_word} {output}"), step))
}

/// Why a cache could not be written, when that is what failed (spec/build.md D.5).
pub fn of_cache_export(tracker: &Tracker) -> Option<String> {
    const SAID: [&str; 4] = ["exporting cache", "failed to export cache", "error writing layer blob", "insufficient_scope"];
    if let Some(failed) = tracker.failed() {
        let is_export = failed.name.starts_with("exporting cache");
        let is_image = failed.name.starts_with("exporting to ") && SAID[1..].iter().any(|said| failed.error.contains(said));
        return (is_export || is_image).then(|| cut(&plain_reason(&failed.error)));
    }
    let last_word = last_word(&tracker.said());
    SAID.iter().any(|said| last_word.to_lowercase().contains(said)).then(|| cut(&plain_reason(&last_word)))
}

/// The lines of the Dockerfile buildx points at.
struct Excerpt {
    line: u32,
    text: String,
}

impl Excerpt {
    /// `Dockerfile:7`, a rule, numbered lines with `>>>`, a rule.
    fn find(said: &[&str]) -> Option<Self> {
        let rule = |line: &&str| line.len() >= 10 && line.bytes().all(|b| b == b'-');
        let start =
            said.windows(2).rposition(|pair| rule(&pair[1]) && pair[0].rsplit_once(':').is_some_and(|(_, n)| n.parse::<u32>().is_ok()))?;
        let line = said[start].rsplit_once(':')?.1.parse().ok()?;
        let mut text: Vec<&str> = said[start + 2..].iter().take_while(|line| !rule(line)).map(|line| line.trim_end()).collect();
        while text.last().is_some_and(|line| line.ends_with('|')) {
            // An empty line below the place says nothing.
            text.pop();
        }
        Some(Self { line, text: text.join("\n") })
    }
}

/// The text after the last `ERROR: `.
fn last_word(said: &[&str]) -> String {
    let at = said.iter().rposition(|line| line.starts_with("ERROR: ") || line.starts_with("error: "));
    match at {
        Some(at) => said[at..].join(" ")["ERROR: ".len()..].trim().to_owned(),
        None => said.last().map(|line| line.trim().to_owned()).unwrap_or_default(),
    }
}

/// Without the prefixes every error has and the random references nobody can look up.
fn plain_reason(cause: &str) -> String {
    let mut text = cause;
    for prefix in ["failed to solve: ", "failed to compute cache key: ", "rpc error: code = Unknown desc = "] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    if let Some((_, rest)) = text.strip_prefix("failed to calculate checksum of ref ").and_then(|rest| rest.split_once(": ")) {
        return rest.to_owned();
    }
    text.to_owned()
}

fn exit_code(cause: &str) -> Option<u32> {
    cause.rsplit_once("exit code: ")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn cut(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > SHOWN_CHARS { format!("{}…", line.chars().take(SHOWN_CHARS).collect::<String>()) } else { line.to_owned() }
}

fn hint(cause: &str, last_word: &str, step: &BuildStep) -> String {
    let all = format!("{cause} {last_word}").to_lowercase();
    let has = |part: &str| all.contains(part);
    if has("exec format error") {
        format!(
            "this machine cannot run programs for {}: register emulation (binfmt_misc, qemu-user-static) or build on a native node",
            step.platforms.join(", ")
        )
    } else if has("no space left on device") {
        "the builder's disk is full: `docker builder prune` frees its cache".to_owned()
    } else if has("oci exporter") || has("oci exporter is not supported") {
        "enable the containerd image store of the docker engine, or set BUILDKIT_HOST".to_owned()
    } else if has("dockerfile parse error") || has("unknown instruction") {
        "correct the line; nothing was built".to_owned()
    } else if has("target stage") && has("could not be found") {
        "the Dockerfile has no stage of that name: check `target` of the build".to_owned()
    } else if has("failed to resolve source metadata") || has("pull access denied") || has("failed to authorize") {
        "the base image could not be read: check its name, the network and the registry's credentials".to_owned()
    } else if has("not found") && has("failed to calculate checksum") {
        "the path is not in the build context: check its spelling, `context` and .dockerignore".to_owned()
    } else if has("cannot connect to the docker daemon")
        || has("connection refused")
        || has("connection error")
        || has("code = unavailable")
        // buildctl's word for a connection that ended in the middle of an answer
        || has("error reading from server")
    {
        "the builder went away: look at its log, then run again".to_owned()
    } else {
        match exit_code(cause) {
            Some(126) => "the shell found the command but may not execute it: check its mode".to_owned(),
            Some(127) => "a command was not found in this stage: install it there or correct its path".to_owned(),
            Some(137) => "the process was killed, most often for lack of memory".to_owned(),
            Some(_) => "the step's own output is above; `-v` shows the whole build".to_owned(),
            None => "`-v` shows everything buildx said".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::progress::Mark;
    use super::super::progress::tests::tracker;
    use super::super::tests::step;
    use super::*;

    fn told(error: &Error) -> String {
        let mut text = format!("error: {}\n", error.message());
        text.extend(error.excerpt_text().map(|excerpt| format!("{excerpt}\n")));
        text.extend(error.notes().iter().map(|note| format!("  {note}\n")));
        text + &format!("hint: {}\n", error.hint_text().unwrap_or_default())
    }

    #[test]
    fn a_failing_run_shows_step_lines_output_and_code() {
        let (mut tracker, _) = tracker();
        tracker.vertex("a", "[4/4] RUN make", Mark::Started, None);
        for n in 1..=30 {
            tracker.log("a", &format!("line {n}\n"));
        }
        let error = "process \"/bin/sh -c make\" did not complete successfully: exit code: 127";
        tracker.vertex("a", "[4/4] RUN make", Mark::Failed(error.into()), None);
        for line in [
            "Dockerfile:7",
            "--------------------",
            "   6 |     COPY . .",
            "   7 | >>> RUN make",
            "   8 |     ",
            "--------------------",
            &format!("ERROR: failed to solve: {error}"),
        ] {
            tracker.text(line);
        }
        let text = told(&report(Path::new("/nowhere"), &step(), &tracker));
        assert!(
            text.starts_with(
                "error: build app failed at Dockerfile:7, step `[4/4] RUN make`: exit code 127\n   6 |     COPY . .\n   7 | >>> RUN make\n"
            ),
            "{text}"
        );
        assert!(text.contains("  ... (20 lines truncated)\n  | line 21\n") && text.contains("  | line 30\n"), "{text}");
        assert!(text.contains("hint: a command was not found in this stage"), "{text}");
        assert!(text.lines().count() <= 24, "one screen: {text}");
    }

    #[test]
    fn a_missing_file_and_a_bad_line_are_named_without_noise() {
        let (mut tracked, _) = tracker();
        let error = "failed to calculate checksum of ref m2te::osrd: \"/gone\": not found";
        tracked.vertex("a", "[1/1] COPY gone /b", Mark::Failed(error.into()), None);
        tracked.text(&format!("ERROR: failed to solve: failed to compute cache key: {error}"));
        let text = told(&report(Path::new("/nowhere"), &step(), &tracked));
        assert_eq!(
            text,
            "error: build app failed, step `[1/1] COPY gone /b`: \"/gone\": not found\n\
             hint: the path is not in the build context: check its spelling, `context` and .dockerignore\n"
        );

        let (mut tracked, _) = tracker();
        for line in ["Bad:2", "--------------------", "   2 | >>> COPPY a b", "--------------------"] {
            tracked.text(line);
        }
        tracked.text("ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: COPPY (did you mean COPY?)");
        let text = told(&report(Path::new("/nowhere"), &step(), &tracked));
        assert_eq!(
            text,
            "error: build app failed at Dockerfile:2: dockerfile parse error on line 2: unknown instruction: COPPY (did you mean COPY?)\n   \
             2 | >>> COPPY a b\nhint: correct the line; nothing was built\n"
        );
    }

    #[test]
    fn a_tool_that_says_nothing_is_reported_as_such() {
        let (tracker, _) = tracker();
        assert_eq!(report(Path::new("/nowhere"), &step(), &tracker).message(), "build app failed: buildx ended without saying why");
    }
}
