//! The line a problem is about, with a caret below the place.

use std::borrow::Cow;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::span::Span;

/// Lines longer than this are cut around the place.
const WIDTH: usize = 140;

/// Draws the place without colour. A place of several lines is shown at its first.
pub fn draw(file: &str, text: &str, span: Span, label: Option<&str>) -> String {
    let before = text.get(..span.start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = text.get(span.start..).unwrap_or_default();
    let line_end = span.start + rest.find(['\n', '\r']).unwrap_or(rest.len());
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let end = span.end.max(span.start + first).min(line_end.max(span.start));
    let number = before.matches('\n').count() + 1;
    let annotation = AnnotationKind::Primary.span(span.start - line_start..end - line_start).label(label);
    let line = text.get(line_start..line_end).unwrap_or_default();
    let group = Group::with_level(Level::ERROR).element(Snippet::source(line).line_start(number).path(file).annotation(annotation));
    let drawn = Renderer::plain().decor_style(DecorStyle::Unicode).term_width(WIDTH).render(&[group]);
    drawn.lines().map(restyle).collect::<Vec<_>>().join("\n")
}

/// The text with `user:password` of URLs as stars, each byte one, so that places stay where they are.
pub fn mask_userinfo(text: &str) -> Cow<'_, str> {
    let mut masked: Option<String> = None;
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let start = from + at + 3;
        let rest = &text[start..];
        let length = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'')).unwrap_or(rest.len());
        if let Some(userinfo) = rest[..length].rfind('@') {
            masked.get_or_insert_with(|| text.to_owned()).replace_range(start..start + userinfo, &"*".repeat(userinfo));
        }
        from = start;
    }
    masked.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The frame of the library in the house's characters. Lines of the file begin with their number and stay as they are.
fn restyle(line: &str) -> String {
    let line = line.trim_end();
    if line.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
        return line.to_owned();
    }
    line.replacen("╭▸", "┌─", 1).replacen("╰╴", "│ ", 1).replace('━', "^")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_become_stars_of_the_same_length() {
        for (text, masked) in [
            ("a: https://me:pw@host/x", "a: https://*****@host/x"),
            ("'https://tok@h' https://h/a@b", "'https://***@h' https://h/a@b"),
            ("https://p@s@h http://x", "https://***@h http://x"),
            ("no url", "no url"),
        ] {
            assert_eq!(mask_userinfo(text), masked);
        }
    }
}
