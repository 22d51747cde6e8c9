//! Requests: written by the host, read by the adapter.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{AdapterConfig, Command, DocumentError, ErrorCode, ErrorInfo, PROTOCOL_VERSION, limits, read_document};

/// A request and the answer that belongs to it.
pub trait Message: Serialize + DeserializeOwned {
    /// The command it is.
    const COMMAND: Command;
    /// What a successful answer holds beside the envelope.
    type Response: Serialize + DeserializeOwned;
}

#[derive(Serialize)]
struct Envelope<'a, M: Message> {
    r#type: &'static str,
    protocol_version: i64,
    request_id: &'a str,
    #[serde(flatten)]
    message: &'a M,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a AdapterConfig>,
}

/// One compact JSON object without a line feed, as it goes to the adapter's standard input. `None` when it would be larger
/// than [`limits::MAX_REQUEST`].
pub fn write_request<M: Message>(message: &M, request_id: &str, config: &AdapterConfig) -> Option<Vec<u8>> {
    let config = (!config.is_empty()).then_some(config);
    let envelope = Envelope { r#type: M::COMMAND.name(), protocol_version: PROTOCOL_VERSION, request_id, message, config };
    serde_json::to_vec(&envelope).ok().filter(|bytes| bytes.len() <= limits::MAX_REQUEST)
}

/// A request as the adapter reads it: the envelope first, so that even a request that cannot be understood is answered
/// under its own id.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// `type`.
    pub kind: String,
    /// The command, when it is one of version 1.
    pub command: Option<Command>,
    /// `protocol_version`; 0 when it is not said.
    pub protocol_version: i64,
    /// `request_id`; empty when it is not said.
    pub request_id: String,
    /// What the host's config says to this adapter.
    pub config: AdapterConfig,
    members: Map<String, Value>,
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    protocol_version: i64,
    #[serde(default)]
    request_id: String,
}

/// Why a request cannot be answered. [`RequestError::info`] is the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The bytes are no document.
    #[error("the request is not one JSON object: {0}")]
    Document(#[from] DocumentError),
    /// A member has the wrong shape.
    #[error("the request does not fit its type: {0}")]
    Shape(String),
    /// The protocol version is not ours.
    #[error("protocol version {0} is not supported, 1 is")]
    Version(i64),
    /// The command is not one of version 1.
    #[error("the command `{0}` is not known")]
    Unknown(String),
}

impl RequestError {
    /// What an adapter answers to it.
    pub fn info(&self) -> ErrorInfo {
        let code = match self {
            Self::Version(_) => ErrorCode::UnsupportedProtocol,
            Self::Document(_) | Self::Shape(_) | Self::Unknown(_) => ErrorCode::InvalidRequest,
        };
        ErrorInfo::new(code, self.to_string())
    }
}

impl Incoming {
    /// Reads the envelope. The rest is read by [`Self::message`].
    pub fn read(bytes: &[u8]) -> Result<Self, RequestError> {
        let mut members = read_document(bytes, limits::MAX_REQUEST)?;
        let header: Header = serde_json::from_value(Value::Object(members.clone())).map_err(|error| shape(&error))?;
        let config = match members.remove("config") {
            Some(Value::Object(config)) => config,
            Some(_) => return Err(RequestError::Shape("config is not an object".to_owned())),
            None => AdapterConfig::new(),
        };
        let command = Command::of_name(&header.kind);
        let Header { kind, protocol_version, request_id } = header;
        Ok(Self { kind, command, protocol_version, request_id, config, members })
    }

    /// The command, when both it and the protocol version are ours.
    pub fn command(&self) -> Result<Command, RequestError> {
        if self.protocol_version != PROTOCOL_VERSION {
            return Err(RequestError::Version(self.protocol_version));
        }
        self.command.ok_or_else(|| RequestError::Unknown(self.kind.chars().take(60).collect()))
    }

    /// The message.
    pub fn message<M: Message>(&self) -> Result<M, RequestError> {
        serde_json::from_value(Value::Object(self.members.clone())).map_err(|error| shape(&error))
    }
}

fn shape(error: &serde_json::Error) -> RequestError {
    RequestError::Shape(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::{FinalizePack, FinalizeRequest, PackInfo, PrepareRequest, PullPrepareRequest, RunsSyncRequest};
    use super::*;

    #[test]
    fn what_the_host_writes_an_adapter_reads() {
        let request = PrepareRequest {
            remote: "fs".to_owned(),
            pack: PackInfo { path: "/p/e".to_owned(), digest: "sha256:5c".to_owned(), size_bytes: 615, ..PackInfo::default() },
            ..PrepareRequest::default()
        };
        let config = AdapterConfig::from_iter([("bucket".to_owned(), Value::from("b"))]);
        let bytes = write_request(&request, "id-1", &config).expect("small");
        let text = String::from_utf8(bytes.clone()).expect("text");
        assert!(text.starts_with(r#"{"type":"push.prepare","protocol_version":1,"request_id":"id-1","remote":"fs","target":{},"pack":{"path":"/p/e","digest":"sha256:5c","size_bytes":615},"release":{}"#), "{text}");
        assert!(!text.ends_with('\n') && !text.contains("identity"));
        let incoming = Incoming::read(&bytes).expect("request");
        assert_eq!(incoming.command(), Ok(Command::PushPrepare));
        assert_eq!((incoming.request_id.as_str(), incoming.config.get("bucket")), ("id-1", Some(&Value::from("b"))));
        let read: PrepareRequest = incoming.message().expect("message");
        assert_eq!((read.pack.size_bytes, read.pack.bytes_digest()), (615, "sha256:5c"));
    }

    #[test]
    fn requests_of_both_generations_are_read() {
        let old = br#"{"type":"push.prepare","protocol_version":1,"request_id":"a","remote":"r","target":{"workspace":"w"},
            "pack":{"path":"/p","digest":"sha256:d","size_bytes":1},"release":{"labels":null,"source":{"git_sha":"abc"}}}"#;
        let read: PrepareRequest = Incoming::read(old).and_then(|incoming| incoming.message()).expect("old");
        assert_eq!(read.release.source.and_then(|source| source.git_sha).as_deref(), Some("abc"));
        let new = br#"{"type":"runs.sync","protocol_version":1,"request_id":"a","target":{"stream":"s"},"file_digest":"f","runs":[]}"#;
        let read: RunsSyncRequest = Incoming::read(new).and_then(|incoming| incoming.message()).expect("new");
        assert_eq!(read.digest(), Some("f"));
    }

    #[test]
    fn a_request_that_cannot_be_understood_still_has_its_id() {
        let incoming =
            Incoming::read(br#"{"type":"invalid.command","protocol_version":1,"request_id":"test-error-001"}"#).expect("envelope");
        assert_eq!(incoming.request_id, "test-error-001");
        assert_eq!(incoming.command(), Err(RequestError::Unknown("invalid.command".to_owned())));
        let future = Incoming::read(br#"{"type":"push.prepare","protocol_version":2,"request_id":"a"}"#).expect("envelope");
        assert_eq!(future.command().map_err(|error| error.info().code), Err("unsupported_protocol".to_owned()));
        assert!(future.message::<PrepareRequest>().is_err_and(|error| error.to_string().contains("pack")));
        assert!(Incoming::read(b"{invalid json").is_err_and(|error| error.info().code == "invalid_request"));
    }

    #[test]
    fn a_pull_says_only_what_was_asked() {
        let request = PullPrepareRequest { pack_ref: super::super::PackRef::latest(), ..PullPrepareRequest::default() };
        let text = String::from_utf8(write_request(&request, "i", &AdapterConfig::new()).expect("small")).expect("text");
        assert!(text.ends_with(r#""ref":{"latest":true}}"#), "{text}");
    }

    #[test]
    fn a_request_beyond_what_adapters_read_is_not_written() {
        let request = FinalizeRequest {
            pack: FinalizePack::default(),
            finalize_token: "x".repeat(limits::MAX_REQUEST),
            ..FinalizeRequest::default()
        };
        assert!(write_request(&request, "i", &AdapterConfig::new()).is_none());
    }
}
