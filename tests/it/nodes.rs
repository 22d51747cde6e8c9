//! Several nodes and merged indexes.
