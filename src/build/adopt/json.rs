//! Documents of other tools: bounded, and what is wrong with them said with line and column.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Limits;
use crate::error::{Error, Result};
use crate::fs;

/// Reads a document. What others wrote is not followed through a link.
pub(super) fn read<T: DeserializeOwned>(path: &Path, shown: &str, limits: &Limits) -> Result<T> {
    let bytes = bytes(path, shown, limits)?;
    parse(&bytes, shown)
}

/// Parses a document.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], shown: &str) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        Error::failed(format!("{shown}:{}:{}: {}", error.line(), error.column(), reason(&error)))
            .hint("take over the file as the tool wrote it, whole and unchanged")
    })
}

/// Bytes of a document.
pub(super) fn bytes(path: &Path, shown: &str, limits: &Limits) -> Result<Vec<u8>> {
    fs::read_regular(path, limits.document).map_err(|error| {
        let kind = if error.is_not_found() { crate::error::Kind::Missing } else { crate::error::Kind::Failed };
        Error::new(kind, format!("cannot read {shown}")).because(&error.source).hint("name the file the tool wrote")
    })
}

/// Keys of an object, for telling documents apart.
pub(super) fn keys(path: &Path, shown: &str) -> Result<Vec<String>> {
    let bytes = bytes(path, shown, &Limits::default())?;
    let map: BTreeMap<String, Box<RawValue>> = parse(&bytes, shown)?;
    Ok(map.into_keys().collect())
}

// The sentence without the place, which stands in front already.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}
