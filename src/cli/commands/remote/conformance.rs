//! `stagefreight remote conformance BINARY`: is this an adapter hosts can rely on?

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::cli::document::Document;
use crate::cli::session::Session;
use crate::error::{Error, Kind, Result};
use crate::names;
use crate::remote::conformance::{ConformanceLevel, Level, Options, Report, Status, Tally, examine};
use crate::remote::protocol::AdapterConfig;

/// Options of `remote conformance`.
#[derive(Debug, Args)]
pub struct ConformanceArgs {
    /// The adapter's file, named epack-remote-NAME
    binary: PathBuf,
    /// The level it must reach
    #[arg(long, value_enum, default_value_t = Wanted::Standard)]
    level: Wanted,
    /// What `config` of the remote says to it, such as bucket=releases; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A variable it may see, as `secrets` of a remote; may be repeated
    #[arg(long, value_name = "NAME")]
    pass: Vec<String>,
    /// Accept file: addresses below this directory
    #[arg(long, value_name = "DIR")]
    file_root: Option<PathBuf>,
    /// Accept http: addresses on this machine
    #[arg(long)]
    allow_loopback_http: bool,
    /// How long one answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// The same as --output json
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// Every MUST
    Minimal,
    /// Every SHOULD too
    Standard,
    /// Every MAY too
    Full,
}

impl Wanted {
    fn level(self) -> ConformanceLevel {
        match self {
            Self::Minimal => ConformanceLevel::Minimal,
            Self::Standard => ConformanceLevel::Standard,
            Self::Full => ConformanceLevel::Full,
        }
    }
}

/// How far an adapter conforms, requirement by requirement.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Examined {
    /// The report.
    #[serde(flatten)]
    report: Report,
}

/// Runs it.
pub fn run(session: &Session, args: &ConformanceArgs) -> Result<()> {
    let scratch = session.world.env.get(names::env::TMPDIR).unwrap_or("/tmp");
    let options = Options {
        binary: session.world.cwd.join(&args.binary),
        config: config(&args.set)?,
        secrets: passed(session, &args.pass)?,
        file_root: args.file_root.as_ref().map(|dir| session.world.cwd.join(dir)),
        loopback_http: args.allow_loopback_http,
        timeout: Duration::from_secs(args.timeout),
        scratch: PathBuf::from(scratch),
    };
    let report = session.block_on(examine(&session.world, &options, &session.cancel))?;
    let (reached, name) = (report.conformance_level, report.component.clone());
    let unmet = report.unmet().len();
    let examined = Examined { report };
    if args.json {
        let json = serde_json::to_string_pretty(&Document::new(&examined));
        let json = json.map_err(|error| Error::failed("cannot write JSON").because(&error))?;
        session.world.print(&format!("{json}\n"));
    } else {
        session.print(&examined, text)?;
    }
    if reached >= args.level.level() {
        return Ok(());
    }
    let message = format!("{name} reaches level {reached}; {} was asked for, {unmet} requirements are not met", args.level.level());
    Err(Error::new(Kind::Unverified, message).hint("what each requirement means: docs/remotes.md"))
}

fn config(pairs: &[String]) -> Result<AdapterConfig> {
    let mut config = AdapterConfig::new();
    for pair in pairs {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Error::usage(format!("--set `{pair}` is not KEY=VALUE")).hint("write --set bucket=releases"));
        };
        // `true` and `false` are what switches are; everything else is a text.
        let value = match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => Value::from(text),
        };
        config.insert(key.to_owned(), value);
    }
    Ok(config)
}

fn passed(session: &Session, names: &[String]) -> Result<Vec<String>> {
    for name in names {
        if session.world.env.get(name).is_none() {
            return Err(Error::missing(format!("{name} is not set; it was to be passed on to the adapter")).hint(format!("export {name}")));
        }
    }
    Ok(names.to_vec())
}

fn text(examined: &Examined) -> String {
    let report = &examined.report;
    let mut text = format!("{}  level {}\n", report.component, report.conformance_level);
    for outcome in report.unmet() {
        let word = if outcome.status == Status::Fail { "fails" } else { "not shown" };
        let why = outcome.message.as_ref().or(outcome.reason.as_ref()).map(String::as_str).unwrap_or_default();
        text.push_str(&format!("  {:<7} {:<6} {word:<9} {}\n{:27}{why}\n", outcome.id, level(outcome.level), outcome.requirement, ""));
    }
    for (name, tally) in [("MUST", report.summary.must), ("SHOULD", report.summary.should), ("MAY", report.summary.may)] {
        let Tally { pass, fail, skip, unproven } = tally;
        text.push_str(&format!("  {name:<6} {pass} met, {fail} failed, {unproven} not shown, {skip} do not apply\n"));
    }
    text
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Must => "MUST",
        Level::Should => "SHOULD",
        Level::May => "MAY",
    }
}
