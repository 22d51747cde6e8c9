//! Tests of packaging.
