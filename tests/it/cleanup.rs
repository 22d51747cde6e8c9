//! Host cleanup on docker engines of our own: never the one other people use.

mod engine;
mod scripted;
mod thirty;
