//! SIGKILL at every request, at every answer and at every journal line of publishing files; then publish again. Each time
//! every file and the pointer are there in the end, and publishing once more writes nothing.

use std::path::Path;
use std::sync::Arc;

use stagefreight::rehearse::fault::FaultPlan;
use stagefreight::world::World;

use super::shelf::{Manners, SECRET, Shelf};
use crate::artifact_store::servers::{S3_USER, Server};
use crate::crash::{Killer, POINT};
use crate::support::forge_cli::Workspace;

/// The process that is killed: this binary again. Without a crash point it only checks that the harness is wired.
#[test]
fn publisher() {
    let Ok(point) = std::env::var(POINT) else { return };
    let world = World { tap: Some(Arc::new(Killer::at(&point))), ..World::of_process().expect("world") };
    assert_eq!(stagefreight::cli::run(world, ["publish".to_owned()]), 0, "publish ended before the crash point and not well");
}

/// `forget` takes away what was published, `held` counts it.
fn survives(workspace: &Workspace, moment: &str, forget: &dyn Fn(), held: &dyn Fn() -> usize) {
    let sf = &workspace.sf;
    workspace.run(&["perform"], 0);
    workspace.run(&["review"], 0);
    for n in 1..200 {
        forget();
        std::fs::remove_dir_all(sf.path().join(".stagefreight/journal")).ok();
        let us = std::env::current_exe().expect("this binary");
        let publisher = sf.program(us, &["--exact", "packages::crash::publisher", "--nocapture"]);
        let status = publisher.env(POINT, format!("{moment}:{n}")).output().status;
        assert!(status.code().is_none_or(|code| code == 0), "publisher ended with {status} at {moment} {n}");
        let killed = status.code().is_none();
        workspace.run(&["publish"], 0);
        assert_eq!(held(), 4, "{moment} {n}");
        workspace.run(&["publish"], 0);
        assert_eq!(workspace.writes(), 0, "{moment} {n}");
        if !killed {
            assert!(n > 5, "only {n} crash points: the killer does not listen");
            return;
        }
    }
    panic!("more than 200 crash points");
}

fn on_a_server(moment: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let shelf = runtime.block_on(Shelf::start(Manners::default(), FaultPlan::default()));
    let workspace = Workspace::new().env("SHELF_TOKEN", SECRET);
    let url = shelf.url();
    workspace.config("", &format!("  files: {{ kind: files, url: \"{url}\", archives: pack, aliases: [latest], credentials: SHELF }}\n"));
    survives(&workspace, moment, &|| shelf.clear(), &|| shelf.held().len());
}

fn files_below(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

fn in_a_bucket(moment: &str) {
    let server = Server::s3();
    let workspace = Workspace::new().env("FILES_ACCESS_KEY_ID", S3_USER.0).env("FILES_SECRET_ACCESS_KEY", S3_USER.1);
    let host = &server.host;
    workspace.config(
        "",
        &format!(
            "  files: {{ kind: files, url: \"s3://test/a\", endpoint: \"http://{host}\", archives: pack, aliases: [latest], credentials: files }}\n"
        ),
    );
    let below = server.data().join("test/a");
    // What it knows of an object lies beside the data.
    let known = server.data().with_file_name("meta").join("test/a");
    let forget = || [&below, &known].iter().for_each(|dir| drop(std::fs::remove_dir_all(dir)));
    survives(&workspace, moment, &forget, &|| files_below(&below));
}

#[test]
fn a_server_at_every_request() {
    on_a_server("request");
}

#[test]
fn a_server_at_every_answer() {
    on_a_server("response");
}

#[test]
fn a_server_at_every_journal_line() {
    on_a_server("journal");
}

#[test]
fn a_bucket_at_every_request() {
    in_a_bucket("request");
}

#[test]
fn a_bucket_at_every_answer() {
    in_a_bucket("response");
}
