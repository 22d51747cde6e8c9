//! `security`: what review asks for.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::later::Scanners;
use super::written;
use crate::config::decode::{Cx, Decode, Later, NameMap};
use crate::config::node::{Node, Value};
use crate::config::span::{Spanned, Text};

written! {
    /// What review asks for.
    Security {
        /// Globs that base images must match: `gcr.io/distroless/*`, `debian:*`. Default: any base image.
        base_images: Option<Vec<Text>>,
        /// Largest image per platform, compressed: `200MiB`. Default: any size.
        max_image_size: Option<Text>,
        /// Labels every image must have: a list of names, or a map from names to values.
        required_labels: Option<RequiredLabels>,
        /// Look for secrets in build arguments, labels and the image's environment. Default true.
        secret_scan: Option<bool>,
        /// Vulnerability scanners.
        scanners: Option<Later<Scanners>>,
        /// Severities that fail review.
        fail_on: Option<Later<crate::config::decode::OneOrMany<Text>>>,
        /// Critical findings fail review.
        fail_on_critical: Option<Later<bool>>,
        /// Findings in code that is not reached.
        unreachable_vulns: Option<Later<Text>>,
        /// Write an SBOM.
        sbom: Option<Later<bool>>,
        /// Directory of reports.
        output: Option<Later<Text>>,
        /// Detail in release notes.
        release_detail: Option<Later<Text>>,
        /// Switches review off.
        enabled: Option<Later<bool>>,
        /// Findings fail the run.
        required: Option<Later<bool>>,
    }
}

/// `required_labels`: names, each with the value it must have or none.
#[derive(Debug, Clone)]
pub struct RequiredLabels(pub Vec<(Text, Option<Text>)>);

impl Decode for RequiredLabels {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        if let Value::List(_) = node.value {
            let names = Vec::<Text>::decode(node, cx)?;
            return Some(Self(names.into_iter().map(|name| (name, None)).collect()));
        }
        let map = NameMap::<Option<Text>>::decode(node, cx)?;
        Some(Self(map.entries.into_iter().map(|(key, value)| (Spanned { value: key.text, span: key.span }, value)).collect()))
    }
}

impl JsonSchema for RequiredLabels {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RequiredLabels".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "array", "items": { "type": "string" } },
                { "type": "object", "additionalProperties": { "type": ["string", "null"] } },
            ],
        })
    }
}
