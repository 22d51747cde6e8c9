//! Tests of manifest.
