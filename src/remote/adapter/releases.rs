//! An adapter made of a shelf: pushes that may be repeated, versions that stay what they are, pulls in four ways.

use std::path::{Path, PathBuf};

use super::draft::{Draft, Ticket, Token as _};
use super::record::RECORD_SCHEMA_VERSION;
use super::{About, Adapter, Asked, Backend, Kept, Piece, Record, Result, Shelf, runs};
use crate::core::{BoxFuture, Digest};
use crate::remote::protocol::{
    DownloadInfo, ErrorCode, ErrorInfo, FinalizeRequest, FinalizeResponse, PackMetadata, PrepareRequest, PrepareResponse,
    PullFinalizeRequest, PullFinalizeResponse, PullPrepareRequest, PullPrepareResponse, ReleaseResult, RunsSyncRequest, RunsSyncResponse,
    TargetConfig, WhoamiResponse, limits,
};

/// Files of one version that are looked at when a pull names the version alone.
const FILES_OF_A_VERSION: usize = 64;

/// An adapter over whatever a backend opens.
#[derive(Debug)]
pub struct Releases<B>(B);

impl<B: Backend> Releases<B> {
    /// Over this backend.
    pub fn new(backend: B) -> Self {
        Self(backend)
    }

    async fn prepare(&self, asked: Asked<'_>, request: PrepareRequest) -> Result<PrepareResponse> {
        let about = self.0.about();
        let record = draft(&about, asked, &request).await?;
        let shelf = self.0.open(asked.settings).await?;
        if let Some(key) = record.version_key()
            && let Some(there) = shelf.read(&key).await?
        {
            same_release(&there, &record)?;
        }
        let upload = asked.settings.world().random_hex(8);
        let draft = Draft { record, upload };
        // A token that cannot be carried is found out before anything is sent.
        let finalize_token = draft.seal(about.name)?;
        let mut answer = PrepareResponse { finalize_token, ..PrepareResponse::default() };
        for (at, piece) in pieces(&draft).into_iter().enumerate() {
            let path = if at == 0 { &request.pack.path } else { &request.sidecars[at - 1].path };
            let name = piece.name.clone();
            let upload = shelf.admit(&Piece { path: Some(PathBuf::from(path)), ..piece }).await?;
            if at == 0 {
                answer.upload = upload;
            } else if !upload.is_skip() {
                answer.sidecar_uploads.insert(name, upload);
            }
        }
        Ok(answer)
    }

    async fn finalize(&self, asked: Asked<'_>, request: FinalizeRequest) -> Result<FinalizeResponse> {
        let draft = Draft::open(&request.finalize_token, self.0.about().name)?;
        let same_size = u64::try_from(request.pack.size_bytes).ok() == Some(draft.record.file.size);
        let same_place = |a: &TargetConfig, b: &TargetConfig| (&a.workspace, &a.environment) == (&b.workspace, &b.environment);
        if request.pack.digest != draft.record.pack_digest || !same_size || !same_place(&request.target, &draft.record.target) {
            return Err(invalid("the pack or target is not the one finalize_token was given for"));
        }
        let shelf = self.0.open(asked.settings).await?;
        for piece in pieces(&draft) {
            if !shelf.settle(&piece).await? {
                return Err(ErrorInfo::new(ErrorCode::NotFound, format!("{} has not arrived, or not whole: upload it again", piece.name)));
            }
        }
        let record = commit(shelf.as_ref(), draft.record).await?;
        let links = shelf.links(&record).into_iter().collect();
        let release = ReleaseResult {
            release_id: record.release_id.clone(),
            pack_digest: record.pack_digest.clone(),
            created_at: Some(record.created_at.to_string()),
            canonical_ref: Some(record.release_id),
        };
        Ok(FinalizeResponse { release, links, ..FinalizeResponse::default() })
    }

    async fn pull(&self, asked: Asked<'_>, request: PullPrepareRequest) -> Result<PullPrepareResponse> {
        let shelf = self.0.open(asked.settings).await?;
        let record = find(shelf.as_ref(), &request).await?;
        let download = shelf.download(&record.file.digest, record.file.size).await?;
        let download = DownloadInfo { method: "GET".to_owned(), ..download };
        let ticket = Ticket { digest: record.file.digest.clone(), release_id: record.release_id.clone() };
        let pack = PackMetadata {
            digest: record.file.digest.to_string(),
            size_bytes: i64::try_from(record.file.size).ok(),
            stream: record.target.stream,
            created_at: Some(record.created_at.to_string()),
            release_id: Some(record.release_id),
            version: record.version,
            labels: record.labels,
            name: Some(record.file.name),
        };
        Ok(PullPrepareResponse { download, pack, finalize_token: ticket.seal(self.0.about().name)? })
    }

    fn confirm(&self, request: &PullFinalizeRequest) -> Result<PullFinalizeResponse> {
        let ticket = Ticket::open(&request.finalize_token, self.0.about().name)?;
        if request.pulled_digest() != Some(ticket.digest.as_str()) {
            return Err(ErrorInfo::new(ErrorCode::Conflict, "what was pulled is not what finalize_token was given for"));
        }
        Ok(PullFinalizeResponse { confirmed: Some(true) })
    }

    async fn sync(&self, asked: Asked<'_>, request: RunsSyncRequest) -> Result<RunsSyncResponse> {
        let most = self.0.about().capabilities.limits.runs_per_sync();
        if most.is_some_and(|most| request.runs.len() > most) {
            return Err(invalid("more runs than limits.max_runs_per_sync: send them in several requests"));
        }
        let shelf = self.0.open(asked.settings).await?;
        runs::sync(shelf.as_ref(), &request).await
    }
}

impl<B: Backend> Adapter for Releases<B> {
    fn about(&self) -> About {
        self.0.about()
    }

    fn push_prepare<'a>(&'a self, asked: Asked<'a>, request: PrepareRequest) -> BoxFuture<'a, Result<PrepareResponse>> {
        Box::pin(self.prepare(asked, request))
    }

    fn push_finalize<'a>(&'a self, asked: Asked<'a>, request: FinalizeRequest) -> BoxFuture<'a, Result<FinalizeResponse>> {
        Box::pin(self.finalize(asked, request))
    }

    fn pull_prepare<'a>(&'a self, asked: Asked<'a>, request: PullPrepareRequest) -> BoxFuture<'a, Result<PullPrepareResponse>> {
        Box::pin(self.pull(asked, request))
    }

    fn pull_finalize<'a>(&'a self, _asked: Asked<'a>, request: PullFinalizeRequest) -> BoxFuture<'a, Result<PullFinalizeResponse>> {
        Box::pin(async move { self.confirm(&request) })
    }

    fn runs_sync<'a>(&'a self, asked: Asked<'a>, request: RunsSyncRequest) -> BoxFuture<'a, Result<RunsSyncResponse>> {
        Box::pin(self.sync(asked, request))
    }

    fn auth_whoami<'a>(&'a self, asked: Asked<'a>) -> BoxFuture<'a, Result<WhoamiResponse>> {
        Box::pin(async move { Ok(WhoamiResponse { identity: self.0.whoami(asked.settings).await? }) })
    }
}

/// The release a push describes, after everything that can be wrong with the description was looked at.
async fn draft(about: &About, asked: Asked<'_>, request: &PrepareRequest) -> Result<Record> {
    let pack = &request.pack;
    let name = pack.name.as_deref().or_else(|| Path::new(&pack.path).file_name()?.to_str()).unwrap_or("pack");
    let digest = match &pack.file_digest {
        Some(text) => parse(text)?,
        // Hosts of the older generation do not say it.
        None => hash_file(Path::new(&pack.path)).await?,
    };
    let file = Kept { name: bounded(name, "the file name")?, digest, size: length(pack.size_bytes)?, role: None };
    if about.capabilities.limits.pack_bytes().is_some_and(|most| file.size > most) {
        return Err(invalid("the file is larger than limits.max_pack_bytes"));
    }
    if request.sidecars.len() > limits::MAX_SIDECARS {
        return Err(invalid("too many sidecars"));
    }
    let mut sidecars: Vec<Kept> = Vec::new();
    for sidecar in &request.sidecars {
        let (digest, size) = (parse(&sidecar.file_digest)?, length(sidecar.size_bytes)?);
        let kept = Kept { name: bounded(&sidecar.name, "a sidecar's name")?, digest, size, role: Some(sidecar.role) };
        if kept.name == file.name || sidecars.iter().any(|other| other.name == kept.name) {
            return Err(invalid("two files of the push have the same name"));
        }
        sidecars.push(kept);
    }
    let said = &request.release;
    let version = said.version.as_deref().filter(|text| !text.is_empty()).map(|text| bounded(text, "the version")).transpose()?;
    let mut build_context = said.build_context.clone();
    if let Some(source) = &said.source {
        for (key, value) in [("git_sha", &source.git_sha), ("ci_run_url", &source.ci_run_url)] {
            if let Some(value) = value {
                build_context.entry(key.to_owned()).or_insert_with(|| value.clone());
            }
        }
    }
    Ok(Record {
        schema_version: RECORD_SCHEMA_VERSION,
        release_id: Record::id_of(&request.target, version.as_deref(), &file),
        pack_digest: pack.digest.clone(),
        file,
        sidecars,
        target: request.target.clone(),
        version,
        channel: said.channel.clone(),
        prerelease: said.prerelease,
        labels: said.labels.clone(),
        notes: said.notes.clone(),
        build_context,
        created_at: asked.settings.world().clock.now(),
    })
}

/// The file, then its sidecars. Their uploads have names of their own.
fn pieces(draft: &Draft) -> Vec<Piece> {
    let all = std::iter::once(&draft.record.file).chain(&draft.record.sidecars).enumerate();
    let piece = |(at, kept): (usize, &Kept)| Piece {
        name: kept.name.clone(),
        digest: kept.digest.clone(),
        size: kept.size,
        path: None,
        upload: format!("{}{at:02x}", draft.upload),
    };
    all.map(piece).collect()
}

/// Writes a release down. Every key is written once, the id last; whatever was interrupted is completed by doing it again.
async fn commit(shelf: &dyn Shelf, record: Record) -> Result<Record> {
    let id = Record::release_key(&record.release_id);
    let there = match record.version_key() {
        Some(key) => shelf.keep(&key, &record).await?,
        None => shelf.read(&id).await?,
    };
    let record = match there {
        Some(there) => {
            same_release(&there, &record)?;
            there
        }
        None => record,
    };
    shelf.keep(&Record::file_key(&record.file.digest), &record).await?;
    for key in record.timeline_keys() {
        shelf.keep(&key, &record).await?;
    }
    Ok(shelf.keep(&id, &record).await?.unwrap_or(record))
}

fn same_release(there: &Record, ours: &Record) -> Result<()> {
    if there.covers(ours) {
        return Ok(());
    }
    let what = ours.version.as_ref().map_or_else(|| ours.release_id.clone(), |version| format!("version {version}"));
    let message = format!("{what} of {} exists with other content ({})", ours.file.name, there.file.digest.short());
    Err(ErrorInfo::new(ErrorCode::Conflict, message))
}

async fn find(shelf: &dyn Shelf, request: &PullPrepareRequest) -> Result<Record> {
    let wanted = &request.pack_ref;
    if !wanted.is_valid() {
        return Err(invalid("ref names none or several of digest, release_id, version and latest"));
    }
    let missing = |what: &str| ErrorInfo::new(ErrorCode::NotFound, format!("there is no release {what}"));
    if let Some(digest) = &wanted.digest {
        return shelf.read(&Record::file_key(&parse(digest)?)).await?.ok_or_else(|| missing("of these bytes"));
    }
    if let Some(id) = &wanted.release_id {
        let well_formed = id.strip_prefix("rel_").is_some_and(|hex| hex.len() == 24 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let found = if well_formed { shelf.read(&Record::release_key(&id.to_ascii_lowercase())).await? } else { None };
        return found.ok_or_else(|| missing("with that id"));
    }
    if let Some(version) = &wanted.version {
        return of_version(shelf, &request.target, version).await?.ok_or_else(|| missing("of that version"));
    }
    let newest = shelf.first(&Record::timeline_prefix(&request.target), 1).await?;
    match newest.first() {
        Some(key) => shelf.read(key).await?.ok_or_else(|| missing("here any more")),
        None => Err(missing("here that is no pre-release")),
    }
}

async fn of_version(shelf: &dyn Shelf, target: &TargetConfig, version: &str) -> Result<Option<Record>> {
    let mut found: Option<Record> = None;
    let mut names: Vec<String> = Vec::new();
    for key in shelf.first(&Record::version_prefix(target, version), FILES_OF_A_VERSION).await? {
        let Some(record) = shelf.read(&key).await? else { continue };
        if target.stream.is_some() && record.target.stream != target.stream {
            continue;
        }
        names.push(record.file.name.clone());
        found.get_or_insert(record);
    }
    if names.len() > 1 {
        let message = format!("version {version} has {} files ({}): ask for one by digest or release id", names.len(), names.join(", "));
        return Err(invalid(&message));
    }
    Ok(found)
}

/// Hashes a file piece by piece.
async fn hash_file(path: &Path) -> Result<Digest> {
    let path = path.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        use std::io::Read as _;
        let (mut file, _) = crate::fs::open_regular(&path)?;
        let mut digest = crate::core::Digester::new(crate::core::Algorithm::Sha256);
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer).map_err(crate::core::PathError::at("read", &path))? {
                0 => return Ok::<_, crate::core::PathError>(digest.finish()),
                count => digest.update(&buffer[..count]),
            }
        }
    });
    let hashed = hashed.await.map_err(|_| ErrorInfo::new(ErrorCode::ServerError, "hashing the file was interrupted"))?;
    hashed.map_err(|error| invalid(&error.to_string()))
}

fn parse(text: &str) -> Result<Digest> {
    text.parse().map_err(|error: crate::core::digest::DigestError| invalid(&error.to_string()))
}

fn length(bytes: i64) -> Result<u64> {
    u64::try_from(bytes).map_err(|_| invalid("size_bytes is negative"))
}

fn bounded(text: &str, what: &str) -> Result<String> {
    if text.is_empty() || text.len() > limits::MAX_TEXT || text.chars().any(char::is_control) {
        return Err(invalid(&format!("{what} is empty, too long, or holds control characters")));
    }
    Ok(text.to_owned())
}

fn invalid(message: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::InvalidRequest, message)
}
