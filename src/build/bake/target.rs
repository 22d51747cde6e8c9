//! One target as `bake --print` writes it. Older versions write lists of CSV lines where newer ones write objects.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What a build takes from it. Fields nobody knows are listed, so that none is passed over in silence.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Target {
    pub context: Option<String>,
    pub dockerfile: Option<String>,
    #[serde(rename = "target")]
    pub stage: Option<String>,
    pub args: BTreeMap<String, Option<String>>,
    pub labels: BTreeMap<String, Option<String>>,
    pub platforms: Vec<String>,
    pub contexts: BTreeMap<String, String>,
    pub annotations: Vec<String>,
    pub secret: Vec<Fields>,
    pub ssh: Vec<Fields>,
    pub attest: Vec<Fields>,
    pub network: Option<String>,
    pub ulimits: Vec<String>,
    pub shm_size: Option<String>,
    pub extra_hosts: BTreeMap<String, String>,
    pub no_cache: Option<bool>,
    pub no_cache_filter: Vec<String>,
    pub pull: Option<bool>,
    pub entitlements: Vec<String>,
    pub tags: Vec<String>,
    pub output: Vec<Value>,
    pub cache_from: Vec<Value>,
    pub cache_to: Vec<Value>,
    /// About the target, not the build.
    pub description: Option<Value>,
    /// `build` unless it is a check.
    pub call: Option<String>,
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

/// `id=npm,env=NPM` or `{"id": "npm", "env": "NPM"}`. A first word without `=` has the key `id`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Value")]
pub struct Fields(pub BTreeMap<String, String>);

impl Fields {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

impl From<Value> for Fields {
    fn from(value: Value) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        Self(match &value {
            Value::String(line) => line
                .split(',')
                .map(|field| field.split_once('=').unwrap_or(("id", field)))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
            _ => BTreeMap::new(),
        })
    }
}
