//! Where BuildKit is: every endpoint that is configured or usual is asked at once, over connections of our own and
//! without starting programs, and the first that answers in order of preference is taken. Nothing here makes or
//! changes a builder.
//!
//! `candidate` lists the places, `dial` connects, `engine` and `control` ask who is there, `kind` and `need` say what
//! that is good for, `resolve` runs it all, `resolution` is what came out. `program` finds what drives BuildKit, and
//! `session` is the private configuration it runs with.

mod address;
mod candidate;
mod control;
mod dial;
mod docker_config;
mod engine;
mod engines;
mod kind;
mod need;
mod program;
mod resolution;
mod resolve;
mod session;
mod tls;
mod tool;

pub use address::Address;
pub use candidate::{Candidate, Place, Source};
pub use control::{CacheEntry, Daemon, Rule};
pub use engine::Engine;
pub use kind::BackendKind;
pub use need::{Capability, Need};
pub use program::{Program, Programs};
pub use resolution::{Answer, Backend, Resolution};
pub use resolve::{Thoroughness, resolve};
pub use session::Session;
pub use tool::Tool;

pub(in crate::build) use control::Control;
pub(in crate::build) use dial::dial;
pub(in crate::build) use engine::Api;
pub(in crate::build) use engines::engine_of;
pub(in crate::build) use program::on_path;
