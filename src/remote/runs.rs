//! Records of runs that belong to a pack: found beside it, handed over in portions, and never the reason a receipt is lost.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use tokio_util::sync::CancellationToken;

use super::executor::{Ask, Executor};
use super::failure::{Failure, FailureKind};
use super::protocol::{Capabilities, RunInfo, RunsSyncRequest, TargetConfig};
use super::receipt::RunsReceipt;
use super::{Remote, naming};
use crate::core::Digest;
use crate::fs;

/// Files looked at beside a pack.
const MAX_FILES: usize = 100_000;

/// Runs handed over with one pack.
const MAX_RUNS: usize = 10_000;

/// The most a result may weigh, in bytes.
const MAX_RESULT: u64 = super::protocol::limits::MAX_RUN_OUTPUT;

/// Where results lie when the config does not say.
const USUAL: [&str; 2] = ["tools/**/result.json", "runs/**/result.json"];

/// Results beside a pack, by the patterns of the config and of the command.
pub fn discover(pack: &Path, configured: &[String], asked: &[String]) -> Result<Vec<RunInfo>, Failure> {
    let base = beside(pack);
    if !fs::is_dir(&base) {
        return Ok(Vec::new());
    }
    let usual: Vec<String> = USUAL.iter().map(|pattern| (*pattern).to_owned()).collect();
    let patterns = if configured.is_empty() { &usual } else { configured };
    let globs = globs(patterns.iter().chain(asked))?;
    let mut runs = Vec::new();
    // A link is not entered, and one in a result's place is none.
    let entries = fs::walk_at_most(&base, MAX_FILES, &|_| true)?;
    let Some(entries) = entries else {
        return Err(Failure::new(FailureKind::Usage, format!("{} holds more than {MAX_FILES} files", base.display())));
    };
    for entry in entries.iter().filter(|entry| entry.kind == fs::EntryKind::File && globs.is_match(&entry.relative)) {
        let Some(run_id) = entry.path.parent().and_then(Path::file_name).and_then(|name| name.to_str()) else { continue };
        if runs.len() >= MAX_RUNS {
            return Err(Failure::new(FailureKind::Usage, format!("{} holds more than {MAX_RUNS} results", base.display())));
        }
        let bytes = fs::read_regular(&entry.path, MAX_RESULT)?;
        let path = fs::real_path(&entry.path)?;
        runs.push(RunInfo {
            run_id: run_id.to_owned(),
            result_path: path.to_str().unwrap_or_default().to_owned(),
            result_digest: Digest::of(&bytes).to_string(),
        });
    }
    runs.sort_by(|a, b| a.result_path.cmp(&b.result_path));
    Ok(runs)
}

// `e.epack` has its results in `e.runs`, any other file `f` in `f.runs`.
fn beside(pack: &Path) -> PathBuf {
    let name = pack.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".epack").unwrap_or(&name);
    pack.with_file_name(format!("{stem}.runs"))
}

fn globs<'p>(patterns: impl Iterator<Item = &'p String>) -> Result<GlobSet, Failure> {
    let wrong = |pattern: &str| {
        Failure::new(FailureKind::Usage, format!("`{}` is not a pattern of results", pattern.escape_debug()))
            .hint("patterns are relative to the directory beside the pack: `tools/**/result.json`")
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        if pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
            return Err(wrong(pattern));
        }
        set.add(GlobBuilder::new(pattern).literal_separator(true).build().map_err(|_| wrong(pattern))?);
    }
    set.build().map_err(|_| wrong("…"))
}

/// Hands runs over, in portions the adapter bears. Whatever goes wrong is in the outcome: a run that is not known to be
/// there counts as failed.
pub(super) async fn sync(
    remote: &Remote,
    executor: &Executor,
    capabilities: &Capabilities,
    target: &TargetConfig,
    digest: &str,
    runs: &[RunInfo],
    cancel: &CancellationToken,
) -> (RunsReceipt, Option<Failure>) {
    let (mut outcome, mut problem) = (RunsReceipt::default(), None);
    let portion = capabilities.limits.runs_per_sync().unwrap_or(500).clamp(1, 500);
    for runs in runs.chunks(portion) {
        let request = RunsSyncRequest {
            target: target.clone(),
            file_digest: Some(digest.to_owned()),
            pack_digest: Some(digest.to_owned()),
            runs: runs.to_vec(),
        };
        let request_id = remote.request_id();
        match executor.ask(Ask { message: &request, request_id: &request_id, repeatable: true }, cancel).await {
            Ok(answer) => {
                for run in runs {
                    let synced = answer.items.iter().any(|item| item.run_id == run.run_id && item.is_synced());
                    if synced { &mut outcome.synced } else { &mut outcome.failed }.push(run.run_id.clone());
                }
                let said = |text: &str| naming::printable(&executor.redactor().redact(text), 200);
                let failed = answer.failed_outputs.iter().take(1000);
                outcome
                    .failed_outputs
                    .extend(failed.map(|output| format!("{} {}: {}", said(&output.run_id), said(&output.path), said(&output.reason))));
            }
            Err(failure) => {
                outcome.failed.extend(runs.iter().map(|run| run.run_id.clone()));
                problem = Some(failure);
            }
        }
    }
    (outcome, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_beside_a_pack_are_found_and_links_are_not() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path();
        for path in ["e.runs/tools/aws/RUN1/result.json", "e.runs/runs/RUN2/result.json", "e.runs/other/RUN3/result.json"] {
            fs::write_atomic(&root.join(path), b"{}", 0o644).expect("result");
        }
        fs::create_dir(&root.join("e.runs/tools/x/RUN4")).expect("directory");
        fs::symlink(&root.join("e.runs/other/RUN3/result.json"), &root.join("e.runs/tools/x/RUN4/result.json")).expect("link");
        let ids = |configured: &[&str], asked: &[&str]| -> Vec<String> {
            let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let found = discover(&root.join("e.epack"), &texts(configured), &texts(asked)).expect("found");
            found.into_iter().map(|run| run.run_id).collect()
        };
        assert_eq!(ids(&[], &[]), ["RUN2", "RUN1"]);
        assert_eq!(ids(&["other/*/result.json"], &[]), ["RUN3"]);
        assert_eq!(ids(&[], &["other/**/result.json"]), ["RUN3", "RUN2", "RUN1"]);
        assert!(discover(&root.join("e.epack"), &["../**".to_owned()], &[]).is_err());
        assert!(discover(&root.join("none.epack"), &[], &[]).expect("nothing").is_empty());
    }
}
