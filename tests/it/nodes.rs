//! Several BuildKit nodes and merging, on real BuildKit: two daemons of our own, linux/amd64 and linux/386, which run
//! natively on one machine.

mod by_hand;
mod compare;
mod merging;
mod parity;
mod parts;
pub mod real;
mod two;
