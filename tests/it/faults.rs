//! The table of faults: what a registry, a network, a disk or another publisher does, what publishing comes to, and
//! that nothing corrupt is ever visible under a tag and the next run converges.
//!
//! A row is data (`row.rs`); rows of one subject are one file. To add one, add it to a list.

mod http2;
pub(crate) mod readback;
pub(crate) mod release;
pub(crate) mod row;
mod transfer;

use std::collections::HashSet;

/// Rows that run at the same time. Most wait for a time limit, not for the processor.
const AT_A_TIME: usize = 12;

/// No row takes longer, whatever else the machine does.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(120);

fn rows() -> Vec<row::Row> {
    transfer::rows()
}

#[test]
fn the_table_is_large_and_names_each_row_once() {
    let rows = rows();
    let names: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert!(rows.len() >= 60, "only {} rows", rows.len());
    assert_eq!(names.len(), rows.len(), "two rows have one name");
}

#[test]
fn every_fault_ends_as_the_table_says_and_the_next_run_converges() {
    let only = std::env::var("SF_TEST_ROW").ok();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("runtime");
    let failed = runtime.block_on(async {
        let mut waiting = rows().into_iter().filter(|row| only.as_ref().is_none_or(|only| row.name.contains(only.as_str())));
        let mut running = tokio::task::JoinSet::new();
        let mut failed = Vec::new();
        loop {
            while running.len() < AT_A_TIME
                && let Some(row) = waiting.next()
            {
                let name = row.name.clone();
                let run = tokio::time::timeout(LONGEST, tokio::spawn(row.run()));
                running.spawn(async move { (!matches!(run.await, Ok(Ok(())))).then_some(name) });
            }
            match running.join_next().await {
                Some(outcome) => failed.extend(outcome.expect("a row is waited for")),
                None => return failed,
            }
        }
    });
    assert!(failed.is_empty(), "{} rows fail; each has panicked above:\n{}", failed.len(), failed.join("\n"));
}
