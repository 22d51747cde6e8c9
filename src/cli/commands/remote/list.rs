//! `stagefreight remote list|verify`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::lock::chosen;
use crate::cli::remotes::{self, RemoteOptions};
use crate::cli::session::Session;
use crate::error::{Error, Kind, Result};
use crate::remote::lock::LockFile;
use crate::remote::{AdapterState, AdapterStatus, Remote, states};
use crate::report::Table;

/// What to show.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Run the pinned adapters and show what they can
    #[arg(long)]
    probe: bool,
    #[command(flatten)]
    options: RemoteOptions,
}

/// Which remotes.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Names of remotes [default: all]
    #[arg(value_name = "REMOTE")]
    names: Vec<String>,
    #[command(flatten)]
    options: RemoteOptions,
}

/// Every remote and its adapter.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Listing {
    /// In the order of the config.
    remotes: Vec<Listed>,
}

/// One remote.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    /// Its name.
    name: String,
    /// Its adapter.
    adapter: String,
    /// Where the adapter comes from; null when it is found by its name.
    source: Option<String>,
    /// `verified`, `unverified`, `changed`, `managed`, `not_found`.
    status: String,
    /// Where it lies.
    path: Option<String>,
    /// Hash of what lies there.
    digest: Option<String>,
    /// Hash the lockfile wants.
    pinned: Option<String>,
    /// What is wrong.
    problem: Option<String>,
    /// Its version, as it says itself; only with --probe.
    version: Option<String>,
    /// Commands it answers; only with --probe.
    features: Option<Vec<String>>,
}

impl From<AdapterState> for Listed {
    fn from(state: AdapterState) -> Self {
        Self {
            name: state.remote,
            adapter: state.adapter,
            source: state.source,
            status: state.status.name().to_owned(),
            path: state.path,
            digest: state.digest.map(|digest| digest.to_string()),
            pinned: state.pinned.map(|digest| digest.to_string()),
            problem: state.problem,
            version: None,
            features: None,
        }
    }
}

/// Shows how they stand.
pub fn list(session: &Session, args: &ListArgs) -> Result<()> {
    let host = remotes::host(session, &args.options)?;
    let all = remotes::all(session, &args.options)?;
    let lock = LockFile::read(&host.workspace)?;
    let mut remotes: Vec<Listed> = states(&host, &all, &lock).into_iter().map(Listed::from).collect();
    if args.probe {
        session.block_on(async {
            for (listed, settings) in remotes.iter_mut().zip(all) {
                // Only what is pinned is executed for a look.
                if listed.status != AdapterStatus::Verified.name() {
                    continue;
                }
                let remote = Remote::new(&host, settings);
                match remote.capabilities(&session.cancel).await {
                    Ok(capabilities) => {
                        listed.version = Some(crate::remote::printable(&capabilities.version, 100));
                        let known = crate::remote::protocol::Command::ALL.into_iter().filter(|command| capabilities.supports(*command));
                        listed.features = Some(known.map(|command| command.name().to_owned()).collect());
                    }
                    Err(failure) => listed.problem = Some(failure.message),
                }
            }
            Ok(())
        })?;
    }
    session.print(&Listing { remotes }, screen)
}

/// Compares them with the lockfile.
pub fn verify(session: &Session, args: &VerifyArgs) -> Result<()> {
    let host = remotes::host(session, &args.options)?;
    let all = chosen(session, &args.names, &args.options)?;
    let lock = LockFile::read(&host.workspace)?;
    let states = states(&host, &all, &lock);
    let wrong: Vec<(AdapterStatus, String)> = states
        .iter()
        .filter(|state| state.status != AdapterStatus::Verified)
        .map(|state| (state.status, format!("{}: {}", state.remote, state.status.name())))
        .collect();
    session.print(&Listing { remotes: states.into_iter().map(Listed::from).collect() }, screen)?;
    let Some((_, first)) = wrong.first() else { return Ok(()) };
    let changed = wrong.iter().any(|(status, _)| *status == AdapterStatus::Changed);
    let kind = if changed { Kind::Unverified } else { Kind::Missing };
    let hint = if changed {
        "an adapter is not what was pinned: find out why before `stagefreight remote update`"
    } else {
        "pin and fetch what is missing: `stagefreight remote lock`"
    };
    Err(Error::new(kind, format!("{} of {} adapters are not as pinned ({first})", wrong.len(), all.len())).hint(hint))
}

fn screen(listing: &Listing) -> String {
    let mut table = Table::indented(0);
    for remote in &listing.remotes {
        let digest = remote.digest.as_ref().or(remote.pinned.as_ref()).map(|digest| digest.chars().take(19).collect()).unwrap_or_default();
        let mut note = remote.problem.clone().or_else(|| remote.path.clone()).unwrap_or_default();
        if let Some(features) = &remote.features {
            note = format!("{}  {}", remote.version.as_deref().unwrap_or_default(), features.join(" "));
        }
        table.row([remote.name.clone(), remote.adapter.clone(), remote.status.clone(), digest, note]);
    }
    if listing.remotes.is_empty() { "no remotes are defined\n".to_owned() } else { table.render() }
}
