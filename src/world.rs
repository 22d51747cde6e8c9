//! `World`: the only view of process state. `main` collects it; tests make their own.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::core::{Redactor, Secret, Timestamp};
use crate::event::{Event, Events, Sink};

/// A snapshot of the environment. Values that are not UTF-8 are left out.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// From pairs, as tests write them.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// A variable's value; an empty value counts as unset, as CI systems define unused variables empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Like [`Self::get`], as a secret.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(Secret::new)
    }

    /// `true`, `1`, `yes` and `on` in any case are yes.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on"))
    }

    /// All variables in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Secrets the environment holds by convention: `*_TOKEN`, `*_PASS`, `*_PASSWORD`, `*_SECRET*`, `*_KEY`.
    pub fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        for (name, value) in self.iter() {
            let name = name.to_ascii_uppercase();
            let by_suffix = ["_TOKEN", "_PASS", "_PASSWORD", "_SECRET", "_SECRET_KEY", "_ACCESS_KEY", "_PRIVATE_KEY", "_API_KEY"];
            let exact = ["PASSWORD", "TOKEN", "SECRET"];
            if by_suffix.iter().any(|suffix| name.ends_with(suffix)) || exact.contains(&name.as_str()) {
                redactor.learn(&Secret::new(value));
            }
        }
        redactor
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Where randomness comes from: run ids, jitter, boundary strings. Never keys.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// What the standard streams are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminal {
    /// Standard output is a terminal.
    pub stdout: bool,
    /// Standard error is a terminal.
    pub stderr: bool,
    /// Columns of the terminal; 100 when unknown.
    pub width: u16,
}

/// A standard stream that commands write to.
pub type Stream = Arc<Mutex<dyn Write + Send>>;

/// Everything a command may know of the process it runs in.
#[derive(Clone)]
pub struct World {
    /// Environment variables.
    pub env: Environment,
    /// Current directory, absolute.
    pub cwd: PathBuf,
    /// This executable, when it is known.
    pub exe: Option<PathBuf>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Terminal facts.
    pub terminal: Terminal,
    /// Standard output: data.
    pub stdout: Stream,
    /// Standard error: everything else.
    pub stderr: Stream,
    /// A second listener to all events beside the renderer, for embedders and crash tests.
    pub tap: Option<Arc<dyn Sink>>,
}

impl World {
    /// The process as it is.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads process state")]
    pub fn of_process() -> std::io::Result<Self> {
        use std::io::IsTerminal as _;
        let env = Environment::from_pairs(
            std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))),
        );
        let width = env.get(crate::names::env::COLUMNS).and_then(|text| text.parse().ok()).unwrap_or(100);
        Ok(Self {
            cwd: std::env::current_dir()?,
            exe: std::env::current_exe().ok(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            terminal: Terminal { stdout: std::io::stdout().is_terminal(), stderr: std::io::stderr().is_terminal(), width },
            stdout: Arc::new(Mutex::new(std::io::stdout())),
            stderr: Arc::new(Mutex::new(std::io::stderr())),
            tap: None,
            env,
        })
    }

    /// Writes data to standard output. A closed pipe is not an error: the reader had enough.
    pub fn print(&self, text: &str) {
        write_to(&self.stdout, text);
    }

    /// Writes to standard error.
    pub fn eprint(&self, text: &str) {
        write_to(&self.stderr, text);
    }

    /// A random lower-case hex text of `bytes` bytes.
    pub fn random_hex(&self, bytes: usize) -> String {
        let mut buffer = vec![0; bytes];
        self.random.fill(&mut buffer);
        base16ct::lower::encode_string(&buffer)
    }

    /// Events that go to `renderer` and to the tap.
    pub fn events(&self, renderer: Arc<dyn Sink>) -> Events {
        match &self.tap {
            None => Events::new(renderer),
            Some(tap) => Events::new(Arc::new(Both(renderer, Arc::clone(tap)))),
        }
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("env", &self.env).field("cwd", &self.cwd).finish_non_exhaustive()
    }
}

struct Both(Arc<dyn Sink>, Arc<dyn Sink>);

impl Sink for Both {
    fn emit(&self, event: Event) {
        self.0.emit(event.clone());
        self.1.emit(event);
    }

    fn finish(&self) {
        self.0.finish();
        self.1.finish();
    }
}

fn write_to(stream: &Stream, text: &str) {
    if let Ok(mut stream) = stream.lock() {
        let _closed = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    }
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        // Without a random source ids repeat, which the callers survive; nothing secret is made here.
        let _unavailable = getrandom::fill(buffer);
    }
}
