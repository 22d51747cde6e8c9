//! Integration tests, one module per command or capability.

mod support;
