//! Whole sections.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::written;
use crate::config::decode::{Cx, Decode, IdMap, Scalar};
use crate::config::node::{Node, Value};
use crate::config::span::Text;

written! {
    /// Branches with a meaning.
    RepoBranches {
        /// Default branch.
        default: Option<Text>,
    }
}

/// `sync`: a word, or words per facet.
#[derive(Debug, Clone)]
pub enum Sync {
    /// `current`, `all` or `exact`.
    All(Text),
    /// Per facet.
    Facets(SyncFacets),
}

impl Decode for Sync {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        if let Value::Map(_) = node.value { SyncFacets::decode(node, cx).map(Self::Facets) } else { Text::decode(node, cx).map(Self::All) }
    }
}

impl JsonSchema for Sync {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sync".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "enum": ["current", "all", "exact"] }, generator.subschema_for::<SyncFacets>()] })
    }
}

written! {
    /// What is kept in step, per facet.
    SyncFacets {
        /// Branches.
        branches: Option<Facet>,
        /// Tags.
        tags: Option<Facet>,
        /// Releases.
        releases: Option<Facet>,
    }
}

/// A facet: a word, or a map.
#[derive(Debug, Clone)]
pub enum Facet {
    /// `current`, `all` or `exact`.
    Word(Text),
    /// In detail.
    Detail(Box<FacetDetail>),
}

impl Decode for Facet {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        if let Value::Map(_) = node.value { Box::decode(node, cx).map(Self::Detail) } else { Text::decode(node, cx).map(Self::Word) }
    }
}

impl JsonSchema for Facet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Facet".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "enum": ["current", "all", "exact"] }, generator.subschema_for::<FacetDetail>()] })
    }
}

written! {
    /// A facet in detail.
    FacetDetail {
        /// current, all, exact.
        scope: Option<Text>,
        /// Remove what is not here.
        prune: Option<bool>,
        /// Move what moved.
        force: Option<bool>,
        /// Releases: drafts too.
        drafts: Option<bool>,
        /// Only these.
        only: Option<Vec<Text>>,
        /// Only names that match.
        r#match: Option<Text>,
        /// Releases: true, false or link.
        assets: Option<Scalar>,
    }
}

/// `retention`: a number, or a map.
#[derive(Debug, Clone)]
pub enum Retention {
    /// `keep_last`.
    Last(i64),
    /// In detail.
    Rules(Box<RetentionRules>),
}

impl Decode for Retention {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        match node.value {
            Value::Map(_) => Box::decode(node, cx).map(Self::Rules),
            _ => i64::decode(node, cx).map(Self::Last),
        }
    }
}

impl JsonSchema for Retention {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Retention".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer" }, generator.subschema_for::<RetentionRules>()] })
    }
}

written! {
    /// What is kept. Not supported yet.
    RetentionRules {
        /// Newest.
        keep_last: Option<i64>,
        /// One a day.
        keep_daily: Option<i64>,
        /// One a week.
        keep_weekly: Option<i64>,
        /// One a month.
        keep_monthly: Option<i64>,
        /// One a year.
        keep_yearly: Option<i64>,
        /// One a branch.
        keep_branches: Option<i64>,
        /// Names of tag patterns that are never removed.
        protect: Option<Vec<Text>>,
        /// What makes a group.
        identity: Option<Vec<Text>>,
    }
}

written! {
    /// Signing. Not supported yet.
    Signing {
        /// Profiles by id.
        profiles: Option<IdMap<SigningProfile>>,
    }
}

written! {
    /// A signing profile.
    SigningProfile {
        /// key, oidc, kms, hardware.
        requires: Text,
        /// Key.
        key: Option<KeyReference>,
        /// Identity.
        oidc: Option<Oidc>,
        /// Key management service.
        kms: Option<KeyReference>,
        /// Hardware.
        pkcs11: Option<KeyReference>,
        /// `required`.
        physical_presence: Option<Text>,
        /// `required`.
        non_exportable: Option<Text>,
        /// Transparency log.
        transparency_log: Option<Scalar>,
        /// Sign attestations.
        attestation: Option<bool>,
        /// Missing signatures fail.
        enforce: Option<bool>,
        /// Another profile may stand in.
        allow_fallback: Option<bool>,
    }
}

written! {
    /// Where a key is.
    KeyReference {
        /// Path or `env:NAME`.
        r#ref: Text,
    }
}

written! {
    /// An OIDC identity.
    Oidc {
        /// Issuer.
        issuer: Option<Text>,
        /// Identity.
        identity: Option<Text>,
    }
}

written! {
    /// Generated CI files. Not supported yet.
    Ci {
        /// Image of the jobs.
        image: Option<Text>,
        /// Runner labels by phase.
        routing: Option<IdMap<Routing>>,
    }
}

written! {
    /// Where a phase runs.
    Routing {
        /// Runner labels.
        labels: Option<Vec<Text>>,
    }
}
