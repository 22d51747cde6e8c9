//! A directory as a shelf. Files are uploaded beside their place and given their name when they are whole; records are
//! written once, by a link that fails where there is one.

#![expect(clippy::result_large_err, reason = "what the host is told ends the process; one is made in its life")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use stagefreight::core::{BoxFuture, Digest, PathError};
use stagefreight::fs;
use stagefreight::names;
use stagefreight::remote::adapter::{About, Backend, Piece, Record, Result, Run, Settings, Shelf};
use stagefreight::remote::protocol::{
    Capabilities, CapabilityAuth, CapabilityFeatures, CapabilityLimits, DownloadInfo, ErrorCode, ErrorInfo, REMOTE_ADAPTER, RunStatus,
    UploadInfo, WhoamiIdentity,
};

/// The most a record may weigh.
const MAX_RECORD: u64 = 4 * 1024 * 1024;

/// What is older than this in `incoming/` belongs to a push nobody will finish.
const ABANDONED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Opens directories.
#[derive(Debug)]
pub struct Directory;

/// One directory.
struct Shelves {
    root: PathBuf,
    /// Hash what arrived before it is taken in, for hosts that do not look at what they wrote.
    hashes: bool,
}

impl Backend for Directory {
    fn about(&self) -> About {
        let features = CapabilityFeatures {
            prepare_finalize: true,
            pull: true,
            runs_sync: true,
            whoami: true,
            idempotent: true,
            sidecars: true,
            ..CapabilityFeatures::default()
        };
        let capabilities = Capabilities {
            name: "fs".to_owned(),
            kind: REMOTE_ADAPTER.to_owned(),
            deploy_protocol_version: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: "keeps releases in a directory".to_owned(),
            features,
            // A directory asks nobody who they are.
            auth: CapabilityAuth::default(),
            limits: CapabilityLimits { max_runs_per_sync: 100, ..CapabilityLimits::default() },
            ..Capabilities::default()
        };
        About { name: "fs", version: env!("CARGO_PKG_VERSION"), capabilities }
    }

    fn open<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Box<dyn Shelf>>> {
        Box::pin(async move {
            settings.only(&["root", "verify"])?;
            let root = PathBuf::from(settings.required("root", names::env::REMOTE_FS_ROOT, "the directory")?);
            if !root.is_absolute() {
                return Err(invalid("root is not an absolute path"));
            }
            let hashes = match settings.text("verify", names::env::REMOTE_FS_VERIFY)?.as_deref() {
                None | Some("size") => false,
                Some("digest") => true,
                Some(_) => return Err(invalid("verify is neither `size` nor `digest`")),
            };
            Ok(Box::new(Shelves { root, hashes }) as Box<dyn Shelf>)
        })
    }

    fn whoami<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<WhoamiIdentity>> {
        let subject = settings.env().get("USER").map(str::to_owned);
        Box::pin(async move { Ok(WhoamiIdentity { authenticated: true, subject, ..WhoamiIdentity::default() }) })
    }
}

impl Shelf for Shelves {
    fn admit<'a>(&'a self, piece: &'a Piece) -> BoxFuture<'a, Result<UploadInfo>> {
        Box::pin(async move {
            if self.holds(piece)? {
                return Ok(UploadInfo::skip());
            }
            self.forget_abandoned();
            fs::create_dir(&self.root.join("incoming")).map_err(|error| failed(&error))?;
            let url = url_of(&self.incoming(piece))?;
            Ok(UploadInfo { method: "PUT".to_owned(), url, ..UploadInfo::default() })
        })
    }

    fn settle<'a>(&'a self, piece: &'a Piece) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { self.take_in(piece).map_err(|error| failed(&error)) })
    }

    fn keep<'a>(&'a self, key: &'a str, record: &'a Record) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let bytes = serde_json::to_vec_pretty(record).unwrap_or_default();
            if self.write_once(key, &bytes).map_err(|error| failed(&error))? { Ok(None) } else { self.read(key).await }
        })
    }

    fn read<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let path = self.place(key);
            match fs::read_regular(&path, MAX_RECORD) {
                Ok(bytes) => serde_json::from_slice(&bytes)
                    .map(Some)
                    .map_err(|_| ErrorInfo::new(ErrorCode::ServerError, format!("{} is no record: it was damaged", path.display()))),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(failed(&error)),
            }
        })
    }

    fn first<'a>(&'a self, prefix: &'a str, most: usize) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let names = fs::names_in(&self.root.join(prefix)).map_err(|error| failed(&error))?;
            let keys = names.iter().filter_map(|name| name.strip_suffix(".json")).map(|name| format!("{prefix}{name}"));
            Ok(keys.take(most).collect())
        })
    }

    fn download<'a>(&'a self, digest: &'a Digest, _size: u64) -> BoxFuture<'a, Result<DownloadInfo>> {
        Box::pin(async move { Ok(DownloadInfo { url: url_of(&self.blob(digest))?, ..DownloadInfo::default() }) })
    }

    fn keep_run<'a>(&'a self, run: &'a Run) -> BoxFuture<'a, Result<RunStatus>> {
        Box::pin(async move {
            if self.write_once(&run.key, &run.result).map_err(|error| failed(&error))? {
                return Ok(RunStatus::Accepted);
            }
            let there = fs::read_regular(&self.place(&run.key), run.result.len() as u64);
            Ok(if there.is_ok_and(|there| there == run.result) { RunStatus::Duplicate } else { RunStatus::Rejected })
        })
    }
}

impl Shelves {
    fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    fn incoming(&self, piece: &Piece) -> PathBuf {
        self.root.join("incoming").join(&piece.upload)
    }

    fn place(&self, key: &str) -> PathBuf {
        self.root.join(format!("{key}.json"))
    }

    fn holds(&self, piece: &Piece) -> Result<bool> {
        match fs::open_regular(&self.blob(&piece.digest)) {
            Ok((_, size)) => Ok(size == piece.size),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Gives an upload its name once it is whole and durable. Whoever comes second finds it done.
    fn take_in(&self, piece: &Piece) -> std::result::Result<bool, PathError> {
        let (from, to) = (self.incoming(piece), self.blob(&piece.digest));
        let there = |path: &Path| match fs::open_regular(path) {
            Ok((file, size)) => Ok((size == piece.size).then_some(file)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        };
        let Some(file) = there(&from)? else { return Ok(there(&to)?.is_some()) };
        if self.hashes && hash(file, &from)? != piece.digest {
            return Ok(false);
        }
        fs::set_mode(&from, 0o644)?;
        fs::sync_file(&from)?;
        if let Some(parent) = to.parent() {
            fs::create_dir(parent)?;
        }
        fs::rename(&from, &to)?;
        Ok(true)
    }

    /// Writes what is not there yet: whole, or not at all. `false`: it was there.
    fn write_once(&self, key: &str, bytes: &[u8]) -> std::result::Result<bool, PathError> {
        let place = self.place(key);
        if fs::exists(&place) {
            return Ok(false);
        }
        let parent = place.parent().unwrap_or(&self.root);
        fs::create_dir(parent)?;
        let scratch = fs::Scratch::below(&self.root.join("incoming"), "record")?;
        let whole = scratch.path().join("record");
        fs::write_atomic(&whole, bytes, 0o644)?;
        let written = fs::link_file(&whole, &place)?;
        fs::sync_dir(parent);
        Ok(written)
    }

    /// Uploads that were never finished make room. Not worth failing a push for.
    fn forget_abandoned(&self) {
        let incoming = self.root.join("incoming");
        for name in fs::names_in(&incoming).unwrap_or_default() {
            let path = incoming.join(name);
            let old = fs::modified(&path).ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > ABANDONED);
            if old && fs::is_file(&path) {
                let _somebody_else_did = fs::remove_file(&path);
            }
        }
    }
}

fn hash(mut file: std::fs::File, path: &Path) -> std::result::Result<Digest, PathError> {
    use std::io::Read as _;
    let mut digest = Digest::of(b"").digester();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(PathError::at("read", path))? {
            0 => return Ok(digest.finish()),
            count => digest.update(&buffer[..count]),
        }
    }
}

fn url_of(path: &Path) -> Result<String> {
    stagefreight::http::Url::from_file_path(path).map(String::from).map_err(|()| invalid("root cannot be written as a file: URL"))
}

fn invalid(message: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::InvalidRequest, message)
}

/// A directory that cannot be written is not the request's fault, and trying again rarely helps.
fn failed(error: &PathError) -> ErrorInfo {
    let code = match error.source.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => ErrorCode::Forbidden,
        _ => ErrorCode::ServerError,
    };
    ErrorInfo { retryable: false, ..ErrorInfo::new(code, error.to_string()) }
}
