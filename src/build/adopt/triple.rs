//! Rust's target triples in the words of Go, which the manifests use.

/// Operating system and architecture of a triple; `None` for one we do not know.
pub(super) fn platform_of(triple: &str) -> Option<(&'static str, &'static str)> {
    let mut parts = triple.split('-');
    let arch = match parts.next()? {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i586" | "i686" => "386",
        arch if arch.starts_with("armv") || arch == "arm" || arch.starts_with("thumbv") => "arm",
        "riscv64gc" => "riscv64",
        "powerpc64le" => "ppc64le",
        "powerpc64" => "ppc64",
        "s390x" => "s390x",
        "loongarch64" => "loong64",
        "wasm32" => "wasm",
        "universal2" => "all",
        _ => return None,
    };
    let rest: Vec<&str> = parts.collect();
    let has = |word: &str| rest.iter().any(|part| part.starts_with(word));
    let os = if has("android") {
        "android"
    } else if has("ios") {
        "ios"
    } else {
        ["linux", "darwin", "windows", "freebsd", "netbsd", "openbsd", "illumos", "solaris", "dragonfly"]
            .into_iter()
            .find(|os| has(os))
            .or_else(|| has("wasi").then_some("wasip1"))?
    };
    Some((os, arch))
}

#[cfg(test)]
mod tests {
    use super::platform_of;

    #[test]
    fn speaks_go() {
        for (triple, expected) in [
            ("x86_64-unknown-linux-musl", Some(("linux", "amd64"))),
            ("aarch64-apple-darwin", Some(("darwin", "arm64"))),
            ("x86_64-pc-windows-msvc", Some(("windows", "amd64"))),
            ("armv7-unknown-linux-gnueabihf", Some(("linux", "arm"))),
            ("aarch64-linux-android", Some(("android", "arm64"))),
            ("all", None),
        ] {
            assert_eq!(platform_of(triple), expected, "{triple}");
        }
    }
}
