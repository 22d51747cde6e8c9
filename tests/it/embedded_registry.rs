//! Tests of embedded registry.
