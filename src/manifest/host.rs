//! Registry hosts as they are written (spec/manifest.md §4).

/// One leading `https://`, then one leading `http://`, then one trailing `/` are taken off; letters become lower case
/// one by one. Nothing else: no ports, no aliases, no trimming. Not idempotent: `HTTPS://x` needs two passes.
pub fn normalise_host(host: &str) -> String {
    let host = host.strip_prefix("https://").unwrap_or(host);
    let host = host.strip_prefix("http://").unwrap_or(host);
    let host = host.strip_suffix('/').unwrap_or(host);
    host.chars().map(lower).collect()
}

/// The simple mapping: one character for one. U+0130 is the only one whose full mapping is longer.
fn lower(c: char) -> char {
    if c == '\u{130}' {
        return 'i';
    }
    c.to_lowercase().next().unwrap_or(c)
}

/// Empty after trimming Unicode white space (spec/manifest.md §4).
pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows after which the reader would refuse the file, so that we refuse them before: hosts that normalise to
    /// nothing (docs/manifests.md, "Where we differ").
    fn refused(host: &str) -> bool {
        is_blank(&normalise_host(host))
    }

    #[test]
    fn normalises_as_the_golden_table_does() {
        let table: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/manifest/table-hosts.json")).expect("vectors");
        let rows = table["rows"].as_array().expect("rows");
        assert!(rows.len() > 15);
        let mut refusals = 0;
        for row in rows {
            let host = row["host"].as_str().expect("host");
            if row["accepted"] == true {
                assert_eq!(Some(normalise_host(host).as_str()), row["once"].as_str(), "{host:?}");
            } else {
                assert!(is_blank(host), "{host:?}");
            }
            match row["twice"].as_str() {
                Some(twice) => assert_eq!(normalise_host(&normalise_host(host)), twice, "{host:?}"),
                None => refusals += usize::from(refused(host)),
            }
        }
        assert!(refusals >= 2, "the rows that show the deviation are gone");
    }
}
