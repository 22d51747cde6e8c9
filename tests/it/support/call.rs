//! One run of a program in a workspace. Whatever it says goes into files that are looked through for secrets in the end,
//! also of a run that is killed or that nobody listens to.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::canary::{Leak, Secrets};

/// What was said in a workspace, and what must not have been.
pub struct Said {
    dir: tempfile::TempDir,
    runs: AtomicUsize,
    pub secrets: Mutex<Secrets>,
}

impl Said {
    pub fn new() -> Arc<Self> {
        let dir = tempfile::tempdir().expect("temporary directory");
        Arc::new(Self { dir, runs: AtomicUsize::new(0), secrets: Mutex::default() })
    }

    /// Secrets in what was said.
    pub fn leaks(&self) -> Vec<Leak> {
        self.secrets.lock().expect("secrets").below(self.dir.path(), &|_| false)
    }

    fn next(&self) -> (PathBuf, PathBuf) {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        (self.dir.path().join(format!("{run}.stdout")), self.dir.path().join(format!("{run}.stderr")))
    }
}

/// A program about to be run.
pub struct Call {
    command: Command,
    said: Arc<Said>,
}

impl Call {
    pub fn new(command: Command, said: &Arc<Said>) -> Self {
        Self { command, said: Arc::clone(said) }
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        if let Some(value) = value.as_ref().to_str() {
            self.said.secrets.lock().expect("secrets").learn_variable(name, value);
        }
        self.command.env(name, value);
        self
    }

    pub fn current_dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub fn stdin(mut self, stdin: Stdio) -> Self {
        self.command.stdin(stdin);
        self
    }

    /// The same, run by another program: `unshare ARGS program its-args`.
    pub fn under(self, program: impl AsRef<OsStr>, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).arg(self.command.get_program()).args(self.command.get_args()).env_clear().stdin(Stdio::null());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(dir) = self.command.get_current_dir() {
            command.current_dir(dir);
        }
        Self { command, said: self.said }
    }

    /// Starts it.
    pub fn start(mut self) -> Started {
        let (stdout, stderr) = self.said.next();
        let create = |path: &PathBuf| File::create(path).expect("a file for what is said");
        self.command.stdout(create(&stdout)).stderr(create(&stderr));
        let child = self.command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.command.get_program().display()));
        Started { child, stdout, stderr, _said: self.said }
    }

    /// Runs it to its end.
    pub fn output(self) -> Output {
        self.start().output()
    }
}

/// A program that runs.
pub struct Started {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    // The directory of the two files.
    _said: Arc<Said>,
}

impl Started {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("standard input is piped")
    }

    /// What it said so far on standard output.
    pub fn stdout(&self) -> String {
        lossy(&self.stdout)
    }

    /// What it said so far on standard error.
    pub fn stderr(&self) -> String {
        lossy(&self.stderr)
    }

    /// Waits until what it says is enough.
    #[track_caller]
    pub fn wait_until(&mut self, enough: impl Fn(&mut Self) -> bool) {
        let begun = Instant::now();
        while !enough(self) {
            let ended = self.try_wait().is_some() && !enough(self);
            let late = begun.elapsed() > Duration::from_secs(120);
            assert!(!ended && !late, "it {}:\n{}{}", if ended { "ended" } else { "does not come" }, self.stdout(), self.stderr());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGTERM: it may finish. Nothing when it ended already.
    pub fn terminate(&mut self) {
        if self.try_wait().is_some() {
            return;
        }
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.id()).expect("pid")).expect("pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("told to stop");
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
    }

    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("child")
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// Waits for its end and gives all it said.
    pub fn output(mut self) -> Output {
        let status = self.wait();
        let read = |path: &PathBuf| std::fs::read(path).expect("what was said");
        Output { status, stdout: read(&self.stdout), stderr: read(&self.stderr) }
    }
}

fn lossy(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).expect("what was said")).into_owned()
}
