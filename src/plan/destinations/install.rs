//! What a script can install from a release: for each platform the file that holds its programs.

use serde::{Deserialize, Serialize};

use super::super::files::{ArchiveStep, FileStep, StepWork};
use crate::config::{ArchiveFormat, OutputKind};

/// What one platform can get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installable {
    /// `os/arch[/variant]`.
    pub platform: String,
    /// Artifact id of the file.
    pub artifact: String,
    /// Format of the archive; `raw` for a program that is not packed.
    pub format: String,
    /// Programs in it, as paths; of a program that is not packed, what it is called.
    pub programs: Vec<String>,
}

/// Archives first, since they bring what else belongs to a program; then programs alone.
pub(super) fn installable(files: &[FileStep], builds: &[String]) -> Vec<Installable> {
    let attached: Vec<&FileStep> = files.iter().filter(|step| builds.contains(&step.build)).collect();
    let mut found: Vec<Installable> = attached
        .iter()
        .filter_map(|step| match &step.work {
            StepWork::Archive(archive) => of_archive(step, archive, files),
            _ => None,
        })
        .collect();
    for step in attached {
        for (artifact, platform, name) in programs_of(step) {
            if !found.iter().any(|known| known.platform == platform) {
                found.push(Installable { platform, artifact, format: "raw".to_owned(), programs: vec![name] });
            }
        }
    }
    found
}

/// Artifact, platform and name of every program that a step makes.
fn programs_of(step: &FileStep) -> Vec<(String, String, String)> {
    match &step.work {
        StepWork::Binary(program) => vec![(step.id(), program.platform.clone(), program.file.clone())],
        StepWork::Archive(_) => Vec::new(),
        StepWork::Command(command) => {
            let programs = command.outputs.iter().filter(|output| output.kind == OutputKind::Binary);
            programs
                .filter_map(|output| {
                    let base = output.source.rsplit('/').next().unwrap_or(&output.source);
                    Some((output.artifact()?, output.platform.clone()?, base.to_owned()))
                })
                .collect()
        }
    }
}

fn of_archive(step: &FileStep, archive: &ArchiveStep, files: &[FileStep]) -> Option<Installable> {
    let all: Vec<(String, String, String)> = files.iter().flat_map(programs_of).collect();
    let mut platform = None;
    let mut programs = Vec::new();
    for packed in &archive.contents {
        let Some((_, own, _)) = all.iter().find(|(artifact, _, _)| Some(artifact) == packed.artifact.as_ref()) else { continue };
        // Programs of several platforms in one archive: no machine can use them all.
        if platform.replace(own.clone()).is_some_and(|known| known != *own) {
            return None;
        }
        programs.push(match &archive.prefix {
            Some(prefix) if archive.format != ArchiveFormat::Raw => format!("{prefix}/{}", packed.name),
            _ => packed.name.clone(),
        });
    }
    let platform = platform?;
    Some(Installable { platform, artifact: step.id(), format: archive.format.name().to_owned(), programs })
}
