//! Where a destination is and what it is called there, out of its name.

/// `ghcr.io/acme/app:1.4.0` is `1.4.0` at `ghcr.io/acme/app`; `github.com/acme/app@v1.4.0/app.tar.gz` is
/// `v1.4.0/app.tar.gz` at `github.com/acme/app`; a file of a package lies at its version. `path` and `tag` are the
/// destination's.
pub fn place_and_name<'a>(name: &'a str, path: &str, tag: &'a str) -> (&'a str, &'a str) {
    let whole_parts = |at: &usize| {
        let (before, after) = (&name[..*at], &name[at + path.len()..]);
        before.ends_with('/') && (after.is_empty() || after.starts_with(['@', '#', ':', '/']))
    };
    let found = if path.is_empty() { None } else { name.match_indices(path).map(|(at, _)| at).find(whole_parts) };
    let Some(at) = found else { return (name, tag) };
    let (place, rest) = name.split_at(at + path.len());
    let rest = rest.trim_start_matches(['@', '#', ':', '/']);
    (place, if rest.is_empty() { tag } else { rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_their_place() {
        for (name, path, tag, place, there) in [
            ("ghcr.io/acme/app:1.4.0", "acme/app", "1.4.0", "ghcr.io/acme/app", "1.4.0"),
            ("hub/acme/app@v1.4.0/a.zip", "acme/app", "v1.4.0", "hub/acme/app", "v1.4.0/a.zip"),
            ("hub/acme/app#latest", "acme/app", "v1.4.0", "hub/acme/app", "latest"),
            ("lab/acme/app/app/1.4.0/a.zip", "app/1.4.0", "1.4.0", "lab/acme/app/app/1.4.0", "a.zip"),
            ("lab/acme/app/app/latest", "app/latest", "latest", "lab/acme/app/app/latest", "latest"),
            ("files.acme.dev:8443/app/1.4.0/a.zip", "app/1.4.0", "1.4.0", "files.acme.dev:8443/app/1.4.0", "a.zip"),
            ("remote://shop", "", "1.4.0", "remote://shop", "1.4.0"),
            ("elsewhere", "acme/app", "1.4.0", "elsewhere", "1.4.0"),
        ] {
            assert_eq!(place_and_name(name, path, tag), (place, there));
        }
    }
}
