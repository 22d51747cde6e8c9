//! An interrupted run leaves no children and records nothing.

use std::time::{Duration, Instant};

use super::workspace;

#[test]
fn an_interrupt_ends_the_whole_process_group() {
    let config = r"
builds:
  slow:
    kind: command
    command: mkdir -p out; (sleep 300 & echo $! >out/pid; wait)
    outputs: [{ type: file, source: out/pid }]
";
    let sf = workspace(config).git();
    let mut child = sf.command(&["perform"]).start();
    let pid_file = sf.path().join("out/pid");
    let began = Instant::now();
    let grandchild = loop {
        let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
        if let Ok(pid) = text.trim().parse::<u32>() {
            break pid;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the command did not start");
        std::thread::sleep(Duration::from_millis(20));
    };
    let alive = || std::path::Path::new(&format!("/proc/{grandchild}/stat")).exists();
    assert!(alive());
    child.terminate();
    let status = child.wait();
    assert_eq!(status.code(), Some(143));
    let deadline = Instant::now() + Duration::from_secs(10);
    while alive() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!alive(), "the command's own child is gone");
    assert!(!sf.path().join(".stagefreight/outputs.json").exists());
}
