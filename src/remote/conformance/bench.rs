//! What an adapter is examined with: directories of its own, the environment of a host, and the request of one moment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::findings::Findings;
use super::surroundings::Surroundings;
use crate::core::{Redactor, Secret};
use crate::error::Result;
use crate::names;
use crate::process::{Bounds, Child, ChildError};
use crate::remote::protocol::{AdapterConfig, Capabilities, DocumentError, limits, read_document};
use crate::world::{Environment, World};

/// How an adapter is examined.
#[derive(Debug, Clone)]
pub struct Options {
    /// The adapter.
    pub binary: PathBuf,
    /// `config` of every request.
    pub config: AdapterConfig,
    /// Variables that are passed on to it, as `secrets` of a remote are.
    pub secrets: Vec<String>,
    /// Files below this directory may be uploaded to and downloaded from (`transport.file_root`).
    pub file_root: Option<PathBuf>,
    /// `http://` on this machine may be too (`transport.allow_loopback_http`).
    pub loopback_http: bool,
    /// How long one answer may take.
    pub timeout: Duration,
    /// Where private directories are made.
    pub scratch: PathBuf,
}

/// Everything a probe needs, and what was found so far.
pub struct Bench<'a> {
    pub world: &'a World,
    pub options: &'a Options,
    pub cancel: &'a CancellationToken,
    pub surroundings: Surroundings,
    pub findings: Findings,
    pub capabilities: Capabilities,
    /// Names this examination among all others.
    pub id: String,
    /// A push went well: there is a release.
    pub pushed: bool,
    /// A text no adapter has a reason to print, passed on in a variable.
    canary: String,
    /// What the passed variables hold.
    hidden: Vec<String>,
}

/// The variable that holds the canary.
const CANARY: &str = "CONFORMANCE_CANARY_TOKEN";

/// Texts shorter than this are no secrets worth searching for.
const SHORTEST_SECRET: usize = 8;

/// Variables hosts copy from their own environment (remote adapter protocol, "Environment given to the adapter").
const COPIED: [&str; 8] = [
    "LANG",
    "LC_ALL",
    "TZ",
    names::env::SSL_CERT_FILE,
    names::env::HTTP_PROXY,
    names::env::HTTPS_PROXY,
    names::env::NO_PROXY,
    names::env::PATH,
];

/// What an adapter did with one request.
#[derive(Debug, Default)]
pub struct Heard {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
    /// Why there is no answer: it could not be started, or did not end.
    pub trouble: Option<String>,
    /// It wrote more than an answer may weigh.
    pub too_much: bool,
    /// Something it started held its output after it ended.
    pub left_behind: bool,
}

impl Heard {
    /// The one JSON object on standard output.
    pub fn document(&self) -> std::result::Result<Map<String, Value>, String> {
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        if self.too_much {
            return Err(DocumentError::TooLarge { limit: limits::MAX_ANSWER }.to_string());
        }
        read_document(&self.stdout, limits::MAX_ANSWER).map_err(|error| error.to_string())
    }
}

/// How a probe differs from a request of a host.
#[derive(Debug, Clone, Default)]
pub struct Variation {
    /// Started in another directory, with another home.
    pub elsewhere: bool,
    /// The file itself, not a copy of it.
    pub in_place: bool,
    /// Without the variables that hold secrets.
    pub without_secrets: bool,
    /// With these variables as well.
    pub with: Vec<(&'static str, &'static str)>,
}

impl<'a> Bench<'a> {
    /// Makes the directories and learns what must not be printed.
    pub fn new(world: &'a World, options: &'a Options, cancel: &'a CancellationToken) -> Result<Self> {
        // Not everything an adapter is passed is a secret, such as the name of a bucket: what is called one is.
        let is_secret = |name: &str, value: &str| Environment::from_pairs([(name, value)]).redactor().redact(value) != value;
        let passed = options.secrets.iter().filter_map(|name| Some((name, world.env.get(name)?)));
        let hidden = passed.filter(|(name, value)| value.len() >= SHORTEST_SECRET && is_secret(name, value));
        // Part of every signed URL.
        let hidden = hidden.filter(|(name, _)| *name != names::env::AWS_ACCESS_KEY_ID).map(|(_, value)| value.to_owned());
        let hidden: Vec<String> = hidden.collect();
        let mut redactor = world.env.redactor();
        for secret in &hidden {
            redactor.learn(&Secret::new(secret));
        }
        Ok(Self {
            world,
            options,
            cancel,
            surroundings: Surroundings::new(world, &options.scratch, &options.binary)?,
            findings: Findings::new(redactor),
            capabilities: Capabilities::default(),
            pushed: false,
            id: format!("examination-{}", world.random_hex(6)),
            canary: format!("canary-{}", world.random_hex(12)),
            hidden,
        })
    }

    /// The canary, to be put where a secret would be.
    pub fn canary(&self) -> &str {
        &self.canary
    }

    /// Runs the adapter once.
    pub async fn run(&mut self, args: &[&str], input: Option<&[u8]>, variation: &Variation) -> Heard {
        let dirs = &self.surroundings;
        let cwd = if variation.elsewhere { dirs.elsewhere() } else { dirs.cwd() };
        let program = if variation.in_place { &self.options.binary } else { dirs.adapter() };
        let mut child = Child::new(self.world, program.to_owned())
            .args(args.iter().copied())
            .only_env(self.environment(variation))
            .masking(Redactor::default())
            .cwd(cwd)
            .deadline(self.options.timeout);
        if let Some(input) = input {
            child = child.stdin(input);
        }
        let bounds = Bounds { stdout: limits::MAX_ANSWER, stderr: limits::MAX_STDERR };
        let heard = match child.exchange(bounds, self.cancel, &mut |_| {}).await {
            Ok(done) => Heard {
                code: done.status.code(),
                stdout: done.stdout,
                stderr: done.stderr,
                trouble: None,
                too_much: done.too_much,
                left_behind: done.left_behind,
            },
            Err(error @ ChildError::Deadline { .. }) => Heard { trouble: Some(format!("it does not end: {error}")), ..Heard::default() },
            Err(error) => Heard { trouble: Some(error.to_string()), ..Heard::default() },
        };
        self.judge_manners(args, &heard);
        heard
    }

    fn environment(&self, variation: &Variation) -> BTreeMap<String, String> {
        let mut env: BTreeMap<String, String> =
            COPIED.iter().filter_map(|name| Some(((*name).to_owned(), self.world.env.get(name)?.to_owned()))).collect();
        let home = self.surroundings.home(variation.elsewhere);
        let mut set = |name: &str, value: &str| drop(env.insert(name.to_owned(), value.to_owned()));
        set(names::env::HOME, &home.display().to_string());
        set("USER", "conformance");
        set(names::env::TMPDIR, &self.surroundings.temporary().display().to_string());
        set(names::env::NO_COLOR, "1");
        set(names::adapter_env::PROTOCOL_VERSION, "1");
        if !variation.without_secrets {
            set(CANARY, &self.canary);
            for name in &self.options.secrets {
                if let Some(value) = self.world.env.get(name) {
                    set(name, value);
                }
            }
        }
        for (name, value) in &variation.with {
            set(name, value);
        }
        env
    }

    /// What every run must keep to, whatever it was asked.
    fn judge_manners(&mut self, args: &[&str], heard: &Heard) {
        let what = args.first().copied().unwrap_or("a request without an argument");
        let findings = &mut self.findings;
        findings.check("C-013", !heard.stderr.contains("\u{1b}["), || format!("{what}: colours on standard error"));
        let kept = heard.code.is_some_and(|code| (10..=19).contains(&code));
        findings.check("C-023", !kept, || format!("{what}: it exits with {}", heard.code.unwrap_or_default()));
        findings.check("SF-003", !heard.left_behind, || {
            format!("{what}: it ended, and something it started held its output until it was killed")
        });
        let printed = |text: &str| self.hidden.iter().chain([&self.canary]).any(|secret| text.contains(secret.as_str()));
        findings.check("REM-084", !printed(&heard.stderr), || format!("{what}: a secret of its environment is on standard error"));
        findings.check("REM-084", !printed(&without_addresses(&heard.stdout)), || {
            format!("{what}: a secret of its environment is on standard output, outside of addresses and headers")
        });
    }

    /// The adapter's file name.
    pub fn file_name(&self) -> String {
        self.options.binary.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// A directory of this examination, as an absolute path.
    pub fn packs(&self) -> &Path {
        self.surroundings.packs()
    }
}

/// An answer without the places where credentials belong: addresses and headers of transfers.
fn without_addresses(stdout: &[u8]) -> String {
    let Ok(mut members) = read_document(stdout, limits::MAX_ANSWER) else { return String::from_utf8_lossy(stdout).into_owned() };
    for place in ["upload", "download", "sidecar_uploads"] {
        members.remove(place);
    }
    Value::Object(members).to_string()
}
