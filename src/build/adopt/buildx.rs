//! What buildx writes with `--metadata-file`: which image was built, and for a bake file which target each image is of.
//! The bytes lie elsewhere, in the archive or layout that is named beside it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::names::shown;
use super::staging::refused;
use super::{Format, Found, ImageClaim, Limits, json};
use crate::core::Digest;
use crate::error::{Error, Result};

const DIGEST: &str = "containerimage.digest";
const NAMES: &str = "image.name";

/// Reads it.
pub(super) fn read(path: &Path, told: &str) -> Result<Found> {
    let document: BTreeMap<String, Value> = json::read(path, told, &Limits::default())?;
    let mut found = Found::new(told, Format::BuildxMetadata);
    if let Some(digest) = document.get(DIGEST) {
        found.claims.push(claim(digest, document.get(NAMES), None, told)?);
    } else {
        for (target, said) in &document {
            if let Some(digest) = said.get(DIGEST) {
                found.claims.push(claim(digest, said.get(NAMES), Some(target), &format!("{told}: target `{}`", shown(target)))?);
            }
        }
    }
    if found.claims.is_empty() {
        return Err(Error::failed(format!("{told} names no image: it has no {DIGEST}"))
            .hint("build with `--output type=oci,dest=image.tar --metadata-file FILE`, and name both files"));
    }
    Ok(found)
}

fn claim(digest: &Value, names: Option<&Value>, target: Option<&String>, at: &str) -> Result<ImageClaim> {
    let text = digest.as_str().unwrap_or_default();
    let digest: Digest = text.parse().map_err(|error| refused(at, &format!("{DIGEST}: {error}")))?;
    let names = names.and_then(Value::as_str).unwrap_or_default();
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Ok(ImageClaim { digest, target: target.cloned(), names })
}
