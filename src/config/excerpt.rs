//! The line a problem is about, with a caret below the place.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::span::Span;

/// Lines longer than this are cut around the place.
const WIDTH: usize = 140;

/// Draws the place without colour. A place of several lines is shown at its first.
pub fn draw(file: &str, text: &str, span: Span, label: Option<&str>) -> String {
    let rest = text.get(span.start..).unwrap_or_default();
    let line_end = span.start + rest.find(['\n', '\r']).unwrap_or(rest.len());
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let end = span.end.max(span.start + first).min(line_end.max(span.start));
    let annotation = AnnotationKind::Primary.span(span.start..end).label(label);
    let group = Group::with_level(Level::ERROR).element(Snippet::source(text).path(file).fold(true).annotation(annotation));
    let drawn = Renderer::plain().decor_style(DecorStyle::Unicode).term_width(WIDTH).render(&[group]);
    drawn.lines().map(restyle).collect::<Vec<_>>().join("\n")
}

/// The frame of the library in the house's characters. Lines of the file begin with their number and stay as they are.
fn restyle(line: &str) -> String {
    let line = line.trim_end();
    if line.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
        return line.to_owned();
    }
    line.replacen("╭▸", "┌─", 1).replacen("╰╴", "│ ", 1).replace('━', "^")
}
