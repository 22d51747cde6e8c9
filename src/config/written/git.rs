//! `git`: names for branches and tags, and how versions are derived.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{words, written};
use crate::config::decode::{Cx, Decode, IdMap};
use crate::config::node::Node;
use crate::config::span::{Spanned, Text};

written! {
    /// Names for branches and tags, and how versions are derived.
    Git {
        /// Name to pattern (regular expression, searched) of branches.
        branches: Option<IdMap<Text>>,
        /// Name to pattern of tags.
        tags: Option<IdMap<TagSource>>,
        /// How builds off a tag get their version.
        versioning: Option<Versioning>,
    }
}

written! {
    /// A pattern of tags.
    TagSource {
        /// Regular expression, searched.
        pattern: Text,
    }
}

written! {
    /// How builds off a tag get their version.
    Versioning {
        /// Rules by name. The name is one of `git.branches` unless `match` says otherwise; `default` is for all others.
        branch_builds: Option<BranchBuilds>,
        /// What to do when no declared tag is reachable.
        no_lineage: Option<Spanned<NoLineage>>,
    }
}

/// `branch_builds` with its place.
#[derive(Debug, Clone)]
pub struct BranchBuilds(pub Spanned<IdMap<BranchBuild>>);

impl Decode for BranchBuilds {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        Spanned::decode(node, cx).map(Self)
    }
}

impl JsonSchema for BranchBuilds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BranchBuilds".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        IdMap::<BranchBuild>::json_schema(generator)
    }
}

written! {
    /// A version rule.
    BranchBuild {
        /// Name in `git.branches`, or an inline pattern. Default: the rule's own name.
        r#match: Option<Text>,
        /// Names of `git.tags` the base version is taken from, in this order.
        base_from: Spanned<Vec<Text>>,
        /// Version template with `{base}`, `{sha}`, `{sha:N}`, `{branch}`.
        format: Text,
    }
}

written! {
    /// What to do when no declared tag is reachable.
    NoLineage {
        /// `development` (`0.0.0-dev.<sha>`), `error`, or `explicit`.
        mode: NoLineageMode,
        /// Version template with `{sha}` or `{time}`, for `explicit`.
        version: Option<Text>,
    }
}

words! {
    /// Mode of `no_lineage`.
    NoLineageMode "mode" {
        /// `0.0.0-dev.<sha>`.
        Development = "development",
        /// An error.
        Error = "error",
        /// The template in `version`.
        Explicit = "explicit",
    }
}
