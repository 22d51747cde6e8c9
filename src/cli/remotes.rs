//! What commands about remotes share: the host they run on, the remotes of the config, and where adapters come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;

use super::forges;
use super::gather;
use super::load;
use super::session::Session;
use crate::ci::Provider;
use crate::config::{Config, Remote as Configured};
use crate::core::RemoteSettings;
use crate::error::{Error, Result};
use crate::forge::ReleaseAdapters;
use crate::http;
use crate::manifest::DestinationTarget;
use crate::names;
use crate::registry::{Registries, RegistryAdapters};
use crate::remote::{AdapterSource, Host, Policy, Remote, RemoteTarget, UrlSource};

/// Which remote, and which adapters may run.
#[derive(Debug, Clone, Default, Args)]
pub struct RemoteOptions {
    /// Take the remotes as this environment of the config has them
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Run only adapters that stagefreight.lock.yaml names; the default in CI
    #[arg(long, overrides_with = "no_frozen")]
    pub frozen: bool,
    /// Also in CI take what the options say
    #[arg(long, overrides_with = "frozen")]
    pub no_frozen: bool,
    /// Run an adapter that is not pinned
    #[arg(long)]
    pub insecure_allow_unpinned: bool,
}

impl RemoteOptions {
    fn policy(&self, session: &Session) -> Result<Policy> {
        let frozen = if self.frozen { Some(true) } else { self.no_frozen.then_some(false) };
        Ok(Policy::of(&session.world, frozen, self.insecure_allow_unpinned)?)
    }
}

/// The machine and the workspace, with what the CI says of the build.
pub fn host(session: &Session, options: &RemoteOptions) -> Result<Host> {
    let host = Host::new(&session.world, &session.events, &session.directory, options.policy(session)?)?;
    Ok(host.with_build_context(build_context(session)))
}

/// The remotes of the config, with an environment applied.
pub fn all(session: &Session, options: &RemoteOptions) -> Result<Vec<RemoteSettings>> {
    let config = load::config_or_none(session)?;
    check_environment(&config, options)?;
    Ok(config.remotes.keys().filter_map(|id| Some(in_environment(&config, id, options)?.settings.clone())).collect())
}

/// One remote of the config.
pub fn one(session: &Session, name: &str, options: &RemoteOptions) -> Result<RemoteSettings> {
    let config = load::config_or_none(session)?;
    check_environment(&config, options)?;
    in_environment(&config, name, options).map(|remote| remote.settings.clone()).ok_or_else(|| {
        let known: Vec<&str> = config.remotes.keys().map(String::as_str).collect();
        let hint = match known.as_slice() {
            [] => format!("no remotes are defined; begin with `stagefreight remote add {name} SOURCE`"),
            known => format!("remotes defined here: {}", known.join(", ")),
        };
        Error::usage(format!("remote `{name}` is not defined")).hint(hint)
    })
}

fn check_environment(config: &Config, options: &RemoteOptions) -> Result<()> {
    match &options.env {
        Some(name) if !config.environments.contains_key(name) => {
            let known: Vec<&str> = config.environments.keys().map(String::as_str).collect();
            let hint =
                if known.is_empty() { "none are defined".to_owned() } else { format!("environments defined here: {}", known.join(", ")) };
            Err(Error::usage(format!("environment `{name}` is not defined")).hint(hint))
        }
        _ => Ok(()),
    }
}

fn in_environment<'c>(config: &'c Config, id: &str, options: &RemoteOptions) -> Option<&'c Configured> {
    let differing = options.env.as_ref().and_then(|name| config.environments.get(name)?.get(id));
    differing.or_else(|| config.remotes.get(id))
}

/// A remote as a place to publish to, as the destinations file describes it.
pub fn target(host: &Host, target: &DestinationTarget) -> Result<RemoteTarget> {
    let settings = target.settings.clone().unwrap_or_default();
    let settings: RemoteSettings = serde_json::from_value(settings).map_err(|error| {
        Error::failed(format!("target {} is not described as a remote: {error}", target.name))
            .hint(format!("{} must not be edited; run perform again", names::path::DESTINATIONS))
    })?;
    Ok(RemoteTarget::new(&target.name, Remote::new(host, settings)))
}

/// Where adapters come from.
pub fn sources(session: &Session) -> Result<Vec<Arc<dyn AdapterSource>>> {
    let options = http::Options::of_environment(&session.world.env)?;
    let client = http::Client::new(&session.world, session.events.clone(), &options)?;
    let registries = Registries::new(&session.world, session.events.clone())?;
    let known = forges::known(&load::config_or_none(session)?);
    let releases = ReleaseAdapters::new(&session.world, session.events.clone(), &session.directory, known);
    Ok(vec![Arc::new(UrlSource::new(client)), Arc::new(RegistryAdapters::new(registries)), Arc::new(releases)])
}

// What is known of the build, in the words of the protocol. A CI that cannot be read says nothing here.
fn build_context(session: &Session) -> BTreeMap<String, String> {
    let Ok(context) = gather::context(session) else { return BTreeMap::new() };
    let local = context.provider == Provider::Local;
    let runner = match context.provider {
        Provider::Github => "github_actions".to_owned(),
        other => other.name().to_owned(),
    };
    let pairs = [
        ("git_sha", context.sha),
        ("ci_run_url", context.pipeline_url),
        ("pipeline_id", context.pipeline_id),
        ("runner_type", (!local).then_some(runner)),
    ];
    pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.filter(|value| !value.is_empty())?))).collect()
}
