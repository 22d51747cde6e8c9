//! Built files in the contexts of images: for each platform of the image the file that is for it.

use super::local::Local;
use super::types::{FileStep, StagedFile, StepWork};
use crate::config::Stage;
use crate::core::{Platform, portable_path};
use crate::error::{Error, Result};
use crate::plan::template::Scope;

/// What goes into the context of an image for these platforms.
///
/// # Errors
/// Kind `Usage` when a build makes nothing for one of the platforms, several files, or two land on one path.
pub fn staged(scope: &Scope<'_>, stages: &[Stage], platforms: &[String], steps: &[FileStep]) -> Result<Vec<StagedFile>> {
    let mut staged: Vec<StagedFile> = Vec::new();
    for stage in stages {
        for platform in platforms {
            let platform = platform.parse::<Platform>().map_err(|error| Error::usage(error.to_string()))?;
            let path = file_for(steps, &stage.from, &platform)?;
            let local = Local { platform: Some(&platform), name: None, output: false };
            let name = local.text(scope, &stage.path).map_err(|error| error.context("stage"))?;
            portable_path(&name).map_err(|why| Error::usage(format!("stage `{}`: {why}", name.escape_debug())).hint("correct `as`"))?;
            let new = StagedFile { path, name };
            match staged.iter().find(|known| known.name == new.name) {
                Some(known) if *known == new => {}
                Some(known) => {
                    return Err(Error::usage(format!("{} and {} would both be {} in the context", known.path, new.path, new.name))
                        .hint("tell them apart: `as: \"app-{arch}\"`, and `COPY app-${TARGETARCH}` in the Dockerfile"));
                }
                None => staged.push(new),
            }
        }
    }
    Ok(staged)
}

fn file_for(steps: &[FileStep], build: &str, platform: &Platform) -> Result<String> {
    let wanted = platform.normalized();
    let same = |text: &str| text.parse::<Platform>().is_ok_and(|own| own.normalized() == wanted);
    let mut found: Vec<&str> = Vec::new();
    let mut others: Vec<&str> = Vec::new();
    for step in steps.iter().filter(|step| step.build == build) {
        match &step.work {
            StepWork::Binary(program) if same(&program.platform) => found.push(&program.path),
            StepWork::Binary(program) => others.push(&program.platform),
            StepWork::Archive(archive) => found.push(&archive.path),
            StepWork::Command(command) => {
                found.extend(
                    command.outputs.iter().filter(|output| output.platform.as_deref().is_none_or(same)).map(|output| output.path.as_str()),
                );
                others.extend(command.outputs.iter().filter_map(|output| output.platform.as_deref()));
            }
        }
    }
    match found.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(Error::usage(format!("the image is for {platform}, and `{build}` makes nothing for it"))
            .hint(format!("`{build}` is for {}: add {platform} to its `platforms`", others.join(", ")))),
        several => Err(Error::usage(format!("`{build}` makes {} files for {platform}, and one is put into the context", several.len()))
            .hint("make each a build of its own, or one directory (`type: tree`)")),
    }
}
