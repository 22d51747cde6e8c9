//! Tests of buildx.
