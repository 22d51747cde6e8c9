//! What a part is on disk: `.stagefreight/parts/linux-arm64.json`, one file per part, so that parts of several jobs lie
//! side by side wherever a CI system unpacks them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::Digest;
use crate::manifest::BuildRecord;
use crate::names;
use crate::plan::Plan;

/// Version of the file's JSON form.
pub const PART_SCHEMA_VERSION: &str = "1";

/// Longest text of platforms in a file's name.
const MAX_NAME: usize = 120;

/// Some platforms of what a plan makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// `"1"`.
    pub schema_version: String,
    /// Platforms that were asked for, in their usual names.
    pub platforms: Vec<String>,
    /// The whole plan. Values that look secret are masked.
    pub plan: Plan,
    /// What was made, in the order of the plan.
    pub artifacts: Vec<PartArtifact>,
}

/// The part of one artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartArtifact {
    /// Build it is of.
    pub build: String,
    /// Digest of its root, in the content store.
    pub digest: String,
    /// Platforms it holds: those of the part, or all where the whole image was adopted.
    pub platforms: Vec<String>,
    /// Hash over the build arguments, when there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_args_digest: Option<String>,
    /// How it came to be.
    pub record: BuildRecord,
}

/// Where the part of these platforms is, below the workspace.
pub fn path_of(platforms: &[String]) -> String {
    let text = platforms.join("+").replace('/', "-");
    let name = if text.len() > MAX_NAME { Digest::of(text.as_bytes()).hex()[..16].to_owned() } else { text };
    format!("{}/{name}.json", names::path::PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_file_of_its_own() {
        let path = |platforms: &[&str]| path_of(&platforms.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(path(&["linux/amd64"]), ".stagefreight/parts/linux-amd64.json");
        assert_eq!(path(&["linux/arm/v7", "linux/386"]), ".stagefreight/parts/linux-arm-v7+linux-386.json");
        assert_eq!(path(&["linux/amd64"; 20]).len(), ".stagefreight/parts/".len() + 16 + ".json".len());
    }
}
