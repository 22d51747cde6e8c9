//! Answers: written by the adapter, read and checked by the host.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Capabilities, Command, DocumentError, ERROR_TYPE, ErrorInfo, Message, REMOTE_ADAPTER, limits, read_document};

/// What an adapter answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<T> {
    /// It did what it was asked.
    Success(T),
    /// It did not, and says why.
    Failure(ErrorInfo),
}

/// An answer that passed every check of its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked<T> {
    /// The answer.
    pub answer: Answer<T>,
    /// What is not as it should be and was let pass.
    pub remarks: Vec<String>,
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The bytes are no document.
    #[error("{0}")]
    Document(#[from] DocumentError),
    /// It answers another request.
    #[error("it answers request `{found}` instead of `{expected}`")]
    RequestId {
        /// Ours.
        expected: String,
        /// Theirs, shortened.
        found: String,
    },
    /// `request_id` is missing.
    #[error("it does not say which request it answers (`request_id`)")]
    NoRequestId,
    /// Its `type` is that of no answer to this command.
    #[error("its type is `{found}` instead of `{expected}`")]
    Type {
        /// What it should be.
        expected: String,
        /// What it is, shortened.
        found: String,
    },
    /// It says neither yes nor why not.
    #[error("it says neither `ok: true` nor what went wrong")]
    Neither,
    /// It says `ok: true` and an error at once.
    #[error("it says `ok: true` and carries an error")]
    Both,
    /// A member is missing or has the wrong shape.
    #[error("{0}")]
    Shape(String),
}

/// Reads an answer of at most [`limits::MAX_ANSWER`] bytes to a request and checks its envelope: `request_id` must be ours,
/// `type` that of the command's result (or the bare command, or `error`). Adapters that leave either out are let pass with a
/// remark, unless `strict`.
pub fn read_answer<M: Message>(bytes: &[u8], request_id: &str, strict: bool) -> Result<Checked<M::Response>, AnswerError> {
    let members = read_document(bytes, limits::MAX_ANSWER)?;
    let mut remarks = Vec::new();
    match members.get("request_id").and_then(Value::as_str) {
        Some(found) if found == request_id => {}
        Some(found) if !found.is_empty() => {
            return Err(AnswerError::RequestId { expected: request_id.to_owned(), found: short(found) });
        }
        _ if members.contains_key("request_id") && members["request_id"].as_str().is_none() => {
            return Err(AnswerError::Shape("`request_id` is not a text".to_owned()));
        }
        _ if strict => return Err(AnswerError::NoRequestId),
        _ => remarks.push(AnswerError::NoRequestId.to_string()),
    }
    let ok = match members.get("ok") {
        Some(Value::Bool(ok)) => *ok,
        None => false,
        Some(_) => return Err(AnswerError::Shape("`ok` is neither true nor false".to_owned())),
    };
    let expected = if ok { M::COMMAND.result_type() } else { ERROR_TYPE };
    match members.get("type") {
        Some(Value::String(found)) => {
            let fits = if ok { M::COMMAND.is_answered_by(found) } else { found == ERROR_TYPE };
            if !fits {
                return Err(AnswerError::Type { expected: expected.to_owned(), found: short(found) });
            }
        }
        Some(_) => return Err(AnswerError::Shape("`type` is not a text".to_owned())),
        None if strict => return Err(AnswerError::Type { expected: expected.to_owned(), found: String::new() }),
        None => remarks.push("it does not say what it is (`type`)".to_owned()),
    }
    let answer = body::<M>(members, ok)?;
    Ok(Checked { answer, remarks })
}

fn body<M: Message>(members: Map<String, Value>, ok: bool) -> Result<Answer<M::Response>, AnswerError> {
    let error = members.get("error").cloned();
    match (ok, error) {
        (true, Some(_)) => Err(AnswerError::Both),
        (true, None) => serde_json::from_value(Value::Object(members)).map(Answer::Success).map_err(|error| shape(&error)),
        (false, Some(error)) => serde_json::from_value(error).map(Answer::Failure).map_err(|error| shape(&error)),
        (false, None) => Err(AnswerError::Neither),
    }
}

/// Reads the answer to `--capabilities` and checks that it is a remote adapter's.
pub fn read_capabilities(bytes: &[u8]) -> Result<Capabilities, AnswerError> {
    let members = read_document(bytes, limits::MAX_ANSWER)?;
    let capabilities: Capabilities = serde_json::from_value(Value::Object(members)).map_err(|error| shape(&error))?;
    if capabilities.name.is_empty() {
        return Err(AnswerError::Shape("it does not say its `name`".to_owned()));
    }
    if capabilities.kind != REMOTE_ADAPTER {
        return Err(AnswerError::Shape(format!("its kind is `{}` instead of `{REMOTE_ADAPTER}`", short(&capabilities.kind))));
    }
    Ok(capabilities)
}

#[derive(Serialize)]
struct Success<'a, T> {
    ok: bool,
    r#type: &'static str,
    request_id: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

#[derive(Serialize, Deserialize)]
struct Failure<'a> {
    ok: bool,
    r#type: &'a str,
    request_id: &'a str,
    error: ErrorInfo,
}

/// A successful answer as the adapter prints it, without a line feed.
pub fn write_success<T: Serialize>(command: Command, request_id: &str, body: &T) -> String {
    let answer = Success { ok: true, r#type: command.result_type(), request_id, body };
    serde_json::to_string(&answer).unwrap_or_default()
}

/// A failure as the adapter prints it, without a line feed.
pub fn write_failure(request_id: &str, error: &ErrorInfo) -> String {
    let answer = Failure { ok: false, r#type: ERROR_TYPE, request_id, error: error.clone() };
    serde_json::to_string(&answer).unwrap_or_default()
}

fn shape(error: &serde_json::Error) -> AnswerError {
    AnswerError::Shape(error.to_string())
}

fn short(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{ErrorCode, FinalizeRequest, FinalizeResponse, PrepareRequest, ReleaseResult, UploadInfo};
    use super::*;

    type Prepared = Result<Checked<super::super::PrepareResponse>, AnswerError>;

    fn read(text: &str) -> Prepared {
        read_answer::<PrepareRequest>(text.as_bytes(), "id", false)
    }

    const BODY: &str = r#""upload":{"method":"PUT","url":"https://x/y"},"finalize_token":"t""#;

    #[test]
    fn the_envelope_must_be_of_this_request() {
        let with = |head: &str| read(&format!("{{{head},{BODY}}}"));
        assert!(with(r#""ok":true,"type":"push.prepare.result","request_id":"id""#).is_ok_and(|checked| checked.remarks.is_empty()));
        assert!(with(r#""ok":true,"type":"push.prepare","request_id":"id""#).is_ok());
        assert!(with(r#""ok":true"#).is_ok_and(|checked| checked.remarks.len() == 2));
        assert!(matches!(with(r#""ok":true,"type":"push.prepare","request_id":"other""#), Err(AnswerError::RequestId { .. })));
        assert!(matches!(with(r#""ok":true,"type":"nonsense","request_id":"id""#), Err(AnswerError::Type { .. })));
        assert_eq!(with(r#""request_id":"id""#), Err(AnswerError::Neither));
        assert!(matches!(with(r#""ok":"yes","request_id":"id""#), Err(AnswerError::Shape(_))));
        assert!(matches!(with(r#""ok":true,"request_id":"id","error":{"code":"x","message":"y"}"#), Err(AnswerError::Both)));
        assert!(matches!(with(r#""ok":true,"request_id":7"#), Err(AnswerError::Shape(_))));
        let strict = read_answer::<PrepareRequest>(format!("{{\"ok\":true,{BODY}}}").as_bytes(), "id", true);
        assert_eq!(strict, Err(AnswerError::NoRequestId));
    }

    #[test]
    fn what_an_adapter_writes_the_host_reads() {
        let made = FinalizeResponse {
            release: ReleaseResult { release_id: "rel_1".to_owned(), pack_digest: "sha256:x".to_owned(), ..ReleaseResult::default() },
            ..FinalizeResponse::default()
        };
        let text = write_success(Command::PushFinalize, "id", &made);
        assert_eq!(
            text,
            r#"{"ok":true,"type":"push.finalize.result","request_id":"id","release":{"release_id":"rel_1","pack_digest":"sha256:x"}}"#
        );
        let read = read_answer::<FinalizeRequest>(text.as_bytes(), "id", true).expect("answer");
        assert_eq!(read.answer, Answer::Success(made));
        let error = ErrorInfo::new(ErrorCode::RateLimited, "later");
        let read = read_answer::<FinalizeRequest>(write_failure("id", &error).as_bytes(), "id", true).expect("answer");
        assert_eq!(read.answer, Answer::Failure(error));
    }

    #[test]
    fn a_missing_member_is_named() {
        let error = read(r#"{"ok":true,"type":"push.prepare.result","request_id":"id"}"#).expect_err("no upload");
        assert!(error.to_string().contains("upload"), "{error}");
        let upload = UploadInfo { method: "PUT".to_owned(), url: "https://x?sig=secret".to_owned(), ..UploadInfo::default() };
        assert!(!format!("{upload:?}").contains("secret"));
    }

    #[test]
    fn capabilities_are_those_of_a_remote_adapter() {
        let read = |text: &str| read_capabilities(text.as_bytes());
        assert!(read(r#"{"name":"fs","kind":"remote_adapter","deploy_protocol_version":1,"features":{"pull":true}}"#).is_ok());
        assert!(read(r#"{"name":"fs","kind":"other","deploy_protocol_version":1}"#).is_err());
        assert!(read(r#"{"kind":"remote_adapter"}"#).is_err());
        assert!(read(r#"{"name":"fs","name":"s3","kind":"remote_adapter"}"#).is_err());
    }
}
