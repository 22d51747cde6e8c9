//! The registry hosts of a run: what the config says of them, and one client each.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::client::{Client, HostSpec};
use super::client_certificate;
use super::credentials::{self, Sourced, Wanted};
use super::error::{RegistryError, RegistryErrorKind};
use super::provider;
use super::work::Work;
use crate::error::Result;
use crate::event::Events;
use crate::http;
use crate::world::World;

/// The registry hosts of a run. Cheap to clone; clones share clients, connections, tokens and work.
#[derive(Clone)]
pub struct Registries(Arc<Inner>);

struct Inner {
    world: World,
    events: Events,
    options: http::Options,
    work: Work,
    specs: Mutex<BTreeMap<String, HostSpec>>,
    clients: Mutex<HashMap<String, Arc<Client>>>,
    // Hosts with the same trust share connections: building a client reads all certificate authorities.
    transports: Mutex<HashMap<Trust, http::Client>>,
}

/// What a transport is built with, beside what all have in common.
type Trust = (Option<PathBuf>, bool, Option<String>, Option<u32>);

impl Registries {
    /// No host is known yet; hosts nobody described are reached by https with whatever credentials files hold.
    pub fn new(world: &World, events: Events) -> Result<Self> {
        let options = http::Options::of_environment(&world.env)?;
        Ok(Self::with_options(world, events, options))
    }

    /// The same with chosen time limits and patience.
    pub fn with_options(world: &World, events: Events, options: http::Options) -> Self {
        Self(Arc::new(Inner {
            world: world.clone(),
            events,
            options,
            work: Work::default(),
            specs: Mutex::default(),
            clients: Mutex::default(),
            transports: Mutex::default(),
        }))
    }

    /// Describes a host. The last description of a host counts, and only for clients made after it.
    pub fn describe(&self, spec: HostSpec) {
        lock(&self.0.specs).insert(spec.host.clone(), spec);
    }

    /// How a host is reached and treated, as described.
    pub fn spec(&self, host: &str) -> HostSpec {
        let spec = lock(&self.0.specs).get(host).cloned();
        spec.unwrap_or_else(|| HostSpec { host: host.to_owned(), ..HostSpec::default() })
    }

    /// The credentials of a host, as described.
    pub(super) async fn credentials(&self, host: &str, cancel: &CancellationToken) -> std::result::Result<Sourced, RegistryError> {
        let spec = self.spec(host);
        let failed = |error: crate::error::Error| RegistryError::new(RegistryErrorKind::Missing, error.to_string());
        let http = self.transport(&spec).map_err(failed)?;
        let keys = provider::of_host(host).config_keys;
        let wanted = Wanted { host, keys, prefix: spec.credentials.as_deref(), registry: None };
        credentials::find(&self.0.world, &http, &wanted, cancel).await
    }

    /// What has been moved in this run.
    pub fn work(&self) -> &Work {
        &self.0.work
    }

    /// The client of a host, as described.
    pub fn client(&self, host: &str) -> Result<Arc<Client>> {
        self.client_of(&self.spec(host))
    }

    /// The client of a description: two targets at one host may use different credentials.
    pub fn client_of(&self, spec: &HostSpec) -> Result<Arc<Client>> {
        let key = format!("{spec:?}");
        if let Some(client) = lock(&self.0.clients).get(&key) {
            return Ok(Arc::clone(client));
        }
        let http = self.transport(spec)?;
        let client = Arc::new(Client::new(&self.0.world, self.0.events.clone(), http, spec.clone()));
        lock(&self.0.clients).insert(key, Arc::clone(&client));
        Ok(client)
    }

    fn transport(&self, spec: &HostSpec) -> Result<http::Client> {
        let key = (spec.ca_file.clone(), spec.plain_http, spec.options.client_certificate.clone(), spec.options.retries);
        if let Some(http) = lock(&self.0.transports).get(&key) {
            return Ok(http.clone());
        }
        let mut options = self.0.options.clone();
        options.plain_http |= spec.plain_http;
        if let Some(file) = &spec.ca_file {
            options.add_roots(file)?;
        }
        if let Some(prefix) = &spec.options.client_certificate {
            options.identity = Some(client_certificate::read(&self.0.world, &spec.host, prefix)?);
        }
        if let Some(retries) = spec.options.retries {
            options.ladder.retries = retries;
        }
        let http = http::Client::new(&self.0.world, self.0.events.clone(), &options)?;
        lock(&self.0.transports).insert(key, http.clone());
        Ok(http)
    }
}

impl std::fmt::Debug for Registries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registries")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
