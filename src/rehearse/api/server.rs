//! From a request to the service and back, with the faults that are due.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE, EXPECT, HOST, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::asked::{Answer, Asked, Cut as Hangup, Inbound};
use super::log::{Exchange, Logged, Observer, Phase, Recorder, RequestLog, Seen};
use crate::core::BoxFuture;
use crate::error::Result;
use crate::rehearse::fault::{Cut, Fault, FaultPlan, Injector, Moment};
use crate::rehearse::registry::Body;
use crate::rehearse::serve::{self, Bounds};

/// A connection on which nothing moves for this long is closed.
const IDLE: Duration = Duration::from_secs(120);

const BOUNDS: Bounds = Bounds { connections: 512, idle: IDLE };

/// Requests that are remembered.
const MOST: usize = 100_000;

/// Headers that carry a credential.
const CREDENTIALS: [&str; 3] = ["authorization", "private-token", "job-token"];

/// What answers requests.
pub trait Service: Send + Sync + 'static {
    /// Does what is asked. `Err` closes the connection without an answer.
    fn answer<'a>(&'a self, asked: &'a mut Asked) -> BoxFuture<'a, std::result::Result<Answer, Hangup>>;
}

/// What a server is started with.
#[derive(Clone)]
pub struct Options {
    /// Where to listen. Port 0 takes a free one.
    pub addr: SocketAddr,
    /// Misbehaviour.
    pub faults: FaultPlan,
    /// Waited before every request is looked at.
    pub latency: Duration,
    /// Called before each request is handled and after it took effect.
    pub observer: Option<Observer>,
    /// Given every exchange.
    pub recorder: Option<Recorder>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            faults: FaultPlan::default(),
            latency: Duration::ZERO,
            observer: None,
            recorder: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("addr", &self.addr).field("faults", &self.faults).finish_non_exhaustive()
    }
}

/// A server that is listening. Dropping it stops it without waiting.
pub type Running = serve::Running<Logged>;

struct State {
    service: Arc<dyn Service>,
    options: Options,
    faults: Injector,
    log: RequestLog,
    count: AtomicU64,
}

/// Binds and serves on the current runtime.
pub async fn start(service: Arc<dyn Service>, options: Options) -> Result<Running> {
    let listener = serve::bind(options.addr).await?;
    let log = RequestLog::new(MOST);
    let faults = Injector::new(options.faults.clone());
    let state = Arc::new(State { service, options, faults, log: log.clone(), count: AtomicU64::new(0) });
    serve::start(listener, BOUNDS, log, move |request| Arc::clone(&state).respond(request))
}

impl State {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> std::result::Result<Response<Body>, Hangup> {
        let (head, incoming) = request.into_parts();
        let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap_or_default().to_owned());
        let mut seen = Seen {
            number: self.count.fetch_add(1, Ordering::Relaxed) + 1,
            phase: Phase::Arrived,
            method: head.method.as_str().to_owned(),
            path,
            query,
        };
        let credentials = CREDENTIALS.into_iter().filter(|name| head.headers.contains_key(*name)).map(str::to_owned).collect();
        tokio::time::sleep(self.options.latency).await;
        self.observe(&seen);
        let faults = self.faults.due(&seen.method, &seen.path, &seen.query);
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut asked = Asked {
            method: head.method.clone(),
            segments: seen.path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect(),
            query: url::form_urlencoded::parse(seen.query.as_bytes()).into_owned().collect(),
            origin: format!("http://{host}"),
            headers: head.headers.clone(),
            body: Inbound::new(incoming, IDLE),
            stale: false,
        };
        let outcome = self.with_faults(&faults, &mut asked, &seen, &head.headers).await;
        let Ok(mut answer) = outcome else {
            self.finish(seen, credentials, None);
            return Err(Hangup);
        };
        let refused = answer.status.is_client_error() || answer.status.is_server_error();
        let expects = head.headers.contains_key(EXPECT);
        if refused && expects {
            answer.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        } else if refused {
            asked.body.drain().await;
        }
        seen.phase = Phase::Committed(answer.status.as_u16());
        self.observe(&seen);
        let Some(answer) = after(&faults, answer).await else {
            self.finish(seen, credentials, None);
            return Err(Hangup);
        };
        self.finish(seen, credentials, Some(answer.status.as_u16()));
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        if head.method == Method::HEAD {
            let length = response.body().len();
            response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
            *response.body_mut() = Body::empty();
        }
        Ok(response)
    }

    async fn with_faults(
        &self,
        faults: &[Fault],
        asked: &mut Asked,
        seen: &Seen,
        headers: &hyper::HeaderMap,
    ) -> std::result::Result<Answer, Hangup> {
        for fault in faults {
            match fault {
                Fault::Respond { status, headers, body, moment: Moment::Before } => return Ok(made_up(*status, headers, body)),
                Fault::Stall { millis, moment: Moment::Before } => tokio::time::sleep(Duration::from_millis(*millis)).await,
                Fault::Cut(Cut::Before) => return Err(Hangup),
                Fault::Cut(Cut::RequestBody(bytes)) => asked.body.cut_after(*bytes),
                Fault::Slow { bytes_per_second } => asked.body.slow_down(*bytes_per_second),
                Fault::StaleRead => asked.stale = true,
                _ => {}
            }
        }
        let answer = self.service.answer(asked).await?;
        if let Some(recorder) = &self.options.recorder {
            recorder(&Exchange {
                method: seen.method.clone(),
                path: seen.path.clone(),
                query: seen.query.clone(),
                request_headers: headers.clone(),
                request_body: asked.body.document(),
                status: answer.status.as_u16(),
                response_headers: answer.headers.clone(),
                response_body: answer.document.clone(),
            });
        }
        Ok(answer)
    }

    fn observe(&self, seen: &Seen) {
        if let Some(observer) = &self.options.observer {
            observer(seen);
        }
    }

    fn finish(&self, seen: Seen, credentials: Vec<String>, status: Option<u16>) {
        let Seen { number, method, path, query, phase: _ } = seen;
        self.log.add(Logged { number, method, path, query, credentials, status });
    }
}

fn made_up(status: u16, headers: &[(String, String)], body: &str) -> Answer {
    let mut answer = Answer::empty(status);
    answer.status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.body = Body::bytes(body.to_owned());
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            if name == DATE {
                answer.headers.remove(DATE);
            }
            answer.headers.append(name, value);
        }
    }
    answer
}

// Faults that strike when the work is done. `None` cuts the connection.
async fn after(faults: &[Fault], mut answer: Answer) -> Option<Answer> {
    for fault in faults {
        match fault {
            Fault::Respond { status, headers, body, moment: Moment::After } => answer = made_up(*status, headers, body),
            Fault::Stall { millis, moment: Moment::After } => tokio::time::sleep(Duration::from_millis(*millis)).await,
            Fault::Cut(Cut::After) => return None,
            Fault::Cut(Cut::ResponseBody(bytes)) => answer.body.cut_after(*bytes),
            Fault::Truncate { bytes } => {
                answer.body.truncate(*bytes);
                let length = answer.body.len();
                answer.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            Fault::Slow { bytes_per_second } => answer.body.pace(*bytes_per_second),
            _ => {}
        }
    }
    Some(answer)
}
