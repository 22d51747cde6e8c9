//! The whole file.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::build_cache::BuildCacheSection;
use super::builder::BuilderSection;
use super::builds::Builds;
use super::later::{Ci, Signing};
use super::{Environment, Forge, Git, Publish, Registry, Release, ReleaseRetention, Remote, Repo, Security, Store, written};
use crate::config::decode::{Cx, Decode, IdMap, Later, NameMap, Scalar};
use crate::config::node::{Key, Node, Value};
use crate::config::problem::Problem;
use crate::config::span::{Spanned, Text};
use crate::config::suggest;

/// Sections of other tools that read this file. They are named in one warning and left alone.
pub const OUTSIDE: [&str; 21] = [
    "badges",
    "narrator",
    "lint",
    "commit",
    "dependency",
    "docs",
    "governance",
    "gitops",
    "docker",
    "glossary",
    "presentation",
    "tag",
    "toolchains",
    "lifecycle",
    "manifest",
    "notifications",
    "test",
    "stencils",
    "preset",
    "presets",
    "scribe",
];

/// Sections of older versions and how to write them now.
const RENAMED: [(&str, &str); 3] = [
    ("targets", "write each target below `publish` as `<id>: { kind: …, build: …, registry: … }`"),
    ("versioning", "write `tag_sources` as `git: { tags: { <id>: { pattern: … } } }`, and the rest as `git: { versioning: … }`"),
    ("matchers", "write `matchers.branches` as `git: { branches: { <name>: <pattern> } }`"),
];

written! {
    /// `.stagefreight.yml`, version 1.
    Document {
        /// `1`.
        version: Spanned<i64>,
        /// Values for `{var:NAME}`, in every string of the file.
        vars: Option<NameMap<Spanned<Scalar>>>,
        /// Environment variables that `{env:NAME}` may read. Everything else is refused.
        vars_from_env: Option<Vec<Text>>,
        /// Anything: a place for YAML anchors. Not read.
        defaults: Option<Anything>,
        /// Where images are pushed to, by id.
        registries: Option<IdMap<Registry>>,
        /// Names for branches and tags, and how versions are derived.
        git: Option<Git>,
        /// What is built, by id.
        builds: Option<Builds>,
        /// Where BuildKit is.
        builder: Option<Spanned<BuilderSection>>,
        /// BuildKit's cache between builds, and host cleanup.
        build_cache: Option<BuildCacheSection>,
        /// What is published where, by id.
        publish: Option<IdMap<Publish>>,
        /// What review asks for.
        security: Option<Security>,
        /// Forges by id.
        forges: Option<IdMap<Forge>>,
        /// Repositories by id.
        repos: Option<IdMap<Repo>>,
        /// What stays of releases and packages when `release prune` is run, for entries that say nothing themselves.
        retention: Option<ReleaseRetention>,
        /// Signing.
        signing: Option<Later<Signing>>,
        /// Releases in general.
        release: Option<Release>,
        /// Generated CI files.
        ci: Option<Later<Ci>>,
        /// Places reached through adapters, by id.
        remotes: Option<IdMap<Remote>>,
        /// What is different in named environments, by id.
        environments: Option<IdMap<Environment>>,
        /// Artifact stores by id: bytes and a manifest under a reference, for later stages and other tools.
        store: Option<IdMap<Store>>,
    }
}

impl Document {
    /// Reads the file's root: sections outside our scope are set aside with one warning, old names are explained.
    pub fn read(root: &Node, cx: &mut Cx) -> Option<Self> {
        let Value::Map(entries) = &root.value else {
            let message = format!("the config must be a map of sections, this is {}", root.value.describe());
            cx.report(Problem::at(root.span, message).hint("start with `version: 1`; docs/config.md has the smallest config"));
            return None;
        };
        let mut outside: Vec<&Key> = Vec::new();
        let mut ours = Vec::with_capacity(entries.len());
        let mut renamed = false;
        let before = cx.problems.len();
        for (key, value) in entries {
            if OUTSIDE.contains(&key.text.as_str()) {
                outside.push(key);
            } else if let Some((name, hint)) = RENAMED.iter().find(|(name, _)| *name == key.text) {
                cx.report(Problem::at(key.span, format!("`{name}` is a section of an older version")).hint(*hint));
                renamed = true;
            } else {
                ours.push((key.clone(), value.clone()));
            }
        }
        if let Some(first) = outside.first() {
            let names = suggest::list(outside.iter().map(|key| key.text.as_str()));
            let are = if outside.len() == 1 { "section is" } else { "sections are" };
            let warning = Problem::at(first.span, format!("ignored: {names}: the {are} not read by this program"));
            cx.warn(warning.hint("other tools may read them; remove them if none does"));
        }
        let document = Self::decode(&Node { span: root.span, value: Value::Map(ours) }, cx)?;
        // With a section missing under its right name every reference to it would look wrong too.
        let misspelt = cx.problems[before..].iter().any(|problem| problem.message.ends_with(" in the config") && problem.label.is_some());
        if renamed || misspelt { None } else { Some(document) }
    }
}

/// Any value.
#[derive(Debug, Clone)]
pub struct Anything;

impl Decode for Anything {
    fn decode(_: &Node, _: &mut Cx) -> Option<Self> {
        Some(Self)
    }
}

impl JsonSchema for Anything {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Anything".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}
