//! `stagefreight remote add NAME SOURCE`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::lock;
use crate::cli::load;
use crate::cli::remotes::RemoteOptions;
use crate::cli::session::Session;
use crate::config;
use crate::error::{Error, Result};
use crate::fs;
use crate::remote::is_name;

/// The remote.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Name of the remote
    #[arg(value_name = "NAME")]
    name: String,
    /// Where its adapter comes from: ./path, https://… (with --digest), oci://host/path:tag; or the adapter's name alone
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Digest an adapter at an https address must have
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Workspace at the remote
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// A setting of the adapter, KEY=VALUE; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Directory that file:// addresses of the adapter lead below
    #[arg(long, value_name = "DIR")]
    file_root: Option<String>,
    /// A variable the adapter gets; may be repeated
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<String>,
    /// Only write the config
    #[arg(long)]
    no_lock: bool,
}

/// What was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Added {
    /// The config file.
    config: String,
    /// The lines that were added.
    entry: String,
    /// What was pinned; null with --no-lock.
    locked: Option<lock::Locked>,
}

/// Runs it.
pub fn run(session: &Session, args: &AddArgs) -> Result<()> {
    if !is_name(&args.name) {
        return Err(Error::usage(format!("`{}` is not the name of a remote", args.name.escape_debug()))
            .hint("lower-case letters, digits, `.`, `_` and `-`, at most 64"));
    }
    let entry = entry(args)?;
    let file = load::file_name(session);
    let before = if fs::exists(&session.config) {
        let limit = u64::try_from(config::MAX_BYTES).unwrap_or(u64::MAX);
        String::from_utf8(fs::read_bounded(&session.config, limit)?).map_err(|_| Error::usage(format!("{file} is not UTF-8 text")))?
    } else {
        "version: 1\n".to_owned()
    };
    let by_hand = |why: &str| {
        let lines: Vec<&str> = entry.lines().collect();
        let mut error = Error::usage(format!("remote `{}` cannot be written into {file}: {why}", args.name));
        for line in &lines {
            error = error.note((*line).to_owned());
        }
        error.hint("write these lines below `remotes:` yourself, then `stagefreight remote lock`")
    };
    let text = inserted(&before, &entry).ok_or_else(|| by_hand("`remotes` is not written line by line"))?;
    // What was right before must be right afterwards, or nothing is written.
    let (known, _) = config::load(&text, &file).map_err(|errors| by_hand(&errors.to_string()))?;
    if !known.remotes.contains_key(&args.name) {
        return Err(by_hand("it did not become part of `remotes`"));
    }
    fs::write_atomic(&session.config, text.as_bytes(), 0o644)?;
    let locked = if args.no_lock {
        None
    } else {
        Some(session.block_on(lock::pin(session, std::slice::from_ref(&args.name), &RemoteOptions::default(), false))?)
    };
    session.print(&Added { config: file, entry, locked }, |added| {
        let locked = added.locked.as_ref().map(lock::screen).unwrap_or_default();
        format!("{}\n{}{locked}", added.config, added.entry)
    })
}

// As lines below `remotes:`. Values are quoted as JSON, which YAML reads.
fn entry(args: &AddArgs) -> Result<String> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = format!("  {}:\n", args.name);
    let mut line = |key: &str, value: String| text.push_str(&format!("    {key}: {value}\n"));
    if is_name(&args.source) {
        line("adapter", args.source.clone());
    } else {
        line("source", quoted(&args.source));
    }
    if let Some(digest) = &args.digest {
        line("digest", quoted(digest));
    }
    if let Some(workspace) = &args.workspace {
        line("target", format!("{{ workspace: {} }}", quoted(workspace)));
    }
    if !args.settings.is_empty() {
        let mut pairs = Vec::new();
        for setting in &args.settings {
            let (key, value) = setting.split_once('=').ok_or_else(|| Error::usage(format!("--set {setting} is not KEY=VALUE")))?;
            pairs.push(format!("{}: {}", quoted(key), quoted(value)));
        }
        line("config", format!("{{ {} }}", pairs.join(", ")));
    }
    if let Some(root) = &args.file_root {
        line("transport", format!("{{ file_root: {} }}", quoted(root)));
    }
    if !args.secrets.is_empty() {
        line("secrets", format!("[{}]", args.secrets.join(", ")));
    }
    Ok(text)
}

// Right below the line `remotes:`, or with that line at the end. None when the section is written in another way.
fn inserted(before: &str, entry: &str) -> Option<String> {
    let mut at = 0;
    for line in before.split_inclusive('\n') {
        at += line.len();
        let Some(rest) = line.strip_prefix("remotes:") else { continue };
        let rest = rest.trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            return None;
        }
        let feed = if line.ends_with('\n') { "" } else { "\n" };
        return Some(format!("{}{feed}{entry}{}", &before[..at], &before[at..]));
    }
    let feed = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    Some(format!("{before}{feed}remotes:\n{entry}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_put_where_the_others_are() {
        let entry = "  a:\n    adapter: x\n";
        assert_eq!(inserted("version: 1\n", entry).as_deref(), Some("version: 1\nremotes:\n  a:\n    adapter: x\n"));
        assert_eq!(
            inserted("remotes: # ours\n  b:\n    adapter: y\nbuilds: {}\n", entry).as_deref(),
            Some("remotes: # ours\n  a:\n    adapter: x\n  b:\n    adapter: y\nbuilds: {}\n")
        );
        assert_eq!(inserted("remotes: { b: { adapter: y } }\n", entry), None);
        assert_eq!(inserted("version: 1", entry).as_deref(), Some("version: 1\nremotes:\n  a:\n    adapter: x\n"));
    }
}
