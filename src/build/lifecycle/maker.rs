//! Makes builders with buildx, in a private session: nobody's current builder changes, and what buildx remembers of
//! them is gone with the session. What lasts is outside: a container, a pod, a daemon.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::inspect::{self, Inspected};
use super::node::NodeTls;
use crate::build::backend::{Program, Session};
use crate::config::Driver;
use crate::error::{Error, Result};
use crate::process::Finished;
use crate::world::World;

/// Starting a builder's container may pull an image first.
const BOOTSTRAP_DEADLINE: Duration = Duration::from_secs(300);

/// What only changes buildx's own notes. A remote address is asked meanwhile.
const NOTE_DEADLINE: Duration = Duration::from_secs(60);

/// How a builder came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It ran already, with its cache.
    Reused,
    /// It was not there.
    Created,
    /// It was there and did not work.
    Recreated,
}

impl Action {
    /// As `builder.json` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reused => "reused",
            Self::Created => "created",
            Self::Recreated => "recreated",
        }
    }
}

/// One builder to make.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    /// Its name.
    pub(super) name: String,
    /// How it is reached.
    pub(super) driver: Driver,
    /// A docker context or an address; none = the engine the session reaches.
    pub(super) endpoint: Option<String>,
    /// Certificates, for an address.
    pub(super) tls: Option<NodeTls>,
    /// Further options of the driver.
    pub(super) options: Vec<(String, String)>,
}

impl Recipe {
    fn create_args(&self) -> Vec<String> {
        let mut args: Vec<String> = ["create", "--name", &self.name, "--driver", self.driver.name()].map(str::to_owned).into();
        let tls = self.tls.iter().flat_map(|tls| {
            let file = |name: &str, path: &std::path::Path| (name.to_owned(), path.display().to_string());
            let server = tls.server_name.iter().map(|name| ("servername".to_owned(), name.clone()));
            [file("cacert", &tls.ca), file("cert", &tls.cert), file("key", &tls.key)].into_iter().chain(server)
        });
        for (key, value) in tls.chain(self.options.iter().cloned()) {
            args.push("--driver-opt".to_owned());
            args.push(csv_field(&format!("{key}={value}")));
        }
        args.extend(self.endpoint.clone());
        args
    }
}

// buildx reads `--driver-opt` as one line of CSV.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Runs buildx for builders.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maker<'a> {
    pub(super) world: &'a World,
    pub(super) session: &'a Session,
    pub(super) program: &'a Program,
    pub(super) cancel: &'a CancellationToken,
}

impl Maker<'_> {
    /// Notes the builder in the session. Starts nothing.
    pub(super) async fn note(&self, recipe: &Recipe) -> Result<()> {
        let said = self.buildx(recipe.create_args(), NOTE_DEADLINE).await?;
        if said.success() {
            return Ok(());
        }
        let Recipe { name, driver, .. } = recipe;
        Err(Error::failed(format!("cannot create builder {name} with driver {}: {}", driver.name(), reason(&said)))
            .hint("`stagefreight builder inspect` shows what was tried"))
    }

    /// Starts it where it does not run, and asks it.
    pub(super) async fn bootstrap(&self, recipe: &Recipe) -> Result<(Inspected, Duration), String> {
        let begun = Instant::now();
        let said = self.buildx(vec!["inspect".into(), "--bootstrap".into(), recipe.name.clone()], BOOTSTRAP_DEADLINE).await;
        let said = said.map_err(|error| error.to_string())?;
        if !said.success() {
            return Err(reason(&said));
        }
        let inspected = inspect::parse(&said.stdout);
        match inspected.broken() {
            Some(why) => Err(why),
            None => Ok((inspected, begun.elapsed())),
        }
    }

    /// Asks it as it is.
    pub(super) async fn inspect(&self, recipe: &Recipe) -> Result<Inspected> {
        let said = self.buildx(vec!["inspect".into(), recipe.name.clone()], NOTE_DEADLINE).await?;
        if said.success() {
            return Ok(inspect::parse(&said.stdout));
        }
        Err(Error::failed(format!("cannot inspect builder {}: {}", recipe.name, reason(&said))))
    }

    /// What its cache holds, as buildx prints it.
    pub(super) async fn disk_usage(&self, recipe: &Recipe) -> Result<String> {
        let said = self.buildx(vec!["du".into(), "--verbose".into(), "--builder".into(), recipe.name.clone()], NOTE_DEADLINE).await?;
        if said.success() {
            return Ok(said.stdout);
        }
        Err(Error::failed(format!("cannot read the disk usage of builder {}: {}", recipe.name, reason(&said))))
    }

    /// Takes it away with its cache: container and volume, pods.
    pub(super) async fn remove(&self, recipe: &Recipe) -> Result<()> {
        let said = self.buildx(vec!["rm".into(), "--force".into(), recipe.name.clone()], BOOTSTRAP_DEADLINE).await?;
        if said.success() {
            return Ok(());
        }
        Err(Error::failed(format!("cannot remove builder {}: {}", recipe.name, reason(&said))))
    }

    /// Takes up a builder that lasts, or makes it. `there` says whether it was there before, when that is known.
    pub(super) async fn take_up(&self, recipe: &Recipe, there: bool) -> Result<(Action, Inspected, Duration)> {
        self.note(recipe).await?;
        let mut why = match self.bootstrap(recipe).await {
            Ok((inspected, took)) => return Ok((if there { Action::Reused } else { Action::Created }, inspected, took)),
            Err(why) => why,
        };
        // A job in another container may have made it in this moment; it sees no lock of ours.
        if why.contains("already in use") {
            match self.bootstrap(recipe).await {
                Ok((inspected, took)) => return Ok((Action::Reused, inspected, took)),
                Err(again) => why = again,
            }
        }
        if there && !self.cancel.is_cancelled() {
            self.remove(recipe).await?;
            self.note(recipe).await?;
            match self.bootstrap(recipe).await {
                Ok((inspected, took)) => return Ok((Action::Recreated, inspected, took)),
                Err(again) => why = again,
            }
        }
        Err(Error::failed(format!("builder {} with driver {} does not work: {why}", recipe.name, recipe.driver.name()))
            .hint("`stagefreight builder inspect` shows what was tried; `stagefreight builder rm` takes it away with its cache"))
    }

    async fn buildx(&self, args: Vec<String>, deadline: Duration) -> Result<Finished> {
        Ok(self.program.tool.buildx(self.world, self.session).args(args).deadline(deadline).run(self.cancel).await?)
    }
}

/// The raw last lines of what buildx said.
fn reason(said: &Finished) -> String {
    let tail = said.tail(3);
    let text = if tail.is_empty() { said.stdout.trim() } else { tail.as_str() };
    if text.is_empty() { "it said nothing".to_owned() } else { text.trim_start_matches("ERROR: ").to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_builder_is_told_its_certificates() {
        let recipe = Recipe {
            name: "sf-e2f630c7".into(),
            driver: Driver::Remote,
            endpoint: Some("tcp://far:1234".into()),
            tls: Some(NodeTls {
                ca: "/c/ca.pem".into(),
                cert: "/c/cert.pem".into(),
                key: "/c/k,ey.pem".into(),
                server_name: Some("buildkitd".into()),
            }),
            options: Vec::new(),
        };
        assert_eq!(
            recipe.create_args().join(" "),
            "create --name sf-e2f630c7 --driver remote --driver-opt cacert=/c/ca.pem --driver-opt cert=/c/cert.pem \
             --driver-opt \"key=/c/k,ey.pem\" --driver-opt servername=buildkitd tcp://far:1234"
        );
        assert!(!recipe.create_args().contains(&"--use".to_owned()), "nobody's current builder changes");
        let pods = Recipe { driver: Driver::Kubernetes, endpoint: None, tls: None, ..recipe };
        assert_eq!(pods.create_args().join(" "), "create --name sf-e2f630c7 --driver kubernetes");
    }
}
