//! Tables of rows that are run side by side: most wait for a time limit or a retry, not for the processor.

use std::collections::HashSet;
use std::time::Duration;

/// No row takes longer, whatever else the machine does.
const LONGEST: Duration = Duration::from_secs(120);

/// Runs every row, or those whose name has `SF_TEST_ROW` in it. There are `at_least` so many, each of a name of its own.
pub fn every_row<R, F>(rows: Vec<R>, at_least: usize, at_a_time: usize, name: impl Fn(&R) -> String, run: impl Fn(R) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("runtime");
    let names: HashSet<String> = rows.iter().map(&name).collect();
    assert!(rows.len() >= at_least && names.len() == rows.len(), "{} rows, {} names", rows.len(), names.len());
    let only = std::env::var("SF_TEST_ROW").ok();
    let mut waiting = rows.into_iter().filter(|row| only.as_ref().is_none_or(|only| name(row).contains(only.as_str())));
    let failed = runtime.block_on(async {
        let mut running = tokio::task::JoinSet::new();
        let mut failed = Vec::new();
        loop {
            while running.len() < at_a_time
                && let Some(row) = waiting.next()
            {
                let (name, run) = (name(&row), tokio::time::timeout(LONGEST, tokio::spawn(run(row))));
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
