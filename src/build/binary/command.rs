//! A command of the project, and what it leaves behind.

use super::FileCx;
use super::made::{FileKind, MadeFile};
use super::place::{inside, place};
use super::run::{Call, run};
use crate::config::{CommandLine, OutputKind};
use crate::core::Platform;
use crate::error::{Error, Result};
use crate::fs;
use crate::plan::{CommandStep, FileStep, PlannedOutput};

/// Runs it; files and programs among its outputs are copied into their places, directories stay.
///
/// # Errors
/// The command failed; or an output is not there, is a link, lies below one, or is not what `type` says.
pub async fn command(cx: &FileCx<'_>, step: &FileStep, work: &CommandStep) -> Result<Vec<MadeFile>> {
    run(cx, step, &work.at, call(&work.command), "").await?;
    let mut made = Vec::new();
    for output in &work.outputs {
        let of = |error: Error| error.context(format!("build {}", step.build));
        let source = inside(cx.workspace, &output.source).map_err(of)?;
        let Some(name) = &output.name else {
            if !fs::is_dir(&source) {
                return Err(of(Error::failed(format!("its output {} is not a directory", output.source)).hint("use `type: file`")));
            }
            continue;
        };
        if fs::is_dir(&source) {
            return Err(of(Error::failed(format!("its output {} is a directory", output.source)).hint("use `type: tree`")));
        }
        let mode = if output.kind == OutputKind::Binary { 0o755 } else { 0o644 };
        let (workspace, path) = (cx.workspace.clone(), output.path.clone());
        let placed = tokio::task::spawn_blocking(move || place(&source, &workspace, &path, mode)).await;
        let (digest, size) = placed.map_err(|error| Error::failed("copying an output failed").because(&error))?.map_err(of)?;
        let kind = kind_of(output);
        made.push(MadeFile { kind, name: name.clone(), build: step.build.clone(), path: output.path.clone(), digest, size, by: "command" });
    }
    Ok(made)
}

/// A program where a platform is known, else a file as it is.
pub(super) fn kind_of(output: &PlannedOutput) -> FileKind {
    match output.platform.as_deref().map(str::parse::<Platform>) {
        Some(Ok(platform)) => FileKind::Binary { arch: arch_of(&platform), os: platform.os, toolchain: String::new() },
        _ => FileKind::Archive { format: "raw".to_owned(), sources: Vec::new(), listed: true },
    }
}

/// A line goes to the shell, a list is run as it is.
pub(super) fn call(command: &CommandLine) -> Call {
    match command {
        CommandLine::Shell(line) => Call::new("sh", ["-c", line.as_str()]),
        CommandLine::Arguments(parts) => Call::new(parts.first().map_or("", String::as_str), parts.iter().skip(1).cloned()),
    }
}

/// `arm64`, `arm/v7`.
pub(super) fn arch_of(platform: &Platform) -> String {
    platform.variant.as_ref().map_or_else(|| platform.arch.clone(), |variant| format!("{}/{variant}", platform.arch))
}
