//! Opens artifact stores as the config, or `destinations.json`, describes them: the one place that names their backends.

use std::sync::Arc;

use super::load;
use super::session::Session;
use crate::core::{StorePlace, StoreSpec};
use crate::error::{Error, Result};
use crate::http;
use crate::manifest::DestinationTarget;
use crate::names;
use crate::publish::StoreTarget;
use crate::registry::{HostSpec, OciStore, Registries};
use crate::store::artifact::{ArtifactStore, CloudStore, FileOptions, FileStore, MemoryStore, Mode, unknown};

/// Opens a store. Sends nothing.
pub fn open(session: &Session, spec: &StoreSpec) -> Result<Arc<dyn ArtifactStore>> {
    let mode = if spec.write_once { Mode::WriteOnce } else { Mode::Overwrite };
    Ok(match &spec.place {
        StorePlace::File { dir, fsync } => Arc::new(FileStore::new(&spec.name, session.path(dir), FileOptions { mode, durable: *fsync })),
        StorePlace::Memory => Arc::new(MemoryStore::new(&spec.name, mode)),
        StorePlace::S3 { endpoint, .. } | StorePlace::Gcs { endpoint, .. } | StorePlace::Azure { endpoint, .. } => {
            let mut options = http::Options::of_environment(&session.world.env)?;
            options.plain_http |= endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
            // The metadata service of a machine in the cloud speaks plain http at a link-local address.
            options.plain_http |= spec.credentials.is_none();
            if let Some(file) = &spec.ca_file {
                options.add_roots(&session.path(file))?;
            }
            let client = http::Client::new(&session.world, session.events.clone(), &options)?;
            let variables = |name: &str| session.world.env.get(name).map(str::to_owned);
            Arc::new(CloudStore::open(spec, &variables, client)?)
        }
        StorePlace::Oci { host, path, plain_http, options } => {
            let registries = Registries::new(&session.world, session.events.clone())?;
            let client = registries.client_of(&HostSpec {
                host: host.clone(),
                plain_http: *plain_http,
                credentials: spec.credentials.clone(),
                ca_file: spec.ca_file.as_ref().map(|file| session.path(file)),
                options: options.clone(),
                ..HostSpec::default()
            })?;
            Arc::new(OciStore::new(&spec.name, mode, client, path, session.path(names::path::ROOT)))
        }
    })
}

/// A store as a target of publish, as `destinations.json` describes it.
pub fn target(session: &Session, target: &DestinationTarget) -> Result<StoreTarget> {
    let edited = |what: &str| {
        Error::failed(format!("target {}: {what}", target.name))
            .hint(format!("{} must not be edited; run perform again", names::path::DESTINATIONS))
    };
    let settings = target.settings.clone().ok_or_else(|| edited("it does not say where the store is"))?;
    let spec: StoreSpec = serde_json::from_value(settings.clone()).map_err(|error| edited(&error.to_string()))?;
    // What was read says all that was written, and is the store of that name.
    if serde_json::to_value(&spec).ok().as_ref() != Some(&settings) || spec.name != target.name {
        return Err(edited("its settings are not those of a store"));
    }
    Ok(StoreTarget::new(open(session, &spec)?, spec.place.shown(), session.path(names::path::ROOT)))
}

/// A store of the config by its id.
///
/// # Errors
/// `Usage` when there is none of that id, with the ids there are, sorted.
pub fn named(session: &Session, name: &str) -> Result<Arc<dyn ArtifactStore>> {
    let config = load::config_or_none(session)?;
    match config.stores.get(name) {
        Some(store) => open(session, &store.spec),
        None => Err(Error::from(unknown(name, config.stores.keys().map(String::as_str)))),
    }
}
