//! Secrets that tests hand over are canaries: wherever one is seen afterwards, in whatever form, the test fails. What is
//! looked at is everything that commands say and everything they leave in a workspace; see `Sf`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use stagefreight::event::{Event, Sink};

/// A secret of the environment every command runs in, as CI jobs hold dozens that are none of our business.
pub const AMBIENT: (&str, &str) = ("AMBIENT_TOKEN", "canary+of/the=environment-5f1c0d");

/// Shorter texts occur by chance.
const SHORTEST: usize = 6;

/// Secrets by the name they were handed over with, and the forms they would be seen in.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    forms: BTreeMap<Vec<u8>, String>,
}

/// A secret where none may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Which secret, and in which form; never its value.
    pub secret: String,
    /// Where it was seen.
    pub place: String,
}

impl Secrets {
    /// Those of an environment.
    pub fn of<'a>(environment: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut secrets = Self::default();
        for (name, value) in environment {
            secrets.learn_variable(name, value);
        }
        secrets
    }

    /// A variable of the environment is a secret by its name, as the product's redactor and CI systems see it.
    pub fn learn_variable(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_uppercase();
        let says_so = ["TOKEN", "PASS", "SECRET", "KEY", "CREDENTIAL"].iter().any(|word| name.contains(word));
        let names_a_place = ["_FILE", "_PATH", "_URL", "_ID", "_USER", "_NAME", "_DIR"].iter().any(|end| name.ends_with(end));
        if says_so && !names_a_place && !value.starts_with('/') {
            self.learn(&name, value);
        }
    }

    /// Remembers a secret in every form it could be printed in: as it is, quoted for JSON, encoded for a URL, in base64
    /// wherever it stands in what is encoded (`user:secret`), in hex.
    pub fn learn(&mut self, name: &str, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let mut add = |form: &str, text: Vec<u8>| {
            self.forms.entry(text).or_insert_with(|| format!("{name}, {form}"));
        };
        add("as it is", secret.into());
        let quoted = serde_json::to_string(secret).expect("JSON");
        add("quoted", quoted.trim_matches('"').into());
        for encoded in percent_encoded(secret) {
            add("percent-encoded", encoded.into_bytes());
        }
        for shift in 0..3 {
            let shifted = [&vec![0; shift][..], secret.as_bytes()].concat();
            // Characters that depend on nothing but the secret.
            let own = (shift * 8).div_ceil(6)..shifted.len() * 8 / 6;
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                add("in base64", engine.encode(&shifted).as_bytes()[own.clone()].to_vec());
            }
        }
        let hex = base16ct::lower::encode_string(secret.as_bytes());
        add("in upper-case hex", hex.to_ascii_uppercase().into());
        add("in hex", hex.into());
    }

    /// The first secret in these bytes.
    pub fn find(&self, bytes: &[u8]) -> Option<&str> {
        self.scanner()?.find(bytes).map(|found| self.forms[found.as_bytes()].as_str())
    }

    /// Fails when one is in this text.
    #[track_caller]
    pub fn assert_not_in(&self, place: &str, text: &str) {
        if let Some(secret) = self.find(text.as_bytes()) {
            panic!("a secret is in {place}: {secret}");
        }
    }

    /// Secrets in the files below a directory, and in their names. Links are not followed; `skipped` says what is not
    /// looked at.
    pub fn below(&self, root: &Path, skipped: &dyn Fn(&Path) -> bool) -> Vec<Leak> {
        let Some(scanner) = self.scanner() else { return Vec::new() };
        let longest = self.forms.keys().map(Vec::len).max().unwrap_or_default();
        let mut leaks = Vec::new();
        let mut waiting = vec![root.to_owned()];
        while let Some(path) = waiting.pop() {
            // What ends while it is looked at belongs to a process that still tidies up.
            let Ok(facts) = path.symlink_metadata() else { continue };
            if path != root && skipped(&path) {
                continue;
            }
            let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let mut seen = |form: &[u8], place: String| leaks.push(Leak { secret: self.forms[form].clone(), place });
            if let Some(found) = scanner.find(shown.as_bytes()) {
                seen(found.as_bytes(), "the name of a file".to_owned());
            }
            if facts.is_dir() {
                waiting.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
            } else if facts.is_file()
                && let Some(form) = first_in_file(&scanner, longest, &path)
            {
                seen(&form, shown);
            }
        }
        leaks
    }

    fn scanner(&self) -> Option<regex::bytes::Regex> {
        // Longest first: the form that says most.
        let mut forms: Vec<&Vec<u8>> = self.forms.keys().collect();
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let literal = |form: &&Vec<u8>| form.iter().fold(String::new(), |text, byte| text + &format!("\\x{byte:02x}"));
        let any = forms.iter().map(literal).collect::<Vec<_>>().join("|");
        (!forms.is_empty()).then(|| regex::bytes::Regex::new(&format!("(?-u){any}")).expect("literals"))
    }
}

// Piece by piece: what lies below a workspace may be large.
fn first_in_file(scanner: &regex::bytes::Regex, longest: usize, path: &PathBuf) -> Option<Vec<u8>> {
    const PIECE: usize = 4 << 20;
    let mut file = std::fs::File::open(path).ok()?;
    let mut window = Vec::new();
    loop {
        let kept = window.len().min(longest);
        window.drain(..window.len() - kept);
        let read = file.by_ref().take(PIECE as u64).read_to_end(&mut window).ok()?;
        if let Some(found) = scanner.find(&window) {
            return Some(found.as_bytes().to_vec());
        }
        if read == 0 {
            return None;
        }
    }
}

// With capital and with small digits, with a space as `+`, and with nothing but letters and digits kept.
fn percent_encoded(text: &str) -> Vec<String> {
    let strict = percent_encoding::percent_encode(text.as_bytes(), percent_encoding::NON_ALPHANUMERIC).to_string();
    let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let mut path = url::Url::parse("http://h/").expect("URL");
    path.set_path(text);
    let path = path.path().trim_start_matches('/').to_owned();
    let small = |encoded: &str| {
        let mut parts = encoded.split('%');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
            format!("{text}%{}{rest}", digits.to_ascii_lowercase())
        })
    };
    [strict, form, path].into_iter().flat_map(|encoded| [small(&encoded), encoded]).collect()
}

/// Listens to everything that is told while the library runs inside a test, in front of whoever else listens.
pub struct Watch {
    secrets: Secrets,
    next: Option<Arc<dyn Sink>>,
}

impl Watch {
    pub fn new(secrets: Secrets, next: Option<Arc<dyn Sink>>) -> Self {
        Self { secrets, next }
    }
}

impl Sink for Watch {
    fn emit(&self, event: Event) {
        self.secrets.assert_not_in("an event", &format!("{event:?}"));
        if let Some(next) = &self.next {
            next.emit(event);
        }
    }

    fn finish(&self) {
        if let Some(next) = &self.next {
            next.finish();
        }
    }
}
