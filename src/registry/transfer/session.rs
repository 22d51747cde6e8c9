//! Upload sessions: opening one (or being lent the blob instead), asking where it stands, giving it back
//! (distribution specification, end-4a, end-6, end-11, end-13, end-14).

use super::ladder::Ladder;
use crate::http::{Method, Replay, Request, Response, StatusCode, Url, header};
use crate::registry::auth::Scopes;
use crate::registry::blobs::check_echo;
use crate::registry::client::SHORT_ANSWER;
use crate::registry::error::{RegistryError, RegistryErrorKind};
use crate::registry::location::{LocationError, Session};

/// `OCI-Chunk-Min-Length`: no chunk but the last may be smaller.
const CHUNK_MIN_LENGTH: header::HeaderName = header::HeaderName::from_static("oci-chunk-min-length");

/// A smallest chunk above this is not believed: it would take more than a request may carry anywhere.
const LARGEST_CHUNK_MIN: u64 = 5 << 30;

impl Ladder<'_> {
    /// Opens a session, asking another repository (or this one) for the blob in the same request. `None`: it is there.
    pub(super) async fn open(&mut self, lender: Option<&str>) -> Result<Option<Session>, RegistryError> {
        let mut lender = lender;
        loop {
            let (client, path, digest) = (self.client, self.path, &self.blob.digest);
            let doing = || format!("open an upload session in {}/{path}", client.host());
            let mut scopes = Scopes::push(path);
            let mut rest = "blobs/uploads/".to_owned();
            if let Some(from) = lender {
                scopes = scopes.and(from, &["pull"]);
                let from: String = url::form_urlencoded::byte_serialize(from.as_bytes()).collect();
                rest = format!("blobs/uploads/?mount={digest}&from={from}");
            }
            let url = client.url(path, &rest, self.cancel).await?;
            // A session nobody uses expires by itself: opening two is harmless.
            let request = Request::new(Method::POST, url).replay(Replay::Safe).deadline(SHORT_ANSWER);
            let request = self.prepared(request);
            self.done.writes += 1;
            match client.call(request, &scopes, self.cancel).await {
                Ok(response) if response.status() == StatusCode::CREATED && lender.is_some() => {
                    check_echo(&response, digest)?;
                    response.discard().await;
                    return Ok(None);
                }
                Ok(response) if response.status().is_success() => {
                    let asked = response.url().expose().clone();
                    let session = Session::join(&asked, response.header(&header::LOCATION), client.provider);
                    self.chunk_min = response.header(&CHUNK_MIN_LENGTH).and_then(|text| text.trim().parse().ok()).unwrap_or(0);
                    self.chunk_min = self.chunk_min.min(LARGEST_CHUNK_MIN);
                    response.discard().await;
                    return session.map(Some).map_err(|error| unusable(&error).context(&doing()));
                }
                // A neighbour that cannot lend must not stop us: ask for a plain session.
                Ok(response) if lender.is_some() && response.status().is_client_error() => response.discard().await,
                Err(error)
                    if lender.is_some_and(|from| from != path)
                        && matches!(error.kind, RegistryErrorKind::Unauthorized | RegistryErrorKind::Denied) => {}
                Ok(response) => return Err(client.refused(&doing(), response).await),
                Err(error) => return Err(error.context(&doing())),
            }
            lender = None;
        }
    }

    /// How many bytes the registry has of a session whose last request ended unclearly. `None`: it does not know the
    /// session any more, or does not say.
    pub(super) async fn stand(&mut self, session: &mut Session) -> Result<Option<u64>, RegistryError> {
        if !session.ours || !self.client.provider.uploads.ranges {
            return Ok(None);
        }
        let request = self.prepared(Request::new(Method::GET, session.url.clone()).deadline(SHORT_ANSWER));
        let response = match self.client.call(request, &Scopes::push(self.path), self.cancel).await {
            Ok(response) => response,
            Err(error) if error.kind == RegistryErrorKind::Cancelled => return Err(error),
            Err(_) => return Ok(None),
        };
        if !response.status().is_success() {
            response.discard().await;
            return Ok(None);
        }
        let held = held(&response).filter(|held| *held <= self.blob.size);
        self.follow(session, &response)?;
        response.discard().await;
        Ok(held)
    }

    /// Goes on where the registry says the session continues.
    pub(super) fn follow(&self, session: &mut Session, response: &Response) -> Result<(), RegistryError> {
        if let Some(location) = response.header(&header::LOCATION) {
            *session = Session::join(response.url().expose(), Some(location), self.client.provider).map_err(|error| unusable(&error))?;
        }
        Ok(())
    }

    /// Gives a session back. Best effort: an abandoned one expires.
    pub(super) async fn cancel_session(&mut self, session: &Session) {
        if !session.ours {
            return;
        }
        let url: Url = session.url.clone();
        let request = Request::new(Method::DELETE, url).replay(Replay::Once).deadline(SHORT_ANSWER);
        self.done.writes += 1;
        // Not the run's token: this is also done on the way out.
        let never = tokio_util::sync::CancellationToken::new();
        if let Ok(response) = self.client.call(request, &Scopes::push(self.path), &never).await {
            response.discard().await;
        }
    }
}

/// Bytes a session holds, from `Range: 0-<last>` (some write `bytes=0-<last>`). An empty session says `0-0`, which
/// reads like one byte: taken for none, since one byte sent twice is a 416 that tells the truth.
pub(super) fn held(response: &Response) -> Option<u64> {
    parse_held(response.header(&header::RANGE)?)
}

fn parse_held(text: &str) -> Option<u64> {
    let (first, last) = text.trim().trim_start_matches("bytes=").split_once('-')?;
    match (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?) {
        (0, 0) => Some(0),
        (0, last) => last.checked_add(1),
        _ => None,
    }
}

fn unusable(error: &LocationError) -> RegistryError {
    RegistryError::new(RegistryErrorKind::Protocol, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_far_a_session_has_come() {
        for (text, expected) in [
            ("0-0", Some(0)),
            ("0-1023", Some(1024)),
            ("bytes=0-9", Some(10)),
            (" 0-9 ", Some(10)),
            ("5-9", None),
            ("0-", None),
            ("", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(parse_held(text), expected, "{text:?}");
        }
    }
}
