//! What `destinations.json` says of a version in the catalog, beside what it says of every destination.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::core::Digest;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::manifest::Destination;

/// The kind of these destinations.
pub const KIND: &str = "catalog_version";

/// A version of components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogSettings {
    /// Files of the components, relative to the workspace; for people.
    pub files: Vec<String>,
    /// What the catalog is told.
    pub metadata: Metadata,
    /// Names of releases that must be seen before, where they are part of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

/// What the catalog is told of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Its components.
    pub components: Vec<Component>,
}

/// One component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Name.
    pub name: String,
    /// The value of `spec` in its file.
    pub spec: Value,
    /// `template`; GitLab knows no other.
    #[serde(rename = "component_type")]
    pub kind: String,
}

impl CatalogSettings {
    /// Reads them.
    pub fn of(destination: &Destination) -> Result<Self, ForgeError> {
        let settings = destination.settings.clone().unwrap_or(Value::Null);
        serde_json::from_value(settings).map_err(|error| {
            ForgeError::new(ForgeErrorKind::Source, format!("what destinations.json says of {} cannot be used: {error}", destination.name))
                .hint("it must not be edited, and is written by the same version of this program; run perform again")
        })
    }

    /// What is sent for a tag.
    pub fn document(&self, tag: &str) -> Value {
        json!({ "version": tag, "metadata": self.metadata })
    }

    /// Digest and length of what is sent: keys are sorted, so that the text is canonical.
    pub fn digest(&self, tag: &str) -> (Digest, u64) {
        let text = self.document(tag).to_string();
        (Digest::of(text.as_bytes()), text.len() as u64)
    }

    /// Names of the components, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.metadata.components.iter().map(|component| component.name.clone()).collect();
        names.sort();
        names
    }
}
