//! Releases that move, at the embedded forges: at every request of a run that moves one something goes wrong, or somebody else
//! comes between. Whatever that is: no name of a file is gone but for one request, what people attached and wrote stays, and
//! the next run makes it exactly what it shall be. SIGKILL at every request is in `rolling/crash.rs`.

mod crash;
mod desk;
mod row;
mod rows;

use desk::{Desk, Product};
use row::{Begins, SECOND, THIRD, Traces, assert_done, assert_exact, prepared};
use rows::Course;

use crate::support;
use crate::support::file_release::Publisher;

fn every_row(product: Product, at_least: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let publisher = Publisher::new(None);
    let rows = runtime.block_on(async {
        let mut rows = Course::of(product, Begins::There, &publisher).await.rows();
        rows.extend(Course::of(product, Begins::Nowhere, &publisher).await.rows());
        rows
    });
    support::every_row(rows, at_least, 16, |row| row.name.clone(), |row| row.run(publisher.clone()));
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
