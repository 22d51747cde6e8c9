//! The little the plan must know of a Dockerfile's text.

/// Names that ARG instructions declare, in order, each once. Line by line (spec/build.md K.1): enough to know whether
/// an argument is wanted; the builders parse properly.
pub fn declared_args(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut continued = false;
    for line in text.lines() {
        let trimmed = line.trim();
        let words = trimmed.split_once(char::is_whitespace).filter(|(word, _)| word.eq_ignore_ascii_case("ARG") && !continued);
        if !trimmed.starts_with('#') {
            continued = trimmed.ends_with('\\');
        }
        let Some((_, rest)) = words else { continue };
        for word in rest.split_whitespace() {
            let name = word.split('=').next().unwrap_or(word);
            let fine = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if fine && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_declared_names_only() {
        let text = "# ARG NO\nARG VERSION=1\nFROM scratch\narg COMMIT\nARG A=1 B\nRUN echo \\\n  ARG NOT\nARGUMENT X\nARG VERSION\n";
        assert_eq!(declared_args(text), ["VERSION", "COMMIT", "A", "B"]);
    }
}
