//! How remotes, adapters, streams and versions may be called: names become file names, so they are checked and never
//! rewritten.

pub use crate::core::{is_adapter_secret as is_secret_name, is_remote_name as is_name};

/// How file names of adapters begin.
pub const ADAPTER_PREFIX: &str = "epack-remote-";

/// The file name of an adapter.
pub fn file_name(adapter: &str) -> String {
    format!("{ADAPTER_PREFIX}{adapter}")
}

/// A file name made of a stream, as pulls without `--output` write: every byte outside `[A-Za-z0-9_-]` becomes `-`.
pub fn of_stream(stream: &str) -> String {
    let name: String =
        stream.bytes().take(128).map(|b| if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-') { char::from(b) } else { '-' }).collect();
    if name.is_empty() { "pack".to_owned() } else { name }
}

/// Text of somebody else's, for a terminal: control characters escaped, at most `limit` characters.
pub fn printable(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    for c in text.chars().take(limit) {
        if c.is_control() && c != '\n' { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if text.chars().nth(limit).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["fs", "s3", "a.b-c_d", "0"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "Fs", "-a", ".a", "a..b", "a/b", "a b", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn variables_that_load_code_are_no_secrets() {
        for good in ["MY_TOKEN", "AWS_SECRET_ACCESS_KEY", "token"] {
            assert!(is_secret_name(good), "{good}");
        }
        for bad in ["", "_X", "EPACK_X", "epack_x", "LD_PRELOAD", "PATH", "Bash_Env", "A-B", "A=B"] {
            assert!(!is_secret_name(bad), "{bad}");
        }
    }

    #[test]
    fn what_others_say_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb", 20), "a\\u{1b}[2Jb");
        assert_eq!(printable("abcdef", 3), "abc…");
        assert_eq!((of_stream("acme/app 1"), of_stream("")), ("acme-app-1".to_owned(), "pack".to_owned()));
    }
}
