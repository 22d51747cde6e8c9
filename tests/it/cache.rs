//! Build caches and their retention.
