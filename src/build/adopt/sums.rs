//! Checksum files that came along: what they say of the files beside them must be so.

use std::collections::BTreeMap;

use super::staging::refused;
use super::{FileKind, FoundFile, Limits};
use crate::error::Result;
use crate::fs;

/// Compares every SHA-256 in `SHA256SUMS`, `checksums.txt` and `*.sha256` with the file it names. A name that is not here
/// is passed over: such files often list what other jobs made.
pub(super) fn check(files: &[FoundFile], shown: &str, limits: &Limits) -> Result<()> {
    let mut hashes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in files {
        hashes.entry(file.file_name.as_str()).or_default().push(file.digest.hex());
    }
    for file in files.iter().filter(|file| is_sums(file)) {
        let bytes = super::json::bytes(&file.staged, &format!("{shown}/{}", file.file_name), limits)?;
        let text = String::from_utf8_lossy(&bytes);
        for (number, line) in text.lines().enumerate() {
            let Some((hash, name)) = parse(line) else { continue };
            let Some(there) = hashes.get(name) else { continue };
            if !there.iter().any(|found| found.eq_ignore_ascii_case(hash)) {
                let at = format!("{shown}/{}:{}", file.file_name, number + 1);
                let found = there.first().copied().unwrap_or_default();
                return Err(refused(&at, &format!("it says {name} hashes to {hash}, but it hashes to {found}")));
            }
        }
    }
    Ok(())
}

fn is_sums(file: &FoundFile) -> bool {
    let name = file.file_name.to_ascii_lowercase();
    let other = ["sha512", "sha384", "sha224", "sha3", "sha1", "md5", "blake", "crc"].iter().any(|hash| name.contains(hash));
    let sums = name.contains("sha256") || name.contains("checksums");
    let text = ["", "txt", "sha256", "sum"].iter().any(|extension| {
        let rest = name.rsplit_once('.').map_or("", |(_, rest)| rest);
        rest == *extension
    });
    matches!(&file.kind, FileKind::Archive { format } if format == "raw") && sums && text && !other && fs::is_file(&file.staged)
}

/// `hash  name`, `hash *name`, or BSD's `SHA256 (name) = hash`. Directories in front of a name are dropped.
fn parse(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let (hash, name) = match line.strip_prefix("SHA256 (") {
        Some(rest) => {
            let (name, hash) = rest.rsplit_once(") = ")?;
            (hash, name)
        }
        None => line.split_once(char::is_whitespace)?,
    };
    let hash = hash.strip_prefix("sha256:").unwrap_or(hash);
    let name = name.trim_start().trim_start_matches('*');
    let name = name.rsplit('/').next().unwrap_or(name);
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && !name.is_empty()).then_some((hash, name))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_lines_of_every_tool() {
        let hash = "a".repeat(64);
        for line in [
            format!("{hash}  app.tar.gz"),
            format!("{hash} *app.tar.gz"),
            format!("sha256:{hash}  ./dist/app.tar.gz"),
            format!("SHA256 (app.tar.gz) = {hash}"),
        ] {
            assert_eq!(parse(&line), Some((hash.as_str(), "app.tar.gz")), "{line}");
        }
        for line in ["", "abc  app", &hash, &format!("{hash}0  app")] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
