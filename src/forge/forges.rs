//! The forges of a run: from what `destinations.json` says of a project to something that can be published to. One
//! connection pool, one token and one pace per forge, however many projects it has.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::api::Api;
use super::credentials::{self, Wanted};
use super::error::{ForgeError, ForgeErrorKind};
use super::github::{self, GitHub};
use super::pace::Pace;
use super::port::{Forge, Place, Provider};
use super::transaction::ReleaseTarget;
use super::upload::Uploader;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::http::{self, Url};
use crate::manifest::DestinationTarget;
use crate::world::World;

/// The provider of the forge of our own, which is started for the run.
pub const EMBEDDED: &str = "embedded";

/// Bytes are counted over windows of this length: an upload that stands still is cut within two of them.
const STALL_WINDOW: Duration = Duration::from_secs(15);

/// GitHub's secondary limit for requests that make content: "no more than 80 per minute" and "500 per hour" (REST API,
/// "Rate limits for the REST API").
const GITHUB_PACE: [(usize, Duration); 2] = [(80, Duration::from_secs(60)), (500, Duration::from_secs(3600))];

/// What `destinations.json` says of a project beside what it says of every target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSettings {
    /// Id of the forge in the config.
    pub forge: String,
    /// Its web address.
    pub url: String,
    /// Project path.
    pub project: String,
}

impl ProjectSettings {
    /// Reads them.
    pub fn of(target: &DestinationTarget) -> Result<Self> {
        let settings = target.settings.clone().unwrap_or_default();
        serde_json::from_value(settings).map_err(|error| {
            Error::failed(format!("what destinations.json says of {} cannot be used", target.name))
                .because(&error)
                .hint("run perform again")
        })
    }
}

/// The forges of a run.
pub struct Forges {
    world: World,
    events: Events,
    options: Option<http::Options>,
    hosts: HashMap<String, Host>,
}

#[derive(Clone)]
struct Host {
    http: http::Client,
    pace: Arc<Pace>,
}

impl Forges {
    /// None asked yet.
    pub fn new(world: &World, events: Events) -> Self {
        Self { world: world.clone(), events, options: None, hosts: HashMap::new() }
    }

    /// With other time limits and retries than usual.
    pub fn with_options(world: &World, events: Events, options: http::Options) -> Self {
        Self { options: Some(options), ..Self::new(world, events) }
    }

    /// A project's releases as a place to publish to. `endpoint` is where the forge really listens when it is one of our own.
    pub fn releases(&mut self, target: &DestinationTarget, workspace: &Path, endpoint: Option<SocketAddr>) -> Result<ReleaseTarget> {
        let settings = ProjectSettings::of(target)?;
        let named = Url::parse(&settings.url)
            .map_err(|error| Error::usage(format!("the address of forge `{}` cannot be used", settings.forge)).because(&error))?;
        let embedded = target.provider == EMBEDDED;
        let provider = if embedded { Some(Provider::Github) } else { Provider::of_name(&target.provider) };
        let provider = provider
            .ok_or_else(|| Error::usage(format!("forge `{}` is of provider {}, which is not known", settings.forge, target.provider)))?;
        let url = match endpoint {
            Some(addr) => Url::parse(&format!("http://{addr}")).map_err(|error| Error::failed("no address").because(&error))?,
            None => named.clone(),
        };
        let host = self.host(&settings.forge, target, provider, workspace)?;
        let wanted = Wanted { provider, url: &named, prefix: target.credentials.as_deref() };
        let (token, missing) = match credentials::find(&self.world.env, &wanted) {
            _ if embedded => (None, None),
            Ok(token) => (token, None),
            Err(missing) => (None, Some(missing)),
        };
        let denied = credentials::hint(provider, target.credentials.as_deref());
        let place = Place { provider, host: target.host.clone(), project: settings.project };
        let forge: Arc<dyn Forge> = match provider {
            Provider::Github => {
                let (api, uploads) = github::addresses(&url);
                let api = Api::new(host.http.clone(), api, token, Arc::clone(&host.pace), denied).missing(missing);
                Arc::new(GitHub::new(place, api, uploads)?)
            }
            Provider::Gitlab | Provider::Gitea | Provider::Forgejo => {
                let text = format!("releases at {} are not supported yet", provider.name());
                return Err(ForgeError::new(ForgeErrorKind::Rejected, text).into());
            }
        };
        let uploader = Uploader::new(host.http, host.pace, forge.rules().uploads_at_a_time, self.events.clone());
        Ok(ReleaseTarget::new(target.name.clone(), forge, uploader, workspace))
    }

    fn host(&mut self, forge: &str, target: &DestinationTarget, provider: Provider, workspace: &Path) -> Result<Host> {
        if let Some(host) = self.hosts.get(forge) {
            return Ok(host.clone());
        }
        let mut options = match &self.options {
            Some(options) => options.clone(),
            None => {
                let mut options = http::Options::of_environment(&self.world.env)?;
                options.timeouts.stall_window = STALL_WINDOW;
                options
            }
        };
        options.plain_http = target.plain_http;
        if let Some(file) = &target.ca_file {
            options.add_roots(&workspace.join(file))?;
        }
        if let Some(retries) = target.options.retries {
            options.ladder.retries = retries;
        }
        let pace = match provider {
            Provider::Github => Pace::new(GITHUB_PACE),
            Provider::Gitlab | Provider::Gitea | Provider::Forgejo => Pace::default(),
        };
        let host = Host { http: http::Client::new(&self.world, self.events.clone(), &options)?, pace: Arc::new(pace) };
        self.hosts.insert(forge.to_owned(), host.clone());
        Ok(host)
    }
}

impl std::fmt::Debug for Forges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Forges")
    }
}
