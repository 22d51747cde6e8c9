//! The image config (image-spec, config.md) as a JSON document, so that fields of a base image which we do not know
//! are carried along.

use serde_json::{Map, Value, json};

use crate::core::{Digest, Platform, Timestamp};

/// What BuildKit puts first when an image has no PATH.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Says in the history who wrote an entry.
const COMMENT: &str = "stagefreight.embedded.v1";

/// An image config.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageConfig(Map<String, Value>);

impl ImageConfig {
    /// The config of `FROM scratch`.
    pub fn scratch(platform: &Platform) -> Self {
        let mut config = Self(Map::new());
        config.0.insert("architecture".to_owned(), json!(platform.arch));
        config.0.insert("os".to_owned(), json!(platform.os));
        if let Some(variant) = &platform.variant {
            config.0.insert("variant".to_owned(), json!(variant));
        }
        config.set("WorkingDir", json!("/"));
        config.begin_stage();
        config
    }

    /// A base image's config. `None` when it is not one: no object, or as many diff ids as layers are missing.
    pub fn of_base(raw: &[u8], layers: usize) -> Option<Self> {
        let Value::Object(map) = serde_json::from_slice(raw).ok()? else { return None };
        let mut config = Self(map);
        if config.diff_ids().len() != layers {
            return None;
        }
        config.begin_stage();
        Some(config)
    }

    // Every stage begins with a PATH.
    fn begin_stage(&mut self) {
        if !self.env().iter().any(|(name, _)| name == "PATH") {
            self.set_env("PATH", DEFAULT_PATH);
        }
    }

    fn config(&mut self) -> &mut Map<String, Value> {
        let entry = self.0.entry("config").or_insert_with(|| json!({}));
        if !entry.is_object() {
            *entry = json!({});
        }
        match entry {
            Value::Object(map) => map,
            _ => unreachable!("it was made an object above"),
        }
    }

    fn read(&self, key: &str) -> &Value {
        self.0.get("config").and_then(|config| config.get(key)).unwrap_or(&Value::Null)
    }

    /// Sets a field of the runtime config, in the capitals the specification gives it.
    pub fn set(&mut self, key: &str, value: Value) {
        self.config().insert(key.to_owned(), value);
    }

    /// Removes a field of the runtime config.
    pub fn unset(&mut self, key: &str) {
        self.config().remove(key);
    }

    /// A text of the runtime config; empty when it is not set.
    pub fn text(&self, key: &str) -> &str {
        self.read(key).as_str().unwrap_or_default()
    }

    /// A list of texts of the runtime config.
    pub fn list(&self, key: &str) -> Vec<String> {
        let texts = |list: &Vec<Value>| list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
        self.read(key).as_array().map(texts).unwrap_or_default()
    }

    /// Environment variables, in order.
    pub fn env(&self) -> Vec<(String, String)> {
        let pair = |text: String| text.split_once('=').map_or((text.clone(), String::new()), |(k, v)| (k.to_owned(), v.to_owned()));
        self.list("Env").into_iter().map(pair).collect()
    }

    /// Sets a variable where it stands, or at the end.
    pub fn set_env(&mut self, name: &str, value: &str) {
        let mut env = self.env();
        match env.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => value.clone_into(old),
            None => env.push((name.to_owned(), value.to_owned())),
        }
        self.set("Env", env.into_iter().map(|(k, v)| Value::String(format!("{k}={v}"))).collect());
    }

    /// Adds a key to one of the sets and maps: `Labels`, `ExposedPorts`, `Volumes`.
    pub fn insert(&mut self, set: &str, key: &str, value: Value) {
        let entry = self.config().entry(set).or_insert_with(|| json!({}));
        if !entry.is_object() {
            *entry = json!({});
        }
        if let Value::Object(map) = entry {
            map.insert(key.to_owned(), value);
        }
    }

    /// `MAINTAINER`.
    pub fn set_author(&mut self, author: &str) {
        self.0.insert("author".to_owned(), json!(author));
    }

    /// Digests of the uncompressed layers.
    pub fn diff_ids(&self) -> Vec<String> {
        let ids = self.0.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")).and_then(Value::as_array);
        ids.map(|ids| ids.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()).unwrap_or_default()
    }

    /// Records an instruction, and the layer it made.
    pub fn record(&mut self, text: &str, layer: Option<&Digest>, created: Timestamp) {
        let mut entry = json!({ "created": created.to_string(), "created_by": text, "comment": COMMENT });
        match layer {
            Some(diff_id) => {
                let mut ids = self.diff_ids();
                ids.push(diff_id.to_string());
                self.0.insert("rootfs".to_owned(), json!({ "type": "layers", "diff_ids": ids }));
            }
            None => entry["empty_layer"] = json!(true),
        }
        match self.0.get_mut("history") {
            Some(Value::Array(history)) => history.push(entry),
            _ => drop(self.0.insert("history".to_owned(), json!([entry]))),
        }
    }

    /// The bytes, with the image's time.
    pub fn to_bytes(&self, created: Timestamp) -> Result<Vec<u8>, serde_json::Error> {
        let mut document = self.0.clone();
        document.insert("created".to_owned(), json!(created.to_string()));
        document.entry("rootfs").or_insert_with(|| json!({ "type": "layers", "diff_ids": [] }));
        serde_json::to_vec(&document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_a_base_says_and_we_do_not_know() {
        let raw = br#"{"architecture":"amd64","os":"linux","os.features":["x"],"config":{"Env":["A=1","PATH=/p"],"Odd":{"k":1}},"rootfs":{"type":"layers","diff_ids":["sha256:x"]},"history":[{"created_by":"base"}]}"#;
        let mut config = ImageConfig::of_base(raw, 1).expect("config");
        assert!(ImageConfig::of_base(raw, 2).is_none());
        config.set_env("A", "2");
        config.set_env("B", "3");
        config.record("ENV A=2 B=3", None, Timestamp::from_unix(7));
        let document: Value = serde_json::from_slice(&config.to_bytes(Timestamp::from_unix(9)).expect("bytes")).expect("json");
        assert_eq!(document["os.features"], json!(["x"]));
        assert_eq!(document["config"]["Odd"], json!({"k": 1}));
        assert_eq!(document["config"]["Env"], json!(["A=2", "PATH=/p", "B=3"]));
        assert_eq!(document["created"], "1970-01-01T00:00:09Z");
        assert_eq!(document["history"][1]["empty_layer"], true);
    }
}
