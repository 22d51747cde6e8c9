//! Names of foreign files, which become names of ours: relative, inside, and the same on every system.

/// Longest name of a file most systems take.
const MAX_NAME: usize = 255;
/// Longest path that is followed.
const MAX_PATH: usize = 4096;
/// Names Windows keeps for devices, whatever the extension ("Naming Files, Paths, and Namespaces").
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// The components of a relative path that stays inside, or why it does not.
pub(super) fn components(path: &str) -> Result<Vec<&str>, String> {
    if path.len() > MAX_PATH {
        return Err(format!("its path has {} bytes; at most {MAX_PATH} are possible", path.len()));
    }
    if path.starts_with('/') || path.get(1..2) == Some(":") {
        return Err("its path is absolute and leads out of the tree".to_owned());
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("its path leads out of the tree".to_owned()),
            _ if part.contains(['\\', '\0']) => return Err("its path holds a character no path has".to_owned()),
            _ => parts.push(part),
        }
    }
    if parts.is_empty() { Err("it names no file".to_owned()) } else { Ok(parts) }
}

/// Why a file's name cannot be kept on every system; `None` when it can.
pub(super) fn not_portable(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let numbered = |device: &str| stem.strip_prefix(device).is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit());
    if name.is_empty() || name == "." || name == ".." {
        Some("it has no name")
    } else if name.len() > MAX_NAME {
        Some("its name has more than 255 bytes")
    } else if name.chars().any(|c| c.is_control() || "/\\:*?\"<>|".contains(c)) {
        Some("its name holds a character that not every system can keep")
    } else if !name.is_ascii() {
        Some("its name holds letters beyond ASCII, which systems spell differently")
    } else if name.ends_with(['.', ' ']) || name.starts_with(' ') {
        Some("its name begins or ends in a way that not every system keeps")
    } else if DEVICES.contains(&stem.as_str()) || numbered("COM") || numbered("LPT") {
        Some("its name is that of a device on Windows")
    } else {
        None
    }
}

/// A foreign text for messages: control characters escaped, long ones cut.
pub(super) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(200).flat_map(char::escape_debug).collect();
    if text.chars().nth(200).is_some() {
        cut.push('…');
    }
    cut
}

/// What follows the name in a file's name: `tar.gz`, `zip`, `deb`, or `raw` for what is no archive.
pub(super) fn format_of(name: &str) -> &'static str {
    const SUFFIXES: [(&str, &str); 22] = [
        (".tar.gz", "tar.gz"),
        (".tgz", "tar.gz"),
        (".tar.zst", "tar.zst"),
        (".tzst", "tar.zst"),
        (".tar.xz", "tar.xz"),
        (".txz", "tar.xz"),
        (".tar.bz2", "tar.bz2"),
        (".tbz2", "tar.bz2"),
        (".tar", "tar"),
        (".zip", "zip"),
        (".jar", "jar"),
        (".whl", "whl"),
        (".gem", "gem"),
        (".crate", "crate"),
        (".deb", "deb"),
        (".rpm", "rpm"),
        (".apk", "apk"),
        (".msi", "msi"),
        (".dmg", "dmg"),
        (".pkg", "pkg"),
        (".gz", "gz"),
        (".7z", "7z"),
    ];
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(".pkg.tar.zst") {
        return "archlinux";
    }
    SUFFIXES.iter().find(|(suffix, _)| lower.ends_with(suffix)).map_or("raw", |(_, format)| format)
}
