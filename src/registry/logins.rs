//! Credentials for a BuildKit that pulls base images and caches by itself: the implementation of `build`'s port.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::credentials::{self, Credentials};
use super::error::RegistryErrorKind;
use super::provider;
use crate::build::{Login, Logins};
use crate::core::BoxFuture;
use crate::error::Result;
use crate::event::Events;
use crate::world::World;

/// Finds credentials where the registry client finds them: the config's variables, docker's and podman's files and
/// helpers, the CI's own token.
#[derive(Debug)]
pub struct RegistryLogins {
    world: World,
    events: Events,
    prefixes: BTreeMap<String, String>,
}

impl RegistryLogins {
    /// `prefixes`: host → prefix of its credential variables, as the config names them.
    pub fn new(world: &World, events: Events, prefixes: BTreeMap<String, String>) -> Self {
        Self { world: world.clone(), events, prefixes }
    }
}

impl Logins for RegistryLogins {
    fn login<'a>(&'a self, host: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Login>>> {
        Box::pin(async move {
            let prefix = self.prefixes.get(host).map(String::as_str);
            let keys = provider::of_host(host).config_keys;
            let found = match credentials::find(&self.world, host, keys, prefix, cancel).await {
                Ok(found) => found,
                // A base image may well be public: a pull request from a fork has no secrets and still builds.
                Err(error) if error.kind == RegistryErrorKind::Missing && prefix.is_some() => {
                    self.events.warn(format!("{host} is read without credentials: {}", error.message), error.hint);
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            };
            Ok(match found.credentials {
                Credentials::Anonymous => None,
                Credentials::Basic { user, secret } => Some(Login::Basic { user, secret }),
                Credentials::Identity(secret) => Some(Login::Identity(secret)),
            })
        })
    }
}
