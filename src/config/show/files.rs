//! Builds that make files, in the vocabulary of the file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::resolved::{
    ArchiveBuild, BinaryBuild, CommandBuild, CommandLine, CommandOutput, FileBuild, FileWork, Libc, OutputKind, Stage, Toolchain, Workplace,
};

/// A build that makes files.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownFiles<'c> {
    #[serde(flatten)]
    work: ShownWork<'c>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    depends_on: &'c [String],
    required: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ShownWork<'c> {
    Binary(ShownBinary<'c>),
    Archive(ShownArchive<'c>),
    Command(ShownCommand<'c>),
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownBinary<'c> {
    builder: Toolchain,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'c CommandLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'c str>,
    output: &'c str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    platforms: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    args: &'c [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    libc: Option<Libc>,
    #[serde(flatten)]
    at: ShownWorkplace<'c>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownWorkplace<'c> {
    dir: &'c str,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    env: &'c IndexMap<String, String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pass_env: &'c [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'c str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownArchive<'c> {
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<&'c str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    include: &'c [String],
    checksums: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownCommand<'c> {
    command: &'c CommandLine,
    outputs: Vec<ShownOutput<'c>>,
    #[serde(flatten)]
    at: ShownWorkplace<'c>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ShownOutput<'c> {
    r#type: OutputKind,
    source: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
}

/// A built file in the context of an image.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownStage<'c> {
    from: &'c str,
    r#as: &'c str,
}

impl<'c> ShownStage<'c> {
    /// Takes it apart for showing.
    pub fn new(stage: &'c Stage) -> Self {
        let Stage { from, path } = stage;
        Self { from, r#as: path }
    }
}

impl<'c> ShownWorkplace<'c> {
    fn new(at: &'c Workplace) -> Self {
        let Workplace { dir, env, pass_env, image } = at;
        Self { dir, env, pass_env, image: image.as_deref() }
    }
}

impl<'c> ShownFiles<'c> {
    /// Takes a build apart for showing.
    pub fn new(build: &'c FileBuild) -> Self {
        let FileBuild { id: _, required, depends_on, work } = build;
        let work = match work {
            FileWork::Binary(binary) => {
                let BinaryBuild { toolchain, command, from, output, platforms, args, at, libc } = binary;
                ShownWork::Binary(ShownBinary {
                    builder: *toolchain,
                    command: command.as_ref(),
                    from: from.as_deref(),
                    output,
                    platforms: platforms.iter().map(ToString::to_string).collect(),
                    args,
                    libc: *libc,
                    at: ShownWorkplace::new(at),
                })
            }
            FileWork::Archive(archive) => {
                let ArchiveBuild { format, name, prefix, include, checksums } = archive;
                ShownWork::Archive(ShownArchive {
                    format: format.map_or("auto", |format| format.name()),
                    name: name.as_deref(),
                    prefix: prefix.as_deref(),
                    include,
                    checksums: *checksums,
                })
            }
            FileWork::Command(command) => {
                let CommandBuild { command, at, outputs } = command;
                let output = |output: &'c CommandOutput| {
                    let CommandOutput { kind, source, platform } = output;
                    ShownOutput { r#type: *kind, source, platform: platform.as_ref().map(ToString::to_string) }
                };
                ShownWork::Command(ShownCommand { command, outputs: outputs.iter().map(output).collect(), at: ShownWorkplace::new(at) })
            }
        };
        Self { work, depends_on, required: *required }
    }
}
