//! The pull itself.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::core::{Digest, portable_name};
use crate::fs::{self, Beneath};
use crate::remote::executor::Ask;
use crate::remote::failure::{Failure, FailureKind};
use crate::remote::handle::{Remote, adapter_receipt, target_receipt};
use crate::remote::naming::{of_stream, printable};
use crate::remote::protocol::{Command, PackMetadata, PackRef, PullFinalizeRequest, PullPrepareRequest, limits};
use crate::remote::receipt::{ClientReceipt, PullReceipt, PulledPack, RECEIPT_VERSION};
use crate::remote::transfer::{Expected, download};

/// What is to be pulled.
#[derive(Debug, Clone, Default)]
pub struct PullOrder {
    /// Which pack.
    pub wanted: PackRef,
    /// Where to; none = a name made of the pack's, in `directory`.
    pub output: Option<PathBuf>,
    /// Where names made of the pack's go.
    pub directory: PathBuf,
    /// Put it in place of a file that is there.
    pub force: bool,
    /// Workspace at the remote, instead of the config's.
    pub workspace: Option<String>,
    /// Stream it belongs to; none leaves that to the remote.
    pub stream: Option<String>,
}

/// What a pull came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulled {
    /// Where its receipt lies, relative to the workspace; none when it could not be written.
    pub path: Option<String>,
    /// The receipt.
    pub receipt: PullReceipt,
}

/// Pulls one pack.
pub async fn pull(remote: &Remote, order: &PullOrder, cancel: &CancellationToken) -> Result<Pulled, Failure> {
    let host = &remote.host;
    if !order.wanted.is_valid() {
        return Err(Failure::new(FailureKind::Usage, "a pull names exactly one of digest, release, version or latest"));
    }
    let asked = match &order.wanted.digest {
        Some(digest) => Some(digest.parse::<Digest>().map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))?),
        None => None,
    };
    // Looked at before anything is asked: a name that is taken is known early.
    if let Some(output) = &order.output {
        refuse_taken(output, order.force)?;
    }
    let (executor, capabilities) = remote.able(Command::PullPrepare, cancel).await?;
    let target = remote.target(order.workspace.as_deref(), order.stream.as_deref());
    let request = PullPrepareRequest {
        remote: remote.settings.name.clone(),
        target: target.clone(),
        pack_ref: order.wanted.clone(),
        identity: remote.identity()?,
    };
    let request_id = remote.request_id();
    let answer = executor.ask(Ask { message: &request, request_id: &request_id, repeatable: true }, cancel).await?;
    let expected = expected(&answer.pack, asked)?;
    let output = match &order.output {
        Some(output) => output.clone(),
        None => order.directory.join(default_name(&answer.pack)),
    };
    refuse_taken(&output, order.force)?;
    let (parent, name) = place(&output)?;
    let mut pending = Beneath::open(&parent)?.begin(&name)?;
    let progress = remote.progress(&name, expected.size);
    let transfer = remote.transfer(executor);
    let received = download(&transfer, &answer.download, &expected, &mut pending, host.now(), progress, cancel).await?;
    if order.force {
        pending.replace(0o644)?;
    } else if !pending.keep_new(0o644)? {
        return Err(taken(&output));
    }
    let mut warnings = Vec::new();
    if let (Some(wanted), Some(got)) = (&order.wanted.version, &answer.pack.version)
        && wanted != got
    {
        warnings.push(format!("version {} was asked for, and the remote says this is {}", printable(wanted, 100), printable(got, 100)));
    }
    let digest = answer.pack.digest.clone();
    let request = PullFinalizeRequest {
        remote: remote.settings.name.clone(),
        target: target.clone(),
        digest: Some(digest.clone()),
        pack_digest: Some(digest),
        finalize_token: answer.finalize_token,
    };
    let request_id = remote.request_id();
    match executor.ask(Ask { message: &request, request_id: &request_id, repeatable: true }, cancel).await {
        Ok(answer) if answer.confirmed == Some(false) => warnings.push("the remote did not confirm the pull".to_owned()),
        Ok(_) => {}
        Err(failure) => warnings.push(format!("the remote was not told of the pull: {failure}")),
    }
    let said = |text: Option<String>| text.filter(|text| !text.is_empty()).map(|text| printable(&text, limits::MAX_TEXT));
    let mut receipt = PullReceipt {
        receipt_version: RECEIPT_VERSION,
        kind: "pull".to_owned(),
        created_at: host.now().precise(),
        remote: remote.settings.name.clone(),
        environment: remote.settings.environment.clone(),
        target: target_receipt(&target),
        requested: requested(&order.wanted),
        pack: PulledPack {
            output_path: parent.join(&name).display().to_string(),
            digest: received.digest.to_string(),
            size_bytes: received.bytes,
            stream: said(answer.pack.stream),
            created_at: said(answer.pack.created_at),
            release_id: said(answer.pack.release_id),
            version: said(answer.pack.version),
            labels: answer.pack.labels.iter().take(limits::MAX_LINKS).map(|label| printable(label, 200)).collect(),
        },
        verified: true,
        from: received.from,
        adapter: adapter_receipt(executor, capabilities),
        warnings,
        client: ClientReceipt::ours(),
        checksum: String::new(),
    };
    for warning in &receipt.warnings {
        host.events.warn(warning.clone(), None);
    }
    let path = match host.receipts.create_pull(&mut receipt, host.now()) {
        Ok(path) => Some(path),
        Err(failure) => {
            host.events.warn(format!("the pack is there and verified, and its receipt could not be written: {failure}"), failure.hint);
            None
        }
    };
    Ok(Pulled { path, receipt })
}

// What the adapter promises, and what was asked for: both must hold.
fn expected(pack: &PackMetadata, asked: Option<Digest>) -> Result<Expected, Failure> {
    let refused = |text: String| Failure::new(FailureKind::Rejected, text).hint("the adapter must say what will be downloaded");
    let shown: String = pack.digest.chars().take(100).flat_map(char::escape_debug).collect();
    let promised: Digest = pack.digest.parse().map_err(|_| refused(format!("the adapter promises `{shown}`, which is no digest")))?;
    let size = match pack.size_bytes {
        Some(size) => Some(u64::try_from(size).map_err(|_| refused(format!("the adapter promises {size} bytes")))?),
        None => None,
    };
    if let Some(asked) = asked.as_ref().filter(|asked| **asked != promised) {
        let message = format!("{asked} was asked for, and the adapter offers {promised}");
        return Err(Failure::new(FailureKind::Unverified, message).hint("nothing was downloaded"));
    }
    // Some adapters say 0 where they do not know.
    let size = size.filter(|size| *size > 0 || promised == Digest::of(b""));
    Ok(Expected { digests: [Some(promised), asked].into_iter().flatten().collect(), size })
}

fn requested(wanted: &PackRef) -> String {
    let named = [("digest", &wanted.digest), ("release", &wanted.release_id), ("version", &wanted.version)];
    let named = named.into_iter().find_map(|(word, value)| Some(format!("{word} {}", value.as_ref()?)));
    named.unwrap_or_else(|| "latest".to_owned())
}

fn default_name(pack: &PackMetadata) -> String {
    match pack.name.as_deref().filter(|name| portable_name(name).is_ok()) {
        Some(name) => name.to_owned(),
        None => format!("{}.epack", of_stream(pack.stream.as_deref().unwrap_or_default())),
    }
}

// The directory as it really is: what happens below it happens there.
fn place(output: &Path) -> Result<(PathBuf, String), Failure> {
    let name = output.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::new(FailureKind::Usage, format!("{} is not a file name", output.display())))?;
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = fs::real_path(parent)
        .map_err(|error| Failure::new(FailureKind::Usage, error.to_string()).hint("the directory of the output must exist"))?;
    Ok((parent, name.to_owned()))
}

fn refuse_taken(output: &Path, force: bool) -> Result<(), Failure> {
    if !force && fs::exists(output) { Err(taken(output)) } else { Ok(()) }
}

fn taken(output: &Path) -> Failure {
    Failure::new(FailureKind::Conflict, format!("{} is there already", output.display()))
        .hint("name another file with --file, or put the new one in its place with --force")
}
