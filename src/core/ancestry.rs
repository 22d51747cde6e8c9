//! How one commit stands to another.

/// How our commit stands to theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ancestry {
    /// Ours descends from theirs.
    After,
    /// They are the same.
    Same,
    /// Theirs descends from ours.
    Before,
    /// Neither descends from the other.
    Apart,
}
