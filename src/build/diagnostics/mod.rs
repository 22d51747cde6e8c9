//! Why a build failed: the errors of compilers and package managers, found in what a build printed (spec/build.md M).
//!
//! `parse` reads lines and asks one file per language; what none of them knows is read by the plain `rules`. `render`
//! makes the rows of the screen, `place` finds the files of the repository that the errors are about. Only `place`
//! looks at the disk. Text comes in redacted; what it says is hostile: lines, counts and time are bounded.

mod c;
mod found;
mod go;
mod jvm;
mod node;
mod packages;
mod parse;
mod place;
mod python;
mod render;
mod rules;
mod rust;
mod text;

pub use parse::{MAX_PROBLEMS, Origin, parse};
pub use place::Places;
pub use render::render;
pub use text::plain;
