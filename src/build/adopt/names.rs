//! Names of foreign files, which become names of ours: relative, inside, and the same on every system.

/// Longest path that is followed.
const MAX_PATH: usize = 4096;

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
