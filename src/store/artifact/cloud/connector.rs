//! The library for object stores speaks through the one HTTP client of this program: its certificate authorities, proxy,
//! patience, retries and log hold here too. The library's own retries are off.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService};
use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::CancellationToken;

use crate::core::Secret;
use crate::http::{self, Method, Replay, Request, Response, Url, header};

/// Answers up to this many bytes are read at once.
const SMALL: u64 = 256 * 1024;

/// Pieces of a larger answer that wait to be read.
const WAITING: usize = 2;

/// Headers with which a request says that it must not be done twice.
const CONDITIONS: [&str; 3] = ["if-none-match", "if-match", "x-goog-if-generation-match"];

/// Hands the library our client.
#[derive(Debug, Clone)]
pub struct Connector(pub http::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Connector {
    fn call<'life0, 'async_trait>(&'life0 self, request: HttpRequest) -> Answer<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let url = Url::parse(&parts.uri.to_string()).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
            let replay = replay(&parts.method, &url, &parts.headers);
            let mut ours = Request::new(parts.method, url).replay(replay);
            for (name, value) in &parts.headers {
                let Ok(value) = value.to_str() else { continue };
                // The length is the body's.
                if *name == header::AUTHORIZATION {
                    ours = ours.authorization(Some(Secret::new(value)));
                } else if *name != header::CONTENT_LENGTH {
                    ours = ours.header(name.clone(), value);
                }
            }
            let body = body.collect().await?.to_bytes();
            if !body.is_empty() {
                ours = ours.body(http::Body::Bytes(body));
            }
            // Whoever gives up drops this future, and with it the connection.
            let response = self.0.send(&ours, &CancellationToken::new()).await.map_err(failed)?;
            answer(response).await
        })
    }
}

/// May the request be sent again when its answer was lost?
fn replay(method: &Method, url: &Url, headers: &header::HeaderMap) -> Replay {
    let conditional = CONDITIONS.iter().any(|name| headers.contains_key(*name));
    // Beginning or ending an upload twice is another thing than doing it once; asking twice for a token is not.
    let of_an_upload = url.query_pairs().any(|(name, _)| name == "uploads" || name == "uploadId");
    match *method {
        Method::POST if of_an_upload => Replay::Once,
        Method::PUT if conditional => Replay::Once,
        _ => Replay::Safe,
    }
}

fn failed(error: http::HttpError) -> HttpError {
    use http::HttpErrorKind as K;
    let kind = match error.kind {
        K::Dns | K::Connect | K::Certificate | K::Tls => HttpErrorKind::Connect,
        K::Timeout | K::Stalled => HttpErrorKind::Timeout,
        K::Cut | K::Refused | K::Ambiguous => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}

async fn answer(response: Response) -> Result<HttpResponse, HttpError> {
    let mut built = hyper::Response::builder().status(response.status());
    for (name, value) in response.headers() {
        built = built.header(name, value);
    }
    let small = *response.method() == Method::HEAD || response.content_length().is_some_and(|length| length <= SMALL);
    let body = if small {
        HttpResponseBody::from(Bytes::from(response.bytes(usize::try_from(SMALL).unwrap_or(usize::MAX)).await.map_err(failed)?))
    } else {
        HttpResponseBody::new(Pieces(pump(response)))
    };
    built.body(body).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))
}

/// Reads an answer as fast as somebody takes it.
fn pump(mut response: Response) -> Receiver<Result<Bytes, HttpError>> {
    let (sender, receiver) = channel(WAITING);
    tokio::spawn(async move {
        loop {
            let piece = match response.chunk().await {
                Ok(Some(piece)) => Ok(piece),
                Ok(None) => return,
                Err(error) => Err(failed(error)),
            };
            let last = piece.is_err();
            if sender.send(piece).await.is_err() || last {
                return;
            }
        }
    });
    receiver
}

struct Pieces(Receiver<Result<Bytes, HttpError>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
