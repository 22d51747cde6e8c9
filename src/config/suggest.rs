//! "Did you mean": the nearest of the names that would have been right.

/// The nearest candidate, when one is near enough to be a slip of the fingers.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let allowed = (word.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        if candidate != word && distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `did you mean X?` for a label.
pub fn label<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// `a, b, c` for a hint.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_not_other_words() {
        assert_eq!(nearest("ghrc", ["hub", "ghcr"]), Some("ghcr"));
        assert_eq!(nearest("platfroms", ["platforms", "path"]), Some("platforms"));
        assert_eq!(nearest("Latest", ["latest"]), Some("latest"));
        assert_eq!(nearest("zebra", ["latest", "main"]), None);
    }
}
