//! One adapter and how it is asked.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::environment;
use super::pace::Pace;
use crate::core::{Redactor, RemoteSettings};
use crate::event::{Event, Events};
use crate::http::{Budget, Ladder};
use crate::process::{Bounds, Child, ChildError, Exchanged};
use crate::remote::failure::{Failure, FailureKind};
use crate::remote::naming::printable;
use crate::remote::protocol::{
    self, AdapterConfig, Answer, AnswerError, Capabilities, ErrorCode, ErrorInfo, Message, PROTOCOL_VERSION, limits, read_answer,
    read_capabilities, write_request,
};
use crate::remote::verified::VerifiedAdapter;
use crate::world::World;

/// Tries after the first, for commands that may be repeated.
const RETRIES: Ladder = Ladder {
    retries: 3,
    first: Duration::from_millis(500),
    longest: Duration::from_secs(10),
    longest_asked: Duration::from_secs(60),
    within: Duration::from_secs(10 * 60),
};

/// A file that was just written may still be open for writing in a child that another thread is starting.
const BUSY_TRIES: u32 = 50;

const BOUNDS: Bounds = Bounds { stdout: limits::MAX_ANSWER, stderr: limits::MAX_STDERR };

/// An adapter that may be run, for one remote.
#[derive(Debug)]
pub struct Executor {
    world: World,
    events: Events,
    settings: Arc<RemoteSettings>,
    adapter: VerifiedAdapter,
    pace: Arc<Pace>,
    strict: bool,
    redactor: Redactor,
    capabilities: tokio::sync::OnceCell<Capabilities>,
}

/// One question.
#[derive(Debug)]
pub struct Ask<'a, M> {
    /// The message.
    pub message: &'a M,
    /// Its id: the same for every try.
    pub request_id: &'a str,
    /// May it be asked again when nobody knows what became of it?
    pub repeatable: bool,
}

impl Executor {
    /// For one remote and the adapter that was verified for it.
    pub fn new(world: &World, events: Events, settings: Arc<RemoteSettings>, adapter: VerifiedAdapter, pace: Arc<Pace>) -> Self {
        let mut redactor = world.env.redactor();
        let token = settings.identity.as_ref().and_then(|identity| identity.token_env.as_ref());
        for name in settings.secrets.iter().chain(token) {
            if let Some(secret) = world.env.secret(name) {
                redactor.learn(&secret);
            }
        }
        let strict = world.env.is_true(crate::names::env::STAGEFREIGHT_STRICT);
        Self { world: world.clone(), events, settings, adapter, pace, strict, redactor, capabilities: tokio::sync::OnceCell::new() }
    }

    /// The adapter.
    pub fn adapter(&self) -> &VerifiedAdapter {
        &self.adapter
    }

    /// What must not be printed of anything the adapter says.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// What it says it can. Asked once.
    pub async fn capabilities(&self, cancel: &CancellationToken) -> Result<&Capabilities, Failure> {
        self.capabilities.get_or_try_init(|| self.ask_capabilities(cancel)).await
    }

    async fn ask_capabilities(&self, cancel: &CancellationToken) -> Result<Capabilities, Failure> {
        let child = self.child(protocol::CAPABILITIES).only_env(environment::bare(&self.world.env)).deadline(limits::CAPABILITIES_DEADLINE);
        let done = self.exchange(child, cancel).await?;
        let what = protocol::CAPABILITIES;
        if !done.status.success() {
            return Err(self.crashed(what, &done));
        }
        let capabilities = read_capabilities(&done.stdout).map_err(|error| self.broke(what, &error, &done))?;
        if !capabilities.supports_protocol(PROTOCOL_VERSION) {
            let message = format!(
                "{} speaks protocol version {} and {PROTOCOL_VERSION} is needed",
                self.name(),
                capabilities.deploy_protocol_version
            );
            return Err(Failure::new(FailureKind::Rejected, message).hint("update the adapter: `stagefreight remote update`"));
        }
        Ok(capabilities)
    }

    /// Asks one thing, and again where the adapter says that this helps and it may be done.
    pub async fn ask<M: Message>(&self, ask: Ask<'_, M>, cancel: &CancellationToken) -> Result<M::Response, Failure> {
        let budget = Budget::new(&RETRIES);
        loop {
            let failure = match self.once(ask.message, ask.request_id, cancel).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let again = ask.repeatable && failure.retryable && failure.kind != FailureKind::Interrupted;
            if !again || !budget.spend(cancel).await {
                return Err(failure);
            }
            self.events.detail(format!("{}: asking again: {failure}", M::COMMAND));
        }
    }

    async fn once<M: Message>(&self, message: &M, request_id: &str, cancel: &CancellationToken) -> Result<M::Response, Failure> {
        if !self.pace.take(cancel).await {
            return Err(self.interrupted());
        }
        let config: AdapterConfig =
            self.settings.config.iter().map(|(key, value)| (key.clone(), serde_json::Value::from(value.as_str()))).collect();
        let Some(request) = write_request(message, request_id, &config) else {
            return Err(Failure::new(FailureKind::Source, format!("the {} request would be larger than adapters read", M::COMMAND)));
        };
        let deadline = self.settings.timeout_seconds.map_or(limits::COMMAND_DEADLINE, Duration::from_secs);
        let what = M::COMMAND.name();
        let child = self.child(what).only_env(environment::full(&self.world.env, &self.settings)).stdin(request).deadline(deadline);
        let done = self.exchange(child, cancel).await.map_err(|failure| failure.context(format!("{} {what}", self.name())))?;
        match read_answer::<M>(&done.stdout, request_id, self.strict) {
            Ok(checked) => {
                for remark in &checked.remarks {
                    self.events.warn(format!("{} {what}: {remark}", self.name()), Some("tell whoever maintains the adapter".to_owned()));
                }
                match checked.answer {
                    Answer::Failure(error) => Err(self.refused(what, &error)),
                    // A success that ends badly is none.
                    Answer::Success(_) if !done.status.success() => Err(self.crashed(what, &done)),
                    Answer::Success(response) => Ok(response),
                }
            }
            Err(_) if !done.status.success() => Err(self.crashed(what, &done)),
            Err(error) => Err(self.broke(what, &error, &done)),
        }
    }

    fn child(&self, argument: &str) -> Child {
        let name = self.adapter.file_name().to_owned();
        Child::new(&self.world, self.adapter.path()).named(&name).arg(argument).masking(self.redactor.clone())
    }

    async fn exchange(&self, child: Child, cancel: &CancellationToken) -> Result<Exchanged, Failure> {
        let source = format!("remote {}", self.settings.name);
        for _ in 0..BUSY_TRIES {
            let mut show = |line: &str| {
                self.events.emit(Event::Output { source: source.clone(), line: printable(line, limits::MAX_TEXT) });
            };
            match child.clone().exchange(BOUNDS, cancel, &mut show).await {
                Err(ChildError::Io { source, .. }) if source.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(self.did_not_run(error)),
                Ok(done) if done.too_much => {
                    let message = format!("{} wrote more than {} bytes to standard output, and was ended", self.name(), limits::MAX_ANSWER);
                    return Err(Failure::new(FailureKind::Rejected, message).hint("an answer is one small JSON document"));
                }
                Ok(done) => return Ok(done),
            }
        }
        Err(Failure::new(FailureKind::Rejected, format!("{} cannot be run: its file stays busy", self.name())))
    }

    fn did_not_run(&self, error: ChildError) -> Failure {
        if matches!(error, ChildError::Cancelled(_)) {
            return self.interrupted();
        }
        let late = matches!(error, ChildError::Deadline { .. });
        let denied = matches!(&error, ChildError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied);
        let failure = Failure::from(error);
        if denied {
            return failure.with_kind(FailureKind::Missing).hint(
                "the directory of verified adapters may be mounted noexec: let XDG_CACHE_HOME name one from which programs can be run",
            );
        }
        if late { failure.hint("raise the remote's `timeout`, or look why its remote does not answer") } else { failure }
    }

    fn name(&self) -> &str {
        self.adapter.file_name()
    }

    fn interrupted(&self) -> Failure {
        Failure::new(FailureKind::Interrupted, format!("interrupted while {} was at work", self.name()))
    }

    fn crashed(&self, what: &str, done: &Exchanged) -> Failure {
        let message = format!("{} {what} failed ({}){}", self.name(), done.status, last_words(done));
        Failure::new(FailureKind::Rejected, message).hint("its own messages are above; run it by hand with the same request to see more")
    }

    fn broke(&self, what: &str, error: &AnswerError, done: &Exchanged) -> Failure {
        let message = format!("{} {what}: its answer cannot be used: {error}{}", self.name(), last_words(done));
        Failure::new(FailureKind::Rejected, self.redactor.redact(&message))
            .hint("an adapter prints exactly one JSON document on standard output; `stagefreight remote conformance` shows what is wrong")
    }

    /// What an adapter's own error means here.
    fn refused(&self, what: &str, error: &ErrorInfo) -> Failure {
        use ErrorCode as C;
        let code = error.known_code();
        let kind = match code {
            Some(C::AuthRequired | C::Forbidden) => FailureKind::Credentials,
            Some(C::NotFound) => FailureKind::NotFound,
            Some(C::Conflict) => FailureKind::Conflict,
            Some(C::RateLimited | C::ServerError | C::NetworkError) => FailureKind::Unavailable,
            Some(C::UnsupportedProtocol | C::InvalidRequest) | None => FailureKind::Rejected,
        };
        let said = |text: &str| printable(&self.redactor.redact(text), limits::MAX_TEXT);
        let message = format!("{} {what}: {} ({})", self.name(), said(&error.message), said(&error.code));
        let mut failure = Failure::new(kind, message);
        failure.retryable = error.retryable;
        // These were decided before anything was made.
        failure.definite = matches!(
            code,
            Some(C::AuthRequired | C::Forbidden | C::NotFound | C::Conflict | C::RateLimited | C::UnsupportedProtocol | C::InvalidRequest)
        );
        match error.action.as_ref().and_then(protocol::ActionHint::text) {
            Some(action) => failure.hint(format!("the adapter suggests: {}", said(action))),
            None if kind == FailureKind::Credentials => failure.hint(self.login_hint()),
            None => failure,
        }
    }

    fn login_hint(&self) -> String {
        let name = &self.settings.name;
        if self.settings.secrets.is_empty() {
            format!("name the variables it needs in `remotes.{name}.secrets`, or log in: `stagefreight remote login {name}`")
        } else {
            format!("set {}, or log in: `stagefreight remote login {name}`", self.settings.secrets.join(", "))
        }
    }
}

fn last_words(done: &Exchanged) -> String {
    let lines: Vec<&str> = done.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    if last.is_empty() { String::new() } else { format!(": {}", printable(&last, 500)) }
}
