//! Drives a BuildKit daemon at an address through `buildctl`, where there is neither docker nor buildx. The same
//! questions give the same images: the frontend's options are those buildx makes of its flags.

mod annotation;
mod argv;
mod solver;

pub use solver::Buildctl;
