//! The push itself.

use std::collections::BTreeMap;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::order::{PushOrder, SidecarFile, key};
use super::record::Record;
use crate::core::Digest;
use crate::fs::{self, Scratch};
use crate::names;
use crate::remote::executor::{Ask, Executor};
use crate::remote::failure::{Failure, FailureKind};
use crate::remote::handle::{Remote, adapter_receipt, target_receipt};
use crate::remote::naming::printable;
use crate::remote::protocol::{
    Capabilities, Command, FinalizePack, FinalizeRequest, FinalizeResponse, PackInfo, PrepareRequest, PrepareResponse, ReleaseInfo,
    RunInfo, Sidecar, SidecarRole, SourceInfo, TargetConfig, UploadInfo, limits,
};
use crate::remote::receipt::{
    ClientReceipt, Found, PackReceipt, PushReceipt, PushStatus, RECEIPT_VERSION, ReleaseReceipt, RunsReceipt, SentReceipt, SidecarReceipt,
    Timings, UploadReceipt,
};
use crate::remote::runs;
use crate::remote::transfer::{Pack, upload};

/// What a push came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    /// Where its receipt lies, relative to the workspace.
    pub path: String,
    /// The receipt.
    pub receipt: PushReceipt,
    /// The release was there before.
    pub already: bool,
    /// Bytes this run sent.
    pub sent: u64,
}

/// Pushes one file. A release that the receipts know of is not made twice; an attempt that ended without an answer is asked
/// again where the adapter declares itself idempotent, and otherwise stops here.
pub async fn push(remote: &Remote, order: &PushOrder, cancel: &CancellationToken) -> Result<Pushed, Failure> {
    let host = &remote.host;
    let pack = Pack::open(&order.path, &order.name, order.known.as_ref()).await?;
    let salt = order.again.then(|| host.world.random_hex(8));
    let key = key(&remote.settings, order, pack.digest(), salt.as_deref());
    let runs = if remote.settings.runs.sync && !order.no_runs {
        runs::discover(pack.path(), &remote.settings.runs.paths, &order.runs_paths)?
    } else {
        Vec::new()
    };
    let earlier = host.receipts.find(&remote.settings.name, &key)?;
    if let Some(found) = earlier.as_ref().filter(|found| found.receipt.status == PushStatus::Released) {
        return released_before(remote, found.clone(), &runs, cancel).await;
    }
    if let Some(found) = earlier.as_ref().filter(|found| is_stuck(&found.receipt)) {
        return Err(unsettled(&found.path, &found.receipt));
    }
    let (executor, capabilities) = remote.able(Command::PushPrepare, cancel).await?;
    check_limits(remote, capabilities, &pack, order)?;
    let target = remote.target(order.workspace.as_deref(), order.stream.as_deref());
    let release = release_info(remote, order);
    let receipt = begun(remote, executor, capabilities, (&pack, &target, &release), key.clone());
    let mut record = Record::begin(remote, earlier, receipt)?;
    let work = Work { remote, executor, capabilities, pack: &pack, target, key, cancel };
    let prepared = work.prepare(order, release, &mut record).await;
    let (prepared, sent) = match prepared {
        Ok(done) => done,
        Err(failure) => {
            record.fail(&failure, PushStatus::Failed);
            return Err(failure);
        }
    };
    let answer = work.finalize(prepared.finalize_token, &mut record).await?;
    work.complete(&answer, &mut record)?;
    if !runs.is_empty() {
        sync_runs(remote, (executor, capabilities), &mut record, &runs, cancel).await?;
    }
    Ok(Pushed { path: record.path, receipt: record.receipt, already: false, sent })
}

/// A push whose answer nobody knows, by an adapter that might make a second release.
pub(in crate::remote) fn is_stuck(receipt: &PushReceipt) -> bool {
    receipt.status == PushStatus::Finalizing && !receipt.adapter.idempotent
}

/// What to do about it.
pub(in crate::remote) fn unsettled(path: &str, receipt: &PushReceipt) -> Failure {
    let message = format!(
        "a push of {} to `{}` asked for a release at {} and never heard the answer: it may exist or not",
        receipt.pack.name, receipt.remote, receipt.updated_at
    );
    Failure::new(FailureKind::Ambiguous, message).hint(format!(
        "look for a release with {} at the remote; then say what you saw and go on: `stagefreight receipt settle {path} --released ID`, or `--not-released` and run it again",
        receipt.pack.file_digest
    ))
}

struct Work<'a> {
    remote: &'a Remote,
    executor: &'a Executor,
    capabilities: &'a Capabilities,
    pack: &'a Pack,
    target: TargetConfig,
    key: String,
    cancel: &'a CancellationToken,
}

impl Work<'_> {
    // Up to where a release can be asked for.
    async fn prepare(&self, order: &PushOrder, release: ReleaseInfo, record: &mut Record<'_>) -> Result<(PrepareResponse, u64), Failure> {
        let (_scratch, sidecars) = self.sidecars(order).await?;
        let sent_sidecars: Vec<Sidecar> = sidecars.iter().map(|(role, pack)| sidecar(*role, pack)).collect();
        record.receipt.sidecars = sidecars.iter().map(|(_, pack)| sidecar_receipt(pack)).collect();
        let request = PrepareRequest {
            remote: self.remote.settings.name.clone(),
            target: self.target.clone(),
            pack: PackInfo {
                path: text(self.pack),
                digest: self.pack.digest().to_string(),
                manifest_digest: None,
                file_digest: Some(self.pack.digest().to_string()),
                size_bytes: signed(self.pack.size()),
                checksum: None,
                name: Some(self.pack.name().to_owned()),
            },
            release,
            identity: self.remote.identity()?,
            idempotency_key: Some(self.key.clone()),
            sidecars: sent_sidecars,
        };
        let began = Instant::now();
        let request_id = self.remote.request_id();
        record.receipt.request_ids.insert(Command::PushPrepare.name().to_owned(), request_id.clone());
        let prepared = self.executor.ask(Ask { message: &request, request_id: &request_id, repeatable: true }, self.cancel).await?;
        record.receipt.timings.prepare = seconds(began);
        if prepared.finalize_token.len() > limits::MAX_TOKEN {
            return Err(Failure::new(FailureKind::Rejected, "the adapter's finalize_token is larger than tokens are"));
        }
        let began = Instant::now();
        let mut sent = self.send(&prepared.upload, self.pack).await?;
        record.receipt.upload = Some(UploadReceipt { skipped: prepared.upload.is_skip(), to: sent.to.clone(), bytes: sent.bytes });
        for (_, pack) in &sidecars {
            if let Some(info) = prepared.sidecar_uploads.get(pack.name()) {
                sent.bytes += self.send(info, pack).await?.bytes;
            }
        }
        record.receipt.timings.upload = seconds(began);
        record.set(PushStatus::Uploaded)?;
        Ok((prepared, sent.bytes))
    }

    async fn send(&self, info: &UploadInfo, pack: &Pack) -> Result<crate::remote::transfer::Sent, Failure> {
        let progress = self.remote.progress(pack.name(), Some(pack.size()));
        upload(&self.remote.transfer(self.executor), info, pack, self.remote.host.now(), progress, self.cancel).await
    }

    // The intent is on disk before the question; whatever is no clear answer leaves it there.
    async fn finalize(&self, finalize_token: String, record: &mut Record<'_>) -> Result<FinalizeResponse, Failure> {
        let command = Command::PushFinalize;
        let request = FinalizeRequest {
            remote: self.remote.settings.name.clone(),
            target: self.target.clone(),
            pack: FinalizePack {
                path: text(self.pack),
                digest: self.pack.digest().to_string(),
                size_bytes: signed(self.pack.size()),
                file_digest: Some(self.pack.digest().to_string()),
                name: Some(self.pack.name().to_owned()),
            },
            finalize_token,
            idempotency_key: Some(self.key.clone()),
        };
        if self.cancel.is_cancelled() {
            return Err(Failure::new(FailureKind::Interrupted, "interrupted before the release was asked for"));
        }
        let request_id = record.request_id(command.name());
        let began = Instant::now();
        record.set(PushStatus::Finalizing)?;
        let repeatable = command.is_repeatable(self.capabilities.features.idempotent);
        let answer = self.executor.ask(Ask { message: &request, request_id: &request_id, repeatable }, self.cancel).await;
        record.receipt.timings.finalize = seconds(began);
        answer.map_err(|failure| self.no_release(failure, record))
    }

    fn no_release(&self, failure: Failure, record: &mut Record<'_>) -> Failure {
        if failure.definite {
            // The next attempt is another question.
            record.receipt.request_ids.remove(Command::PushFinalize.name());
            record.fail(&failure, PushStatus::Failed);
            return failure;
        }
        record.fail(&failure, PushStatus::Finalizing);
        if failure.kind == FailureKind::Interrupted {
            return failure;
        }
        let said = failure.message.clone();
        let idempotent = self.capabilities.features.idempotent;
        let stopped = unsettled(&record.path, &record.receipt);
        if idempotent {
            Failure::new(FailureKind::Ambiguous, format!("{said}; whether the release exists is not known"))
                .hint("run it again: the adapter is asked under the same key and makes no second release")
        } else {
            Failure { message: format!("{said}; {}", stopped.message), ..stopped }
        }
    }

    // The release exists: that is written down before anything else is done.
    fn complete(&self, answer: &FinalizeResponse, record: &mut Record<'_>) -> Result<(), Failure> {
        let said = |text: &str| printable(text, limits::MAX_TEXT);
        let release = &answer.release;
        let digest = self.pack.digest().as_str();
        let problem = if release.release_id.trim().is_empty() {
            Some("the adapter says that a release exists and not which".to_owned())
        } else if release.pack_digest != digest && format!("sha256:{}", release.pack_digest) != digest {
            Some(format!("the release {} holds {} after {digest} was pushed", said(&release.release_id), said(&release.pack_digest)))
        } else {
            None
        };
        if let Some(message) = problem {
            let failure = Failure::new(FailureKind::Unverified, message)
                .hint(format!("look at the remote; the receipt {} waits for what you see (`stagefreight receipt settle`)", record.path));
            record.fail(&failure, PushStatus::Finalizing);
            return Err(failure);
        }
        record.receipt.release = Some(ReleaseReceipt {
            release_id: said(&release.release_id),
            pack_digest: release.pack_digest.clone(),
            created_at: said(release.created_at.as_deref().unwrap_or_default()),
            canonical_ref: said(release.canonical_ref.as_deref().unwrap_or_default()),
            settled_by_hand: false,
        });
        let links = answer.links.iter().take(limits::MAX_LINKS);
        record.receipt.links = links.map(|(name, link)| (printable(name, 100), said(link))).collect();
        record.receipt.error = None;
        record.set(PushStatus::Released).map_err(|failure| {
            let id = said(&release.release_id);
            failure
                .context(format!("release {id} was made and its receipt could not be completed"))
                .hint(format!("free some space; then `stagefreight receipt settle {} --released {id}`", record.path))
        })
    }

    async fn sidecars(&self, order: &PushOrder) -> Result<(Option<Scratch>, Vec<(SidecarRole, Pack)>), Failure> {
        let mut files = order.sidecars.clone();
        let mut scratch = None;
        if order.checksums {
            let made = Scratch::below(&self.remote.host.workspace.join(names::path::ROOT), "sums")?;
            let name = format!("{}.sha256", self.pack.name());
            let path = made.path().join(&name);
            fs::write_private(&path, format!("{}  {}\n", self.pack.digest().hex(), self.pack.name()).as_bytes())?;
            files.push(SidecarFile { path, name, role: SidecarRole::Checksums });
            scratch = Some(made);
        }
        let mut opened: Vec<(SidecarRole, Pack)> = Vec::with_capacity(files.len());
        for file in &files {
            if file.name == self.pack.name() || opened.iter().any(|(_, known)| known.name() == file.name) {
                return Err(Failure::new(FailureKind::Usage, format!("two files of this push are called {}", file.name)));
            }
            opened.push((file.role, Pack::open(&file.path, &file.name, None).await?));
        }
        Ok((scratch, opened))
    }
}

// Only runs that are not there yet are handed over again.
async fn released_before(
    remote: &Remote,
    found: Found<PushReceipt>,
    runs: &[RunInfo],
    cancel: &CancellationToken,
) -> Result<Pushed, Failure> {
    let missing: Vec<RunInfo> = runs.iter().filter(|run| !found.receipt.runs.synced.contains(&run.run_id)).cloned().collect();
    if missing.is_empty() {
        return Ok(Pushed { path: found.path, receipt: found.receipt, already: true, sent: 0 });
    }
    let executor = remote.executor().await?;
    let capabilities = executor.capabilities(cancel).await?;
    let mut record = Record::of(remote, found);
    sync_runs(remote, (executor, capabilities), &mut record, &missing, cancel).await?;
    Ok(Pushed { path: record.path, receipt: record.receipt, already: true, sent: 0 })
}

async fn sync_runs(
    remote: &Remote,
    (executor, capabilities): (&Executor, &Capabilities),
    record: &mut Record<'_>,
    runs: &[RunInfo],
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    let began = Instant::now();
    let (outcome, problem) = if capabilities.features.runs_sync {
        let receipt = &record.receipt;
        let target = TargetConfig {
            workspace: receipt.target.workspace.clone(),
            environment: receipt.target.environment.clone(),
            stream: receipt.target.stream.clone(),
        };
        let digest = receipt.pack.file_digest.clone();
        runs::sync(remote, executor, capabilities, &target, &digest, runs, cancel).await
    } else {
        let failed = runs.iter().map(|run| run.run_id.clone()).collect();
        let problem = Failure::new(FailureKind::Rejected, "the adapter does not take records of runs");
        (RunsReceipt { failed, ..RunsReceipt::default() }, Some(problem))
    };
    let receipt = &mut record.receipt;
    receipt.timings.runs = seconds(began);
    receipt.runs.synced.extend(outcome.synced);
    receipt.runs.failed = outcome.failed;
    receipt.runs.failed_outputs = outcome.failed_outputs;
    let count = receipt.runs.failed.len();
    let why = problem.map(|problem| format!(": {problem}")).unwrap_or_default();
    let warning = format!("{count} of {} records of runs were not taken over{why}", runs.len());
    if count > 0 {
        receipt.warnings = vec![warning.clone()];
    } else {
        receipt.warnings.clear();
    }
    record.save()?;
    if count == 0 {
        return Ok(());
    }
    if remote.settings.runs.require_success {
        let id = record.receipt.release.as_ref().map(|release| release.release_id.clone()).unwrap_or_default();
        return Err(Failure::new(FailureKind::Unavailable, format!("release {id} exists, and {warning}"))
            .hint(format!("run it again: only the records are handed over; the receipt is {}", record.path)));
    }
    remote.host.events.warn(warning, Some("run it again to hand them over".to_owned()));
    Ok(())
}

fn check_limits(remote: &Remote, capabilities: &Capabilities, pack: &Pack, order: &PushOrder) -> Result<(), Failure> {
    let name = &remote.settings.name;
    if let Some(most) = capabilities.limits.pack_bytes().filter(|most| *most < pack.size()) {
        let message = format!("{} has {} bytes, and remote `{name}` takes at most {most}", pack.name(), pack.size());
        return Err(Failure::new(FailureKind::Rejected, message).hint("push something smaller, or use another remote"));
    }
    let sidecars = order.sidecars.len() + usize::from(order.checksums);
    if sidecars > 0 && !capabilities.features.sidecars {
        let message = format!("the adapter of remote `{name}` takes no files beside the pack");
        return Err(Failure::new(FailureKind::Usage, message).hint("leave `sidecars` out, or put the files into an archive with the pack"));
    }
    if sidecars > limits::MAX_SIDECARS {
        return Err(Failure::new(FailureKind::Usage, format!("more than {} files beside the pack", limits::MAX_SIDECARS)));
    }
    Ok(())
}

fn release_info(remote: &Remote, order: &PushOrder) -> ReleaseInfo {
    let settings = &remote.settings;
    let env = &remote.host.world.env;
    let mut build_context: BTreeMap<String, String> = remote.host.build_context.clone();
    let named = [
        ("git_sha", order.revision.as_deref()),
        ("git_sha", settings.git_sha_env.as_ref().and_then(|name| env.get(name))),
        ("ci_run_url", settings.ci_run_url_env.as_ref().and_then(|name| env.get(name))),
    ];
    for (key, value) in named {
        if let Some(value) = value {
            build_context.insert(key.to_owned(), value.to_owned());
        }
    }
    build_context.retain(|_, value| !value.is_empty());
    let source = SourceInfo { git_sha: build_context.get("git_sha").cloned(), ci_run_url: build_context.get("ci_run_url").cloned() };
    ReleaseInfo {
        labels: settings.labels.iter().chain(&order.labels).cloned().collect(),
        notes: order.notes.clone().or_else(|| settings.notes.clone()),
        source: (source != SourceInfo::default()).then_some(source),
        build_context,
        version: order.version.clone(),
        channel: order.channel.clone().or_else(|| settings.channel.clone()),
        prerelease: order.prerelease,
    }
}

fn begun(
    remote: &Remote,
    executor: &Executor,
    capabilities: &Capabilities,
    (pack, target, release): (&Pack, &TargetConfig, &ReleaseInfo),
    idempotency_key: String,
) -> PushReceipt {
    let now = remote.host.now().precise();
    PushReceipt {
        receipt_version: RECEIPT_VERSION,
        kind: "push".to_owned(),
        status: PushStatus::Begun,
        created_at: now.clone(),
        updated_at: now,
        idempotency_key,
        request_ids: BTreeMap::new(),
        remote: remote.settings.name.clone(),
        environment: remote.settings.environment.clone(),
        target: target_receipt(target),
        pack: PackReceipt {
            path: text(pack),
            name: pack.name().to_owned(),
            digest: pack.digest().to_string(),
            file_digest: pack.digest().to_string(),
            size_bytes: pack.size(),
        },
        release: None,
        sent: SentReceipt {
            version: release.version.clone(),
            channel: release.channel.clone(),
            prerelease: release.prerelease,
            labels: release.labels.clone(),
            build_context: release.build_context.clone(),
        },
        links: BTreeMap::new(),
        runs: RunsReceipt::default(),
        adapter: adapter_receipt(executor, capabilities),
        upload: None,
        sidecars: Vec::new(),
        timings: Timings::default(),
        warnings: Vec::new(),
        error: None,
        client: ClientReceipt::ours(),
        checksum: String::new(),
    }
}

fn sidecar(role: SidecarRole, pack: &Pack) -> Sidecar {
    Sidecar {
        name: pack.name().to_owned(),
        role,
        path: text(pack),
        file_digest: pack.digest().to_string(),
        size_bytes: signed(pack.size()),
    }
}

fn sidecar_receipt(pack: &Pack) -> SidecarReceipt {
    SidecarReceipt { name: pack.name().to_owned(), file_digest: pack.digest().to_string(), size_bytes: pack.size() }
}

// Adapters are handed an absolute path.
fn text(pack: &Pack) -> String {
    fs::real_path(pack.path()).unwrap_or_else(|_| pack.path().to_owned()).display().to_string()
}

fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn seconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
}

/// The key of an order whose bytes are known, for whoever looks whether it was done.
pub(in crate::remote) fn key_of(remote: &Remote, order: &PushOrder, digest: &Digest) -> String {
    key(&remote.settings, order, digest, None)
}
