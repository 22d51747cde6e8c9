//! What tests share: a workspace with a fluent way to fill it and run commands in it.

mod call;
pub mod canary;
mod components;
pub(crate) mod file_release;
pub(crate) mod forge_cli;
mod gitea;
mod image;
pub(crate) mod openapi;
pub mod ports;
mod registries;
pub(crate) mod release;
mod schema;
mod scripted;
mod sf;
mod table;
pub mod tls;

pub use call::Started;
pub use components::{component, docker, path_with_components};
pub use gitea::Gitea;
pub use image::Image;
pub use registries::{Registry, USER};
pub use schema::{assert_satisfies, schemas};
pub use scripted::{Asked, Reply, Scripted};
pub use sf::{Run, Sf};
pub use table::every_row;
