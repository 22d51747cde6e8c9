//! Releases on GitHub, against the embedded one, whose every exchange is held to GitHub's own API description.

#[path = "forge_github/again.rs"]
mod again;
#[path = "forge_github/bytes.rs"]
mod bytes;
#[path = "forge_github/cli.rs"]
mod cli;
#[path = "forge_github/crash.rs"]
mod crash;
#[path = "forge_github/earlier.rs"]
mod earlier;
#[path = "forge_github/faults.rs"]
mod faults;
#[path = "forge_github/openapi.rs"]
pub(crate) mod openapi;
#[path = "forge_github/rows.rs"]
mod rows;
#[path = "forge_github/scene.rs"]
mod scene;
