//! Tidying the container engine: by command, and before a build where the config says so.

use schemars::JsonSchema;
use serde::Serialize;

use super::session::Session;
use crate::build::cleanup::{self, Engine, Kind, Outcome, Plan, Policy, State};
use crate::config::Config;
use crate::core::ByteSize;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::event::Event;
use crate::report::{Table, counted};

/// What a cleanup did, or with `--dry-run` would do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Cleaned {
    /// Nothing was removed; `removals` says what would be.
    pub dry_run: bool,
    /// Which engine, `docker 26.1.5 at unix:///var/run/docker.sock`.
    pub engine: String,
    /// `required` or `best_effort`.
    pub enforcement: &'static str,
    /// Everything the rules take, in the order it goes: containers, images, build cache, networks.
    pub removals: Vec<CleanedItem>,
    /// Images that stay although a rule would take them.
    pub kept: Vec<KeptImage>,
    /// How many were removed, or would be.
    pub removed: usize,
    /// How many came into use or changed since the list was made, and stay.
    pub skipped: usize,
    /// How many could not be removed, or were not tried after a failure.
    pub failed: usize,
    /// Bytes that were freed, as the engine measures them; null for a dry run and where it does not tell.
    pub reclaimed: Option<u64>,
}

/// One thing.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CleanedItem {
    /// `container`, `image`, `build_cache` or `network`.
    pub kind: &'static str,
    /// Full id.
    pub id: String,
    /// Names; a description for the build cache.
    pub names: Vec<String>,
    /// Bytes that only it holds, as far as the engine tells.
    pub size: u64,
    /// Why it goes.
    pub why: String,
    /// `planned`, `removed`, `gone` (already), `kept`, `failed` or `not_tried`.
    pub state: &'static str,
    /// Why it stays or failed; null for the others.
    pub detail: Option<String>,
}

/// An image that stays.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct KeptImage {
    /// Full id.
    pub id: String,
    /// Names.
    pub names: Vec<String>,
    /// Why it stays.
    pub why: String,
}

/// Looks, decides, and unless it is a dry run removes.
pub async fn clean(session: &Session, config: &Config, dry_run: bool) -> Result<Cleaned> {
    let policy = Policy::new(&config.cleanup)?;
    let engine = Engine::find(&session.world, &config.builder, &session.cancel).await?;
    session.events.detail(format!("cleanup asks {}", engine.name()));
    let inventory = tokio::select! {
        inventory = engine.inventory(&policy) => inventory?,
        () = session.cancel.cancelled() => return Err(interrupted()),
    };
    let plan = cleanup::plan(&inventory, &policy, session.world.clock.now());
    let outcome =
        if dry_run { None } else { Some(cleanup::execute(&engine, &plan, policy.required, inventory.layers, &session.cancel).await) };
    Ok(Cleaned::new(&engine, policy.required, &plan, outcome.as_ref()))
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Terminated, "interrupted while cleaning up")
}

impl Cleaned {
    fn new(engine: &Engine, required: bool, plan: &Plan, outcome: Option<&Outcome>) -> Self {
        let item = |item: &cleanup::Item, state: &'static str, detail: Option<String>| CleanedItem {
            kind: item.kind.name(),
            id: item.id.clone(),
            names: item.names.clone(),
            size: item.size,
            why: item.why.clone(),
            state,
            detail,
        };
        let removals: Vec<CleanedItem> = match outcome {
            None => plan.items.iter().map(|planned| item(planned, "planned", None)).collect(),
            Some(outcome) => {
                let words = |state: &State| match state {
                    State::Removed => ("removed", None),
                    State::Gone => ("gone", None),
                    State::Kept(why) => ("kept", Some(why.clone())),
                    State::Failed(why) => ("failed", Some(why.clone())),
                    State::NotTried => ("not_tried", None),
                };
                let one = |removal: &cleanup::Removal| {
                    let (state, detail) = words(&removal.state);
                    item(&removal.item, state, detail)
                };
                outcome.removals.iter().map(one).collect()
            }
        };
        let count = |states: &[&str]| removals.iter().filter(|item| states.contains(&item.state)).count();
        Self {
            dry_run: outcome.is_none(),
            engine: engine.name().to_owned(),
            enforcement: if required { "required" } else { "best_effort" },
            kept: plan
                .kept
                .iter()
                .map(|kept| KeptImage { id: kept.id.clone(), names: kept.names.clone(), why: kept.why.clone() })
                .collect(),
            removed: count(&["planned", "removed"]),
            skipped: count(&["kept"]),
            failed: count(&["failed", "not_tried"]),
            reclaimed: outcome.and_then(|outcome| outcome.reclaimed),
            removals,
        }
    }

    /// The screen.
    pub fn screen(&self) -> String {
        let mut text = format!("cleanup  {}{}\n", self.engine, if self.dry_run { "  (dry run)" } else { "" });
        let mut table = Table::indented(2);
        for item in &self.removals {
            let size = if item.size == 0 { String::new() } else { ByteSize(item.size).to_string() };
            let why = match &item.detail {
                Some(detail) => format!("{}: {detail}", item.state),
                None if matches!(item.state, "planned" | "removed") => item.why.clone(),
                None => item.state.replace('_', " "),
            };
            table.row([item.kind.replace('_', " "), short(&item.id), item.names.join(" "), size, why]);
        }
        for kept in &self.kept {
            table.row(["keep".to_owned(), short(&kept.id), kept.names.join(" "), String::new(), kept.why.clone()]);
        }
        text.push_str(&table.render());
        text.push_str(&self.summary());
        text.push('\n');
        text
    }

    /// `removed 30: 2 containers, 25 images, 3 build cache records   412 MiB freed`.
    pub fn summary(&self) -> String {
        let done = |item: &&CleanedItem| matches!(item.state, "planned" | "removed");
        let of = |kind: Kind| self.removals.iter().filter(done).filter(|item| item.kind == kind.name()).count();
        let parts: Vec<String> =
            [(Kind::Container, "container"), (Kind::Image, "image"), (Kind::BuildCache, "cache record"), (Kind::Network, "network")]
                .into_iter()
                .filter(|(kind, _)| of(*kind) > 0)
                .map(|(kind, noun)| counted(of(kind), noun))
                .collect();
        let verb = if self.dry_run { "would remove" } else { "removed" };
        let mut text = if parts.is_empty() { format!("{verb} nothing") } else { format!("{verb} {}", parts.join(", ")) };
        if self.skipped > 0 {
            text.push_str(&format!("; {} came into use and stayed", self.skipped));
        }
        if self.failed > 0 {
            text.push_str(&format!("; {} failed", self.failed));
        }
        if let Some(bytes) = self.reclaimed.filter(|_| self.removed > 0) {
            text.push_str(&format!("   {} freed", ByteSize(bytes)));
        }
        text
    }

    /// What a failure comes to: an error where cleanup is required, else a warning.
    fn failure(&self) -> Option<Error> {
        let first = self.removals.iter().find(|item| item.state == "failed")?;
        let what = first.names.first().cloned().unwrap_or_else(|| short(&first.id));
        let why = first.detail.clone().unwrap_or_default();
        let text = format!(
            "host cleanup failed (enforcement: {}): {} of {} stay; {} {what}: {why}",
            self.enforcement,
            self.failed,
            self.removals.len(),
            first.kind
        );
        Some(Error::failed(text).hint("look at the engine's log, then run `stagefreight cleanup` again: what is gone stays gone"))
    }

    /// The error that ends the command, when one does. With best effort a failure is a warning.
    pub fn verdict(&self, session: &Session) -> Result<()> {
        if session.cancel.is_cancelled() {
            return Err(interrupted());
        }
        match self.failure() {
            None => Ok(()),
            Some(error) if self.enforcement == "required" => Err(error),
            Some(error) => {
                session.events.warn(error.message(), error.hint_text().map(str::to_owned));
                Ok(())
            }
        }
    }
}

/// Before the builds of a run, where the config enables it (spec/build.md N: between plan and build).
pub async fn before_building(session: &Session, config: &Config) -> Result<()> {
    if !config.cleanup.enabled {
        return Ok(());
    }
    let title = "cleanup".to_owned();
    session.events.emit(Event::GroupStarted { title: title.clone() });
    let started = std::time::Instant::now();
    let outcome = match clean(session, config, false).await {
        Ok(cleaned) => {
            session.events.info(format!("{}: {}", cleaned.engine, cleaned.summary()));
            cleaned.verdict(session)
        }
        Err(error) if config.cleanup.required || session.cancel.is_cancelled() => Err(error),
        Err(error) => {
            session.events.warn(format!("nothing was cleaned up: {}", error.message()), error.hint_text().map(str::to_owned));
            Ok(())
        }
    };
    session.events.emit(Event::GroupFinished { title, elapsed: started.elapsed() });
    outcome
}

fn short(id: &str) -> String {
    id.strip_prefix("sha256:").unwrap_or(id).chars().take(12).collect()
}
