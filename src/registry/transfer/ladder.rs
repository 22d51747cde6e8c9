//! How one blob comes to be in one repository, the cheapest way first: it is there, another repository lends it, it is
//! sent in one request, it is sent in pieces from where the last attempt ended.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::host_facts::{BULK, HostFacts};
use super::session::held;
use super::source::Source;
use crate::core::oci::Descriptor;
use crate::http::{Budget, Method, OnProgress, Replay, Request, Response, StatusCode, header};
use crate::registry::auth::Scopes;
use crate::registry::blobs::check_echo;
use crate::registry::client::{Access, Client};
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::registry::location::Session;

/// How much one piece carries after a whole blob did not get through. Large enough that its round trip does not count,
/// small enough that the next cut costs little.
const PIECE: u64 = 16 * 1024 * 1024;

/// Pieces are not cut smaller than this, whatever a registry refuses.
const SMALLEST_PIECE: u64 = 1024 * 1024;

/// How a blob came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobPush {
    /// Bytes that were sent.
    pub sent: u64,
    /// Requests other than GET and HEAD.
    pub writes: u64,
}

/// One blob on its way into one repository.
pub struct Ladder<'a> {
    pub(super) client: &'a Client,
    pub(super) facts: &'a Arc<HostFacts>,
    pub(super) path: &'a str,
    pub(super) blob: &'a Descriptor,
    pub(super) source: Source,
    pub(super) on_progress: OnProgress,
    pub(super) cancel: &'a CancellationToken,
    pub(super) budget: Arc<Budget>,
    pub(super) done: BlobPush,
    /// `OCI-Chunk-Min-Length` of the session.
    pub(super) chunk_min: u64,
}

/// Why a request of an upload brought nothing to an end.
enum Trouble {
    /// Cut, stalled or answered 5xx: what arrived is not known.
    Torn(RegistryError),
    /// 413.
    TooLarge(RegistryError),
    /// The session is gone.
    Lost(RegistryError),
    /// No.
    Refused(RegistryError),
    /// The run ended.
    Cancelled(RegistryError),
}

/// What became of a session.
enum End {
    Arrived,
    Begin(RegistryError),
}

impl<'a> Ladder<'a> {
    /// At the foot of the ladder.
    pub fn new(
        client: &'a Client,
        facts: &'a Arc<HostFacts>,
        path: &'a str,
        blob: &'a Descriptor,
        source: Source,
        on_progress: OnProgress,
        cancel: &'a CancellationToken,
    ) -> Self {
        let budget = client.budget();
        Self { client, facts, path, blob, source, on_progress, cancel, budget, done: BlobPush::default(), chunk_min: 0 }
    }

    /// Makes the repository hold the blob. `neighbours` are repositories of the host that hold it.
    pub async fn climb(mut self, neighbours: &[String]) -> Result<BlobPush, RegistryError> {
        let asks = self.facts.asks_first(self.path, self.blob.size);
        if asks {
            let found = self.is_there().await?;
            self.facts.asked(self.path, found);
            if found {
                return Ok(self.done);
            }
        }
        let mut lender = neighbours.first().map(String::as_str).or((!asks).then_some(self.path));
        let mut piece = self.first_piece();
        loop {
            let Some(session) = self.open(lender.take()).await? else { return Ok(self.done) };
            self.source.check_size().await?;
            match self.send(session, &mut piece).await? {
                End::Arrived => {
                    self.done.sent += self.blob.size;
                    return Ok(self.done);
                }
                End::Begin(failure) if !self.budget.spend(self.cancel).await => return Err(self.exhausted(failure)),
                End::Begin(_) => {}
            }
        }
    }

    async fn is_there(&self) -> Result<bool, RegistryError> {
        self.client.has_blob(self.path, &self.blob.digest, Access::Push, self.cancel).await
    }

    /// Sends in pieces from the start only where one request is known not to carry it.
    fn first_piece(&self) -> Option<u64> {
        let uploads = &self.client.provider.uploads;
        let most = self.facts.most().min(uploads.most.unwrap_or(u64::MAX));
        (uploads.pieces && self.blob.size > most).then_some(most)
    }

    /// Fills one session until the blob is there, or the session is of no use any more.
    async fn send(&mut self, mut session: Session, piece: &mut Option<u64>) -> Result<End, RegistryError> {
        let (mut offset, mut stuck) = (0, 0);
        loop {
            let before = offset;
            let outcome = match *piece {
                Some(piece) => self.send_pieces(&mut session, &mut offset, piece).await,
                None => self.send_whole(&session).await,
            };
            let failure = match outcome {
                Ok(()) => return Ok(End::Arrived),
                Err(Trouble::Cancelled(error)) => return Err(error),
                Err(Trouble::Refused(error)) => {
                    self.cancel_session(&session).await;
                    return Err(self.explained(error).await);
                }
                Err(Trouble::TooLarge(error)) => {
                    let Some(smaller) = self.smaller(*piece) else {
                        self.cancel_session(&session).await;
                        return Err(error);
                    };
                    self.facts.carry_at_most(smaller);
                    *piece = Some(smaller);
                    error
                }
                Err(Trouble::Lost(error)) => {
                    return Ok(if self.is_there().await? { End::Arrived } else { End::Begin(error) });
                }
                Err(Trouble::Torn(error)) => error,
            };
            // A small blob is sent again sooner than asked about.
            let stand = if self.blob.size < BULK { None } else { self.stand(&mut session).await? };
            let Some(held) = stand else {
                if self.is_there().await? {
                    return Ok(End::Arrived);
                }
                self.cancel_session(&session).await;
                return Ok(End::Begin(failure));
            };
            offset = held;
            let rest = self.blob.size - held;
            if piece.is_none() && self.client.provider.uploads.pieces && (held > 0 || rest > PIECE) {
                *piece = Some(PIECE);
            }
            // Progress is not a failure: a long upload over a bad line may be cut more often than the budget has retries.
            if held > before {
                stuck = 0;
                continue;
            }
            stuck += 1;
            // A session that holds nothing, or gets nowhere, may be one the registry is still busy with.
            if held == 0 || stuck > 1 || !self.budget.spend(self.cancel).await {
                let arrived = self.is_there().await?;
                self.cancel_session(&session).await;
                return Ok(if arrived { End::Arrived } else { End::Begin(failure) });
            }
        }
    }

    /// The whole blob in the request that closes the session.
    async fn send_whole(&mut self, session: &Session) -> Result<(), Trouble> {
        let request = Request::new(Method::PUT, session.closing(&self.blob.digest))
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(self.source.body(0, self.blob.size))
            .bulk(self.blob.size >= BULK)
            .on_progress(Arc::clone(&self.on_progress));
        self.close(session, request).await
    }

    /// The rest of the blob in pieces, then the request that closes the session. `offset` follows what the registry
    /// says it holds.
    async fn send_pieces(&mut self, session: &mut Session, offset: &mut u64, piece: u64) -> Result<(), Trouble> {
        let piece = piece.max(self.chunk_min).max(1);
        while *offset < self.blob.size {
            let (from, len) = (*offset, piece.min(self.blob.size - *offset));
            let progress = Arc::clone(&self.on_progress);
            let request = Request::new(Method::PATCH, session.url.clone())
                .header(header::CONTENT_TYPE, "application/octet-stream")
                .header(header::CONTENT_RANGE, &format!("{from}-{}", from + len - 1))
                .body(self.source.body(from, len))
                .bulk(len >= BULK)
                .on_progress(Arc::new(move |moved| progress(from + moved)));
            let response = self.request(session, request).await?;
            let told = held(&response).filter(|held| *held <= self.blob.size && self.client.provider.uploads.ranges);
            if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
                let error = self.client.refused(&self.doing(), response).await;
                // It holds another part than we thought: go on from there, unless that is where we were.
                match told {
                    Some(held) if held != from && self.budget.take().is_some() => *offset = held,
                    _ => return Err(Trouble::Lost(error)),
                }
                continue;
            }
            // Some always tell the same range, or none: then what was accepted is there.
            *offset = told.filter(|held| *held > from).unwrap_or(from + len);
            self.follow(session, &response).map_err(Trouble::Refused)?;
            response.discard().await;
        }
        let request =
            Request::new(Method::PUT, session.closing(&self.blob.digest)).header(header::CONTENT_TYPE, "application/octet-stream");
        self.close(session, request).await
    }

    /// The request that names the digest. What the registry echoes must be ours.
    async fn close(&mut self, session: &Session, request: Request) -> Result<(), Trouble> {
        let response = self.request(session, request).await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(Trouble::Lost(self.client.refused(&self.doing(), response).await));
        }
        check_echo(&response, &self.blob.digest).map_err(|error| Trouble::Refused(error.context(&self.doing())))?;
        response.discard().await;
        Ok(())
    }

    /// One request of the upload: a success, or a 416 for the caller to read; everything else sorted.
    async fn request(&mut self, session: &Session, request: Request) -> Result<Response, Trouble> {
        // A closed session cannot be closed again, nor a piece be added twice: whoever does not know looks instead.
        let request = self.prepared(request.replay(Replay::Once));
        self.done.writes += 1;
        let outcome = if session.ours {
            self.client.call(request, &Scopes::push(self.path), self.cancel).await
        } else {
            self.client.call_elsewhere(request, self.cancel).await
        };
        match outcome {
            Ok(response) if response.status().is_success() || response.status() == StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
            Ok(response) => {
                let status = response.status();
                let error = self.client.refused(&self.doing(), response).await;
                Err(match status {
                    StatusCode::NOT_FOUND | StatusCode::GONE => Trouble::Lost(error),
                    StatusCode::PAYLOAD_TOO_LARGE => Trouble::TooLarge(error),
                    _ => Trouble::Refused(error),
                })
            }
            Err(error) => {
                let error = error.context(&self.doing());
                Err(match error.kind {
                    RegistryErrorKind::Ambiguous | RegistryErrorKind::Unavailable => Trouble::Torn(error),
                    RegistryErrorKind::Cancelled => Trouble::Cancelled(error),
                    _ => Trouble::Refused(error),
                })
            }
        }
    }

    /// What every request of this blob has in common: the budget, and who is told when the host wants less.
    pub(super) fn prepared(&self, request: Request) -> Request {
        let facts = Arc::clone(self.facts);
        request.budget(&self.budget).on_pushback(Arc::new(move |wait| facts.gate.pushed_back(wait)))
    }

    /// Half of what was refused as too large.
    fn smaller(&self, piece: Option<u64>) -> Option<u64> {
        let refused = piece.unwrap_or(self.blob.size).min(self.blob.size);
        let smaller = (refused / 2).min(PIECE).max(self.chunk_min);
        (self.client.provider.uploads.pieces && smaller < refused && smaller >= SMALLEST_PIECE.min(refused / 2)).then_some(smaller)
    }

    /// A registry that refuses bytes may be right: then the file is to blame, not the registry.
    async fn explained(&self, error: RegistryError) -> RegistryError {
        if error.kind != RegistryErrorKind::Rejected && error.kind != RegistryErrorKind::Mismatch {
            return error;
        }
        match self.source.check_digest().await {
            Err(changed) => changed.context(&self.doing()),
            Ok(()) => error,
        }
    }

    fn exhausted(&self, failure: RegistryError) -> RegistryError {
        if self.cancel.is_cancelled() {
            return RegistryError { kind: RegistryErrorKind::Cancelled, ..failure };
        }
        // It was looked at, so it is not ambiguous: the blob is not there.
        RegistryError { kind: RegistryErrorKind::Unavailable, ..failure }
    }

    fn doing(&self) -> String {
        format!("send {} to {}/{}", self.blob.digest.short(), self.client.host(), self.path)
    }
}
