//! GitLab as far as a publisher sees it, in memory and on loopback: projects, git tags, releases with links, generic
//! packages, tokens of people and of jobs. It remembers, it refuses what GitLab refuses, and it misbehaves on request.
//!
//! A request goes through `site` (who asks, and for which project) and `route` (which endpoint) to one of the handlers
//! `tags`, `releases`, `links`, `packages`, `catalog`, `git`; `world` is all they know and change. What is modelled, and from which
//! page of GitLab's documentation, stands beside each rule. Tests hold every request and answer against the OpenAPI
//! description in `tests/openapi`.

mod access;
mod catalog;
mod git;
mod links;
mod options;
mod packages;
mod page;
mod refusal;
mod releases;
mod render;
mod reply;
mod requests;
mod route;
mod running;
mod site;
mod state;
mod tags;
mod world;

pub use options::{CatalogProject, Limits, Options, Project, Role, TokenKind, Trusted};
pub use running::{Running, start};
pub use world::{HeldFile, HeldRelease};
