//! Where in the file a value stands.

use std::ops::Range;

/// A range of bytes of the config's text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// As the standard library writes it.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A value together with the place it was written at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

/// Text as written.
pub type Text = Spanned<String>;
