//! One program for one platform.

use std::path::{Path, PathBuf};

use super::command::{arch_of, call};
use super::made::{FileKind, MadeFile};
use super::place::{inside, place};
use super::run::run;
use super::{FileCx, bun, deno, go, node, rust, zig};
use crate::config::Toolchain;
use crate::core::Platform;
use crate::error::{Error, Result};
use crate::fs;
use crate::plan::{FileStep, ProgramStep};

/// Compiles it and copies it into its place.
///
/// # Errors
/// The toolchain or its target is missing; it failed; it made no program where it should.
pub async fn compile(cx: &FileCx<'_>, step: &FileStep, work: &ProgramStep) -> Result<MadeFile> {
    let of = |error: Error| error.context(format!("build {}", step.name));
    let platform = work.platform.parse::<Platform>().map_err(|error| of(Error::failed(error.to_string())))?;
    // Deterministic, since some compilers write it into what they make; emptied, since a crash may have left something.
    let making = cx.making(&step.name);
    fs::remove_tree(&making)?;
    fs::create_dir(&making)?;
    let output = making.join(&work.file);
    let source = match work.toolchain {
        Toolchain::Go => simple(cx, step, work, go::call(work, &platform, &shown(&output)), &output).await?,
        Toolchain::Zig => simple(cx, step, work, zig::call(work, &platform, &shown(&output)).map_err(of)?, &output).await?,
        Toolchain::Deno => simple(cx, step, work, deno::call(work, &platform, &shown(&output)).map_err(of)?, &output).await?,
        Toolchain::Bun => simple(cx, step, work, bun::call(work, &platform, &shown(&output)).map_err(of)?, &output).await?,
        Toolchain::Rust => rust::build(cx, step, work, &platform).await?,
        Toolchain::Node => node::build(cx, step, work, &platform, &output).await?,
        Toolchain::Command => own(cx, step, work, &platform, output).await?,
    };
    if !fs::is_file(&source) {
        let shown = source.strip_prefix(cx.workspace).unwrap_or(&source).display().to_string();
        return Err(of(Error::failed(format!("{} ended well and made no file at {shown}", work.toolchain.name())))
            .hint("a link or a directory does not count: a program is one regular file"));
    }
    let (workspace, path) = (cx.workspace.clone(), work.path.clone());
    let placed = tokio::task::spawn_blocking(move || place(&source, &workspace, &path, 0o755)).await;
    let (digest, size) = placed.map_err(|error| Error::failed("copying a program failed").because(&error))?.map_err(of)?;
    fs::remove_tree(&making)?;
    Ok(MadeFile {
        kind: FileKind::Binary { arch: arch_of(&platform), os: platform.os, toolchain: cx.toolbox.version(work.toolchain) },
        name: step.name.clone(),
        build: step.build.clone(),
        path: work.path.clone(),
        digest,
        size,
        by: work.toolchain.name(),
    })
}

async fn simple(cx: &FileCx<'_>, step: &FileStep, work: &ProgramStep, call: super::run::Call, output: &Path) -> Result<PathBuf> {
    run(cx, step, &work.at, call, &shown(output)).await?;
    Ok(output.to_owned())
}

// With `from` the command says itself where its program is, else it was told where to write.
async fn own(cx: &FileCx<'_>, step: &FileStep, work: &ProgramStep, platform: &Platform, output: PathBuf) -> Result<PathBuf> {
    let Some(command) = &work.command else { return Err(Error::failed(format!("build {} has no command", step.name))) };
    let call = call(command)
        .env("TARGETOS", platform.os.clone())
        .env("TARGETARCH", platform.arch.clone())
        .env("TARGETVARIANT", platform.variant.clone().unwrap_or_default());
    run(cx, step, &work.at, call, &shown(&output)).await?;
    match &work.from {
        Some(from) => inside(cx.workspace, from).map_err(|error| error.context(format!("build {}", step.name))),
        None => Ok(output),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A platform that a toolchain has no name for.
pub(super) fn unknown_target(toolchain: Toolchain, platform: &Platform) -> Error {
    Error::usage(format!("builder {} has no target for {platform}", toolchain.name()))
        .hint("take the platform out of `platforms`, or use `builder: command`")
}
