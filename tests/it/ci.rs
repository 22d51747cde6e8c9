//! Tests of ci.
