//! One child of a build: how it is called, and what its failure says.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use super::FileCx;
use crate::build::diagnostics::{Origin, Places, parse, render};
use crate::core::{Failure, Problem};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::plan::{FileStep, PlannedWorkplace};
use crate::process::{Child, ChildError, StreamName};

/// Longest that one child may take: longer than any CI job.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// Lines kept for finding errors.
const KEPT: usize = 20_000;

/// Last lines that are kept for files.
const TAIL: usize = 20;

/// Where toolchains find themselves, their caches and their registries. Flags are not among them: those are the config's.
const PASSED: [&str; 25] = [
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "GOPROXY",
    "GONOPROXY",
    "GOPRIVATE",
    "GOSUMDB",
    "GONOSUMDB",
    "GOTOOLCHAIN",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_DIST_SERVER",
    "CARGO_NET_OFFLINE",
    "CARGO_HTTP_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "npm_config_registry",
    "npm_config_cache",
    "DENO_DIR",
    "BUN_INSTALL",
    "BUN_INSTALL_CACHE_DIR",
    "ZIG_GLOBAL_CACHE_DIR",
    "XDG_CACHE_HOME",
    "SSL_CERT_DIR",
];

/// A call that has been decided on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables, beside those of the step.
    pub env: BTreeMap<String, String>,
    /// Its standard output is for us and not for people.
    pub quiet: bool,
}

impl Call {
    /// A call of a program.
    pub fn new<S: Into<String>>(program: &str, args: impl IntoIterator<Item = S>) -> Self {
        Self { program: program.to_owned(), args: args.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// With one more variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }
}

/// Runs it and gives its standard output. `output` is what `{output}` stands for.
///
/// # Errors
/// Kind `Missing` when the program is not installed, `Failed` with the errors found in its output and its last lines,
/// `Terminated` when the run was interrupted.
pub async fn run(cx: &FileCx<'_>, step: &FileStep, at: &PlannedWorkplace, call: Call, output: &str) -> Result<String> {
    let named = |text: &str| text.replace("{output}", output);
    let mut child = Child::new(cx.world, &call.program).args(call.args.iter().map(|arg| named(arg)));
    for name in PASSED {
        child = child.pass(cx.world, name);
    }
    // The same everywhere: what a program remembers of its build must not depend on the machine.
    child = child.env("TZ", "UTC").env(crate::names::env::SOURCE_DATE_EPOCH, step.source_date_epoch.to_string());
    for (name, value) in call.env.iter().chain(&at.env) {
        child = child.env(name, named(value));
    }
    for name in &at.pass_env {
        child = child.pass(cx.world, name);
    }
    let command = child.describe();
    cx.events.detail(format!("{}: {command}", step.name));
    let mut lines: VecDeque<String> = VecDeque::new();
    let child = child.cwd(&cx.workspace.join(&at.dir)).deadline(DEADLINE);
    let finished = child
        .run_lines(cx.cancel, &mut |line| {
            if call.quiet && line.stream == StreamName::Stdout {
                return;
            }
            cx.events.emit(Event::Output { source: step.name.clone(), line: line.text.to_owned() });
            if lines.len() == KEPT {
                lines.pop_front();
            }
            lines.push_back(line.text.to_owned());
        })
        .await;
    let finished = finished.map_err(|error| of_child(step, &call.program, error))?;
    if finished.success() {
        return Ok(finished.stdout);
    }
    Err(failed(cx.workspace, step, &at.dir, &command, finished.status.code(), lines.make_contiguous()))
}

fn of_child(step: &FileStep, program: &str, error: ChildError) -> Error {
    match error {
        ChildError::NotFound(_) => missing(step, program),
        ChildError::Cancelled(_) => Error::new(Kind::Terminated, "interrupted while building; nothing was recorded"),
        other => Error::from(other).context(format!("build {}", step.name)),
    }
}

/// A program is not there.
pub fn missing(step: &FileStep, program: &str) -> Error {
    let base = program.rsplit('/').next().unwrap_or(program);
    Error::missing(format!("build {} needs `{program}`, which is not installed or not on PATH", step.name)).hint(how_to_get(base))
}

/// How to get a toolchain.
pub fn how_to_get(program: &str) -> String {
    match program {
        "go" => "install Go (https://go.dev/dl), or run this job in an image that has it, such as golang".to_owned(),
        "cargo" | "rustc" => "install Rust (https://rustup.rs), or run this job in an image that has it, such as rust".to_owned(),
        "zig" => "install Zig (https://ziglang.org/download)".to_owned(),
        "node" => "install Node.js (https://nodejs.org), or run this job in an image that has it, such as node".to_owned(),
        "postject" => "add it to the project: `npm install --save-dev postject`".to_owned(),
        "deno" => "install Deno (https://deno.com)".to_owned(),
        "bun" => "install Bun (https://bun.sh)".to_owned(),
        other => format!("install {other}, or correct `command`"),
    }
}

fn failed(workspace: &Path, step: &FileStep, dir: &str, command: &str, code: Option<i32>, lines: &[String]) -> Error {
    let reason = code.map_or_else(|| "it was killed".to_owned(), |code| format!("exit code {code}"));
    let places = Places::new(workspace, dir, "");
    let problems: Vec<Problem> =
        parse(lines.iter().map(String::as_str), Origin::Step).into_iter().map(|problem| places.mapped(problem)).collect();
    let rows = render(&problems, lines.iter().map(String::as_str));
    let mut error = Error::failed(format!("build {} failed: {reason}", step.name));
    for row in rows {
        error = error.note(row);
    }
    let hint = match code {
        Some(126) => "the command was found and may not be executed: check its mode".to_owned(),
        Some(127) => "a command was not found: install it or correct its path".to_owned(),
        Some(137) | None => "the process was killed, most often for lack of memory".to_owned(),
        Some(_) => format!("it ran `{}`; `-v` shows everything it said", command.chars().take(300).collect::<String>()),
    };
    let failure = Failure {
        build: step.build.clone(),
        step: String::new(),
        command: command.to_owned(),
        exit_code: code.unwrap_or(137),
        reason,
        output: lines[lines.len().saturating_sub(TAIL)..].to_vec(),
        dockerfile: None,
        problems,
    };
    error.failure(failure).hint(hint)
}
