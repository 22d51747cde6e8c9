//! An answer before it is sent.

use std::path::PathBuf;

use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::fs;
use crate::rehearse::api::{Answer, Asked};

/// Status, headers and body.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Content,
}

/// What a reply carries.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Nothing,
    Json(Value),
    Text(&'static str, String),
    File(PathBuf),
}

impl Reply {
    pub(super) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Content::Nothing }
    }

    pub(super) fn json(status: u16, value: Value) -> Self {
        Self { body: Content::Json(value), ..Self::status(status) }
    }

    pub(super) fn text(media_type: &'static str, text: String) -> Self {
        Self { body: Content::Text(media_type, text), ..Self::status(200) }
    }

    /// The bytes of a file.
    pub(super) fn file(path: PathBuf) -> Self {
        Self { body: Content::File(path), ..Self::status(200) }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As the server sends it.
    pub(super) fn answer(self) -> Answer {
        let mut answer = match self.body {
            Content::Nothing => Answer::empty(self.status),
            Content::Json(value) => Answer::json(self.status, &value),
            Content::Text(media_type, text) => Answer::bytes(self.status, media_type, text),
            Content::File(path) => match fs::open_regular(&path) {
                Ok((file, size)) => Answer::file(file, size, "application/octet-stream"),
                Err(_) => Answer::empty(500),
            },
        };
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
                answer.headers.insert(name, value);
            }
        }
        answer
    }
}

/// A query parameter that is a number.
pub(super) fn number(asked: &Asked, key: &str) -> Option<usize> {
    asked.query(key)?.parse().ok()
}

/// Does it only read?
pub(super) fn reads(asked: &Asked) -> bool {
    matches!(asked.method.as_str(), "GET" | "HEAD")
}
