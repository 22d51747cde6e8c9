//! `runs.sync`: the adapter reads the records of runs from this machine and keeps each once.

use std::path::Path;

use super::{Result, Run, Shelf};
use crate::core::Digest;
use crate::remote::protocol::{
    ErrorCode, ErrorInfo, FailedOutput, RunInfo, RunStatus, RunSyncItem, RunsSyncRequest, RunsSyncResponse, limits,
};

/// Keeps the records that are what their digests say. A run that cannot be kept is rejected, with why; it does not keep the
/// others from being kept.
pub async fn sync(shelf: &dyn Shelf, request: &RunsSyncRequest) -> Result<RunsSyncResponse> {
    let pack: Digest = request
        .digest()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| ErrorInfo::new(ErrorCode::InvalidRequest, "neither file_digest nor pack_digest is a digest"))?;
    let mut answer = RunsSyncResponse::default();
    for run in &request.runs {
        let status = match read(&pack, run).await {
            Ok(read) => shelf.keep_run(&read).await?,
            Err(reason) => {
                let failed = FailedOutput { run_id: run.run_id.clone(), path: run.result_path.clone(), reason };
                answer.failed_outputs.push(failed);
                RunStatus::Rejected
            }
        };
        match status {
            RunStatus::Rejected => answer.rejected += 1,
            RunStatus::Accepted | RunStatus::Duplicate => answer.accepted += 1,
        }
        answer.items.push(RunSyncItem { run_id: run.run_id.clone(), status: status.name().to_owned() });
    }
    Ok(answer)
}

async fn read(pack: &Digest, run: &RunInfo) -> std::result::Result<Run, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !(1..=100).contains(&run.run_id.len()) || !run.run_id.bytes().all(plain) {
        return Err("run_id is not of letters, digits, - and _".to_owned());
    }
    let path = Path::new(&run.result_path).to_owned();
    if !path.is_absolute() {
        return Err("result_path is not absolute".to_owned());
    }
    let result = tokio::task::spawn_blocking(move || crate::fs::read_regular(&path, limits::MAX_RUN_OUTPUT)).await;
    let result = result.map_err(|_| "reading it was interrupted".to_owned())?.map_err(|error| error.to_string())?;
    if Digest::of(&result).as_str() != run.result_digest {
        return Err("the file is not what result_digest says".to_owned());
    }
    Ok(Run { key: format!("runs/{}/{}", pack.hex(), run.run_id), result })
}
