//! Tidying a builder's own cache: BuildKit decides what goes, by limits it is given (spec/build.md F.2).

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::BuilderKeep;
use crate::core::ByteSize;
use crate::error::{Error, Result};
use crate::process::Child;

/// Pruning a large cache deletes many files.
const DEADLINE: Duration = Duration::from_secs(900);

/// Whom to ask, and how.
#[derive(Debug, Clone)]
pub enum Pruner {
    /// `buildx …` in the session that knows this builder.
    Buildx {
        /// The program with what comes before `prune`.
        child: Child,
        /// The builder.
        builder: String,
    },
    /// `buildctl --addr …`.
    Buildctl {
        /// The program with what comes before `prune`.
        child: Child,
        /// The daemon, for screens.
        daemon: String,
    },
}

/// What tidying a builder's cache did, or would ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BuilderRetention {
    /// The builder, or the daemon's address.
    pub builder: String,
    /// Arguments of the tool.
    pub command: String,
    /// What BuildKit held before, as it says it; none when it could not be asked.
    pub before: Option<String>,
    /// What was given back, as it says it; none in a dry run.
    pub reclaimed: Option<String>,
    /// What it held afterwards; none in a dry run.
    pub after: Option<String>,
    /// Limits this tool cannot ask for.
    pub unsupported: Vec<&'static str>,
    /// Why nothing was done, when nothing was.
    pub skipped: Option<String>,
}

/// Which limits a tool can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limits {
    /// buildx 0.17 and later.
    Spaces,
    /// One number, `--keep-storage`.
    KeepStorage,
    /// buildctl's own names, in megabytes.
    Buildctl,
}

impl BuilderRetention {
    /// Nothing was done, and why.
    pub fn skipped(builder: &str, why: impl Into<String>) -> Self {
        Self { builder: builder.to_owned(), skipped: Some(why.into()), ..Self::default() }
    }
}

/// Prunes one builder's cache. BuildKit cannot say what it would take, so a dry run tells what is held and what would be
/// asked.
///
/// # Errors
/// When the tool fails; a build makes a warning of it.
pub async fn prune_builder(pruner: &Pruner, keep: &BuilderKeep, dry_run: bool, cancel: &CancellationToken) -> Result<BuilderRetention> {
    let name = pruner.name();
    if *keep == BuilderKeep::default() {
        return Ok(BuilderRetention::skipped(name, "no limit is set"));
    }
    let limits = pruner.limits(cancel).await?;
    let (args, unsupported) = arguments(limits, keep);
    let mut report = BuilderRetention {
        builder: name.to_owned(),
        command: args.join(" "),
        before: pruner.usage(cancel).await,
        unsupported,
        ..BuilderRetention::default()
    };
    if dry_run {
        return Ok(report);
    }
    let finished = pruner.child("prune").args(args).deadline(DEADLINE).run(cancel).await?;
    if !finished.success() {
        return Err(Error::failed(format!("cannot prune the cache of builder {name}: {}", finished.tail(3)))
            .hint("`stagefreight builder inspect` shows whether it answers"));
    }
    report.reclaimed = Some(total(&finished.stdout).unwrap_or_else(|| "0 B".to_owned()));
    report.after = pruner.usage(cancel).await;
    Ok(report)
}

impl Pruner {
    fn name(&self) -> &str {
        match self {
            Self::Buildx { builder, .. } => builder,
            Self::Buildctl { daemon, .. } => daemon,
        }
    }

    fn child(&self, command: &str) -> Child {
        match self {
            Self::Buildx { child, builder } => child.clone().args([command, "--builder", builder]),
            Self::Buildctl { child, .. } => child.clone().arg(command),
        }
    }

    /// What it holds; not being told is no reason to stop.
    async fn usage(&self, cancel: &CancellationToken) -> Option<String> {
        let finished = self.child("du").run(cancel).await.ok()?;
        finished.success().then(|| total(&finished.stdout)).flatten()
    }

    async fn limits(&self, cancel: &CancellationToken) -> Result<Limits> {
        match self {
            Self::Buildctl { .. } => Ok(Limits::Buildctl),
            Self::Buildx { child, .. } => {
                let help = child.clone().args(["prune", "--help"]).run(cancel).await?;
                Ok(if help.stdout.contains("--max-used-space") { Limits::Spaces } else { Limits::KeepStorage })
            }
        }
    }
}

/// Arguments after `prune`, and the limits that could not be said.
fn arguments(limits: Limits, keep: &BuilderKeep) -> (Vec<String>, Vec<&'static str>) {
    let BuilderKeep { max_age, reserved_space, max_used_space, min_free_space } = keep;
    let mut args = Vec::new();
    let mut unsupported = Vec::new();
    let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
    let spaces = [("reserved_space", reserved_space), ("max_used_space", max_used_space), ("min_free_space", min_free_space)];
    match limits {
        Limits::Spaces => {
            for (flag_name, value) in ["--reserved-space", "--max-used-space", "--min-free-space"].into_iter().zip(spaces) {
                if let (_, Some(bytes)) = value {
                    flag(flag_name, bytes.0.to_string());
                }
            }
        }
        Limits::KeepStorage => {
            // One limit: what may be used is what the user means by a limit; what is reserved is kept by it as well.
            if let Some(bytes) = max_used_space.or(*reserved_space) {
                flag("--keep-storage", bytes.0.to_string());
            }
            let said = if max_used_space.is_some() { "max_used_space" } else { "reserved_space" };
            unsupported = spaces.iter().filter(|(name, value)| value.is_some() && *name != said).map(|(name, _)| *name).collect();
        }
        Limits::Buildctl => {
            for (flag_name, value) in ["--keep-storage-min", "--keep-storage", "--free-storage"].into_iter().zip(spaces) {
                if let (_, Some(bytes)) = value {
                    flag(flag_name, megabytes(*bytes));
                }
            }
        }
    }
    match (limits, max_age) {
        (_, None) => {}
        (Limits::Buildctl, Some(age)) => flag("--keep-duration", until(*age)),
        (_, Some(age)) => flag("--filter", format!("until={}", until(*age))),
    }
    if limits != Limits::Buildctl {
        args.insert(0, "--force".to_owned());
    }
    (args, unsupported)
}

/// `168h`, `72h30m`, `45s`, as Go reads it.
fn until(age: Duration) -> String {
    let seconds = age.as_secs();
    match (seconds / 3600, seconds % 3600 / 60) {
        (0, 0) => format!("{seconds}s"),
        (hours, 0) => format!("{hours}h"),
        (0, minutes) => format!("{minutes}m"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    }
}

/// A decimal number of millions, exact.
fn megabytes(bytes: ByteSize) -> String {
    let (whole, rest) = (bytes.0 / 1_000_000, bytes.0 % 1_000_000);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:06}") }
}

/// The text after the last `Total:`.
fn total(output: &str) -> Option<String> {
    let line = output.lines().rev().find_map(|line| line.trim().strip_prefix("Total:"))?;
    Some(line.trim().to_owned()).filter(|text| !text.is_empty() && text.len() <= 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    #[test]
    fn each_tool_is_asked_in_its_own_words() {
        let keep = BuilderKeep {
            max_age: Some(Duration::from_secs(168 * HOUR)),
            reserved_space: Some(ByteSize(1_000_000_000)),
            max_used_space: Some(ByteSize(15 << 30)),
            min_free_space: Some(ByteSize(500)),
        };
        let table = [
            (
                Limits::Spaces,
                keep,
                "--force --reserved-space 1000000000 --max-used-space 16106127360 --min-free-space 500 --filter until=168h",
                vec![],
            ),
            (Limits::KeepStorage, keep, "--force --keep-storage 16106127360 --filter until=168h", vec!["reserved_space", "min_free_space"]),
            (
                Limits::KeepStorage,
                BuilderKeep { max_used_space: None, min_free_space: None, ..keep },
                "--force --keep-storage 1000000000 --filter until=168h",
                vec![],
            ),
            (
                Limits::Buildctl,
                keep,
                "--keep-storage-min 1000 --keep-storage 16106.127360 --free-storage 0.000500 --keep-duration 168h",
                vec![],
            ),
        ];
        for (limits, keep, expected, left_out) in table {
            let (args, unsupported) = arguments(limits, &keep);
            assert_eq!((args.join(" ").as_str(), unsupported), (expected, left_out), "{limits:?}");
        }
    }

    #[test]
    fn ages_and_totals_as_buildkit_writes_them() {
        for (seconds, expected) in [(168 * HOUR, "168h"), (72 * HOUR + 1830, "72h30m"), (90, "1m"), (45, "45s"), (600, "10m")] {
            assert_eq!(until(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(total("ID  SIZE\nabc 1MB\nReclaimable:\t1.2GB\nTotal:\t\t1.4GB\n").as_deref(), Some("1.4GB"));
        assert_eq!(total("Total:  0B").as_deref(), Some("0B"));
        assert_eq!(total("nothing"), None);
    }
}
