//! The builder a build runs on: taken up, made or made again on the backend that was found, under a lock, in a private
//! session, and described as nodes.

pub mod inspect;
mod node;

pub use node::{Node, NodeTls};
