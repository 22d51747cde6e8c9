//! `publish`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::later::{MetadataPublish, PagesPublish};
use super::{BinaryArchivePublish, ComponentPublish, FilesPublish, PackagePublish, ReleasePublish, RemotePublish, kinds, words, written};
use crate::config::decode::{Cx, Decode, Later, OneOrMany};
use crate::config::node::{Node, Value};
use crate::config::span::{Spanned, Text};

kinds! {
    /// Something that is published.
    Publish {
        /// Image tags at registries.
        Registry(Box<RegistryPublish>) = "registry",
        /// Built files at remotes.
        Remote(Box<RemotePublish>) = "remote",
        /// Images and built files in an artifact store.
        Store(Box<StorePublish>) = "store",
        /// A release on forges, with built files.
        Release(Box<ReleasePublish>) = "release",
        /// An archive.
        BinaryArchive(Box<BinaryArchivePublish>) = "binary-archive",
        /// Built files in a generic package registry.
        GenericPackage(Box<PackagePublish>) = "generic-package",
        /// Built files on a server that takes PUT, or in an S3 bucket.
        Files(Box<FilesPublish>) = "files",
        /// The components of a GitLab project, as a version in its CI/CD catalog.
        GitlabComponent(Box<ComponentPublish>) = "gitlab-component",
        ; later
        /// Descriptions at registries and forges.
        Metadata(Box<MetadataPublish>) = "metadata",
        /// A web site.
        Pages(Box<PagesPublish>) = "pages",
    }
}

written! {
    /// Image tags at registries.
    RegistryPublish {
        /// Build whose image is published.
        build: Text,
        /// One registry id, or a list.
        registry: OneOrMany<Text>,
        /// Repository path. A template. Default: the registry's `default_path`.
        path: Option<Text>,
        /// Tags: templates, or `{ tag: TEMPLATE, moving: forward|any|never }`.
        tags: Spanned<Vec<TagEntry>>,
        /// Tags out of `tags` that name one build for ever.
        immutable: Option<ImmutableTags>,
        /// When it applies: one condition or a list of which one must hold. Default: always.
        when: Option<OneOrMany<Condition>>,
        /// What must accompany the image.
        requires: Option<Requires>,
        /// `false`: a failure does not fail the run. Default true.
        required: Option<bool>,
        /// Profile of `signing`.
        signing_profile: Option<Later<Text>>,
        /// What to keep at the registry.
        retention: Option<Later<super::later::Retention>>,
        /// Ask the registry to scan.
        native_scan: Option<Later<bool>>,
        /// Words for selecting entries on the command line.
        select_tags: Option<Later<Vec<Text>>>,
        /// A sentence for people.
        description: Option<Text>,
    }
}

written! {
    /// Images and built files in an artifact store.
    StorePublish {
        /// Builds whose artifacts are stored: one id or a list. Of a build of files, every file is.
        build: OneOrMany<Text>,
        /// Id of an artifact store.
        store: Text,
        /// What every reference begins with, a template; `/` and the artifact's kind and name follow. Default `{project}/{version}`.
        path: Option<Text>,
        /// How the references move: forward, never to an older version; any; never, they name one build for ever. Default: never
        /// with `{version}`, `{tag}` or `{sha}` in `path`, else as of tags.
        moving: Option<Moving>,
        /// When it applies: one condition or a list of which one must hold. Default: always.
        when: Option<OneOrMany<Condition>>,
        /// `false`: a failure does not fail the run. Default true.
        required: Option<bool>,
        /// A sentence for people.
        description: Option<Text>,
    }
}

/// `immutable`: a list of tag templates.
pub type ImmutableTags = Vec<Text>;

/// One tag: a template, or a map with its policy.
#[derive(Debug, Clone)]
pub struct TagEntry {
    /// The template.
    pub tag: Text,
    /// How it moves, when that is said.
    pub moving: Option<Spanned<Moving>>,
}

impl Decode for TagEntry {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        if let Value::Map(_) = node.value {
            let ImageTag { tag, moving } = ImageTag::decode(node, cx)?;
            return Some(Self { tag, moving });
        }
        Text::decode(node, cx).map(|tag| Self { tag, moving: None })
    }
}

impl JsonSchema for TagEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TagEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<String>(), generator.subschema_for::<ImageTag>()] })
    }
}

written! {
    /// A tag with its policy.
    ImageTag {
        /// Template.
        tag: Text,
        /// forward: never to an older version; any: to whatever was built last; never: it names one build for ever.
        moving: Option<Spanned<Moving>>,
    }
}

words! {
    /// How a tag moves.
    Moving "moving" {
        /// Never to an older version.
        Forward = "forward",
        /// To whatever was built last.
        Any = "any",
        /// It names one build for ever.
        Never = "never",
    }
}

written! {
    /// All parts must hold.
    Condition {
        /// Names of `git.branches` or inline patterns (`re:…`); `!` excludes.
        branches: Option<OneOrMany<Text>>,
        /// Names of `git.tags` or inline patterns. Only a tag pipeline matches.
        git_tags: Option<OneOrMany<Text>>,
        /// push, tag, merge_request, schedule, manual, release.
        events: Option<OneOrMany<Text>>,
        /// CI providers: github, gitlab, gitea, forgejo, woodpecker, local.
        forges: Option<OneOrMany<Text>>,
    }
}

written! {
    /// What must accompany an image.
    Requires {
        /// A signature. Not supported yet.
        sign: Option<Spanned<bool>>,
        /// A provenance attestation. Not supported yet.
        attest: Option<Spanned<bool>>,
        /// An SBOM. Not supported yet.
        sbom: Option<Spanned<bool>>,
    }
}
