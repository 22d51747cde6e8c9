//! Annotations, from the way buildx writes them to the attributes of BuildKit's exporter.

/// `index,manifest[linux/amd64]:key` becomes `annotation-index.key` and `annotation-manifest[linux/amd64].key`; a key
/// alone is of the manifests.
pub fn attributes(key: &str) -> Vec<String> {
    const KINDS: [&str; 4] = ["index", "manifest", "index-descriptor", "manifest-descriptor"];
    let kind = |written: &str| KINDS.contains(&written.split('[').next().unwrap_or_default());
    match key.split_once(':') {
        Some((kinds, name)) if kinds.split(',').all(kind) => {
            kinds.split(',').map(|written| format!("annotation-{written}.{name}")).collect()
        }
        _ => vec![format!("annotation.{key}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_become_prefixes() {
        assert_eq!(attributes("org.example.a"), ["annotation.org.example.a"]);
        assert_eq!(attributes("index,manifest[linux/amd64]:a.b"), ["annotation-index.a.b", "annotation-manifest[linux/amd64].a.b"]);
        assert_eq!(attributes("urn:not-a-kind"), ["annotation.urn:not-a-kind"]);
    }
}
