//! What both manifests do alike: decode, check in the contract's order, compute the checksum, write.

use super::error::{ManifestError, Rule, Sentinel};
use super::json::{Decoder, Encoder, Fault, Unknown};
use super::timestamp::is_timestamp;
use crate::core::{Digest, PathError, Timestamp};

/// The most a manifest file may weigh, in bytes, before a command refuses to read it.
pub const MAX_FILE_SIZE: u64 = 256 * 1024 * 1024;

/// One of the two manifests.
pub(super) trait Manifest: Default {
    const NOT_FOUND: Sentinel;
    const INVALID: Sentinel;
    const READ: Rule;
    const PARSE: Rule;
    const SCHEMA: Rule;
    const TIME: Rule;
    const TIME_KEY: &'static str;
    const CHECKSUM_MISSING: Rule;
    const CHECKSUM_MISMATCH: Rule;

    fn decode_into(&mut self, input: &mut Decoder<'_>) -> Result<(), Fault>;
    fn encode_into(&self, out: &mut Encoder);
    /// The version and the time.
    fn header(&mut self) -> (&mut String, &mut String);
    /// Everything the reader checks before it looks at the checksum at all.
    fn check_header(&self) -> Result<(), ManifestError>;
    fn check_structure(&self) -> Result<(), ManifestError>;
    fn stored_checksum(&mut self) -> &mut String;
    fn checksum_text(&self) -> &str;
}

/// Reading (spec/manifest.md §5.4): structure problems are reported before a checksum mismatch.
pub(super) fn read<M: Manifest>(content: Result<Vec<u8>, PathError>) -> Result<M, ManifestError> {
    let content = content.map_err(|error| ManifestError::unreadable(M::NOT_FOUND, M::INVALID, M::READ, &error))?;
    let (mut manifest, unknown) = decode::<M>(&content)?;
    manifest.check_header()?;
    if manifest.checksum_text().is_empty() {
        return Err(ManifestError::new(Some(M::INVALID), M::CHECKSUM_MISSING, "there is no checksum"));
    }
    manifest.check_structure()?;
    let stored = std::mem::take(manifest.stored_checksum());
    let computed = hash(&canonical(&manifest, content.len()));
    if stored != computed {
        return Err(ManifestError::mismatch(M::INVALID, M::CHECKSUM_MISMATCH, &stored, &computed, &unknown));
    }
    *manifest.stored_checksum() = stored;
    Ok(manifest)
}

/// Decoding alone. A top-level `null` is an empty manifest.
pub(super) fn decode<M: Manifest>(text: &[u8]) -> Result<(M, Unknown), ManifestError> {
    let mut input = Decoder::new(text);
    let mut manifest = M::default();
    manifest.decode_into(&mut input).and_then(|()| input.end()).map_err(|fault| ManifestError::parse(M::INVALID, M::PARSE, &fault))?;
    Ok((manifest, input.unknown()))
}

/// The first two steps of finalizing: only what is empty is filled in; a blank text is a mistake.
pub(super) fn fill_version_and_time<M: Manifest>(manifest: &mut M, now: Timestamp) -> Result<(), ManifestError> {
    let (version, time) = manifest.header();
    if version.is_empty() {
        "2".clone_into(version);
    }
    check_version(M::INVALID, M::SCHEMA, version)?;
    if time.is_empty() {
        *time = now.to_string();
    }
    let (good, time) = (is_timestamp(time), time.clone());
    check_time::<M>(good, &time)
}

pub(super) fn check_version(sentinel: Sentinel, rule: Rule, version: &str) -> Result<(), ManifestError> {
    if version == "2" {
        return Ok(());
    }
    let problem = match version.parse::<u32>() {
        _ if version.is_empty() => "schema_version is missing".to_owned(),
        Ok(newer) if newer > 2 => format!("schema_version is \"{newer}\", newer than the \"2\" we know"),
        _ => format!("schema_version is {}, not \"2\"", quoted(version)),
    };
    Err(ManifestError::new(Some(sentinel), rule, problem))
}

pub(super) fn check_time<M: Manifest>(good: bool, time: &str) -> Result<(), ManifestError> {
    if good {
        return Ok(());
    }
    let problem = format!("{} is {}, not a time such as 2026-07-01T12:00:00Z", M::TIME_KEY, quoted(time));
    Err(ManifestError::new(Some(M::INVALID), M::TIME, problem))
}

/// The checksum of a value whose own checksum is empty: over the decoded and re-encoded value, never over file bytes.
pub(super) fn checksum<M: Manifest>(manifest: &M) -> String {
    hash(&canonical(manifest, 4096))
}

fn hash(canonical: &str) -> String {
    Digest::of(canonical.as_bytes()).hex().to_owned()
}

fn canonical<M: Manifest>(manifest: &M, capacity: usize) -> String {
    let mut out = Encoder::with_capacity(capacity);
    manifest.encode_into(&mut out);
    out.finish()
}

/// The file of a value whose checksum is yet to be computed: encoded once, because the checksum is always the last
/// member and can be written into the text it was computed over (spec/manifest.md §3.2).
pub(super) fn signed<M: Manifest>(manifest: &mut M) -> Vec<u8> {
    manifest.stored_checksum().clear();
    let mut text = canonical(manifest, 4096);
    let checksum = hash(&text);
    text.truncate(text.len() - "\n}".len());
    text.push_str(&format!(",\n  \"checksum\": \"{checksum}\"\n}}\n"));
    *manifest.stored_checksum() = checksum;
    text.into_bytes()
}

/// The canonical text and one line feed.
pub(super) fn bytes<M: Manifest>(manifest: &M) -> Vec<u8> {
    let mut text = canonical(manifest, 4096);
    text.push('\n');
    text.into_bytes()
}

/// A value from a file as an error shows it: short, in quotes, control characters visible.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(80).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", short.escape_debug())
}
