//! The digest over build arguments that the outputs manifest records.

use std::collections::BTreeMap;

use crate::core::Digest;

/// `sha256:` + hash over `key=value` LF for every argument in byte order of the keys, or none without arguments
/// (spec/manifest.md §6.2). Nothing is escaped: that is the published rule.
pub fn args_digest(args: &BTreeMap<String, String>) -> Option<String> {
    if args.is_empty() {
        return None;
    }
    let lines: Vec<String> = args.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    Some(Digest::of(lines.concat().as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_over_sorted_lines() {
        let args = BTreeMap::from([("B".to_owned(), "2=2".to_owned()), ("A".to_owned(), String::new())]);
        assert_eq!(args_digest(&args), Some(Digest::of(b"A=\nB=2=2\n").to_string()));
        assert_eq!(args_digest(&BTreeMap::new()), None);
    }
}
