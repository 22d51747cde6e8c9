//! What every embedded server has in common: listening, connections and a stop that lets answers finish; and a memory of
//! what was asked.

mod listener;
mod memory;
mod patience;

pub use listener::{Bounds, Running, bind, start};
pub use memory::{Memory, Phase, Remembered};
