//! The config of the workspace, for every command: read, checked, warnings printed; without a file, what is assumed.

use super::session::Session;
use crate::config::{self, Config, ConfigErrors, Warning};
use crate::core::Digest;
use crate::error::{Error, Result};
use crate::review::ConfigRead;
use crate::{ci, fs};

/// What reading the config came to.
pub enum Loaded {
    /// A valid file, and the digest of its bytes.
    File(Config, Vec<Warning>, Digest),
    /// A file with problems.
    Broken(ConfigErrors),
    /// No file; the repository says enough.
    Assumed(Config),
}

/// The checked config. Problems of the file are one error of kind usage that shows all of them; warnings go to the
/// session's events.
pub fn config(session: &Session) -> Result<Config> {
    checked(session).map(|(config, _)| config)
}

fn checked(session: &Session) -> Result<(Config, Option<ConfigRead>)> {
    match read(session)? {
        Loaded::File(config, warnings, digest) => {
            warn(session, &warnings);
            Ok((config, Some(ConfigRead { path: file_name(session), sha256: digest.hex().to_owned() })))
        }
        Loaded::Broken(errors) => {
            warn(session, &errors.warnings);
            Err(errors.into())
        }
        Loaded::Assumed(config) => Ok((config, None)),
    }
}

/// The same where nothing need be built: without a file, and without a Dockerfile to assume one from, the empty config.
pub fn config_or_none(session: &Session) -> Result<Config> {
    config_read(session).map(|(config, _)| config)
}

/// The same, with the file it was read from.
pub fn config_read(session: &Session) -> Result<(Config, Option<ConfigRead>)> {
    if session.config_named || fs::exists(&session.config) {
        return checked(session);
    }
    match read(session) {
        Ok(Loaded::Assumed(config)) => Ok((config, None)),
        _ => Ok((Config { assumed: true, ..Config::default() }, None)),
    }
}

/// Reads the config without deciding what its problems mean.
pub fn read(session: &Session) -> Result<Loaded> {
    if !fs::exists(&session.config) {
        if session.config_named {
            return Err(Error::usage(format!("there is no config at {}", session.config.display()))
                .hint("leave --config out to read .stagefreight.yml of the workspace"));
        }
        let dockerfiles = dockerfiles(session)?;
        return config::assume(&project_name(session), &dockerfiles).map(Loaded::Assumed);
    }
    // One byte more than is allowed: the room's own message names the limit.
    let limit = u64::try_from(config::MAX_BYTES).unwrap_or(u64::MAX);
    let bytes = fs::read_bounded(&session.config, limit).map_err(|error| {
        Error::usage(error.to_string()).hint("a config is a text file of at most 1 MiB; check --config and its permissions")
    })?;
    Ok(match config::load_bytes(&bytes, &file_name(session)) {
        Ok((config, warnings)) => Loaded::File(config, warnings, Digest::of(&bytes)),
        Err(errors) => Loaded::Broken(errors),
    })
}

/// Prints warnings as `file:line:column: sentence`.
pub fn warn(session: &Session, warnings: &[Warning]) {
    for warning in warnings {
        let place = match (warning.line, warning.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", warning.file),
            _ => warning.file.clone(),
        };
        session.events.warn(format!("{place}: {}", warning.message), warning.hint.clone());
    }
}

/// The config's name for messages: relative to the workspace where it is inside.
pub fn file_name(session: &Session) -> String {
    let path = session.config.strip_prefix(&session.directory).unwrap_or(&session.config);
    path.display().to_string()
}

/// Dockerfiles where they are looked for, in the order of the search (spec/build.md K.1).
pub fn dockerfiles(session: &Session) -> Result<Vec<String>> {
    let enter = |relative: &std::path::Path| relative.to_str().is_some_and(|name| name == "build" || name == "docker");
    let mut found: Vec<String> = fs::walk(&session.directory, &enter)?
        .into_iter()
        .filter(|entry| entry.kind == fs::EntryKind::File)
        .filter_map(|entry| entry.relative.to_str().map(str::to_owned))
        .filter(|path| config::is_dockerfile(path))
        .collect();
    found.sort_by_key(|path| (path.contains('/'), path.clone()));
    Ok(found)
}

/// What the repository is called: by the CI where it says so, else by its directory.
fn project_name(session: &Session) -> String {
    let env = |name: &str| session.world.env.get(name).map(str::to_owned);
    // A context that cannot be read is the plan's to report.
    let said = ci::detect(&env, None).ok().and_then(|context| context.project);
    let directory = || session.directory.file_name().map(|name| name.to_string_lossy().into_owned());
    said.or_else(directory).unwrap_or_default()
}
