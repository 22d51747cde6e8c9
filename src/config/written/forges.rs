//! `forges`, `repos`, `release`, and publish entries of kind `release`.

use super::later::{RepoBranches, Sync};
use super::{ArchiveFormatWord, Condition, ReleaseRetention, TagEntry, words, written};
use crate::config::decode::{Later, OneOrMany, Scalar};
use crate::config::span::{Spanned, Text};

written! {
    /// A forge.
    Forge {
        /// github, gitlab, gitea, forgejo; embedded, embedded-gitlab: a GitHub or a GitLab of our own on loopback, for rehearsals.
        provider: Spanned<ForgeProvider>,
        /// Web address: `https://github.com`, `https://git.acme.dev/forge`. Not needed for those of our own.
        url: Option<Text>,
        /// Prefix of the variable with the token: `ACME` reads `ACME_TOKEN`. Default: the CI's own token, then the forge's usual variable.
        credentials: Option<Text>,
        /// PEM file with additional certificate authorities for this host.
        ca_file: Option<Text>,
    }
}

words! {
    /// Product of a forge.
    ForgeProvider "provider" {
        /// GitHub, GitHub Enterprise Server.
        Github = "github",
        /// GitLab.
        Gitlab = "gitlab",
        /// Gitea.
        Gitea = "gitea",
        /// Forgejo.
        Forgejo = "forgejo",
        /// A GitHub of our own, for rehearsals.
        Embedded = "embedded",
        /// A GitLab of our own, for rehearsals.
        EmbeddedGitlab = "embedded-gitlab",
    }
}

written! {
    /// A repository on a forge.
    Repo {
        /// Id of `forges`.
        forge: Text,
        /// Project path: `acme/app`.
        project: Text,
        /// primary: releases are made there for people; mirror: they are repeated there. Default: the first repository is the primary one.
        roles: Option<OneOrMany<Spanned<RepoRole>>>,
        /// Branches with a meaning.
        branches: Option<Later<RepoBranches>>,
        /// Directory of the primary.
        worktree: Option<Later<Text>>,
        /// Ref.
        r#ref: Option<Later<Text>>,
        /// What is kept in step.
        sync: Option<Later<Sync>>,
        /// `false`: a failure there does not fail the run. Default true.
        required: Option<bool>,
    }
}

words! {
    /// What a repository is.
    RepoRole "roles" {
        /// Where releases are made for people.
        Primary = "primary",
        /// Where they are repeated.
        Mirror = "mirror",
        /// Where pipelines publish from.
        PublishOrigin = "publish-origin",
    }
}

written! {
    /// Releases in general.
    Release {
        /// `false`: no release is made. Default true.
        enabled: Option<bool>,
        /// `false`: a failed release does not fail the run. Default true.
        required: Option<bool>,
        /// Add the security summary.
        security_summary: Option<Later<Scalar>>,
        /// Add links to images to the notes. Default true.
        registry_links: Option<bool>,
        /// Add links to catalogs.
        catalog_links: Option<Later<bool>>,
    }
}

written! {
    /// A release on forges, with built files.
    ReleasePublish {
        /// Ids of `repos`: one, or a list.
        repos: OneOrMany<Text>,
        /// Tag, off tag pipelines: a template such as `dev-{sha:8}`. Without it there is no release off tags.
        tag: Option<Text>,
        /// Title: a template. Default: the tag.
        title: Option<Text>,
        /// latest: never a pre-release; prerelease: always one; unspecified: as its version says. Default unspecified.
        r#type: Option<ReleaseType>,
        /// Notes. Default: made from commits.
        notes: Option<Notes>,
        /// Git tags that move with releases: templates such as `v{major}`, or `{ tag: TEMPLATE, moving: forward|any }`.
        aliases: Option<Vec<TagEntry>>,
        /// Builds whose files are attached: of kind archive, binary or command. Default: all of kind archive.
        archives: Option<OneOrMany<Text>>,
        /// Attach SHA256SUMS. Default true.
        checksums: Option<bool>,
        /// Attach the SBOMs and provenance that images published with it carry. Default true.
        attestations: Option<bool>,
        /// Attach `install.sh`, which fetches the right archive, checks its SHA-256 and installs its programs. Default false.
        install_script: Option<bool>,
        /// Releases that move: templates such as `nightly`, or `{ tag: TEMPLATE, moving: forward|any }`. Each has tag, notes and files of the release made last.
        rolling: Option<Vec<TagEntry>>,
        /// When the primary repository's release is seen: `first`, before every mirror's; `last`, after those of required mirrors. Default: each as soon as it is complete.
        primary: Option<PrimaryTurn>,
        /// When it applies: one condition or a list of which one must hold. Default: always.
        when: Option<OneOrMany<Condition>>,
        /// Releases that stay when `stagefreight release prune` is run: a number, or rules.
        retention: Option<ReleaseRetention>,
        /// `false`: a failure does not fail the run. Default true.
        required: Option<bool>,
    }
}

written! {
    /// An archive of a build's files: the same as a build of kind archive, called as the entry.
    BinaryArchivePublish {
        /// Build whose files are packed.
        build: Text,
        /// Program name.
        binary_name: Option<Later<Text>>,
        /// auto, tar.gz, tar.zst, zip or raw. Default auto.
        format: Option<ArchiveFormatWord>,
        /// Name without its ending, a template. Default `{name}-{version}-{os}-{arch}`.
        name: Option<Text>,
        /// Files, directories and globs of the repository that are packed too.
        include: Option<Vec<Text>>,
        /// List it in SHA256SUMS. Default true.
        checksums: Option<bool>,
        /// When it applies.
        when: Option<Later<OneOrMany<Condition>>>,
        /// `false`: a failure does not fail the run. Default true.
        required: Option<bool>,
    }
}

words! {
    /// When the primary repository's release is seen.
    PrimaryTurn "primary" {
        /// Before the mirrors'.
        First = "first",
        /// After the mirrors'.
        Last = "last",
    }
}

words! {
    /// Whether a release is for everybody.
    ReleaseType "type" {
        /// Never a pre-release.
        Latest = "latest",
        /// Always a pre-release.
        Prerelease = "prerelease",
        /// As its version says.
        Unspecified = "unspecified",
    }
}

written! {
    /// Where notes come from.
    Notes {
        /// `commits`; `requests`, merged pull or merge requests; `tag`, the message of the annotated tag; or a file: of a file called CHANGELOG the part of this version. Default commits.
        from: Option<Text>,
        /// A file in the language of Jinja that makes the notes out of what is known.
        template: Option<Text>,
        /// `conventional`: commits by kind; `none`: as they are. Default conventional.
        group_by: Option<NotesGrouping>,
    }
}

words! {
    /// How commits are grouped.
    NotesGrouping "group_by" {
        /// By kind, as conventional commits name it.
        Conventional = "conventional",
        /// As they are.
        None = "none",
    }
}
