//! `builds`.

use super::build_cache::NoCache;
use super::files::{ArchiveBuild, BinaryBuild, CommandBuild, Stage};
use super::later::BuildCacheWatch;
use super::{kinds, written};
use crate::config::decode::{IdMap, Later, NameMap, OneOrMany, Scalar};
use crate::config::span::{Spanned, Text};

kinds! {
    /// Something that is built.
    Build {
        /// A container image.
        Docker(Box<DockerBuild>) = "docker",
        /// A program.
        Binary(Box<BinaryBuild>) = "binary",
        /// An archive of built files.
        Archive(Box<ArchiveBuild>) = "archive",
        /// A command of your own.
        Command(Box<CommandBuild>) = "command",
        ; later
    }
}

written! {
    /// A container image.
    DockerBuild {
        /// Dockerfile below the repository. Default: the one that is found.
        dockerfile: Option<Text>,
        /// Build context below the repository. Default `.`.
        context: Option<Text>,
        /// Stage to build. Default: the last.
        target: Option<Text>,
        /// Platforms. Default: linux on this machine's architecture.
        platforms: Option<Spanned<Vec<Text>>>,
        /// Build arguments. Values are templates. Never put a secret here.
        build_args: Option<NameMap<Spanned<Scalar>>>,
        /// Additional labels. Values are templates.
        labels: Option<NameMap<Spanned<Scalar>>>,
        /// auto, buildx or embedded. Default auto.
        builder: Option<DockerBuilder>,
        /// BuildKit provenance attestation: off, min or max. Default off, so that equal inputs give equal digests.
        provenance: Option<Provenance>,
        /// BuildKit SBOM attestation. Default false.
        sbom: Option<bool>,
        /// Layer compression of the embedded builder: gzip or zstd. Default gzip.
        compression: Option<Compression>,
        /// Builds that come first: one id or a list.
        depends_on: Option<OneOrMany<Text>>,
        /// `false`: a failure of this build does not fail the run. Default true.
        required: Option<bool>,
        /// crucible: build twice and compare.
        build_mode: Option<Later<Text>>,
        /// Files and variables that RUN may mount as secrets.
        secrets: Option<Vec<BuildSecret>>,
        /// SSH agents or keys that RUN may mount: `default`, or `id=path`.
        ssh: Option<OneOrMany<Text>>,
        /// Contexts by name: `build:ID`, a directory, `oci-layout://DIR`, `docker-image://REF`, a git or http URL.
        build_contexts: Option<NameMap<Spanned<Scalar>>>,
        /// Annotations, `[index,manifest:]key` to value. Values are templates.
        annotations: Option<NameMap<Spanned<Scalar>>>,
        /// Network of RUN: default, none, host.
        network: Option<Network>,
        /// Limits of RUN: `nofile=1024:1024`.
        ulimits: Option<Vec<Text>>,
        /// Host names of RUN: `name:address`.
        add_hosts: Option<Vec<Text>>,
        /// Size of /dev/shm in RUN.
        shm_size: Option<Text>,
        /// true: build every step again. A list: the steps of these stages.
        no_cache: Option<NoCache>,
        /// Ask for base images even when the builder has them. Default false.
        pull: Option<bool>,
        /// Put the image into the local docker engine too. Default false.
        load: Option<bool>,
        /// A bake file that defines this build, `target` in it.
        bake: Option<Text>,
        /// Built files that are put into the context: one or a list.
        stage: Option<OneOrMany<Stage>>,
        /// Files that invalidate caches.
        cache: Option<Later<BuildCacheWatch>>,
        /// Words for selecting builds on the command line.
        select_tags: Option<Later<Vec<Text>>>,
    }
}

written! {
    /// A secret of a build: a variable or a file, never the value.
    BuildSecret {
        /// Id that `RUN --mount=type=secret,id=` names.
        id: Text,
        /// Variable that holds it.
        env: Option<Text>,
        /// File that holds it, below the repository or absolute.
        src: Option<Text>,
    }
}

super::words! {
    /// Network of RUN.
    Network "network" {
        /// BuildKit's own.
        Default = "default",
        /// None.
        None = "none",
        /// The host's. BuildKit must permit it.
        Host = "host",
    }
}

super::words! {
    /// Who builds an image.
    DockerBuilder "builder" {
        /// The embedded builder where it can, else BuildKit.
        Auto = "auto",
        /// BuildKit through buildx.
        Buildx = "buildx",
        /// Our own, without a daemon.
        Embedded = "embedded",
    }
}

super::words! {
    /// BuildKit's provenance.
    Provenance "provenance" {
        /// None.
        Off = "off",
        /// `mode=min`.
        Min = "min",
        /// `mode=max`.
        Max = "max",
    }
}

super::words! {
    /// Layer compression.
    Compression "compression" {
        /// gzip.
        Gzip = "gzip",
        /// zstd.
        Zstd = "zstd",
    }
}

/// Builds by id.
pub type Builds = IdMap<Build>;
