//! Steps that make files, as data.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ArchiveFormat, CommandLine, Libc, OutputKind, Toolchain};

/// One step that makes files: a program for one platform, one archive, or a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileStep {
    /// Name of the artifact, or of a command's build. Unique within its kind.
    pub name: String,
    /// Build id of the config.
    pub build: String,
    /// A failure fails the run.
    pub required: bool,
    /// Steps that come first: `docker:<build>`, `binary:<name>`, `archive:<name>`, `command:<build>`.
    pub needs: Vec<String>,
    /// Time stamped into files, seconds since 1970.
    pub source_date_epoch: i64,
    /// What is done.
    pub work: StepWork,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StepWork {
    /// Compiles a program.
    Binary(ProgramStep),
    /// Packs an archive.
    Archive(ArchiveStep),
    /// Runs a command.
    Command(CommandStep),
}

/// How a child is run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedWorkplace {
    /// Directory, relative to the workspace.
    pub dir: String,
    /// Variables, rendered; `{output}` is the file it shall write.
    pub env: BTreeMap<String, String>,
    /// Names of variables that are passed on when they are set. Never a value.
    pub pass_env: Vec<String>,
    /// Image it runs in; none = on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// A program for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgramStep {
    /// What compiles it.
    pub toolchain: Toolchain,
    /// `os/arch[/variant]`.
    pub platform: String,
    /// For [`Toolchain::Command`], rendered; `{output}` is the file it shall write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandLine>,
    /// What to build, as the toolchain understands it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Further arguments, rendered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// C library of programs for linux.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub libc: Option<Libc>,
    /// Directory and environment.
    pub at: PlannedWorkplace,
    /// Name of the program, with `.exe` for windows.
    pub file: String,
    /// Where it goes, relative to the workspace.
    pub path: String,
}

/// One archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArchiveStep {
    /// Form.
    pub format: ArchiveFormat,
    /// Directory in the archive that everything lies below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// What other steps made.
    pub contents: Vec<PackedFile>,
    /// Files, directories and globs of the repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Listed in SHA256SUMS.
    pub checksums: bool,
    /// Where it goes, relative to the workspace.
    pub path: String,
}

/// A file or directory that another step made and an archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackedFile {
    /// Artifact id; none for a directory, which is no artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// Where it is, relative to the workspace.
    pub path: String,
    /// What it is called in the archive.
    pub name: String,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandStep {
    /// What is run, rendered.
    pub command: CommandLine,
    /// Directory and environment.
    pub at: PlannedWorkplace,
    /// What it makes.
    pub outputs: Vec<PlannedOutput>,
}

/// What a command makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedOutput {
    /// What it is.
    pub kind: OutputKind,
    /// Where it is after the command, relative to the workspace.
    pub source: String,
    /// Name of the artifact; none for a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Platform of a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Where its bytes go, relative to the workspace; of a directory, where it stays.
    pub path: String,
}

/// A built file or directory that is put into the context of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StagedFile {
    /// Where it is, relative to the workspace.
    pub path: String,
    /// Where it is put in the context.
    pub name: String,
}

impl FileStep {
    /// What other steps call it: `binary:cli-linux-amd64`.
    pub fn id(&self) -> String {
        format!("{}:{}", self.work.kind(), self.name)
    }

    /// Ids of the artifacts it makes.
    pub fn artifacts(&self) -> Vec<String> {
        match &self.work {
            StepWork::Binary(_) | StepWork::Archive(_) => vec![self.id()],
            StepWork::Command(command) => command.outputs.iter().filter_map(PlannedOutput::artifact).collect(),
        }
    }
}

impl StepWork {
    /// `binary`, `archive`, `command`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Binary(_) => "binary",
            Self::Archive(_) => "archive",
            Self::Command(_) => "command",
        }
    }
}

impl PlannedOutput {
    /// Its artifact id: a program is a binary, any other file a raw archive; a directory is no artifact.
    pub fn artifact(&self) -> Option<String> {
        let name = self.name.as_ref()?;
        Some(match self.kind {
            OutputKind::Tree => return None,
            OutputKind::File => format!("archive:{name}"),
            OutputKind::Binary => format!("binary:{name}"),
        })
    }
}
