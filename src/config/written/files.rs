//! Builds that make files: programs, archives, and what a command leaves behind.

use super::later::Crucible;
use super::{words, written};
use crate::config::decode::{Later, NameMap, OneOrMany, Scalar};
use crate::config::span::{Spanned, Text};

words! {
    /// What compiles a program.
    ToolchainWord "builder" {
        /// `go build`.
        Go = "go",
        /// `cargo build --release`.
        Rust = "rust",
        /// `zig cc`: C and C++ for any platform.
        Zig = "zig",
        /// A Node.js single executable application, for this machine's platform.
        Node = "node",
        /// `deno compile`.
        Deno = "deno",
        /// `bun build --compile`.
        Bun = "bun",
        /// A command of your own.
        Command = "command",
    }
}

words! {
    /// C library that programs for linux are linked with.
    LibcWord "libc" {
        /// The GNU C library.
        Gnu = "gnu",
        /// musl, statically.
        Musl = "musl",
    }
}

words! {
    /// Form of an archive.
    ArchiveFormatWord "format" {
        /// zip for windows, tar.gz for everything else.
        Auto = "auto",
        /// tar, compressed with gzip.
        TarGz = "tar.gz",
        /// tar, compressed with zstd.
        TarZst = "tar.zst",
        /// zip.
        Zip = "zip",
        /// The file itself.
        Raw = "raw",
    }
}

words! {
    /// What a command makes.
    OutputWord "type" {
        /// A directory. Archives and images can take it; by itself it is no artifact.
        Tree = "tree",
        /// A file.
        File = "file",
        /// A program.
        Binary = "binary",
    }
}

written! {
    /// A program, one for each platform.
    BinaryBuild {
        /// go, rust, zig, node, deno, bun or command.
        builder: ToolchainWord,
        /// For `builder: command`: a line for the shell, or a list of arguments. `{output}` is the file it shall write.
        command: Option<OneOrMany<Text>>,
        /// What to build. go: a package, default `.`. rust: a binary of the workspace. zig, node, deno, bun: a source file.
        /// command: the file the command makes, when it does not write `{output}`.
        from: Option<Text>,
        /// Directory the builder works in. Default `.`.
        dir: Option<Text>,
        /// Name of the program, without `.exe`. Default: from `from`, else the build's id.
        output: Option<Text>,
        /// Platforms, one program each. Default: this machine's.
        platforms: Option<Spanned<Vec<Text>>>,
        /// Further arguments of the builder. Values are templates.
        args: Option<Vec<Text>>,
        /// Variables of the builder. Values are templates. Never put a secret here.
        env: Option<NameMap<Spanned<Scalar>>>,
        /// Names of variables that are passed on when they are set.
        pass_env: Option<Vec<Text>>,
        /// C library of programs for linux, for rust and zig: gnu or musl. Default gnu for rust, musl for zig.
        libc: Option<LibcWord>,
        /// Builds that come first: one id or a list.
        depends_on: Option<OneOrMany<Text>>,
        /// `false`: a failure of this build does not fail the run. Default true.
        required: Option<bool>,
        /// Compress the program.
        compress: Option<Later<bool>>,
        /// Image whose toolchain is used: the builder runs in it, by BuildKit.
        image: Option<Text>,
        /// Build twice and compare.
        crucible: Option<Later<Crucible>>,
        /// crucible: build twice and compare.
        build_mode: Option<Later<Text>>,
        /// Words for selecting builds on the command line.
        select_tags: Option<Later<Vec<Text>>>,
    }
}

written! {
    /// An archive of what other builds made, one for each of their platforms.
    ArchiveBuild {
        /// Builds whose files are packed: one id or a list.
        depends_on: OneOrMany<Text>,
        /// auto, tar.gz, tar.zst, zip or raw. Default auto.
        format: Option<ArchiveFormatWord>,
        /// Name without its ending, a template. Default `{name}-{version}-{os}-{arch}`.
        name: Option<Text>,
        /// Directory in the archive that everything lies below, a template. Default: none.
        prefix: Option<Text>,
        /// Files, directories and globs of the repository that are packed too.
        include: Option<Vec<Text>>,
        /// List it in SHA256SUMS. Default true.
        checksums: Option<bool>,
        /// `false`: a failure of this build does not fail the run. Default true.
        required: Option<bool>,
    }
}

written! {
    /// A command of your own, run in the repository.
    CommandBuild {
        /// A line for the shell, or a list of arguments. Values are templates.
        command: OneOrMany<Text>,
        /// Directory it runs in. Default `.`.
        dir: Option<Text>,
        /// What it makes.
        outputs: Spanned<Vec<BuildOutput>>,
        /// Variables of the command. Values are templates. Never put a secret here.
        env: Option<NameMap<Spanned<Scalar>>>,
        /// Names of variables that are passed on when they are set.
        pass_env: Option<Vec<Text>>,
        /// Builds that come first: one id or a list.
        depends_on: Option<OneOrMany<Text>>,
        /// `false`: a failure of this build does not fail the run. Default true.
        required: Option<bool>,
        /// Image it runs in, by BuildKit. Without it, on this machine.
        image: Option<Text>,
    }
}

written! {
    /// Something a command makes.
    BuildOutput {
        /// tree, file or binary.
        r#type: OutputWord,
        /// Where it is after the command, below the repository.
        source: Text,
        /// Platform of a binary. Default: this machine's.
        platform: Option<Text>,
        /// Where it goes.
        worktree: Option<Later<Scalar>>,
    }
}

written! {
    /// A built file that is put into the context of an image.
    Stage {
        /// Build id.
        from: Text,
        /// Path in the context, with `{os}`, `{arch}` and `{variant}` where there are several platforms.
        r#as: Text,
    }
}
