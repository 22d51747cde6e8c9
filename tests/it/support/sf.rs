//! A scratch workspace and the binary under test: `Sf::new().file("Dockerfile", "…").git().run(&["plan"]).code(0)`.
//!
//! This is the one place where the suite runs the binary (`tests/architecture.rs` sees to it), and so the place that
//! notices secrets: what commands were given as secrets must be in nothing they said and in nothing they wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use stagefreight::core::Digest;

use super::call::{Call, Said};
use super::canary::{AMBIENT, Leak};

/// Other files than StageFreight's own are reports, receipts and pipelines; what is larger is an artifact.
const LARGEST_REPORT: u64 = 1 << 20;

/// A workspace in a temporary directory.
pub struct Sf {
    dir: tempfile::TempDir,
    env: BTreeMap<String, String>,
    said: Arc<Said>,
    /// What the test wrote itself.
    written: Mutex<BTreeMap<PathBuf, Digest>>,
    meant: BTreeSet<PathBuf>,
}

/// One finished command.
pub struct Run {
    pub output: Output,
    root: PathBuf,
}

impl Sf {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        std::fs::create_dir(dir.path().join("ws")).expect("workspace");
        std::fs::create_dir(dir.path().join("home")).expect("home");
        let sf = Self { dir, env: BTreeMap::new(), said: Said::new(), written: Mutex::default(), meant: BTreeSet::new() };
        sf.env(AMBIENT.0, AMBIENT.1)
    }

    /// The workspace.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("ws")
    }

    /// A directory beside the workspace.
    pub fn outside(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file of the workspace, with its parents.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(name, content);
        self
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("parents");
        std::fs::write(&path, &content).expect("file");
        self.written.lock().expect("written").insert(path, Digest::of(content.as_ref()));
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.path().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Sets a variable for the commands.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.said.secrets.lock().expect("secrets").learn_variable(name, value);
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A secret that commands get in another way than by the environment.
    pub fn secret(self, name: &str, value: &str) -> Self {
        self.said.secrets.lock().expect("secrets").learn(name, value);
        self
    }

    /// A file of the workspace that is meant to hold a secret: what a step makes that was handed one.
    pub fn meant_to_hold_secrets(mut self, name: &str) -> Self {
        self.meant.insert(self.path().join(name));
        self
    }

    /// Makes the workspace a git repository with one commit of everything at a fixed time.
    pub fn git(self) -> Self {
        self.git_run(&["init", "-q", "-b", "main", "."]);
        self.commit("first");
        self
    }

    /// Commits everything at a fixed time, so that commit ids are stable.
    pub fn commit(&self, message: &str) {
        self.git_run(&["add", "-A"]);
        self.git_run(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    pub fn tag(self, name: &str) -> Self {
        self.git_run(&["tag", name]);
        self
    }

    pub fn git_run(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
            .args(args)
            .current_dir(self.path())
            .env("GIT_AUTHOR_DATE", "2026-07-01T12:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-07-01T12:00:00Z")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// As if nothing had been published from here: no journal, no placements, no results.
    pub fn forget_publishing(&self) {
        let state = self.path().join(".stagefreight");
        let _none_yet = std::fs::remove_dir_all(state.join("journal"));
        for file in ["placements.json", "published.json"] {
            let _none_yet = std::fs::remove_file(state.join(file));
        }
    }

    /// The binary with a clean environment: PATH, a private HOME, and what `env` set.
    pub fn command(&self, args: &[&str]) -> Call {
        self.program(env!("CARGO_BIN_EXE_stagefreight"), args)
    }

    /// Another program in the same place.
    pub fn program(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Call {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.dir.path().join("home"));
        command.env("NO_COLOR", "1");
        command.envs(&self.env);
        command.stdin(Stdio::null());
        Call::new(command, &self.said)
    }

    /// Runs the binary to its end.
    pub fn run(&self, args: &[&str]) -> Run {
        Run { output: self.command(args).output(), root: self.dir.path().to_owned() }
    }

    /// Secrets in what was said and in what was written: all of `.stagefreight`, and every small file of the workspace
    /// that the test did not write itself.
    pub fn leaks(&self) -> Vec<Leak> {
        let written = self.written.lock().expect("written");
        let (own, git) = (self.path().join(".stagefreight"), self.path().join(".git"));
        let skipped = |path: &Path| {
            let as_written = || written.get(path).is_some_and(|digest| std::fs::read(path).is_ok_and(|now| Digest::of(&now) == *digest));
            let large = || !path.starts_with(&own) && path.symlink_metadata().is_ok_and(|facts| facts.len() > LARGEST_REPORT);
            path == git || self.meant.contains(path) || large() || as_written()
        };
        let mut leaks = self.said.leaks();
        leaks.extend(self.said.secrets.lock().expect("secrets").below(&self.path(), &skipped));
        leaks
    }
}

impl Drop for Sf {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let leaks = self.leaks();
            assert!(leaks.is_empty(), "secrets were printed or written down: {leaks:#?}");
        }
    }
}

impl Run {
    /// Asserts the exit code and returns self, printing everything on a mismatch.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.output.status.code(), Some(expected), "stdout:\n{}\nstderr:\n{}", self.stdout(), self.stderr());
        self
    }

    pub fn stdout(&self) -> String {
        self.normalise(&self.output.stdout)
    }

    pub fn stderr(&self) -> String {
        self.normalise(&self.output.stderr)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.output.stdout).unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{}", self.stdout()))
    }

    /// Exit code, standard output and standard error as one text for `insta::assert_snapshot!`.
    pub fn snapshot(&self) -> String {
        let code = self.output.status.code().map_or_else(|| "killed".to_owned(), |code| code.to_string());
        format!("exit: {code}\n----- stdout\n{}----- stderr\n{}", self.stdout(), self.stderr())
    }

    // Temporary paths differ on every run.
    fn normalise(&self, bytes: &[u8]) -> String {
        let root = self.root.to_string_lossy().into_owned();
        String::from_utf8_lossy(bytes).replace(&root, "[ROOT]")
    }
}
