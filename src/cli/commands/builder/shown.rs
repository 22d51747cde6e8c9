//! A builder and how it was found, as `builder inspect` shows it (spec/build.md B.6).

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::build::backend::{Answer, Backend, Resolution, Rule};
use crate::build::lifecycle::inspect::Inspected;
use crate::build::lifecycle::{Lease, Order};
use crate::config::Driver;
use crate::core::ByteSize;
use crate::core::duration::human;
use crate::report::Table;

/// Where images of this repository are built, and how that was found out.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Inspection {
    /// Name of the builder.
    name: String,
    /// `docker buildx 0.13.1`; none where nothing drives BuildKit.
    program: Option<String>,
    /// `buildkitd`, `dind`, `podman`, `kubernetes`, `spawn`; none when nobody usable answered.
    backend: Option<String>,
    /// Why there is no backend.
    reason: Option<String>,
    /// `docker`, `docker-container`, `remote`, `kubernetes`.
    driver: Option<String>,
    /// What the backend can do: `build`, `run`, `push`, `filesystem`, `oci-layout`, `platforms`.
    capabilities: Vec<String>,
    /// `reused`, `created`, `recreated`; only from `builder create`.
    action: Option<String>,
    /// Milliseconds that starting it took; only from `builder create`, where it was started.
    bootstrap_ms: Option<u64>,
    /// Its nodes, at least one when a backend was found.
    nodes: Vec<ShownNode>,
    /// Every place that was asked, in order of preference.
    candidates: Vec<ShownCandidate>,
    /// Milliseconds until all had answered.
    elapsed_ms: u64,
}

/// One BuildKit daemon.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct ShownNode {
    /// Name of the node.
    name: String,
    /// An address, or the name of a docker context.
    endpoint: Option<String>,
    /// `running`, `not made yet`, or what is wrong with it.
    status: String,
    /// BuildKit's version, when it tells one.
    buildkit: Option<String>,
    /// Platforms it builds for.
    platforms: Vec<String>,
    /// What it throws away by itself.
    gc_policy: Vec<ShownRule>,
}

/// One rule of BuildKit's garbage collection.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownRule {
    /// It applies to internal and shared records too.
    all: bool,
    /// Which records; empty for all.
    filters: Vec<String>,
    /// Seconds that unused records are kept; none without a limit.
    keep_seconds: Option<u64>,
    /// Bytes that are never taken.
    reserved_space: Option<u64>,
    /// Bytes above which records go.
    max_used_space: Option<u64>,
    /// Bytes the disk keeps free.
    min_free_space: Option<u64>,
}

/// A place that was asked.
#[derive(Debug, Serialize, JsonSchema)]
struct ShownCandidate {
    /// What and where: `BuildKit at BUILDKIT_HOST = tcp://far:1234`.
    name: String,
    /// It answered and can what images need.
    usable: bool,
    /// Why not.
    reason: Option<String>,
}

impl Inspection {
    /// Of what was found; `lasting` is what buildx says of a builder in a container or in pods.
    pub(super) fn of(order: &Order<'_>, resolution: &Resolution, lasting: Option<&Inspected>) -> Self {
        let (name, backend) = (order.builder(), resolution.backend());
        let nodes = match lasting {
            Some(inspected) => inspected
                .nodes
                .iter()
                .map(|node| ShownNode {
                    name: node.name.clone(),
                    endpoint: Some(node.endpoint.clone()).filter(|endpoint| !endpoint.is_empty()),
                    status: node.error.clone().unwrap_or_else(|| node.status.clone()),
                    buildkit: node.buildkit.clone(),
                    platforms: node.platforms.iter().map(ToString::to_string).collect(),
                    gc_policy: node.rules.iter().map(ShownRule::of).collect(),
                })
                .collect(),
            None => resolution.backends().iter().enumerate().map(|(at, backend)| ShownNode::of(order, backend, at)).collect(),
        };
        Self {
            program: resolution.program().map(ToString::to_string),
            backend: backend.map(|backend| backend.kind.name().to_owned()),
            reason: Some(resolution.why_not().to_owned()).filter(|reason| !reason.is_empty()),
            driver: backend.map(|backend| backend.driver.name().to_owned()),
            capabilities: backend.map(|backend| backend.capabilities.iter().map(ToString::to_string).collect()).unwrap_or_default(),
            action: None,
            bootstrap_ms: None,
            nodes,
            candidates: resolution
                .candidates
                .iter()
                .map(|(candidate, answer)| ShownCandidate {
                    name: candidate.to_string(),
                    usable: matches!(answer, Answer::Usable(_)),
                    reason: match answer {
                        Answer::Usable(_) => None,
                        Answer::No(why) => Some(why.clone()),
                        Answer::NotWaitedFor => Some("not waited for".to_owned()),
                    },
                })
                .collect(),
            elapsed_ms: u64::try_from(resolution.elapsed.as_millis()).unwrap_or(u64::MAX),
            name,
        }
    }

    /// The same after the builder was taken up.
    #[must_use]
    pub(super) fn with(self, lease: &Lease) -> Self {
        let nodes = lease.nodes().iter().zip(self.nodes.into_iter().chain(std::iter::repeat_with(ShownNode::default)));
        let nodes = nodes.map(|(node, shown)| ShownNode {
            name: node.name.clone(),
            endpoint: node.address.clone().or(shown.endpoint),
            status: "running".to_owned(),
            buildkit: node.buildkit.clone(),
            platforms: node.platforms.iter().map(ToString::to_string).collect(),
            gc_policy: shown.gc_policy,
        });
        Self {
            nodes: nodes.collect(),
            action: Some(lease.action().name().to_owned()),
            bootstrap_ms: lease.bootstrap().and_then(|took| u64::try_from(took.as_millis()).ok()),
            ..self
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut rows = vec![("builder", self.name.clone())];
        let mut row = |label, value: Option<String>| rows.extend(value.map(|value| (label, value)));
        row("program", self.program.clone());
        row("backend", self.backend.clone());
        row("driver", self.driver.clone());
        row("action", self.action.clone());
        row("bootstrap", self.bootstrap_ms.map(|millis| format!("✓ {}", short(Duration::from_millis(millis)))));
        row("can", Some(self.capabilities.join(", ")).filter(|can| !can.is_empty()));
        let single = self.nodes.len() == 1;
        let mut text = String::new();
        if let ([node], true) = (self.nodes.as_slice(), single) {
            node.rows(&mut row);
        }
        text.push_str(&labelled(&rows, 0));
        for node in self.nodes.iter().filter(|_| !single) {
            let mut rows = Vec::new();
            node.rows(&mut |label, value: Option<String>| rows.extend(value.map(|value| (label, value))));
            text.push_str(&format!("node {}\n{}", node.name, labelled(&rows, 2)));
        }
        for node in &self.nodes {
            text.push_str(&node.policy(single));
        }
        text.push_str(&format!("asked in {}\n", short(Duration::from_millis(self.elapsed_ms))));
        for ShownCandidate { name, usable, reason } in &self.candidates {
            let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            text.push_str(&format!("  {} {name}{reason}\n", if *usable { '✓' } else { '✗' }));
        }
        text
    }
}

impl ShownNode {
    fn of(order: &Order<'_>, backend: &Backend, at: usize) -> Self {
        let configured = order.settings.nodes.get(at);
        let builder = if configured.is_some() { format!("{}-{at}", order.builder()) } else { order.builder() };
        let daemon = backend.daemon.as_ref();
        let status = match (daemon, backend.driver) {
            (Some(_), _) => "running",
            (None, Driver::Remote) => "not started: it is started for each run",
            (None, _) => "not made yet: `builder create` or the first build makes it",
        };
        let platforms = match configured {
            Some(node) => node.platforms.as_slice(),
            None => daemon.map(|daemon| daemon.platforms.as_slice()).unwrap_or_default(),
        };
        Self {
            name: builder,
            endpoint: backend.place.as_ref().map(|place| place.address.to_string()),
            status: status.to_owned(),
            buildkit: backend.buildkit().map(str::to_owned),
            platforms: platforms.iter().map(ToString::to_string).collect(),
            gc_policy: daemon.map(|daemon| daemon.rules.iter().map(ShownRule::of).collect()).unwrap_or_default(),
        }
    }

    fn rows(&self, row: &mut dyn FnMut(&'static str, Option<String>)) {
        row("endpoint", self.endpoint.clone());
        row("status", Some(self.status.clone()));
        row("buildkit", self.buildkit.clone());
        row("platforms", Some(self.platforms.join(", ")).filter(|platforms| !platforms.is_empty()));
    }

    fn policy(&self, single: bool) -> String {
        if self.gc_policy.is_empty() {
            return String::new();
        }
        let mut table = Table::indented(2);
        for rule in &self.gc_policy {
            table.row([rule.scope(), rule.limits()]);
        }
        let of = if single { String::new() } else { format!(" of {}", self.name) };
        format!("gc policy{of}\n{}", table.render())
    }
}

impl ShownRule {
    fn of(rule: &Rule) -> Self {
        let some = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
        Self {
            all: rule.all,
            filters: rule.filters.clone(),
            keep_seconds: some(rule.keep_seconds),
            reserved_space: some(rule.reserved),
            max_used_space: some(rule.max_used),
            min_free_space: some(rule.min_free),
        }
    }

    /// Which records, in the words of spec/build.md B.6.
    fn scope(&self) -> String {
        let mut filters: Vec<&str> = self.filters.iter().flat_map(|filter| filter.split(',')).collect();
        filters.sort_unstable();
        match (filters.as_slice(), self.all) {
            ([], true) => "all (fallback)".to_owned(),
            ([], false) => "general cache".to_owned(),
            (["type==exec.cachemount", "type==source.git.checkout", "type==source.local"], _) => "source/cachemount/git".to_owned(),
            (filters, _) => filters.join(","),
        }
    }

    fn limits(&self) -> String {
        let size = |label: &str, bytes: Option<u64>| bytes.map(|bytes| format!("{label} {}", ByteSize(bytes)));
        let keep = self.keep_seconds.map(|seconds| format!("keep {}", human(Duration::from_secs(seconds))));
        let parts = [keep, size("reserved", self.reserved_space), size("max", self.max_used_space), size("min free", self.min_free_space)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
    }
}

/// Labels in a column of fourteen.
fn labelled(rows: &[(&'static str, String)], indent: usize) -> String {
    let margin = " ".repeat(indent);
    let mut text = String::new();
    for (label, value) in rows {
        text.push_str(&format!("{margin}{label:<14}{value}\n"));
    }
    text
}

/// `240ms`, `3.1s`.
fn short(duration: Duration) -> String {
    if duration < Duration::from_secs(1) { format!("{}ms", duration.as_millis()) } else { format!("{:.1}s", duration.as_secs_f64()) }
}
