//! Kinds of builds and publish entries, and keys of those that exist.

use super::{Condition, Retention, written};
use crate::config::decode::{NameMap, OneOrMany, Scalar};
use crate::config::span::{Spanned, Text};

written! {
    /// A built program that is copied into a context. Not supported yet.
    Stage {
        /// Build id.
        from: Text,
        /// Name in the context.
        r#as: Text,
    }
}

written! {
    /// Files that invalidate caches. Not supported yet.
    BuildCacheWatch {
        /// Rules.
        watch: Option<Vec<WatchRule>>,
        /// Find them.
        auto_detect: Option<bool>,
    }
}

written! {
    /// One rule.
    WatchRule {
        /// Globs.
        paths: Vec<Text>,
        /// Stages.
        invalidates: Option<Vec<Text>>,
    }
}

written! {
    /// Build twice and compare. Not supported yet.
    Crucible {
        /// Toolchain image.
        toolchain_image: Option<Text>,
    }
}

written! {
    /// A file a command makes. Not supported yet.
    BuildOutput {
        /// tree, file, binary.
        r#type: Text,
        /// Where it is.
        source: Text,
        /// Where it goes.
        worktree: Option<Scalar>,
    }
}

written! {
    /// Vulnerability scanners. Not supported yet.
    Scanners {
        /// Trivy.
        trivy: Option<bool>,
        /// Grype.
        grype: Option<bool>,
    }
}

written! {
    /// A release on a forge. Not supported yet.
    ReleasePublish {
        /// Ids of `repos`.
        repos: OneOrMany<Text>,
        /// Tag template off tag pipelines.
        tag: Option<Text>,
        /// latest, prerelease, unspecified.
        r#type: Option<Text>,
        /// Notes.
        notes: Option<Notes>,
        /// Rolling tags.
        aliases: Option<Vec<Text>>,
        /// Archive build.
        archives: Option<OneOrMany<Text>>,
        /// When it applies.
        when: Option<OneOrMany<Condition>>,
        /// What to keep.
        retention: Option<Retention>,
        /// A failure fails the run.
        required: Option<bool>,
    }
}

written! {
    /// Where notes come from.
    Notes {
        /// commits or a file.
        from: Option<Text>,
        /// conventional.
        group_by: Option<Text>,
    }
}

written! {
    /// An archive. Not supported yet.
    BinaryArchivePublish {
        /// Build id.
        build: Text,
        /// Program name.
        binary_name: Option<Text>,
        /// auto, tar.gz, zip, binary.
        format: Option<Text>,
        /// Name template.
        name: Option<Text>,
        /// Files added.
        include: Option<Vec<Text>>,
        /// Write checksums.
        checksums: Option<bool>,
        /// When it applies.
        when: Option<OneOrMany<Condition>>,
    }
}

written! {
    /// Files in a package registry. Not supported yet.
    PackagePublish {
        /// Id of `repos`.
        repo: Text,
        /// Archive build.
        archives: OneOrMany<Text>,
        /// Version template.
        version: Text,
        /// Package name.
        package: Option<Text>,
        /// Rolling versions.
        aliases: Option<Vec<Text>>,
        /// When it applies.
        when: Option<OneOrMany<Condition>>,
    }
}

written! {
    /// A GitLab CI component. Not supported yet.
    ComponentPublish {
        /// Component files.
        spec_files: Vec<Text>,
        /// Publish to the catalog.
        catalog: Option<bool>,
        /// When it applies.
        when: Option<OneOrMany<Condition>>,
    }
}

written! {
    /// Descriptions. Not supported yet.
    MetadataPublish {
        /// Registry ids.
        registry: Option<OneOrMany<Text>>,
        /// Ids of `repos`.
        repos: Option<OneOrMany<Text>>,
        /// Length variants.
        description: Option<OneOrMany<Text>>,
        /// File.
        readme: Option<Text>,
        /// Web address.
        website: Option<Text>,
        /// Words.
        topics: Option<Vec<Text>>,
        /// File.
        logo: Option<Text>,
        /// When it applies.
        when: Option<OneOrMany<Condition>>,
    }
}

written! {
    /// A web site. Not supported yet.
    PagesPublish {
        /// Build id.
        build: Option<Text>,
        /// Directory.
        dir: Option<Text>,
        /// cloudflare, github.
        provider: Text,
        /// Project name.
        project: Option<Text>,
        /// Globs left out.
        exclude: Option<Vec<Text>>,
        /// Host names.
        domain: Option<OneOrMany<Text>>,
        /// Path below the host.
        base_path: Option<Text>,
        /// When it applies.
        when: Option<OneOrMany<Condition>>,
    }
}

written! {
    /// The content store. Not supported yet.
    StorePublish {
        /// Build id.
        build: OneOrMany<Text>,
        /// Where to.
        url: Option<Text>,
        /// Prefix of the credential variables.
        credentials: Option<Text>,
        /// When it applies.
        when: Option<OneOrMany<Condition>>,
    }
}

written! {
    /// A program. Not supported yet.
    BinaryBuild {
        /// go, rust, node, elixir, dotnet, c, python, jvm, android.
        builder: Text,
        /// What to build: a path or a list of arguments.
        command: Option<OneOrMany<Text>>,
        /// Entry point.
        from: Option<Text>,
        /// Name of the program.
        output: Option<Text>,
        /// Platforms.
        platforms: Option<Vec<Text>>,
        /// Arguments.
        args: Option<Vec<Text>>,
        /// Environment.
        env: Option<NameMap<Spanned<Scalar>>>,
        /// Compress the program.
        compress: Option<bool>,
        /// Toolchain image.
        image: Option<Text>,
        /// Build twice and compare.
        crucible: Option<Crucible>,
        /// Build mode.
        build_mode: Option<Text>,
        /// Builds that come first.
        depends_on: Option<OneOrMany<Text>>,
        /// A failure fails the run.
        required: Option<bool>,
        /// Words for selecting builds.
        select_tags: Option<Vec<Text>>,
    }
}

written! {
    /// An archive. Not supported yet.
    ArchiveBuild {
        /// Build whose files are packed.
        depends_on: OneOrMany<Text>,
        /// auto, tar.gz, tar.zst, zip, binary.
        format: Option<Text>,
        /// Name template.
        name: Option<Text>,
        /// Files added.
        include: Option<Vec<Text>>,
        /// Write checksums.
        checksums: Option<bool>,
        /// A failure fails the run.
        required: Option<bool>,
    }
}

written! {
    /// A command of your own. Not supported yet.
    CommandBuild {
        /// Text or argument vector.
        command: OneOrMany<Text>,
        /// Image it runs in.
        image: Option<Text>,
        /// Files it makes.
        outputs: Vec<BuildOutput>,
        /// Environment.
        env: Option<NameMap<Spanned<Scalar>>>,
        /// Builds that come first.
        depends_on: Option<OneOrMany<Text>>,
        /// A failure fails the run.
        required: Option<bool>,
    }
}
