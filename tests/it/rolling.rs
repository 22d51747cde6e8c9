//! Releases that move, at the embedded forges: at every request of a run that moves one something goes wrong, or somebody else
//! comes between. Whatever that is: no name of a file is gone but for one request, what people attached and wrote stays, and
//! the next run makes it exactly what it shall be. SIGKILL at every request is in `rolling/crash.rs`.

mod crash;
mod desk;
mod row;
mod rows;

use std::collections::HashSet;

use desk::{Desk, Product};
use row::{Begins, SECOND, THIRD, Traces, assert_done, assert_exact, prepared};
use rows::Course;

use crate::support::file_release::Publisher;

/// Rows at a time. Most wait for a time limit or a retry, not for the processor.
const AT_A_TIME: usize = 16;

fn every_row(product: Product, at_least: usize) {
    let only = std::env::var("SF_TEST_ROW").ok();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("runtime");
    let failed = runtime.block_on(async {
        let rows = tokio::spawn(async move {
            let publisher = Publisher::new(None);
            let mut rows = Course::of(product, Begins::There, &publisher).await.rows();
            rows.extend(Course::of(product, Begins::Nowhere, &publisher).await.rows());
            let names: HashSet<String> = rows.iter().map(|row| row.name.clone()).collect();
            assert!(rows.len() >= at_least && names.len() == rows.len(), "{} rows, {} names", rows.len(), names.len());
            let mut waiting = rows.into_iter().filter(|row| only.as_ref().is_none_or(|only| row.name.contains(only.as_str())));
            let mut running = tokio::task::JoinSet::new();
            let mut failed = Vec::new();
            loop {
                while running.len() < AT_A_TIME
                    && let Some(row) = waiting.next()
                {
                    let name = row.name.clone();
                    let run = tokio::time::timeout(std::time::Duration::from_secs(120), tokio::spawn(row.run(publisher.clone())));
                    running.spawn(async move { (!matches!(run.await, Ok(Ok(())))).then_some(name) });
                }
                match running.join_next().await {
                    Some(outcome) => failed.extend(outcome.expect("a row is waited for")),
                    None => return failed,
                }
            }
        });
        rows.await.expect("rows")
    });
    assert!(failed.is_empty(), "{} rows fail; each has panicked above:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn whatever_happens_at_github_it_comes_right() {
    every_row(Product::Github, 200);
}

#[test]
fn whatever_happens_at_gitlab_it_comes_right() {
    every_row(Product::Gitlab, 150);
}

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(test);
}

#[test]
fn two_publishers_at_once_make_one_release() {
    block_on(async {
        let publisher = Publisher::new(None);
        for product in [Product::Github, Product::Gitlab] {
            for (one, other) in [(SECOND, SECOND), (SECOND, THIRD)] {
                let name = format!("{product:?}, {one} and {other}");
                let desk = Desk::start(product, &publisher).await;
                // Whoever is overtaken may have to come again; nobody breaks anything.
                let (first, second) = tokio::join!(desk.publish(one, false), desk.publish_elsewhere(other));
                for error in row::failures(&first).into_iter().chain(row::failures(&second)) {
                    assert!(error.hint.is_some(), "{name}: it does not say what to do: {error:#?}");
                }
                assert_done(&name, &desk.publish(other, false).await);
                assert_exact(&name, &desk, other, Traces::Gone);
                desk.assert_described();
            }
        }
    });
}

#[test]
fn a_developer_of_gitlab_moves_it_though_files_of_packages_stay() {
    block_on(async {
        let publisher = Publisher::new(None);
        let desk = prepared(Product::Gitlab, Begins::There, &publisher).await.by_a_developer();
        assert_done("moved", &desk.publish(SECOND, false).await);
        assert_exact("moved", &desk, SECOND, Traces::Kept);
        desk.forget_log();
        assert_done("again", &desk.publish(SECOND, false).await);
        assert!(!desk.log().iter().any(row::is_write), "{:#?}", desk.log());
        desk.assert_described();
    });
}
