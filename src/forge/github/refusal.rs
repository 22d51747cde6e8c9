//! What GitHub's refusals mean, and what to do about each.

use crate::forge::api::{Answer, Api};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::Place;
use crate::http::header::HeaderName;

const GRANT: &str = "give the job `permissions: contents: write`, or use a token that may write contents of the repository";

/// An answer that is no success.
pub(super) fn refused(api: &Api, place: &Place, doing: &str, answer: &Answer) -> ForgeError {
    use ForgeErrorKind as F;
    let error = ForgeError { message: with_errors(api.refused(doing, answer).message, answer), ..api.refused(doing, answer) };
    match answer.status.as_u16() {
        403 if error.kind == F::Denied => ForgeError { hint: Some(permission(answer)), ..error },
        404 => not_permitted(place, answer).context(&format!("cannot {doing}")),
        422 => unprocessable(error, answer),
        400 if says(answer, "Content-Length") => ForgeError { kind: F::Rejected, ..error }.hint("an empty file cannot be attached"),
        _ => error,
    }
}

fn unprocessable(error: ForgeError, answer: &Answer) -> ForgeError {
    use ForgeErrorKind as F;
    let exists = answer.has_error_code("already_exists") || says(answer, "already exists");
    if says(answer, "was used by an immutable release") {
        return ForgeError { kind: F::Rejected, ..error }
            .hint("the tag belonged to an immutable release that was deleted, and can never be used again: release a new version");
    }
    if says(answer, "immutable release") {
        return ForgeError { kind: F::Rejected, ..error }.hint(
            "a published immutable release cannot be completed: release a new version, with everything attached before it is published",
        );
    }
    if says(answer, "rule violations") || says(answer, "protected") || says(answer, "restricted") {
        return ForgeError { kind: F::Denied, ..error }
            .hint("a rule of the repository protects the tag: let this token pass it, or push the tag before the release");
    }
    if says(answer, "size must be") {
        return ForgeError { kind: F::TooLarge, ..error }
            .hint("GitHub takes files below 2 GiB: split or compress it, or publish it elsewhere");
    }
    if exists {
        return ForgeError { kind: F::Exists, ..error };
    }
    ForgeError { kind: F::Rejected, ..error }
}

/// 404 where something should be: either it is not there, or GitHub does not say that it is.
pub(super) fn not_permitted(place: &Place, answer: &Answer) -> ForgeError {
    let text = format!("{place} answered 404, which it also does where a permission is missing");
    ForgeError::new(ForgeErrorKind::Denied, text).status(answer.status.as_u16()).hint(permission(answer))
}

/// The repository cannot be seen.
pub(super) fn invisible(place: &Place, with_token: bool) -> ForgeError {
    let text = format!("{place} is not there, or not for this token to see");
    let hint = if with_token { format!("is `project` right? if it is, {GRANT}") } else { format!("no token was found: {GRANT}") };
    ForgeError::new(ForgeErrorKind::Denied, text).status(404).hint(hint)
}

/// A list that was refused with 404 is a missing permission as well.
pub(super) fn explained(place: &Place, error: ForgeError) -> ForgeError {
    if error.kind == ForgeErrorKind::NotFound { invisible(place, true) } else { error }
}

/// The permission an answer asks for (`X-Accepted-GitHub-Permissions`, `X-Accepted-OAuth-Scopes`).
fn permission(answer: &Answer) -> String {
    let header = |name: &'static str| answer.header(&HeaderName::from_static(name)).map(str::trim).filter(|text| !text.is_empty());
    let plain = |text: &str| text.chars().filter(|ch| ch.is_ascii_graphic() || *ch == ' ').take(100).collect::<String>();
    if let Some(wanted) = header("x-accepted-github-permissions") {
        return format!("it wants the permission `{}`: {GRANT}", plain(wanted));
    }
    if let Some(wanted) = header("x-accepted-oauth-scopes") {
        return format!("it wants a token with one of the scopes `{}`: {GRANT}", plain(wanted));
    }
    GRANT.to_owned()
}

/// The answer says this somewhere in its sentences.
pub(super) fn says(answer: &Answer, text: &str) -> bool {
    String::from_utf8_lossy(&answer.body).contains(text)
}

// `tag_name already_exists`, or the sentence of the error.
fn with_errors(message: String, answer: &Answer) -> String {
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(errors) = document.get("errors").and_then(serde_json::Value::as_array) else { return message };
    let text = |error: &serde_json::Value, key: &str| error.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    let said: Vec<String> = errors
        .iter()
        .take(3)
        .filter_map(|error| text(error, "message").or_else(|| Some(format!("{} {}", text(error, "field")?, text(error, "code")?))))
        .map(|said| said.chars().filter(|ch| !ch.is_control()).take(160).collect())
        .collect();
    if said.is_empty() { message } else { format!("{message} ({})", said.join("; ")) }
}
