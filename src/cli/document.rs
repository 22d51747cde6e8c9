//! What `--output json` prints: one object, whose first key says which version of its form it has.

use schemars::JsonSchema;
use serde::Serialize;

/// Version of every document that is not one of the files; within it fields are only added (docs/json.md).
pub const DOCUMENT_SCHEMA_VERSION: &str = "1";

/// A command's data with its version in front. The files below `.stagefreight/` carry a version of their own and are
/// printed without this.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Document<T> {
    /// Version of the document's form.
    #[schemars(extend("const" = DOCUMENT_SCHEMA_VERSION))]
    schema_version: &'static str,
    #[serde(flatten)]
    data: T,
}

impl<T> Document<T> {
    /// Puts the version in front.
    pub fn new(data: T) -> Self {
        Self { schema_version: DOCUMENT_SCHEMA_VERSION, data }
    }

    /// What is printed.
    pub fn data(&self) -> &T {
        &self.data
    }
}
