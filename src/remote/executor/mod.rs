//! Running an adapter: one process per command, an environment made of what is allowed, one answer that passes every check.

mod environment;
mod pace;
mod run;

pub use environment::managed_dir;
pub use pace::Pace;
pub use run::{Ask, Executor};
