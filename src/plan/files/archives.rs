//! Archives: one for each platform of the builds they pack, or a single one where those have none.

use super::local::Local;
use super::steps::{Expanding, platform_word, portable_or};
use super::types::{ArchiveStep, FileStep, PackedFile, StepWork};
use crate::config::{ArchiveBuild, ArchiveFormat, FileBuild, OutputKind};
use crate::core::Platform;
use crate::error::{Error, Result};
use crate::names;

/// Default name of an archive for one platform.
const FOR_PLATFORM: &str = "{name}-{version}-{os}-{arch}{variant}";

/// Default name of an archive for none.
const FOR_ALL: &str = "{name}-{version}";

/// The steps of one build of kind `archive`.
pub(super) fn archives(expanding: &Expanding<'_>, build: &FileBuild, archive: &ArchiveBuild) -> Result<Vec<FileStep>> {
    let packed: Vec<&FileStep> =
        build.depends_on.iter().flat_map(|id| expanding.steps.iter().filter(move |step| step.build == *id)).collect();
    if packed.is_empty() && archive.include.is_empty() {
        return Err(Error::usage("the archive would be empty: none of its builds makes files")
            .hint("name builds of kind binary or command in `depends_on`, or files in `include`"));
    }
    let mut platforms: Vec<Option<Platform>> = Vec::new();
    for platform in packed.iter().filter_map(|step| platform_of(step)) {
        if !platforms.contains(&Some(platform.clone())) {
            platforms.push(Some(platform));
        }
    }
    if platforms.is_empty() {
        platforms.push(None);
    }
    platforms.iter().map(|platform| one(expanding, build, archive, &packed, platform.as_ref())).collect()
}

fn one(
    expanding: &Expanding<'_>,
    build: &FileBuild,
    archive: &ArchiveBuild,
    packed: &[&FileStep],
    platform: Option<&Platform>,
) -> Result<FileStep> {
    let ArchiveBuild { format, name, prefix, include, checksums } = archive;
    let mut needs = Vec::new();
    for id in build.depends_on.iter().filter(|id| expanding.inputs.config.builds.contains_key(*id)) {
        needs.extend(expanding.of_build(id));
    }
    let mut contents = Vec::new();
    let mut programs = Vec::new();
    for step in packed.iter().filter(|step| platform_of(step).is_none_or(|own| Some(&own) == platform)) {
        needs.push(step.id());
        contents.extend(contents_of(step));
        if let StepWork::Binary(program) = &step.work {
            programs.push(program.file.trim_end_matches(".exe").trim_end_matches(".wasm"));
        }
    }
    let called = if let [only] = programs.as_slice() { (*only).to_owned() } else { build.id.clone() };
    let local = Local { platform, name: Some(&called), output: false };
    let windows = platform.is_some_and(|platform| platform.os == "windows");
    let format = format.unwrap_or(if windows { ArchiveFormat::Zip } else { ArchiveFormat::TarGz });
    let template = name.as_deref().unwrap_or(if platform.is_some() { FOR_PLATFORM } else { FOR_ALL });
    let stem = local.text(expanding.scope, template).map_err(|error| error.context("name"))?;
    let ending = match (format, contents.as_slice()) {
        (ArchiveFormat::Raw, [only]) => extension(&only.name),
        (ArchiveFormat::Raw, several) => {
            return Err(Error::usage(format!("an archive of format raw is one file, and these builds make {}", several.len()))
                .hint("use tar.gz or zip, or make an archive of each build"));
        }
        (format, _) => format!(".{}", format.name()),
    };
    let file = format!("{stem}{ending}");
    if file.contains('/') {
        return Err(Error::usage(format!("the archive's name `{}` has a slash", file.escape_debug())).hint("put directories into `prefix`"));
    }
    portable_or(&file, "name")?;
    let prefix = prefix.as_ref().map(|prefix| local.text(expanding.scope, prefix).map_err(|error| error.context("prefix"))).transpose()?;
    if let Some(prefix) = &prefix {
        portable_or(prefix, "prefix")?;
    }
    let work = ArchiveStep {
        format,
        prefix,
        contents,
        include: include.clone(),
        checksums: *checksums,
        path: format!("{}/{file}", names::path::DIST),
    };
    Ok(expanding.step(build, file, needs, StepWork::Archive(work)))
}

fn platform_of(step: &FileStep) -> Option<Platform> {
    match &step.work {
        StepWork::Binary(program) => program.platform.parse().ok(),
        StepWork::Command(command) => match command.outputs.as_slice() {
            [only] => only.platform.as_deref().and_then(|platform| platform.parse().ok()),
            _ => None,
        },
        StepWork::Archive(_) => None,
    }
}

fn contents_of(step: &FileStep) -> Vec<PackedFile> {
    match &step.work {
        StepWork::Binary(program) => {
            vec![PackedFile { artifact: Some(step.id()), path: program.path.clone(), name: program.file.clone() }]
        }
        StepWork::Archive(archive) => {
            vec![PackedFile { artifact: Some(step.id()), path: archive.path.clone(), name: step.name.clone() }]
        }
        StepWork::Command(command) => {
            // Programs for several platforms lie beside each other.
            let platforms = command.outputs.iter().filter(|output| output.platform.is_some()).count();
            let named = command.outputs.iter().map(|output| {
                let base = output.source.rsplit('/').next().unwrap_or(&output.source);
                let platform = output.platform.as_deref().and_then(|platform| platform.parse::<Platform>().ok());
                let name = match (output.kind, platform) {
                    (OutputKind::Binary, Some(platform)) if platforms > 1 => format!("{}/{base}", platform_word(&platform)),
                    _ => base.to_owned(),
                };
                PackedFile { artifact: output.artifact(), path: output.path.clone(), name }
            });
            named.collect()
        }
    }
}

// `.exe` of `tool.exe`, `.txt` of `notes.txt`; nothing of `tool` and `.env`.
fn extension(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() && !end.is_empty() => format!(".{end}"),
        _ => String::new(),
    }
}
