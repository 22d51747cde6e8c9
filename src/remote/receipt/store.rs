//! Receipts on disk: `.stagefreight/receipts/push|pull/REMOTE/STAMP_DIGEST.json`, written below the workspace and through no
//! link, each under a name of its own.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{PullReceipt, PushReceipt, RECEIPT_VERSION};
use crate::core::{Digest, Timestamp};
use crate::fs::Beneath;
use crate::names;
use crate::remote::failure::{Failure, FailureKind};
use crate::remote::naming;

/// The most a receipt may weigh, in bytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Receipts of one stamp and digest.
const MAX_SAME: u32 = 1000;

/// What a receipt is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Pushes.
    Push,
    /// Pulls.
    Pull,
}

impl Direction {
    /// The directory's name, and `kind` of the receipts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
        }
    }
}

/// The receipts of a workspace.
#[derive(Debug, Clone)]
pub struct Receipts {
    workspace: PathBuf,
}

/// A receipt and where it lies, relative to the workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<T> {
    /// `.stagefreight/receipts/push/origin/20260102_030405_5c72….json`.
    pub path: String,
    /// The receipt.
    pub receipt: T,
}

/// A receipt of either direction.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyReceipt {
    /// Of a push.
    Push(Box<PushReceipt>),
    /// Of a pull.
    Pull(Box<PullReceipt>),
}

impl Receipts {
    /// Those of a workspace.
    pub fn of(workspace: &Path) -> Self {
        // The workspace may be reached through a link; what lies below it may not.
        Self { workspace: crate::fs::real_path(workspace).unwrap_or_else(|_| workspace.to_owned()) }
    }

    /// Writes a new push receipt under a name nobody has, and tells the name.
    pub fn create_push(&self, receipt: &mut PushReceipt, now: Timestamp) -> Result<String, Failure> {
        receipt.checksum = String::new();
        receipt.checksum = checksum(receipt);
        self.create(Direction::Push, &receipt.remote, &receipt.pack.file_digest, receipt, now)
    }

    /// Writes a new pull receipt under a name nobody has, and tells the name.
    pub fn create_pull(&self, receipt: &mut PullReceipt, now: Timestamp) -> Result<String, Failure> {
        receipt.checksum = String::new();
        receipt.checksum = checksum(receipt);
        self.create(Direction::Pull, &receipt.remote, &receipt.pack.digest, receipt, now)
    }

    /// Writes a push receipt in place of the one at `path`.
    pub fn update(&self, path: &str, receipt: &mut PushReceipt, now: Timestamp) -> Result<(), Failure> {
        receipt.updated_at = now.precise();
        receipt.checksum = String::new();
        receipt.checksum = checksum(receipt);
        Ok(Beneath::open(&self.workspace)?.write(path, &encode(receipt), 0o644)?)
    }

    /// Every push to a remote, oldest first. Files that are no receipts are left out: one that cannot be used must not hide
    /// the others, and `receipt verify` names it.
    pub fn pushes(&self, remote: &str) -> Result<Vec<Found<PushReceipt>>, Failure> {
        let mut found = Vec::new();
        for path in self.paths(Some(Direction::Push), Some(remote))? {
            if let Ok(AnyReceipt::Push(receipt)) = self.read(&path) {
                found.push(Found { path, receipt: *receipt });
            }
        }
        Ok(found)
    }

    /// The latest push with this key.
    pub fn find(&self, remote: &str, key: &str) -> Result<Option<Found<PushReceipt>>, Failure> {
        let same = self.pushes(remote)?.into_iter().filter(|found| found.receipt.idempotency_key == key);
        Ok(same.max_by(|a, b| a.receipt.updated_at.cmp(&b.receipt.updated_at)))
    }

    /// Paths of all receipts, of one remote or of all, oldest first within each directory.
    pub fn paths(&self, direction: Option<Direction>, remote: Option<&str>) -> Result<Vec<String>, Failure> {
        let mut paths = Vec::new();
        for direction in [Direction::Push, Direction::Pull].into_iter().filter(|one| direction.is_none_or(|wanted| wanted == *one)) {
            let base = format!("{}/{}", names::path::RECEIPTS, direction.name());
            let Some(dir) = self.dir(&base)? else { continue };
            for name in dir.names()?.into_iter().filter(|name| naming::is_name(name) && remote.is_none_or(|wanted| wanted == name)) {
                let Ok(inner) = dir.dir(&name, false) else { continue };
                let files = inner.names()?.into_iter().filter(|file| is_receipt(file));
                paths.extend(files.map(|file| format!("{base}/{name}/{file}")));
            }
        }
        Ok(paths)
    }

    /// Reads a receipt and checks its form and its checksum.
    pub fn read(&self, path: &str) -> Result<AnyReceipt, Failure> {
        parse(&Beneath::open(&self.workspace)?.read(path, MAX_BYTES)?).map_err(|failure| failure.context(path))
    }

    fn dir(&self, relative: &str) -> Result<Option<Beneath>, Failure> {
        match Beneath::open(&self.workspace)?.dir(relative, false) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn create<T: Serialize>(
        &self,
        direction: Direction,
        remote: &str,
        digest: &str,
        receipt: &T,
        now: Timestamp,
    ) -> Result<String, Failure> {
        if !naming::is_name(remote) {
            return Err(Failure::new(FailureKind::Usage, format!("`{}` is not the name of a remote", remote.escape_debug())));
        }
        let base = format!("{}/{}/{remote}/{}_{}", names::path::RECEIPTS, direction.name(), stamp(now), short(digest));
        let workspace = Beneath::open(&self.workspace)?;
        for number in 1..=MAX_SAME {
            let path = if number == 1 { format!("{base}.json") } else { format!("{base}-{number}.json") };
            let mut pending = workspace.begin(&path)?;
            pending.fill(&encode(receipt))?;
            if pending.keep_new(0o644)? {
                return Ok(path);
            }
        }
        Err(Failure::new(FailureKind::Source, format!("there are {MAX_SAME} receipts like {base}.json")))
    }
}

/// Reads a receipt's text and checks its form and its checksum.
pub fn parse(bytes: &[u8]) -> Result<AnyReceipt, Failure> {
    #[derive(serde::Deserialize)]
    struct Head {
        receipt_version: u32,
        kind: String,
    }
    let head: Head = read(bytes)?;
    if head.receipt_version != RECEIPT_VERSION {
        return Err(broken(&format!("its version is {} and this program knows {RECEIPT_VERSION}", head.receipt_version)));
    }
    let (any, said, is) = match head.kind.as_str() {
        "push" => {
            let receipt: PushReceipt = read(bytes)?;
            let is = checksum(&PushReceipt { checksum: String::new(), ..receipt.clone() });
            (AnyReceipt::Push(Box::new(receipt.clone())), receipt.checksum, is)
        }
        "pull" => {
            let receipt: PullReceipt = read(bytes)?;
            let is = checksum(&PullReceipt { checksum: String::new(), ..receipt.clone() });
            (AnyReceipt::Pull(Box::new(receipt.clone())), receipt.checksum, is)
        }
        _ => return Err(broken("it is neither of a push nor of a pull")),
    };
    if said != is {
        return Err(Failure::new(FailureKind::Unverified, "its checksum does not fit: somebody changed it, or it is damaged")
            .hint("receipts are not edited; take it from the job that wrote it"));
    }
    Ok(any)
}

fn broken(why: &str) -> Failure {
    Failure::new(FailureKind::Unverified, format!("it is no receipt: {why}"))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| broken(&error.to_string()))
}

fn encode<T: Serialize>(receipt: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(receipt).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

// Of the compact text, with an empty checksum.
fn checksum<T: Serialize>(receipt: &T) -> String {
    Digest::of(&serde_json::to_vec(receipt).unwrap_or_default()).to_string()
}

fn is_receipt(name: &str) -> bool {
    !name.starts_with('.') && Path::new(name).extension().is_some_and(|extension| extension == "json")
}

// `YYYYMMDD_HHMMSS` in UTC.
fn stamp(now: Timestamp) -> String {
    let digits: String = now.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = digits.split_at(8.min(digits.len()));
    format!("{day}_{time}")
}

fn short(digest: &str) -> String {
    let hex = digest.rsplit_once(':').map_or(digest, |(_, hex)| hex);
    hex.chars().filter(char::is_ascii_alphanumeric).take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{ClientReceipt, PulledPack, TargetReceipt};
    use super::*;
    use crate::fs;

    fn receipt() -> PullReceipt {
        PullReceipt {
            receipt_version: RECEIPT_VERSION,
            kind: "pull".to_owned(),
            created_at: "2026-01-02T03:04:05.000Z".to_owned(),
            remote: "origin".to_owned(),
            environment: None,
            target: TargetReceipt::default(),
            requested: "latest".to_owned(),
            pack: PulledPack {
                output_path: "/x".to_owned(),
                digest: Digest::of(b"x").to_string(),
                size_bytes: 1,
                stream: None,
                created_at: None,
                release_id: None,
                version: None,
                labels: Vec::new(),
            },
            verified: true,
            from: "https://x/y".to_owned(),
            adapter: super::super::AdapterReceipt::default(),
            warnings: Vec::new(),
            client: ClientReceipt::ours(),
            checksum: String::new(),
        }
    }

    #[test]
    fn each_has_a_name_of_its_own_and_changes_are_noticed() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let receipts = Receipts::of(dir.path());
        let now = Timestamp::from_unix(1_782_907_200);
        let first = receipts.create_pull(&mut receipt(), now).expect("first");
        let second = receipts.create_pull(&mut receipt(), now).expect("second");
        assert_eq!(first, ".stagefreight/receipts/pull/origin/20260701_120000_2d711642.json");
        assert_eq!(second, ".stagefreight/receipts/pull/origin/20260701_120000_2d711642-2.json");
        assert_eq!(receipts.paths(None, None).expect("paths").len(), 2);
        assert!(matches!(receipts.read(&first), Ok(AnyReceipt::Pull(_))));
        let text = String::from_utf8(fs::read_bounded(&dir.path().join(&first), 10_000).expect("text")).expect("UTF-8");
        assert!(parse(text.replace("https://x/y", "https://x/z").as_bytes()).is_err_and(|failure| failure.message.contains("checksum")));
        assert!(parse(text.replace("\"verified\": true", "\"verified\": true, \"more\": 1").as_bytes()).is_err());
        assert!(parse(text.replace("\"receipt_version\": 1", "\"receipt_version\": 2").as_bytes()).is_err());
    }

    #[test]
    fn links_on_the_way_are_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let outside = tempfile::tempdir().expect("outside");
        fs::symlink(outside.path(), &dir.path().join(".stagefreight")).expect("link");
        let receipts = Receipts::of(dir.path());
        assert!(receipts.create_pull(&mut receipt(), Timestamp::from_unix(0)).is_err());
        assert!(fs::names_in(outside.path()).expect("names").is_empty());
    }
}
