//! What tests share: a workspace with a fluent way to fill it and run commands in it.

#![expect(dead_code, reason = "each test module uses a part of this")]

mod sf;

pub use sf::Sf;
