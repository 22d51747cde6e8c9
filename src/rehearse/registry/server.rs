//! Opening the directory and serving it.

use std::sync::Arc;

use super::log::Logged;
use super::options::Options;
use super::service::State;
use crate::error::{Error, Result};
use crate::rehearse::serve::{self, Bounds};

/// Starts registries.
#[derive(Debug)]
pub struct Server;

/// A registry that is listening. Dropping it stops it without waiting.
pub type Running = serve::Running<Logged>;

impl Server {
    /// Opens the directory, binds, and serves on the current runtime.
    pub async fn start(options: Options) -> Result<Running> {
        let wanted = options.addr;
        let state = tokio::task::spawn_blocking(move || State::new(options)).await;
        let state = Arc::new(state.map_err(|error| Error::failed("cannot open the registry").because(&error))??);
        let bounds = Bounds { connections: state.options.limits.connections, idle: state.options.limits.idle };
        let log = state.log.clone();
        serve::start(serve::bind(wanted).await?, bounds, log, move |request| Arc::clone(&state).answer(request))
    }
}
