//! `stagefreight remote lock|update`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::remotes::{self, RemoteOptions};
use crate::cli::session::Session;
use crate::core::RemoteSettings;
use crate::error::{Error, Result};
use crate::names;
use crate::remote::Pinner;
use crate::remote::lock::LockFile;
use crate::report::Table;

/// Which remotes.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// Names of remotes [default: all]
    #[arg(value_name = "REMOTE")]
    names: Vec<String>,
    #[command(flatten)]
    options: RemoteOptions,
}

/// Which remotes.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Names of remotes [default: all]
    #[arg(value_name = "REMOTE")]
    names: Vec<String>,
    #[command(flatten)]
    options: RemoteOptions,
}

/// What was pinned.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Locked {
    /// The lockfile.
    file: String,
    /// It was written.
    changed: bool,
    /// One per remote.
    adapters: Vec<LockedAdapter>,
}

/// One adapter.
#[derive(Debug, Serialize, JsonSchema)]
struct LockedAdapter {
    /// The remote.
    remote: String,
    /// Its adapter.
    adapter: String,
    /// `linux/amd64`.
    platform: String,
    /// Hash of its bytes.
    digest: String,
    /// What was pinned before, when that is something else.
    was: Option<String>,
    /// It was pinned like this before.
    unchanged: bool,
}

/// Pins what is not pinned.
pub fn lock(session: &Session, args: &LockArgs) -> Result<()> {
    let locked = session.block_on(pin(session, &args.names, &args.options, false))?;
    session.print(&locked, screen)
}

/// Pins anew.
pub fn update(session: &Session, args: &UpdateArgs) -> Result<()> {
    let locked = session.block_on(pin(session, &args.names, &args.options, true))?;
    session.print(&locked, screen)
}

/// The remotes of these names, or all.
pub(super) fn chosen(session: &Session, names: &[String], options: &RemoteOptions) -> Result<Vec<RemoteSettings>> {
    if names.is_empty() {
        return remotes::all(session, options);
    }
    names.iter().map(|name| remotes::one(session, name, options)).collect()
}

pub(super) async fn pin(session: &Session, names: &[String], options: &RemoteOptions, replace: bool) -> Result<Locked> {
    let chosen = chosen(session, names, options)?;
    if chosen.is_empty() {
        return Err(Error::usage("no remotes are defined").hint("begin with `stagefreight remote add NAME SOURCE`"));
    }
    // Pinning is the act of trust: which adapters may run is not asked here, since none does.
    let host = remotes::host(session, &RemoteOptions { insecure_allow_unpinned: false, ..options.clone() })?;
    let sources = remotes::sources(session)?;
    let pinner = Pinner { host: &host, sources: &sources };
    let mut lock = LockFile::read(&host.workspace)?;
    let before = lock.clone();
    let mut adapters = Vec::with_capacity(chosen.len());
    for settings in &chosen {
        let pinned = pinner.pin(settings, &mut lock, replace, &session.cancel).await?;
        adapters.push(LockedAdapter {
            remote: pinned.remote,
            adapter: pinned.adapter,
            platform: pinned.platform,
            digest: pinned.digest.to_string(),
            was: pinned.was.map(|digest| digest.to_string()),
            unchanged: pinned.unchanged,
        });
    }
    let changed = lock != before;
    if changed {
        lock.write(&host.workspace)?;
    }
    Ok(Locked { file: names::path::REMOTE_LOCK.to_owned(), changed, adapters })
}

pub(super) fn screen(locked: &Locked) -> String {
    let mut table = Table::indented(2);
    for adapter in &locked.adapters {
        let note = match (&adapter.was, adapter.unchanged) {
            (Some(was), _) => format!("was {was}"),
            (None, true) => "as before".to_owned(),
            (None, false) => "pinned".to_owned(),
        };
        table.row([adapter.remote.clone(), adapter.adapter.clone(), adapter.platform.clone(), adapter.digest.clone(), note]);
    }
    let done = if locked.changed { format!("wrote {}: commit it\n", locked.file) } else { format!("{} is as it was\n", locked.file) };
    format!("{}{done}", table.render())
}
