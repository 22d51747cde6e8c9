//! Which of two commits descends from the other.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::read::prepared;
use crate::core::Ancestry;
use crate::process::Child;

/// How `ours` stands to `theirs` in the repository that contains `directory`; `None` when that is not known: there is
/// no repository, one of the commits is not in it, or its history is cut where the answer may be.
pub async fn ancestry(git: &Child, directory: &Path, ours: &str, theirs: &str, cancel: &CancellationToken) -> Option<Ancestry> {
    let is_id = |text: &str| (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_id(ours) || !is_id(theirs) {
        return None;
    }
    let ask = async |args: &[&str]| prepared(git, directory).args(args.iter().copied()).run(cancel).await.ok();
    let descends = async |ancestor: &str, commit: &str| {
        // 0 yes, 1 no, everything else: one of them is not there.
        match ask(&["merge-base", "--is-ancestor", ancestor, commit]).await?.status.code() {
            Some(0) => Some(true),
            Some(1) => Some(false),
            _ => None,
        }
    };
    match (descends(theirs, ours).await?, descends(ours, theirs).await?) {
        (true, true) => Some(Ancestry::Same),
        (true, false) => Some(Ancestry::After),
        (false, true) => Some(Ancestry::Before),
        (false, false) => {
            let shallow = ask(&["rev-parse", "--is-shallow-repository"]).await?;
            (shallow.success() && shallow.stdout.trim() == "false").then_some(Ancestry::Apart)
        }
    }
}
