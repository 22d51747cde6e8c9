//! The embedded builder: a Dockerfile without `RUN` becomes an OCI image with no daemon and no root.
//!
//! The way through: `dockerfile` (text → stages), `expand` (words and variables), `ignore` and `context` (what may be
//! copied), `base` (images to start from), `evaluate` and `stage` (instruction by instruction), `copy` (where files
//! land), `layer` (changes → tar), `pack` (tar → compressed blob), `builder` (all of it → an OCI layout). Files are listed
//! as data and read once, while their layer is written. What is supported: `docs/embedded-builder.md`.

mod base;
mod builder;
pub(in crate::build) mod context;
mod copy;
pub(in crate::build) mod dockerfile;
mod evaluate;
pub(in crate::build) mod expand;
mod glob;
mod heredoc;
mod ignore;
mod image_config;
pub(in crate::build) mod layer;
pub(in crate::build) mod layer_source;
mod mode;
mod pack;
mod stage;
pub(in crate::build) mod tree;

pub use builder::{Embedded, named_bases};
pub use dockerfile::{DockerfileError, MAX_DOCKERFILE, declared_args, needs_buildkit};
pub use pack::{Codec, Packed, pack};

/// What to do when a Dockerfile needs more than this builder.
const GET_BUILDKIT: &str = "use BuildKit for this build: install docker with buildx, or point BUILDKIT_HOST at a daemon, and leave `builder` at `auto` or `buildx`";
