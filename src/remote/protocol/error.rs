//! A failure as an adapter tells it.

use serde::{Deserialize, Deserializer, Serialize};

/// The codes of version 1. Others are passed through by their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The protocol version or the command is not known.
    UnsupportedProtocol,
    /// The request is malformed.
    InvalidRequest,
    /// No or expired credentials.
    AuthRequired,
    /// Known and not allowed.
    Forbidden,
    /// The release, pack or workspace is not there.
    NotFound,
    /// It exists with other content.
    Conflict,
    /// Come back later.
    RateLimited,
    /// The remote failed.
    ServerError,
    /// The remote cannot be reached.
    NetworkError,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 9] = [
        Self::UnsupportedProtocol,
        Self::InvalidRequest,
        Self::AuthRequired,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::RateLimited,
        Self::ServerError,
        Self::NetworkError,
    ];

    /// Its text on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnsupportedProtocol => "unsupported_protocol",
            Self::InvalidRequest => "invalid_request",
            Self::AuthRequired => "auth_required",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::NetworkError => "network_error",
        }
    }

    /// The code of that text.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// Is trying again sensible when the adapter does not say?
    pub fn retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::ServerError | Self::NetworkError)
    }
}

/// The `error` object of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorInfo {
    /// One of [`ErrorCode`], or a text of the adapter's own.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// Trying again may help. Always written; absent means no.
    #[serde(default)]
    pub retryable: bool,
    /// What would help.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "action")]
    pub action: Option<ActionHint>,
}

impl ErrorInfo {
    /// A failure with the code's own view on trying again.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: code.name().to_owned(), message: message.into(), retryable: code.retryable(), action: None }
    }

    /// The same with something that would help.
    #[must_use]
    pub fn with_action(mut self, action: ActionHint) -> Self {
        self.action = Some(action);
        self
    }

    /// The code, when it is one of version 1.
    pub fn known_code(&self) -> Option<ErrorCode> {
        ErrorCode::of_name(&self.code)
    }
}

/// What would help. Shown to people and never carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionHint {
    /// `run_command`, `open_url`, or another word.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The command to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The address to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl ActionHint {
    /// A command to run.
    pub fn run_command(command: impl Into<String>) -> Self {
        Self { kind: "run_command".to_owned(), command: Some(command.into()), url: None }
    }

    /// An address to open.
    pub fn open_url(url: impl Into<String>) -> Self {
        Self { kind: "open_url".to_owned(), command: None, url: Some(url.into()) }
    }

    /// What it says, for people; not yet free of control characters.
    pub fn text(&self) -> Option<&str> {
        self.command.as_deref().or(self.url.as_deref()).or_else(|| (!self.kind.is_empty()).then_some(self.kind.as_str()))
    }
}

/// Adapters of the older kit write a bare text where others write an object.
fn action<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ActionHint>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Object(ActionHint),
    }
    Ok(Option::<Either>::deserialize(deserializer)?.map(|either| match either {
        Either::Text(text) => ActionHint { kind: String::new(), command: Some(text), url: None },
        Either::Object(action) => action,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_may_be_a_text_or_an_object() {
        let read = |text: &str| serde_json::from_str::<ErrorInfo>(text).expect("error");
        let text = read(r#"{"code":"auth_required","message":"m","action":"run x login"}"#);
        assert_eq!(text.action.as_ref().and_then(ActionHint::text), Some("run x login"));
        let object = read(r#"{"code":"teapot","message":"m","retryable":true,"action":{"type":"open_url","url":"https://x"}}"#);
        assert_eq!(object.action.as_ref().and_then(ActionHint::text), Some("https://x"));
        assert_eq!((object.known_code(), object.retryable), (None, true));
        assert!(!read(r#"{"code":"conflict","message":"m"}"#).retryable);
    }

    #[test]
    fn whether_trying_again_helps_is_always_written() {
        let text = serde_json::to_string(&ErrorInfo::new(ErrorCode::Conflict, "taken")).expect("text");
        assert_eq!(text, r#"{"code":"conflict","message":"taken","retryable":false}"#);
    }
}
