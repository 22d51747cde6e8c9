//! The table of faults: what a registry, a network, a disk or another publisher does, what publishing comes to, and
//! that nothing corrupt is ever visible under a tag and the next run converges.
//!
//! A row is data (`row.rs`); rows of one subject are one file. To add one, add it to a list.

mod http2;
pub(crate) mod readback;
pub(crate) mod release;
pub(crate) mod row;
mod transfer;

use crate::support::every_row;

#[test]
fn every_fault_ends_as_the_table_says_and_the_next_run_converges() {
    every_row(transfer::rows(), 60, 12, |row| row.name.clone(), row::Row::run);
}
