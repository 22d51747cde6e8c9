//! What goes wrong during a build, and how it is told.

use std::time::Duration;

use stagefreight::event::Event;

use super::rig::{ALL, By, solve};
use crate::buildx::bench::{Bench, Buildkitd, host, step, told};

#[tokio::test]
async fn a_failing_step_is_told_alike_whatever_tool_ran_it() {
    let daemon = Buildkitd::start();
    let mut all = Vec::new();
    for by in ALL {
        let bench = Bench::with_busybox("RUN echo first; sleep 0.2; echo second >&2; exit 9\n");
        all.push(told(&solve(by, &daemon, &bench, &host()).await.expect_err("it fails")).replace("[stage-0 2/2]", "[2/2]"));
    }
    insta::assert_snapshot!(all[0], @r#"
    error: build app failed at Dockerfile:4, step `[2/2] RUN echo first; sleep 0.2; echo second >&2; exit 9`: exit code 9 (exit 1)
       2 |     COPY busybox /bin/busybox
       3 |     SHELL ["/bin/busybox", "sh", "-c"]
       4 | >>> RUN echo first; sleep 0.2; echo second >&2; exit 9
      | first
      | second
    hint: the step's own output is above; `-v` shows the whole build
    "#);
    assert_eq!(all[1], all[0], "--progress=plain");
    assert_eq!(all[2], all[0], "buildctl");
}

#[tokio::test]
async fn a_mistake_in_the_dockerfile_names_its_line() {
    let daemon = Buildkitd::start();
    for by in ALL {
        let bench = Bench::new("FROM scratch\nCOPPY a b\n");
        let error = solve(by, &daemon, &bench, &host()).await.expect_err("it fails");
        assert!(error.message().starts_with("build app failed at Dockerfile:2: "), "{by:?}: {error:?}");
        assert!(error.message().contains("unknown instruction: COPPY"), "{by:?}: {error:?}");
    }
}

#[tokio::test]
async fn programs_of_another_architecture_need_emulation_and_the_error_says_so() {
    let daemon = Buildkitd::start();
    for by in ALL {
        let bench = Bench::with_busybox("RUN true\n");
        // The same program, said to be of another machine (ELF header, e_machine: EM_S390).
        let mut busybox = std::fs::read(bench.ws().join("busybox")).expect("busybox");
        busybox[18..20].copy_from_slice(&22_u16.to_le_bytes());
        bench.file("busybox", busybox);
        let error = solve(by, &daemon, &bench, &step(&["linux/s390x"])).await.expect_err("nothing here runs it");
        let hint = error.hint_text().expect("a hint");
        assert!(hint.contains("linux/s390x") && hint.contains("binfmt"), "{by:?}: {}", told(&error));
    }
}

#[tokio::test]
async fn a_stage_that_does_not_exist_is_named() {
    let daemon = Buildkitd::start();
    for by in ALL {
        let bench = Bench::new("FROM scratch\nCOPY Dockerfile /\n");
        let mut step = host();
        step.target = Some("gone".into());
        let error = solve(by, &daemon, &bench, &step).await.expect_err("there is no such stage");
        assert!(error.message().contains("gone"), "{by:?}: {error}");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("`target`")), "{by:?}: {}", told(&error));
    }
}

#[tokio::test]
async fn a_daemon_that_dies_during_a_build_is_told_as_such() {
    for by in [By::Buildx, By::Buildctl] {
        let daemon = Buildkitd::start();
        let bench = Bench::with_busybox("RUN echo begun; sleep 50\n");
        let events = bench.events.clone();
        let pid = daemon.pid();
        let killer = tokio::spawn(async move {
            let begun = |event: &Event| matches!(event, Event::Output { line, .. } if line == "begun");
            while !events.0.lock().expect("events").iter().any(begun) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let killed = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill");
            assert!(killed.success());
        });
        let error = solve(by, &daemon, &bench, &host()).await.expect_err("the daemon is gone");
        killer.await.expect("killer");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("the builder went away")), "{by:?}: {}", told(&error));
    }
}
