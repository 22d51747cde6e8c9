//! Describing a child process, running it, and what came of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio_util::sync::CancellationToken;

use crate::core::Redactor;
use crate::error::{Error, Kind};
use crate::names;
use crate::world::World;

/// How much of each stream is kept for messages and parsing.
const MAX_CAPTURE: usize = 16 * 1024 * 1024;

/// Longer lines are cut: a child that never ends its line must not fill memory.
const MAX_LINE: usize = 1024 * 1024;

/// How long a terminated child may take to clean up before it is killed.
const GRACE: Duration = Duration::from_millis(1500);

/// Variables every child gets when they are set: what programs need to find themselves, the user and the network.
const ALWAYS: [&str; 14] = [
    names::env::PATH,
    names::env::HOME,
    names::env::TMPDIR,
    "USER",
    "LANG",
    "LC_ALL",
    names::env::HTTP_PROXY,
    names::env::HTTPS_PROXY,
    names::env::NO_PROXY,
    "http_proxy",
    "https_proxy",
    "no_proxy",
    names::env::SSL_CERT_FILE,
    names::env::XDG_RUNTIME_DIR,
];

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamName {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of output, redacted, without its line feed.
#[derive(Debug)]
pub struct Line<'a> {
    /// Where it came from.
    pub stream: StreamName,
    /// The text.
    pub text: &'a str,
}

/// A child that has been described and not yet run.
#[derive(Debug, Clone)]
pub struct Child {
    program: PathBuf,
    name: Option<String>,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: Option<PathBuf>,
    pub(super) stdin: Option<Vec<u8>>,
    pub(super) deadline: Duration,
    pub(super) redactor: Redactor,
}

/// A child that ran to its end, whatever its exit code.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output, redacted, at most 16 MiB.
    pub stdout: String,
    /// Standard error, redacted, at most 16 MiB.
    pub stderr: String,
}

/// Why a child did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The program is not installed.
    #[error("`{0}` is not installed or not on PATH")]
    NotFound(String),
    /// It could not be started or its pipes broke.
    #[error("cannot run `{program}`: {source}")]
    Io {
        /// Which program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It took longer than it may.
    #[error("`{program}` did not finish within {}", crate::core::duration::human(*.after))]
    Deadline {
        /// Which program.
        program: String,
        /// The limit.
        after: Duration,
    },
    /// The run was interrupted.
    #[error("`{0}` was stopped because the run was interrupted")]
    Cancelled(String),
}

impl From<ChildError> for Error {
    fn from(error: ChildError) -> Self {
        let kind = match error {
            ChildError::NotFound(_) => Kind::Missing,
            ChildError::Cancelled(_) => Kind::Terminated,
            ChildError::Io { .. } | ChildError::Deadline { .. } => Kind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl Child {
    /// A child with the few variables every program needs, no input, and a deadline of five minutes.
    pub fn new(world: &World, program: impl Into<PathBuf>) -> Self {
        let env = ALWAYS.iter().filter_map(|name| Some(((*name).to_owned(), world.env.get(name)?.to_owned()))).collect();
        Self {
            program: program.into(),
            name: None,
            args: Vec::new(),
            env,
            cwd: None,
            stdin: None,
            deadline: Duration::from_secs(300),
            redactor: world.env.redactor(),
        }
    }

    /// Appends an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Appends arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Gives it exactly these variables and no others, not even those every program needs.
    #[must_use]
    pub fn only_env(mut self, env: BTreeMap<String, String>) -> Self {
        self.env = env;
        self
    }

    /// What it is called by itself (its first argument) and in messages, where the file it is started from has another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Sets a variable of the child.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Passes a variable of ours on, when it is set.
    #[must_use]
    pub fn pass(mut self, world: &World, name: &str) -> Self {
        if let Some(value) = world.env.get(name) {
            self.env.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// Where it runs.
    #[must_use]
    pub fn cwd(mut self, dir: &Path) -> Self {
        self.cwd = Some(dir.to_owned());
        self
    }

    /// What it reads: the way to hand secrets over, never by argument.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Masks what this redactor knows, instead of the secrets of the environment alone. It should know those too.
    #[must_use]
    pub fn masking(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Keeps the output as it is. Only for children whose output *is* a secret and goes nowhere but into one
    /// (credential helpers): redaction would hand out the mask as the password.
    #[must_use]
    pub fn output_is_secret(mut self) -> Self {
        self.redactor = Redactor::default();
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The argument vector for messages and tests, redacted.
    pub fn describe(&self) -> String {
        let mut text = self.program.display().to_string();
        for arg in &self.args {
            text.push(' ');
            text.push_str(arg);
        }
        self.redactor.redact(&text).into_owned()
    }

    /// Runs it to its end and keeps its output.
    pub async fn run(self, cancel: &CancellationToken) -> Result<Finished, ChildError> {
        self.run_lines(cancel, &mut |_| {}).await
    }

    /// Runs it, showing each redacted line as it comes. The whole process group is ended on cancellation and deadline:
    /// first politely, then not.
    pub async fn run_lines(self, cancel: &CancellationToken, on_line: &mut (dyn FnMut(Line<'_>) + Send)) -> Result<Finished, ChildError> {
        let program = self.program_name();
        let io = |source| ChildError::Io { program: program.clone(), source };
        let mut child = self.spawn()?;
        let group = child.id();
        let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let input = self.stdin.clone().unwrap_or_default();
        let feed = async {
            if let Some(mut pipe) = stdin.take() {
                // A child may close its input early; its exit code tells whether that was an error.
                let _closed = pipe.write_all(&input).await;
            }
        };
        let (mut out, mut err) = (String::new(), String::new());
        let (lines, mut inbox) = tokio::sync::mpsc::channel(256);
        let readers = async {
            let out = pump(stdout, StreamName::Stdout, lines.clone());
            let err = pump(stderr, StreamName::Stderr, lines.clone());
            tokio::join!(out, err);
            drop(lines);
        };
        let collect = async {
            while let Some((stream, text)) = inbox.recv().await {
                let text = self.redactor.redact(&text);
                on_line(Line { stream, text: &text });
                let kept = if stream == StreamName::Stdout { &mut out } else { &mut err };
                if kept.len() + text.len() < MAX_CAPTURE {
                    kept.push_str(&text);
                    kept.push('\n');
                }
            }
        };
        let whole = async {
            tokio::join!(feed, readers, collect);
            child.wait().await
        };
        let ended = tokio::select! {
            status = whole => Ok(status.map_err(io)?),
            () = cancel.cancelled() => Err(ChildError::Cancelled(program.clone())),
            () = tokio::time::sleep(self.deadline) => Err(ChildError::Deadline { program: program.clone(), after: self.deadline }),
        };
        match ended {
            Ok(status) => Ok(Finished { status, stdout: out, stderr: err }),
            Err(error) => {
                end_group(group, &mut child).await;
                Err(error)
            }
        }
    }

    pub(super) fn spawn(&self) -> Result<tokio::process::Child, ChildError> {
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        self.start(stdin, Stdio::piped(), Stdio::piped())
    }

    /// The program's name, for messages.
    pub(super) fn program_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.program.display().to_string())
    }

    /// Starts it in a process group of its own.
    #[expect(clippy::disallowed_methods, reason = "process is the one way to children")]
    pub(super) fn start(&self, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Result<tokio::process::Child, ChildError> {
        let mut command = tokio::process::Command::new(&self.program);
        if let Some(name) = &self.name {
            command.arg0(name);
        }
        command.args(&self.args).env_clear().envs(&self.env).process_group(0).kill_on_drop(true);
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        if let Some(dir) = &self.cwd {
            command.current_dir(dir);
        }
        command.spawn().map_err(|source| {
            let program = self.program_name();
            if source.kind() == std::io::ErrorKind::NotFound && self.cwd.as_ref().is_none_or(|dir| dir.is_dir()) {
                ChildError::NotFound(program)
            } else {
                ChildError::Io { program, source }
            }
        })
    }
}

impl Finished {
    /// Exit code zero.
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// The last non-empty lines of standard error, for a message.
    pub fn tail(&self, lines: usize) -> String {
        let all: Vec<&str> = self.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

async fn pump(stream: Option<impl AsyncRead + Unpin>, name: StreamName, lines: tokio::sync::mpsc::Sender<(StreamName, String)>) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(available) = reader.fill_buf().await {
        if available.is_empty() {
            break;
        }
        let (taken, ended) = match available.iter().position(|b| *b == b'\n') {
            Some(end) => (end + 1, true),
            None => (available.len(), false),
        };
        line.extend_from_slice(&available[..taken.min(MAX_LINE.saturating_sub(line.len()))]);
        reader.consume(taken);
        if ended && lines.send((name, finish_line(&mut line))).await.is_err() {
            return;
        }
    }
    if !line.is_empty() {
        let _gone = lines.send((name, finish_line(&mut line))).await;
    }
}

fn finish_line(line: &mut Vec<u8>) -> String {
    let text = String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned();
    line.clear();
    text
}

pub(super) async fn end_group(group: Option<u32>, child: &mut tokio::process::Child) {
    let pid = group.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _gone = rustix::process::kill_process_group(pid, rustix::process::Signal::TERM);
        if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
            let _gone = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
            let _reaped = child.wait().await;
        }
    }
}
