//! What every command has: the world, where to work, how to print, and how to be stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::args::Global;
use super::document::Document;
use crate::build::backend::Resolution;
use crate::config::BuilderSettings;
use crate::error::{Error, Kind, Result};
use crate::event::{Events, Sink};
use crate::names;
use crate::report::{Groups, Plain, PlainOptions, Terminal};
use crate::world::World;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// One command's surroundings.
pub struct Session {
    /// The process.
    pub world: World,
    /// The workspace, absolute.
    pub directory: PathBuf,
    /// The config file, absolute, and whether it was named on the command line.
    pub config: PathBuf,
    /// `--config` was given, so the file must exist.
    pub config_named: bool,
    /// How data is printed.
    pub output: OutputFormat,
    /// Where progress goes.
    pub events: Events,
    /// Cancelled by SIGINT and SIGTERM.
    pub cancel: CancellationToken,
    renderer: Arc<dyn Sink>,
    terminated: Arc<AtomicBool>,
    /// Where BuildKit is: asked once per command.
    resolution: tokio::sync::OnceCell<Arc<Resolution>>,
}

impl Session {
    /// Resolves the global options. On failure the world is given back for printing.
    #[expect(clippy::result_large_err, reason = "happens once, at start")]
    pub fn new(world: World, global: &Global) -> Result<Self, (World, Error)> {
        let directory = match &global.directory {
            Some(directory) => world.cwd.join(directory),
            None => world.cwd.clone(),
        };
        if !crate::fs::is_dir(&directory) && !directory.is_dir() {
            let error =
                Error::usage(format!("{} is not a directory", directory.display())).hint("give --directory the root of the repository");
            return Err((world, error));
        }
        // CI templates pass an empty --config when none is set.
        let named = global.config.as_ref().filter(|config| !config.as_os_str().is_empty());
        let config = match named {
            Some(config) => world.cwd.join(config),
            None => directory.join(names::path::CONFIG),
        };
        let renderer = renderer(&world, global);
        let events = world.events(Arc::clone(&renderer));
        Ok(Self {
            directory,
            config,
            config_named: named.is_some(),
            output: global.output.unwrap_or(OutputFormat::Text),
            events,
            cancel: CancellationToken::new(),
            renderer,
            terminated: Arc::default(),
            resolution: tokio::sync::OnceCell::new(),
            world,
        })
    }

    /// Where BuildKit is. Only the first call of a command asks; a command has one config.
    pub async fn resolution(&self, settings: &BuilderSettings) -> Result<Arc<Resolution>> {
        let look = || async {
            let found = crate::build::look(&self.world, &self.directory, settings, &self.events, &self.cancel).await?;
            Ok(Arc::new(found))
        };
        self.resolution.get_or_try_init(look).await.map(Arc::clone)
    }

    /// A path below the workspace.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.directory.join(relative)
    }

    /// Prints data as one JSON document with its version in front, or as text made by `text`. A schema of `T` is
    /// listed in `schemas`.
    pub fn print<T: Serialize + JsonSchema>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        self.print_file(&Document::new(value), |document| text(document.data()))
    }

    /// Prints a value of one of the files below `.stagefreight/`, which says its version itself.
    pub fn print_file<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        match self.output {
            OutputFormat::Text => self.world.print(&text(value)),
            OutputFormat::Json => {
                let json = serde_json::to_string_pretty(value).map_err(|error| Error::failed("cannot write JSON").because(&error))?;
                self.world.print(&format!("{json}\n"));
            }
        }
        Ok(())
    }

    /// Runs a command's future on a runtime, cancelling on SIGINT and SIGTERM.
    pub fn block_on<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| Error::failed("cannot start the runtime").because(&error))?;
        let result = runtime.block_on(async {
            let watcher = tokio::spawn(super::session::watch_signals(self.cancel.clone(), Arc::clone(&self.terminated)));
            let result = future.await;
            watcher.abort();
            result
        });
        // Blocking work that was cancelled must not keep the process alive.
        runtime.shutdown_timeout(std::time::Duration::from_millis(500));
        result
    }

    /// What an interrupted command ends with.
    pub fn interruption(&self) -> Kind {
        let interrupted = self.cancel.is_cancelled() && !self.terminated.load(Ordering::Relaxed);
        if interrupted { Kind::Interrupted } else { Kind::Terminated }
    }

    /// Ends progress output, before an error is printed.
    pub fn finish(&self) {
        self.renderer.finish();
    }
}

async fn watch_signals(cancel: CancellationToken, terminated: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else { return };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => terminated.store(true, Ordering::Relaxed),
    }
    cancel.cancel();
}

// Bars for a person at a terminal, plain lines for everything else.
fn renderer(world: &World, global: &Global) -> Arc<dyn Sink> {
    let env = &world.env;
    let requests = env.get(names::env::STAGEFREIGHT_LOG) == Some("requests");
    let clock = Arc::clone(&world.clock);
    let now = Arc::new(move || clock.now());
    let ci = env.get(names::env::CI).is_some() || env.is_true(names::env::TF_BUILD);
    let dumb = env.get(names::env::TERM) == Some("dumb");
    if world.terminal.stderr && !ci && !dumb && !global.quiet {
        return Arc::new(Terminal::new(now, global.verbose > 0, requests, env.redactor()));
    }
    let groups = match () {
        () if env.is_true(names::env::GITHUB_ACTIONS) => Groups::Actions,
        () if env.is_true(names::env::GITLAB_CI) => Groups::Gitlab,
        () if env.is_true(names::env::TF_BUILD) => Groups::Azure,
        () => Groups::None,
    };
    let options = PlainOptions { quiet: global.quiet, verbose: global.verbose > 0, requests, timestamps: ci, groups };
    let stderr = world.clone();
    Arc::new(Plain::new(Arc::new(move |text: &str| stderr.eprint(text)), now, options, env.redactor()))
}
