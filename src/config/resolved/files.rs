//! Builds that make files: programs, archives, and what a command leaves behind.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::Platform;

/// One entry of `builds` that makes files.
#[derive(Debug, Clone)]
pub struct FileBuild {
    /// Its id.
    pub id: String,
    /// A failure of a non-required build does not fail the run.
    pub required: bool,
    /// Ids of builds that come first. Of an archive: whose files are packed.
    pub depends_on: Vec<String>,
    /// What it does.
    pub work: FileWork,
}

/// What a build of files does.
#[derive(Debug, Clone)]
pub enum FileWork {
    /// `binary`.
    Binary(BinaryBuild),
    /// `archive`.
    Archive(ArchiveBuild),
    /// `command`.
    Command(CommandBuild),
}

/// What compiles a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Toolchain {
    /// `go build`.
    Go,
    /// `cargo build`.
    Rust,
    /// `zig cc`.
    Zig,
    /// A Node.js single executable application.
    Node,
    /// `deno compile`.
    Deno,
    /// `bun build --compile`.
    Bun,
    /// A command of the project.
    Command,
}

impl Toolchain {
    /// The word of the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Zig => "zig",
            Self::Node => "node",
            Self::Deno => "deno",
            Self::Bun => "bun",
            Self::Command => "command",
        }
    }
}

/// C library that programs for linux are linked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Libc {
    /// The GNU C library.
    Gnu,
    /// musl, statically.
    Musl,
}

impl Libc {
    /// The word of the config and of target triples.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gnu => "gnu",
            Self::Musl => "musl",
        }
    }
}

/// What is run: a line for the shell, or a program with its arguments. Values are templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CommandLine {
    /// Run by `sh -c`.
    Shell(String),
    /// Run as it is.
    Arguments(Vec<String>),
}

/// How a child of a build is run.
#[derive(Debug, Clone, Default)]
pub struct Workplace {
    /// Directory below the repository; `.` is the repository.
    pub dir: String,
    /// Variables; values are templates.
    pub env: IndexMap<String, String>,
    /// Names of variables passed on when they are set.
    pub pass_env: Vec<String>,
    /// Image it runs in; none = on this machine.
    pub image: Option<String>,
}

/// A build of kind `binary`.
#[derive(Debug, Clone)]
pub struct BinaryBuild {
    /// What compiles it.
    pub toolchain: Toolchain,
    /// For [`Toolchain::Command`].
    pub command: Option<CommandLine>,
    /// What to build, as the toolchain understands it.
    pub from: Option<String>,
    /// Name of the program, without `.exe`.
    pub output: String,
    /// Platforms; empty = this machine's.
    pub platforms: Vec<Platform>,
    /// Further arguments; templates.
    pub args: Vec<String>,
    /// Directory and environment.
    pub at: Workplace,
    /// C library of programs for linux.
    pub libc: Option<Libc>,
}

/// Form of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ArchiveFormat {
    /// tar, compressed with gzip.
    #[serde(rename = "tar.gz")]
    TarGz,
    /// tar, compressed with zstd.
    #[serde(rename = "tar.zst")]
    TarZst,
    /// zip.
    #[serde(rename = "zip")]
    Zip,
    /// The file itself.
    #[serde(rename = "raw")]
    Raw,
}

impl ArchiveFormat {
    /// The word of the config; but for `raw` also the ending of the file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::TarGz => "tar.gz",
            Self::TarZst => "tar.zst",
            Self::Zip => "zip",
            Self::Raw => "raw",
        }
    }
}

/// A build of kind `archive`.
#[derive(Debug, Clone)]
pub struct ArchiveBuild {
    /// Form; none = zip for windows, tar.gz for everything else.
    pub format: Option<ArchiveFormat>,
    /// Name without its ending, a template.
    pub name: Option<String>,
    /// Directory in the archive that everything lies below, a template.
    pub prefix: Option<String>,
    /// Files, directories and globs of the repository.
    pub include: Vec<String>,
    /// Listed in SHA256SUMS.
    pub checksums: bool,
}

/// A build of kind `command`.
#[derive(Debug, Clone)]
pub struct CommandBuild {
    /// What is run.
    pub command: CommandLine,
    /// Directory and environment.
    pub at: Workplace,
    /// What it makes, at least one.
    pub outputs: Vec<CommandOutput>,
}

/// What a command makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// A directory.
    Tree,
    /// A file.
    File,
    /// A program.
    Binary,
}

/// One output of a command.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    /// What it is.
    pub kind: OutputKind,
    /// Where it is, below the repository; a template.
    pub source: String,
    /// Platform of a binary; none = this machine's.
    pub platform: Option<Platform>,
}

/// A built file that is put into the context of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Build id.
    pub from: String,
    /// Path in the context, with `{os}`, `{arch}`, `{variant}`.
    pub path: String,
}
