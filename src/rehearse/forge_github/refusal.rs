//! Refusals, in GitHub's words.

use hyper::header::HeaderName;
use serde_json::{Value, json};

use crate::rehearse::api::Answer;

const DOCUMENTATION: &str = "https://docs.github.com/rest";

/// 404: there is nothing, or nothing this token may see.
pub fn not_found() -> Answer {
    plain(404, "Not Found")
}

/// A status with a sentence.
pub fn plain(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message, "documentation_url": DOCUMENTATION, "status": status.to_string() }))
}

/// 401.
pub fn bad_credentials() -> Answer {
    plain(401, "Bad credentials")
}

/// 403 with the permission that would do.
pub fn not_permitted(wanted: &str) -> Answer {
    plain(403, "Resource not accessible by integration").with(HeaderName::from_static("x-accepted-github-permissions"), wanted)
}

/// 422 about one field.
pub fn invalid(resource: &str, field: &str, code: &str) -> Answer {
    validation(&json!([{ "resource": resource, "code": code, "field": field }]))
}

/// 422 about one field, with a sentence of its own.
pub fn custom(resource: &str, field: &str, message: &str) -> Answer {
    validation(&json!([{ "resource": resource, "code": "custom", "field": field, "message": message }]))
}

fn validation(errors: &Value) -> Answer {
    Answer::json(422, &json!({ "message": "Validation Failed", "errors": errors, "documentation_url": DOCUMENTATION, "status": "422" }))
}
