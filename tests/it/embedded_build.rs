//! Tests of embedded build.
