//! Credentials for a BuildKit that pulls base images and caches by itself: the implementation of `build`'s port.

use tokio_util::sync::CancellationToken;

use super::credentials::Credentials;
use super::error::RegistryErrorKind;
use super::registries::Registries;
use crate::build::{Login, Logins};
use crate::core::BoxFuture;
use crate::error::Result;
use crate::event::Events;

/// Finds credentials where the registry client finds them: the config's variables, docker's and podman's files and
/// helpers, the CI's own token.
#[derive(Debug)]
pub struct RegistryLogins {
    registries: Registries,
    events: Events,
}

impl RegistryLogins {
    /// From the hosts of this run.
    pub fn new(registries: Registries, events: Events) -> Self {
        Self { registries, events }
    }
}

impl Logins for RegistryLogins {
    fn login<'a>(&'a self, host: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Login>>> {
        Box::pin(async move {
            let named = self.registries.spec(host).credentials.is_some();
            let found = match self.registries.credentials(host, cancel).await {
                Ok(found) => found,
                // A base image may well be public: a pull request from a fork has no secrets and still builds.
                Err(error) if error.kind == RegistryErrorKind::Missing && named => {
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
