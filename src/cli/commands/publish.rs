//! `stagefreight publish`: places approved bytes at their destinations.

use clap::Args;

use crate::cli::publish::{Options, Published, publish, verdict};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::publish::Overrides;
use crate::report::publish_screen;

/// Options of publish.
#[derive(Debug, Clone, Default, Args)]
pub struct PublishArgs {
    /// Look at every destination and say what would be done; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Look for every blob at every destination, also where the tags are in place
    #[arg(long)]
    pub deep: bool,
    /// Publish only to this destination or target (repeatable; a trailing * matches the rest)
    #[arg(long, value_name = "DESTINATION")]
    pub only: Vec<String>,
    /// Leave this destination or target out (repeatable; a trailing * matches the rest)
    #[arg(long, value_name = "DESTINATION")]
    pub skip: Vec<String>,
    /// Overwrite what this destination holds (repeatable; needs --reason)
    #[arg(long, value_name = "DESTINATION", requires = "reason")]
    pub replace: Vec<String>,
    /// Take over a moving tag whose image tells no version, once (repeatable)
    #[arg(long, value_name = "DESTINATION")]
    pub adopt: Vec<String>,
    /// Move this moving tag back to the older version (repeatable; needs --reason)
    #[arg(long, value_name = "DESTINATION", requires = "reason")]
    pub allow_backwards: Vec<String>,
    /// Why it is overwritten; recorded in the journal and the placements
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

impl PublishArgs {
    /// As the engine's options.
    pub fn options(&self) -> Result<Options> {
        let reason = self.reason.as_deref().map(str::trim).unwrap_or_default();
        for (names, option) in [(&self.replace, "--replace"), (&self.allow_backwards, "--allow-backwards")] {
            if !names.is_empty() && reason.is_empty() {
                return Err(Error::usage(format!("{option} needs a --reason that says something"))
                    .hint("the reason is kept in the journal for whoever asks later"));
            }
        }
        let decided = |names: &[String], reason: &str| names.iter().map(|name| (name.clone(), reason.to_owned())).collect();
        let overrides = Overrides {
            replace: decided(&self.replace, reason),
            adopt: decided(&self.adopt, if reason.is_empty() { "what was there told no version" } else { reason }),
            backwards: decided(&self.allow_backwards, reason),
        };
        Ok(Options { dry_run: self.dry_run, deep: self.deep, only: self.only.clone(), skip: self.skip.clone(), overrides })
    }
}

/// Runs it.
pub fn run(session: &Session, args: &PublishArgs) -> Result<()> {
    let options = args.options()?;
    let context = crate::cli::gather::context(session)?;
    let run_id = crate::cli::pipeline::run_id(session, &context);
    let published = session.block_on(publish(session, &options, &run_id))?;
    print(session, &published, options.dry_run)?;
    let verdict = verdict(session, &published.placements).filter(|_| !options.dry_run || session.cancel.is_cancelled());
    verdict.map_or(Ok(()), Err)
}

/// Prints the screen or the placements as JSON.
pub fn print(session: &Session, published: &Published, dry_run: bool) -> Result<()> {
    session.finish();
    session.print_file(&published.placements, |placements| publish_screen(placements, &published.reviewed_at, published.elapsed, dry_run))
}
