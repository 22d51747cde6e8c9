//! Names that every system can unpack: those of archives and of what lies in them.

/// Names Windows keeps for devices, whatever their ending.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Longest name that common file systems hold, in bytes.
const MAX_NAME: usize = 255;

/// Checks one component of a path: `Err` says what is wrong with it, to stand after the name.
///
/// # Errors
/// For an empty name, `.` and `..`, more than 255 bytes, characters beyond printable ASCII or that Windows has for other
/// uses, a closing dot or space, and device names such as `CON` and `nul.txt`.
pub fn portable_name(name: &str) -> Result<(), &'static str> {
    if matches!(name, "" | "." | "..") {
        return Err("is no name");
    }
    if name.len() > MAX_NAME {
        return Err("is longer than 255 bytes");
    }
    if !name.is_ascii() {
        return Err("has characters beyond ASCII, which systems write in different ways");
    }
    if name.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Err("has a control character");
    }
    if name.contains(['<', '>', ':', '"', '/', '\\', '|', '?', '*']) {
        return Err("has a character that Windows does not allow");
    }
    if name.ends_with(['.', ' ']) {
        return Err("ends in a dot or a space, which Windows drops");
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    let numbered = |word: &str| stem.strip_prefix(word).is_some_and(|rest| rest.len() == 1 && matches!(rest.as_bytes(), [b'1'..=b'9']));
    if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
        return Err("is the name of a device on Windows");
    }
    Ok(())
}

/// Checks every component of a relative path with `/`.
///
/// # Errors
/// As [`portable_name`], with the component.
pub fn portable_path(path: &str) -> Result<(), String> {
    for name in path.split('/') {
        portable_name(name).map_err(|why| format!("`{}` {why}", name.escape_debug()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_system_can_hold() {
        for good in ["tool", "tool-1.4.0+3f9-linux-amd64.tar.gz", "CONSOLE", "com", "com10", "LICENSE.md", ".env", "a b"] {
            assert_eq!(portable_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "CON", "con.txt", "Aux", "NUL.tar.gz", "COM1", "lpt9.x", "x.", "x ", "a:b", "a*b", "ü", "a\nb", "a\\b"]
        {
            assert!(portable_name(bad).is_err(), "{bad:?}");
        }
        assert!(portable_name(&"x".repeat(256)).is_err());
        assert_eq!(portable_path("a/b/c.txt"), Ok(()));
        for bad in ["/a", "a//b", "a/../b", "a/NUL/b", "a/"] {
            assert!(portable_path(bad).is_err(), "{bad}");
        }
    }
}
