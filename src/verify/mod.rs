//! Reads every destination back and compares with what was published. Pure: the command does the reading through
//! publish's port and hands over what it saw.

mod compare;

pub use compare::{Expected, State, compare};
