//! What a Dockerfile says an image is made of, read without building: base images and what they descend from, packages
//! of every manager `RUN` calls, downloads, arguments (spec/build.md L).
//!
//! The way through: `extract` walks the stages of a parsed Dockerfile, `shell` takes the commands of `RUN` apart,
//! `managers` and `download` read them, `base_image` reads `FROM`; `purl` names what was found, `cyclonedx` lists it for
//! other tools. Pure: text in, values out. It reads, and never guesses what a network would answer: what a variable
//! holds is known only where the Dockerfile, or the build's own arguments, say so.

mod base_image;
mod cyclonedx;
mod download;
mod extract;
mod managers;
mod purl;
mod result;
mod shell;

pub use cyclonedx::{Bom, bom};
pub use extract::{Options, extract};
pub use result::{ArgDecl, Inventory, PackageInfo, StageInfo};

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
