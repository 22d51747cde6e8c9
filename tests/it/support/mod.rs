//! What tests share: a workspace with a fluent way to fill it and run commands in it.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test module uses a part of this")]

mod sf;

pub use sf::{Run, Sf};
