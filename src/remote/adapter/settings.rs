//! What the host's config and the environment say to an adapter.

use crate::core::Secret;
use crate::remote::protocol::{AdapterConfig, ErrorCode, ErrorInfo};
use crate::world::{Environment, World};

use super::Result;

/// The `config` object of the request, and the environment behind it: hosts that do not know `config` pass variables on
/// that the user declares (`secrets:`).
#[derive(Debug, Clone)]
pub struct Settings {
    config: AdapterConfig,
    world: World,
}

impl Settings {
    /// Of one request.
    pub fn new(config: AdapterConfig, world: &World) -> Self {
        Self { config, world: world.clone() }
    }

    /// The process the adapter runs in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The environment.
    pub fn env(&self) -> &Environment {
        &self.world.env
    }

    /// A secret. Only the environment holds those.
    pub fn secret(&self, variable: &str) -> Option<Secret> {
        self.world.env.secret(variable)
    }

    /// A text of the config, else of a variable; an empty one counts as absent.
    pub fn text(&self, key: &str, variable: &str) -> Result<Option<String>> {
        match self.config.get(key) {
            None => Ok(self.world.env.get(variable).map(str::to_owned)),
            Some(serde_json::Value::String(text)) => Ok((!text.is_empty()).then(|| text.clone())),
            Some(_) => Err(ErrorInfo::new(ErrorCode::InvalidRequest, format!("config.{key} is not a text"))),
        }
    }

    /// The same for what the adapter cannot do without.
    pub fn required(&self, key: &str, variable: &str, what: &str) -> Result<String> {
        self.text(key, variable)?.ok_or_else(|| {
            let message = format!("{what} is not configured: set `{key}` in the remote's config, or the variable {variable}");
            ErrorInfo::new(ErrorCode::InvalidRequest, message)
        })
    }

    /// A yes or no of the config, else of a variable.
    pub fn switch(&self, key: &str, variable: &str) -> Result<bool> {
        match self.config.get(key) {
            None => Ok(self.world.env.is_true(variable)),
            Some(serde_json::Value::Bool(on)) => Ok(*on),
            Some(_) => Err(ErrorInfo::new(ErrorCode::InvalidRequest, format!("config.{key} is neither true nor false"))),
        }
    }

    /// Refuses keys the adapter does not know: a misspelt one would be a setting that is not in force.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.config.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let key: String = key.chars().take(60).flat_map(char::escape_debug).collect();
                let message = format!("config.{key} is not known; known are {}", known.join(", "));
                Err(ErrorInfo::new(ErrorCode::InvalidRequest, message))
            }
        }
    }
}
