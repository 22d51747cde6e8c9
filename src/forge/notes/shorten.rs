//! Notes that a forge would refuse for their length.

use crate::forge::port::Provider;

/// Room for what people write outside our part.
const THEIRS: usize = 5_000;

/// Characters a forge takes: GitHub's "body is too long (maximum is 125000 characters)", GitLab's limit of descriptions.
fn longest(provider: Provider) -> Option<usize> {
    match provider {
        Provider::Github => Some(125_000),
        Provider::Gitlab => Some(1_000_000),
        Provider::Gitea | Provider::Forgejo => None,
    }
}

/// A text the forge takes: cut at the end of a line where it is too long, which it says then.
pub fn shortened(text: String, provider: Option<Provider>) -> String {
    match provider.and_then(longest) {
        Some(most) => cut(text, most - THEIRS),
        None => text,
    }
}

fn cut(text: String, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text };
    let kept = text[..end].rsplit_once('\n').map_or(&text[..end], |(kept, _)| kept).trim_end();
    let fences = kept.lines().filter(|line| line.trim_start().starts_with("```")).count();
    let close = if fences % 2 == 1 { "\n```" } else { "" };
    format!("{kept}{close}\n\n… and more: these notes were longer than a release may have.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_line_and_says_so() {
        let text = "- änderung\n".repeat(20_000);
        let short = shortened(text.clone(), Some(Provider::Github));
        assert!(short.chars().count() < 121_000 && short.contains("- änderung\n\n… and more"), "{}", short.len());
        assert_eq!(shortened(text.clone(), Some(Provider::Gitlab)), text);
        assert_eq!(shortened(text.clone(), Some(Provider::Gitea)), text);
        assert!(cut("a\n```\nb\nc\nd".to_owned(), 9).starts_with("a\n```\nb\n```\n\n…"));
    }
}
