//! Tests of registry client.
