//! StageFreight: a release step for CI that builds once, lets a policy review the bytes, and publishes exactly
//! those bytes. The rooms and what may look at what: `docs/architecture.md`.

pub mod build;
pub mod ci;
pub mod cli;
pub mod config;
pub mod core;
pub mod error;
pub mod event;
pub mod forge;
pub mod fs;
pub mod git;
pub mod http;
pub mod manifest;
pub mod names;
pub mod plan;
pub mod process;
pub mod publish;
pub mod registry;
pub mod rehearse;
pub mod remote;
pub mod report;
pub mod review;
pub mod store;
pub mod verify;
pub mod world;
