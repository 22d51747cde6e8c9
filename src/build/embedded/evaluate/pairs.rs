//! The pairs of `ENV`, `LABEL` and their like.

use crate::build::embedded::expand::Lexer;
use crate::error::{Error, Result};

// `A=1 B="2 3"`, or the old form `A the rest`. Values are not expanded yet.
pub(super) fn pairs(lexer: Lexer, text: &str) -> Result<Vec<(String, String)>> {
    let words = lexer.split(text);
    if let Some(first) = words.first().filter(|first| !first.contains('=')) {
        let rest = text.trim_start()[first.len()..].trim().to_owned();
        if rest.is_empty() {
            return Err(Error::failed(format!("`{first}` has no value")).hint("write NAME=value"));
        }
        return Ok(vec![(first.clone(), rest)]);
    }
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(Error::failed(format!("`{word}` is not NAME=value")).hint("quote values that contain spaces")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_of_env() {
        let lexer = Lexer::new('\\');
        let two = |list: &[(&str, &str)]| list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
        assert_eq!(pairs(lexer, "A=1 B=\"x y\" C=a\\ b").ok(), Some(two(&[("A", "1"), ("B", "\"x y\""), ("C", "a\\ b")])));
        assert_eq!(pairs(lexer, "A  the rest = it").ok(), Some(two(&[("A", "the rest = it")])));
        assert!(pairs(lexer, "A").is_err() && pairs(lexer, "A=1 B").is_err());
    }
}
