//! `stagefreight config …`.

use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::load::{self, Loaded};
use crate::cli::session::{OutputFormat, Session};
use crate::config::{self, Config, Located, Shown};
use crate::error::{Error, Kind, Result};
use crate::names;

/// What to do.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Check the config; every problem is shown at its line
    Check,
    /// Print the config with everything filled in
    Show,
    /// Print the JSON Schema of the config
    Schema,
}

/// Runs it.
pub fn run(session: &Session, command: ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Check => check(session),
        ConfigCommand::Show => show(session),
        ConfigCommand::Schema => {
            session.world.print(&config::schema());
            Ok(())
        }
    }
}

/// The verdict of `config check`.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Verdict {
    /// Whether the config can be used.
    valid: bool,
    /// The file, or none when it was assumed.
    file: Option<String>,
    /// How many entries of each section; absent when it is not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
    /// What is wrong.
    problems: Vec<Located>,
    /// What is worth knowing.
    warnings: Vec<Located>,
}

/// Entries of each section.
#[derive(Debug, Serialize, JsonSchema)]
struct Counts {
    /// Below `registries`.
    registries: usize,
    /// Below `builds`.
    builds: usize,
    /// Below `publish`.
    publish: usize,
}

/// The config with everything filled in.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ShownConfig<'c> {
    /// In the vocabulary of `.stagefreight.yml`, so that it can be read back as one.
    config: Shown<'c>,
}

impl Counts {
    fn of(config: &Config) -> Self {
        Self { registries: config.registries.len(), builds: config.builds.len() + config.files.len(), publish: config.publish.len() }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let noun = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let publish = noun(self.publish, "publish entry", "publish entries");
        write!(f, "{}, {}, {publish}", noun(self.registries, "registry", "registries"), noun(self.builds, "build", "builds"))
    }
}

fn check(session: &Session) -> Result<()> {
    let json = session.output == OutputFormat::Json;
    let file = Some(load::file_name(session));
    let loaded = match load::read(session) {
        // Nothing to assume a config from is a verdict too, for who asked for JSON.
        Err(error) if json && error.kind() == Kind::Usage => {
            let problem = Located {
                message: error.message().to_owned(),
                file: load::file_name(session),
                line: None,
                column: None,
                label: None,
                hint: error.hint_text().map(str::to_owned),
                excerpt: None,
            };
            print(session, &Verdict { valid: false, file: None, counts: None, problems: vec![problem], warnings: Vec::new() })?;
            return Err(error);
        }
        other => other?,
    };
    match loaded {
        Loaded::File(config, warnings, _) => {
            if !json {
                load::warn(session, &warnings);
            }
            print(session, &Verdict { valid: true, file, counts: Some(Counts::of(&config)), problems: Vec::new(), warnings })
        }
        Loaded::Assumed(config) => {
            let counts = Some(Counts::of(&config));
            print(session, &Verdict { valid: true, file: None, counts, problems: Vec::new(), warnings: Vec::new() })?;
            if !json {
                session.world.print(&format!("assumed, because there is no {}:\n\n{}", names::path::CONFIG, config::yaml_of(&config)?));
            }
            Ok(())
        }
        Loaded::Broken(errors) => {
            if json {
                let (problems, warnings) = (errors.problems.clone(), errors.warnings.clone());
                print(session, &Verdict { valid: false, file, counts: None, problems, warnings })?;
            } else {
                load::warn(session, &errors.warnings);
            }
            Err(Error::from(errors))
        }
    }
}

fn print(session: &Session, verdict: &Verdict) -> Result<()> {
    session.print(verdict, |verdict| match &verdict.counts {
        Some(counts) => format!("ok  {}  {counts}\n", verdict.file.as_deref().unwrap_or("no config file")),
        None => String::new(),
    })
}

fn show(session: &Session) -> Result<()> {
    let config = load::config(session)?;
    match session.output {
        OutputFormat::Text => session.world.print(&config::yaml_of(&config)?),
        OutputFormat::Json => session.print(&ShownConfig { config: Shown::new(&config) }, |_| String::new())?,
    }
    Ok(())
}
