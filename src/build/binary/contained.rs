//! The same calls in an image: BuildKit runs them over the repository as its context, and what they make is read from the
//! layers of the image that comes out, which is thrown away.

use std::io::BufWriter;
use std::path::Path;

use super::compile::unknown_target;
use super::made::{FileKind, MadeFile};
use super::run::Call;
use super::{FileCx, bun, command, deno, go, place, rust, zig};
use crate::build::inspect::{Image, Limits, look};
use crate::build::{BuildCx, Builder};
use crate::config::{BuildkitOptions, Libc, OutputKind, Toolchain};
use crate::core::{PathError, Platform};
use crate::error::{Error, Result};
use crate::fs;
use crate::names;
use crate::plan::{BuildStep, BuilderChoice, BuilderKind, FileStep, PlannedCache, PlannedWorkplace, ProgramStep, StepWork};
use crate::store::Layout;

/// Where the repository is in the container, and where programs are written.
const WORK: &str = "/work";
const OUT: &str = "/out";

/// What the Dockerfile calls an image of this config.
const TOOLCHAIN: &str = "toolchain";

/// The image a step runs in.
pub fn image_of(step: &FileStep) -> Option<&str> {
    match &step.work {
        StepWork::Binary(work) => work.at.image.as_deref(),
        StepWork::Command(work) => work.at.image.as_deref(),
        StepWork::Archive(_) => None,
    }
}

/// The build that BuildKit is asked for: a Dockerfile below `scratch`.
///
/// # Errors
/// A platform the toolchain has no name for; an output that cannot be written in a Dockerfile.
pub fn step_for(cx: &FileCx<'_>, step: &FileStep, scratch: &Path) -> Result<BuildStep> {
    let (at, call, outputs) = match &step.work {
        StepWork::Binary(work) => {
            let output = format!("{OUT}/{}", work.file);
            (&work.at, call_of(work, &output)?, vec![output])
        }
        StepWork::Command(work) => {
            let outputs = work.outputs.iter().map(|output| format!("{WORK}/{}", output.source)).collect();
            (&work.at, command::call(&work.command), outputs)
        }
        StepWork::Archive(_) => return Err(Error::failed("archives are packed here")),
    };
    let image = at.image.as_deref().unwrap_or_default();
    let mut buildkit = BuildkitOptions::default();
    if image.starts_with("build:") {
        buildkit.contexts.insert(TOOLCHAIN.to_owned(), image.to_owned());
    }
    let output = outputs.first().cloned().unwrap_or_default();
    let text = dockerfile(step, at, &call, &output, &outputs)?;
    let file = scratch.join("Dockerfile");
    fs::write_atomic(&file, text.as_bytes(), 0o644)?;
    let relative = file.strip_prefix(cx.workspace).map_err(|error| Error::failed("the scratch leaves the workspace").because(&error))?;
    Ok(BuildStep {
        id: step.name.clone(),
        required: step.required,
        depends_on: Vec::new(),
        dockerfile: relative.display().to_string(),
        context: ".".to_owned(),
        target: None,
        platforms: vec![Platform::host().to_string()],
        args: std::collections::BTreeMap::new(),
        labels: std::collections::BTreeMap::new(),
        source_date_epoch: step.source_date_epoch,
        provenance: None,
        sbom: false,
        compression: "gzip".to_owned(),
        buildkit,
        cache: PlannedCache::default(),
        stage: Vec::new(),
        builder: BuilderChoice { kind: BuilderKind::Buildx, why: "it runs in an image".to_owned() },
    })
}

/// Has it built, and puts what it made into its place.
///
/// # Errors
/// What BuildKit says of the failing command; an output that is not a regular file of the image.
pub async fn run_contained(
    cx: &FileCx<'_>,
    build: &BuildCx,
    builder: &dyn Builder,
    planned: &BuildStep,
    step: &FileStep,
) -> Result<Vec<MadeFile>> {
    let built = builder.build(build, planned).await?;
    let of = |error: Error| error.context(format!("build {}", step.name));
    let image = Image::open(&Layout::open(&built.layout)?, &built.digest, None).map_err(of)?;
    let looked = look(&image, Limits::default(), cx.cancel).map_err(of)?;
    let take = |inside: &str, to: &str, mode: u32| -> Result<(crate::core::Digest, u64)> {
        let file = looked.file(inside)?;
        let copy = build.scratch.join("output");
        fs::remove_file(&copy)?;
        let mut out = BufWriter::new(fs::create_new(&copy)?);
        looked.write(&image, file, &mut out, &Limits::default(), cx.cancel)?;
        std::io::Write::flush(&mut out).map_err(PathError::at("write", &copy))?;
        place(&copy, cx.workspace, to, mode)
    };
    match &step.work {
        StepWork::Binary(work) => {
            let platform = work.platform.parse::<Platform>().map_err(|error| of(Error::failed(error.to_string())))?;
            let (digest, size) = take(&format!("{OUT}/{}", work.file), &work.path, 0o755).map_err(of)?;
            let toolchain = work.at.image.clone().unwrap_or_default();
            let kind = FileKind::Binary { arch: command::arch_of(&platform), os: platform.os, toolchain };
            let (name, build) = (step.name.clone(), step.build.clone());
            Ok(vec![MadeFile { kind, name, build, path: work.path.clone(), digest, size, by: work.toolchain.name() }])
        }
        StepWork::Command(work) => {
            let mut made = Vec::new();
            for output in &work.outputs {
                let Some(name) = output.name.clone() else {
                    return Err(of(Error::usage(format!("output {} is a tree, and the command runs in an image", output.source))
                        .hint("have the command pack it into one file: `type: file`")));
                };
                let mode = if output.kind == OutputKind::Binary { 0o755 } else { 0o644 };
                let (digest, size) = take(&format!("{WORK}/{}", output.source), &output.path, mode).map_err(of)?;
                let kind = command::kind_of(output);
                made.push(MadeFile { kind, name, build: step.build.clone(), path: output.path.clone(), digest, size, by: "command" });
            }
            Ok(made)
        }
        StepWork::Archive(_) => Ok(Vec::new()),
    }
}

fn call_of(work: &ProgramStep, output: &str) -> Result<Call> {
    let platform = work.platform.parse::<Platform>().map_err(|error| Error::usage(error.to_string()))?;
    match work.toolchain {
        Toolchain::Go => Ok(go::call(work, &platform, output)),
        Toolchain::Zig => zig::call(work, &platform, output),
        Toolchain::Deno => deno::call(work, &platform, output),
        Toolchain::Bun => bun::call(work, &platform, output),
        Toolchain::Rust => {
            let triple =
                rust::triple(&platform, work.libc.unwrap_or(Libc::Gnu)).ok_or_else(|| unknown_target(work.toolchain, &platform))?;
            Ok(rust::contained_call(work, &triple, output))
        }
        Toolchain::Node => Err(unknown_target(work.toolchain, &platform)),
        Toolchain::Command => {
            let command = work.command.as_ref().ok_or_else(|| Error::failed("there is no command"))?;
            Ok(command::call(command)
                .env("TARGETOS", platform.os.clone())
                .env("TARGETARCH", platform.arch.clone())
                .env("TARGETVARIANT", platform.variant.unwrap_or_default()))
        }
    }
}

// Arguments in JSON: nothing of them is read by a shell, and nothing is expanded.
fn dockerfile(step: &FileStep, at: &PlannedWorkplace, call: &Call, output: &str, outputs: &[String]) -> Result<String> {
    let image = at.image.as_deref().unwrap_or_default();
    let image = if image.starts_with("build:") { TOOLCHAIN } else { image };
    let mut args = vec!["env".to_owned(), "TZ=UTC".to_owned(), format!("{}={}", names::env::SOURCE_DATE_EPOCH, step.source_date_epoch)];
    args.extend(call.env.iter().chain(&at.env).map(|(name, value)| format!("{name}={}", value.replace("{output}", output))));
    args.push(call.program.clone());
    args.extend(call.args.iter().map(|arg| arg.replace("{output}", output)));
    let json = |value: &[String]| serde_json::to_string(value).map_err(|error| Error::failed("cannot write a Dockerfile").because(&error));
    let mut text =
        format!("FROM {image} AS build\nWORKDIR {OUT}\nCOPY . {WORK}\nWORKDIR {WORK}/{}\nRUN {}\nFROM scratch\n", at.dir, json(&args)?);
    for output in outputs {
        text.push_str(&format!("COPY --from=build {}\n", json(&[output.clone(), output.clone()])?));
    }
    Ok(text)
}
