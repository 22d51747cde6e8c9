//! What a repository holds, for the config that `init` writes: Dockerfiles, languages with their versions, CI systems
//! (spec/build.md K.1). Reads names and the first lines of a few files; runs nothing, follows no link.

mod ci;
mod dockerfile;
mod language;
mod look;

pub use ci::CiSystem;
pub use dockerfile::FoundDockerfile;
pub use language::FoundLanguage;
pub use look::{Project, look};
