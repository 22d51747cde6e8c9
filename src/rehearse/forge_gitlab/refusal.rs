//! A request that is not done, in GitLab's words.

use serde_json::{Value, json};

use super::reply::Reply;

/// A refused request.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    status: u16,
    body: Value,
}

pub(super) type Result<T, E = Refusal> = std::result::Result<T, E>;

impl Refusal {
    fn message(status: u16, message: impl Into<String>) -> Self {
        Self { status, body: json!({ "message": message.into() }) }
    }

    /// 401: nobody we know.
    pub(super) fn unauthorized() -> Self {
        Self::message(401, "401 Unauthorized")
    }

    /// 403 without a reason, as GitLab gives it.
    pub(super) fn forbidden() -> Self {
        Self::message(403, "403 Forbidden")
    }

    /// 403 with a reason.
    pub(super) fn forbidden_because(why: &str) -> Self {
        Self::message(403, format!("403 Forbidden - {why}"))
    }

    /// 403 of a token without the scope.
    pub(super) fn scope() -> Self {
        let text = "The request requires higher privileges than provided by the access token.";
        let body = json!({ "error": "insufficient_scope", "error_description": text, "scope": "api" });
        Self { status: 403, body }
    }

    /// 404 of a thing.
    pub(super) fn missing(what: &str) -> Self {
        let message = if what.is_empty() { "404 Not found".to_owned() } else { format!("404 {what} Not Found") };
        Self::message(404, message)
    }

    /// 400 with a sentence.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::message(400, message)
    }

    /// 400 of a parameter (Grape's form).
    pub(super) fn parameter(text: impl Into<String>) -> Self {
        Self { status: 400, body: json!({ "error": text.into() }) }
    }

    /// 400 of a field that breaks a rule.
    pub(super) fn field(field: &str, rule: &str) -> Self {
        Self { status: 400, body: json!({ "message": { field: [rule] } }) }
    }

    /// 400 with a list of sentences.
    pub(super) fn sentences(all: &[&str]) -> Self {
        Self { status: 400, body: json!({ "message": all }) }
    }

    /// 409.
    pub(super) fn conflict(message: &str) -> Self {
        Self::message(409, message)
    }

    /// 422.
    pub(super) fn unprocessable(message: &str) -> Self {
        Self::message(422, message)
    }

    pub(super) fn reply(self) -> Reply {
        Reply::json(self.status, self.body)
    }
}
