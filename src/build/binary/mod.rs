//! Makes programs and runs commands: the project's own toolchain, as the plan says, with an environment of allowed
//! variables and nothing else. What comes out is copied below `.stagefreight/dist/` and hashed on the way.
//!
//! `cx` (what every step gets), `toolbox` (which toolchains are here), `compile` (a program), `command` (a command),
//! `go` `rust` `zig` `node` `deno` `bun` (how each is called), `run` (the child and what its failure says), `place` (the
//! file into its place).

mod bun;
mod command;
mod compile;
mod contained;
mod cx;
mod deno;
mod go;
mod made;
mod node;
mod place;
mod run;
mod rust;
mod toolbox;
mod zig;

pub use command::command;
pub use compile::compile;
pub use contained::{image_of, run_contained, step_for};
pub use cx::FileCx;
pub use made::{FileKind, MadeFile};
pub(in crate::build) use place::{inside, place};
pub use toolbox::Toolbox;
