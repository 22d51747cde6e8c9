//! Publish entries of kind `gitlab-component`.

use schemars::JsonSchema;
use serde::Serialize;

use super::ShownCondition;
use crate::config::resolved::{ComponentPublish, Publish};

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShownComponentPublish<'c> {
    kind: &'static str,
    repo: &'c str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    spec_files: &'c [String],
    catalog: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    when: Vec<ShownCondition<'c>>,
    required: bool,
}

impl<'c> ShownComponentPublish<'c> {
    pub(super) fn new(publish: &'c Publish, kind: &'c ComponentPublish) -> Self {
        let Publish { id: _, when, required, kind: _ } = publish;
        let ComponentPublish { repo, spec_files, catalog } = kind;
        let when = when.iter().map(ShownCondition::new).collect();
        Self { kind: "gitlab-component", repo, spec_files, catalog: *catalog, when, required: *required }
    }
}
