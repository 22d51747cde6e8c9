//! Reads every destination back and compares with what was published.
