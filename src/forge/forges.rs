//! The forges of a run: from what `destinations.json` says of a project to something that can be published to. One
//! connection pool, one token and one pace per forge, however many projects it has.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::api::Api;
use super::catalog::CatalogTarget;
use super::credentials::{self, Token, Wanted};
use super::error::{ForgeError, ForgeErrorKind};
use super::gitea::Gitea;
use super::github::{self, GitHub};
use super::gitlab::{Catalog, Gitlab};
use super::notes::Requests;
use super::pace::Pace;
use super::packages::{BucketFiles, FileHost, GiteaPackages, GitlabPackages, HttpPut, Login, PackageTarget};
use super::port::{Forge, Place, Provider};
use super::transaction::ReleaseTarget;
use super::upload::Uploader;
use crate::core::StorePlace;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::http::{self, Url};
use crate::manifest::DestinationTarget;
use crate::store::artifact::SignedBucket;
use crate::world::{Environment, World};

/// The provider of servers that take PUT.
pub const HTTP: &str = "http";

/// Bytes are counted over windows of this length: an upload that stands still is cut within two of them.
const STALL_WINDOW: Duration = Duration::from_secs(12);

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
    /// The bucket, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<StorePlace>,
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
        let (forge, host) = self.open(target, workspace, endpoint)?;
        let uploader = Uploader::new(host.http, host.pace, forge.rules().uploads_at_a_time, self.events.clone());
        Ok(ReleaseTarget::new(target.name.clone(), forge, uploader, workspace))
    }

    /// A project as something that can be asked, with what its files are read by.
    pub fn project(&mut self, target: &DestinationTarget, workspace: &Path) -> Result<(Arc<dyn Forge>, http::Client)> {
        self.open(target, workspace, None).map(|(forge, host)| (forge, host.http))
    }

    fn open(&mut self, target: &DestinationTarget, workspace: &Path, endpoint: Option<SocketAddr>) -> Result<(Arc<dyn Forge>, Host)> {
        let settings = ProjectSettings::of(target)?;
        let named = Url::parse(&settings.url)
            .map_err(|error| Error::usage(format!("the address of forge `{}` cannot be used", settings.forge)).because(&error))?;
        let (provider, embedded) = Provider::of_target(&target.provider)
            .ok_or_else(|| Error::usage(format!("forge `{}` is of provider {}, which is not known", settings.forge, target.provider)))?;
        let url = listening(endpoint, &named)?;
        let host = self.host(&settings.forge, target, provider, workspace)?;
        let api = |base: Url| self.api(&host, base, provider, &named, target, embedded);
        let place = Place { provider, host: target.host.clone(), project: settings.project };
        let forge: Arc<dyn Forge> = match provider {
            Provider::Github => {
                let (base, uploads) = github::addresses(&url);
                Arc::new(GitHub::new(place, api(base), uploads)?)
            }
            Provider::Gitlab => Arc::new(Gitlab::new(place, api(below(&url, "v4")), &url)),
            Provider::Gitea | Provider::Forgejo => Arc::new(Gitea::new(place, api(below(&url, "v1")), &url)),
        };
        Ok((forge, host))
    }

    /// The merged requests of a project. `endpoint` is where the forge really listens when it is one of our own.
    pub fn requests(&mut self, target: &DestinationTarget, workspace: &Path, endpoint: Option<SocketAddr>) -> Result<Requests> {
        let settings = ProjectSettings::of(target)?;
        let named = Url::parse(&settings.url)
            .map_err(|error| Error::usage(format!("the address of forge `{}` cannot be used", settings.forge)).because(&error))?;
        let url = listening(endpoint, &named)?;
        let (provider, embedded) = Provider::of_target(&target.provider).ok_or_else(|| {
            Error::usage(format!("forge `{}` is of provider {}, which has no requests", settings.forge, target.provider))
                .hint("take the notes from elsewhere: `notes: { from: commits }`")
        })?;
        let host = self.host(&settings.forge, target, provider, workspace)?;
        let base = match provider {
            Provider::Github => github::addresses(&url).0,
            Provider::Gitlab => below(&url, "v4"),
            Provider::Gitea | Provider::Forgejo => below(&url, "v1"),
        };
        let api = self.api(&host, base, provider, &named, target, embedded);
        Ok(Requests::new(Place { provider, host: target.host.clone(), project: settings.project }, api))
    }

    /// A place for files as a place to publish to: generic packages of a project, a server that takes PUT, a bucket. `endpoint`
    /// is where a forge of our own really listens.
    pub fn packages(&mut self, target: &DestinationTarget, workspace: &Path, endpoint: Option<SocketAddr>) -> Result<PackageTarget> {
        let settings = ProjectSettings::of(target)?;
        let url = Url::parse(&settings.url)
            .map_err(|error| Error::usage(format!("the address of `{}` cannot be used", settings.forge)).because(&error))?;
        if let Some(place) = &settings.bucket {
            let host = self.host(&format!("files:{}", settings.forge), target, Provider::Gitea, workspace)?;
            let env = self.world.env.clone();
            let variables = move |name: &str| env.get(name).map(str::to_owned);
            let bucket = SignedBucket::open(place, target.credentials.as_deref(), &variables, host.http.clone());
            return Ok(PackageTarget::new(target.name.clone(), Arc::new(BucketFiles::new(settings.url, bucket, host.http))));
        }
        if target.provider == HTTP {
            let host = self.host(&format!("files:{}", settings.forge), target, Provider::Gitea, workspace)?;
            let (login, variables) = login_of(&self.world.env, target.credentials.as_deref());
            let missing = (matches!(login, Login::Anonymous) && target.credentials.is_some()).then(|| {
                ForgeError::new(ForgeErrorKind::Missing, format!("no credentials for {}: {variables} are not set", settings.url)).hint(
                    format!("set {variables}, or the second alone for a bearer token; in CI, check that the secret is handed to this job"),
                )
            });
            let files = HttpPut::new(url, host.http, &login, variables).missing(missing);
            return Ok(PackageTarget::new(target.name.clone(), Arc::new(files)));
        }
        let provider = Provider::of_target(&target.provider).filter(|(provider, _)| *provider != Provider::Github);
        let (provider, embedded) = provider.ok_or_else(|| {
            Error::usage(format!("`{}` is of provider {}, which has no generic packages", settings.forge, target.provider))
        })?;
        let host = self.host(&settings.forge, target, provider, workspace)?;
        let place = Place { provider, host: target.host.clone(), project: settings.project };
        let files: Arc<dyn FileHost> = if provider == Provider::Gitlab {
            let at = listening(endpoint, &url)?;
            let api = self.api(&host, below(&at, "v4"), provider, &url, target, embedded);
            Arc::new(GitlabPackages::new(Arc::new(Gitlab::new(place, api, &at)), host.http))
        } else {
            Arc::new(GiteaPackages::new(&place, self.api(&host, below(&url, "v1"), provider, &url, target, false), &url))
        };
        Ok(PackageTarget::new(target.name.clone(), files))
    }

    /// The CI/CD catalog of a project at GitLab as a place to publish to. `endpoint` is where a GitLab of our own really listens.
    pub fn catalog(&mut self, target: &DestinationTarget, workspace: &Path, endpoint: Option<SocketAddr>) -> Result<CatalogTarget> {
        let settings = ProjectSettings::of(target)?;
        let url = Url::parse(&settings.url)
            .map_err(|error| Error::usage(format!("the address of forge `{}` cannot be used", settings.forge)).because(&error))?;
        let found = Provider::of_target(&target.provider).filter(|(provider, _)| *provider == Provider::Gitlab);
        let (provider, embedded) = found.ok_or_else(|| {
            Error::usage(format!("forge `{}` is of provider {}, which has no CI/CD catalog", settings.forge, target.provider))
        })?;
        let host = self.host(&settings.forge, target, provider, workspace)?;
        let place = Place { provider, host: target.host.clone(), project: settings.project };
        let at = listening(endpoint, &url)?;
        let api = self.api(&host, below(&at, "v4"), provider, &url, target, embedded);
        Ok(CatalogTarget::new(target.name.clone(), Arc::new(Catalog::new(place, api, below(&at, "graphql")))))
    }

    /// The API at an address, with the token of the forge at `named`. One that is missing is said when it is needed.
    fn api(&self, host: &Host, base: Url, provider: Provider, named: &Url, target: &DestinationTarget, embedded: bool) -> Api {
        let wanted = Wanted { provider, url: named, prefix: target.credentials.as_deref() };
        let (token, missing) = match credentials::find(&self.world.env, &wanted) {
            // A GitHub of our own lets everybody in.
            _ if embedded && provider == Provider::Github => (None, None),
            _ if embedded => (Some(Token::rehearsal()), None),
            Ok(token) => (token, None),
            Err(missing) => (None, Some(missing)),
        };
        let denied = credentials::hint(provider, target.credentials.as_deref());
        Api::new(host.http.clone(), base, token, Arc::clone(&host.pace), denied).missing(missing)
    }

    fn host(&mut self, forge: &str, target: &DestinationTarget, provider: Provider, workspace: &Path) -> Result<Host> {
        if let Some(host) = self.hosts.get(forge) {
            return Ok(host.clone());
        }
        let mut options = if let Some(options) = &self.options {
            options.clone()
        } else {
            let mut options = http::Options::of_environment(&self.world.env)?;
            options.timeouts.stall_window = STALL_WINDOW;
            options
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

/// Where a forge is: at its address, or where one of our own listens.
fn listening(endpoint: Option<SocketAddr>, named: &Url) -> Result<Url> {
    match endpoint {
        Some(addr) => Url::parse(&format!("http://{addr}")).map_err(|error| Error::failed("no address").because(&error)),
        None => Ok(named.clone()),
    }
}

/// `…/api/VERSION`.
fn below(url: &Url, version: &str) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["api", version]);
    }
    url
}

/// Who we are at a server that takes PUT, and the names of the variables that say so.
fn login_of(env: &Environment, prefix: Option<&str>) -> (Login, String) {
    let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) else {
        return (Login::Anonymous, "`credentials: NAME` in the config, and NAME_TOKEN,".to_owned());
    };
    let prefix = prefix.to_ascii_uppercase();
    let secret = ["TOKEN", "PASS", "PASSWORD"].iter().find_map(|kind| env.secret(&format!("{prefix}_{kind}")));
    let login = match (env.get(&format!("{prefix}_USER")), secret) {
        (Some(user), Some(secret)) => Login::Basic { user: user.to_owned(), secret },
        (None, Some(secret)) => Login::Bearer(secret),
        (_, None) => Login::Anonymous,
    };
    (login, format!("{prefix}_USER and {prefix}_TOKEN"))
}

impl std::fmt::Debug for Forges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Forges")
    }
}
