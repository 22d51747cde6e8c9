//! What Dockerfiles run most: package managers of distributions, and a shell that cannot find a command.

use super::found::{Found, Lines, ahead, brief};
use crate::core::Problem;

/// What begins at a line.
pub fn at(lines: &Lines<'_>, at: usize) -> Option<Found> {
    let line = lines[at].trim();
    if let Some(message) = line.strip_prefix("E: ") {
        // "Sub-process returned an error code" follows from what came before.
        let problem = Problem::new("apt", brief(message));
        return Some(if message.starts_with("Sub-process") { Found::consequence(problem) } else { Found::cause(problem, 1) });
    }
    if line == "ERROR: unable to select packages:" {
        let below: Vec<&str> = ahead(lines, at + 1).iter().take_while(|line| line.starts_with("  ")).map(|line| line.trim()).collect();
        let names = below.iter().filter(|line| !line.starts_with("required by")).copied().collect::<Vec<_>>().join(", ");
        return Some(Found::cause(Problem::new("apk", brief(&format!("unable to select packages: {names}"))), 1 + below.len()));
    }
    if let Some(message) = line.strip_prefix("Error: Unable to find a match: ") {
        return Some(Found::cause(Problem::new("dnf", brief(&format!("unable to find a match: {message}"))), 1));
    }
    shell(line)
}

/// `/bin/sh: 1: make: not found`, `bash: line 1: make: command not found`, `sh: make: Permission denied`.
fn shell(line: &str) -> Option<Found> {
    let (program, rest) = line.split_once(": ")?;
    let shell = matches!(program.rsplit('/').next()?, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "busybox");
    let endings =
        [": not found", ": command not found", ": Permission denied", ": cannot execute: required file not found", ": Exec format error"];
    if !shell || !endings.iter().any(|ending| rest.ends_with(ending)) {
        return None;
    }
    let message = match rest.split_once(": ") {
        Some((number, message)) if number.trim_start_matches("line ").bytes().all(|b| b.is_ascii_digit()) => message,
        _ => rest,
    };
    Some(Found::cause(Problem::new("sh", brief(message)), 1))
}
