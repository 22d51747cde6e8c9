//! Backends, builders and spawned daemons.
