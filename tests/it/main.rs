//! Integration tests, one module per command or capability.
#![expect(clippy::expect_used, clippy::disallowed_methods, clippy::panic, reason = "tests fail by panicking and prepare files directly")]

mod support;

mod adapters;
mod adopt;
mod artifact_store;
mod attestation_forms;
mod backend;
mod bad_input;
mod build_errors;
mod buildx;
mod cache;
mod catalog;
mod ci;
mod cleanup;
mod config;
mod copy;
mod crash;
mod driving;
mod embedded_build;
mod embedded_registry;
mod faults;
mod files;
mod forge_gitea;
mod forge_github;
mod forge_gitlab;
mod generated;
mod init;
mod inspect;
mod inventory;
mod json;
mod manifest;
mod nodes;
mod notes;
mod packages;
mod packaging;
mod plan;
mod preflight;
mod publish;
mod registry_client;
mod registry_options;
mod remote;
mod rolling;
mod secrets;
mod tag_policy;
mod version;
