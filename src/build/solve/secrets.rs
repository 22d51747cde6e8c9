//! Secrets that RUN steps mount: found before anything is built, handed over without ever standing on a command line, and
//! masked wherever the build prints them.

use std::path::{Path, PathBuf};

use super::context::inside;
use crate::core::{Redactor, Secret};
use crate::error::{Error, Result};
use crate::fs;
use crate::plan::BuildStep;
use crate::world::World;

/// BuildKit takes no larger secret.
const MAX_SECRET: u64 = 500 * 1024;

/// A part of a secret shorter than this is not masked by itself: `true` or `main` would blot out whole logs.
const MIN_PART: usize = 8;

/// A secret that was found.
#[derive(Debug)]
pub struct GivenSecret {
    /// Id that `--mount=type=secret,id=` names.
    pub id: String,
    /// How the tool gets it.
    pub source: Source,
}

/// How a tool gets a secret.
#[derive(Debug)]
pub enum Source {
    /// By a variable of its environment. Its name is ours, so that it cannot be one that steers the tool.
    Variable {
        /// Name in the child's environment.
        name: String,
        /// Value.
        value: Secret,
    },
    /// By a file it reads.
    File(PathBuf),
}

/// Are the secrets of a step there? For asking before the first build of a plan begins.
///
/// # Errors
/// `Missing`, naming the secret and the variable or file.
pub fn check_secrets(world: &World, workspace: &Path, step: &BuildStep) -> Result<()> {
    find(world, workspace, step, &mut Redactor::default()).map(drop)
}

/// Finds the secrets of a step, in the order of their ids, and teaches them to the redactor.
pub fn find(world: &World, workspace: &Path, step: &BuildStep, redactor: &mut Redactor) -> Result<Vec<GivenSecret>> {
    let mut wanted: Vec<_> = step.buildkit.secrets.iter().collect();
    wanted.sort_by(|a, b| a.id.cmp(&b.id));
    let mut found = Vec::with_capacity(wanted.len());
    for (number, secret) in wanted.into_iter().enumerate() {
        let what = || format!("build {}: secret `{}`", step.id, secret.id);
        let source = match (&secret.env, &secret.src) {
            (Some(variable), None) => {
                let value = world.env.secret(variable).ok_or_else(|| {
                    Error::missing(format!("{} is to come from the variable {variable}, which is not set", what()))
                        .hint(format!("set {variable}; in CI, check that the secret is handed to this job"))
                })?;
                learn(redactor, value.expose());
                Source::Variable { name: format!("SF_SECRET_{number}"), value }
            }
            (None, Some(path)) => {
                let file = file(workspace, path, &what())?;
                let bytes = fs::read_bounded(&file, MAX_SECRET).map_err(|error| {
                    let hint = if error.is_not_found() { "write the file before the build" } else { "check the file" };
                    Error::missing(format!("{} is to come from a file: {error}", what())).hint(hint)
                })?;
                // Bytes that are no text are not printed as text either.
                if let Ok(text) = std::str::from_utf8(&bytes) {
                    learn(redactor, text);
                }
                Source::File(file)
            }
            _ => {
                return Err(Error::usage(format!("{} must come from one place", what())).hint("give it either `env` or `src`"));
            }
        };
        found.push(GivenSecret { id: secret.id.clone(), source });
    }
    Ok(found)
}

fn file(workspace: &Path, path: &str, what: &str) -> Result<PathBuf> {
    if Path::new(path).is_absolute() {
        return Ok(PathBuf::from(path));
    }
    inside(&fs::real_path(workspace)?, path, &format!("the file of {what}"))
}

/// A build prints a secret whole, a line of it, or the value in it: `_authToken=…` of an npmrc, a field of a JSON key.
fn learn(redactor: &mut Redactor, text: &str) {
    redactor.learn(&Secret::new(text.trim()));
    let mut part = |text: &str| {
        let text = text.trim().trim_matches(['"', '\'']);
        if text.len() >= MIN_PART {
            redactor.learn(&Secret::new(text));
        }
    };
    for line in text.lines() {
        part(line);
        for separator in ['=', ' '] {
            if let Some((_, value)) = line.rsplit_once(separator) {
                part(value);
            }
        }
    }
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        let mut left = vec![&value];
        while let Some(value) = left.pop() {
            match value {
                serde_json::Value::String(text) => text.lines().for_each(&mut part),
                serde_json::Value::Array(items) => left.extend(items),
                serde_json::Value::Object(fields) => left.extend(fields.values()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::step;
    use super::*;
    use crate::config::SecretSource;
    use crate::error::Kind;
    use crate::world::Environment;

    fn world(pairs: &[(&str, &str)]) -> World {
        let mut world = World::of_process().expect("world");
        world.env = Environment::from_pairs(pairs.iter().copied());
        world
    }

    fn wanting(id: &str, env: Option<&str>, src: Option<&str>) -> BuildStep {
        let mut step = step();
        step.buildkit.secrets.push(SecretSource { id: id.into(), env: env.map(Into::into), src: src.map(Into::into) });
        step
    }

    #[test]
    fn what_is_missing_is_named_before_anything_is_built() {
        let dir = tempfile::tempdir().expect("dir");
        let world = world(&[]);
        for (step, expected) in [
            (
                wanting("npmrc", Some("NPM_TOKEN"), None),
                "build app: secret `npmrc` is to come from the variable NPM_TOKEN, which is not set",
            ),
            (wanting("key", None, Some("gone.pem")), "the file of build app: secret `key` is not there: gone.pem"),
            (
                wanting("key", None, Some("/gone/key.pem")),
                "build app: secret `key` is to come from a file: cannot open /gone/key.pem: no such file or directory",
            ),
        ] {
            let error = check_secrets(&world, dir.path(), &step).expect_err(expected);
            assert_eq!((error.kind(), error.message()), (Kind::Missing, expected));
        }
        let both = wanting("x", Some("A"), Some("b"));
        assert_eq!(check_secrets(&world, dir.path(), &both).expect_err("two places").kind(), Kind::Usage);
    }

    #[test]
    fn a_part_of_a_secret_is_masked_too() {
        let dir = tempfile::tempdir().expect("dir");
        fs::write_atomic(&dir.path().join("npmrc"), b"fund=false\n//r.example/:_authToken=npm_0123456789\n", 0o600).expect("file");
        fs::write_atomic(&dir.path().join("key.json"), br#"{"type":"sa","key":"-----BEGIN\nMIIEvQIBADAN\n-----END"}"#, 0o600)
            .expect("file");
        let mut step = wanting("npmrc", None, Some("npmrc"));
        step.buildkit.secrets.extend(wanting("key", None, Some("key.json")).buildkit.secrets);
        step.buildkit.secrets.extend(wanting("a", Some("A"), None).buildkit.secrets);
        let mut redactor = Redactor::default();
        let found = find(&world(&[("A", "first-line\nsecond-line")]), dir.path(), &step, &mut redactor).expect("found");
        assert_eq!(found.iter().map(|secret| secret.id.as_str()).collect::<Vec<_>>(), ["a", "key", "npmrc"]);
        assert_eq!(
            redactor.redact("token npm_0123456789, key MIIEvQIBADAN, second-line, fund false"),
            "token ***, key ***, ***, fund false"
        );
    }
}
