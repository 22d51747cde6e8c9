//! How many releases stay: a number, or how many of which span of time.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::written;
use crate::config::decode::{Cx, Decode, Later};
use crate::config::node::{Node, Value};
use crate::config::span::{Spanned, Text};

/// `retention`: a number, or a map.
#[derive(Debug, Clone)]
pub enum ReleaseRetention {
    /// `keep_last`.
    Last(Spanned<i64>),
    /// In detail.
    Rules(Box<ReleaseRules>),
}

impl Decode for ReleaseRetention {
    fn decode(node: &Node, cx: &mut Cx) -> Option<Self> {
        match node.value {
            Value::Map(_) => Box::decode(node, cx).map(Self::Rules),
            _ => Spanned::decode(node, cx).map(Self::Last),
        }
    }
}

impl JsonSchema for ReleaseRetention {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ReleaseRetention".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, generator.subschema_for::<ReleaseRules>()] })
    }
}

written! {
    /// Releases that stay, of each group of tags that are called alike. What no rule keeps goes when somebody asks for it.
    ReleaseRules {
        /// The newest so many.
        keep_last: Option<Spanned<i64>>,
        /// The newest of each of the last so many days that have any.
        keep_daily: Option<Spanned<i64>>,
        /// Of weeks.
        keep_weekly: Option<Spanned<i64>>,
        /// Of months.
        keep_monthly: Option<Spanned<i64>>,
        /// Of years.
        keep_yearly: Option<Spanned<i64>>,
        /// One a branch.
        keep_branches: Option<Later<i64>>,
        /// Names of `git.tags`: releases of tags that match stay whatever their age.
        protect: Option<Vec<Text>>,
        /// What makes a group.
        identity: Option<Later<Vec<Text>>>,
    }
}
