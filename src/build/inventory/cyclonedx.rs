//! Inventories as a CycloneDX 1.6 bill of materials (ECMA-424): for tools that read those. Without a time and a serial
//! number, so that the same Dockerfiles give the same bytes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::result::{Inventory, PackageInfo};

/// The document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom {
    #[serde(rename = "bomFormat")]
    format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
}

#[derive(Debug, Serialize)]
struct Metadata {
    tools: Tools,
    lifecycles: [Lifecycle; 1],
}

#[derive(Debug, Serialize)]
struct Lifecycle {
    phase: &'static str,
}

#[derive(Debug, Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Debug, Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_references: Vec<Reference>,
    properties: Vec<Property>,
}

#[derive(Debug, Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Debug, Serialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
}

#[derive(Debug, Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

/// Inventories by the paths of their Dockerfiles, as one document.
pub fn bom(inventories: &BTreeMap<String, &Inventory>) -> Bom {
    let mut components = Vec::new();
    for (dockerfile, inventory) in inventories {
        let all = [(&inventory.base_images, "base-image"), (&inventory.lineage, "lineage"), (&inventory.packages, "package")];
        for (list, role) in all {
            for package in list {
                let number = components.len() + 1;
                components.push(component(dockerfile, package, role, number));
            }
        }
    }
    let tool = Tool { kind: "application", name: "stagefreight", version: env!("CARGO_PKG_VERSION") };
    Bom {
        format: "CycloneDX",
        spec_version: "1.6",
        version: 1,
        metadata: Metadata { tools: Tools { components: [tool] }, lifecycles: [Lifecycle { phase: "pre-build" }] },
        components,
    }
}

fn component(dockerfile: &str, package: &PackageInfo, role: &'static str, number: usize) -> Component {
    let kind = match package.manager {
        "base" if role == "lineage" => "operating-system",
        "base" => "container",
        "binary" => "file",
        _ => "library",
    };
    let sha256 = package.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:")).filter(|hex| hex.len() == 64);
    let hashes = sha256.map(|hex| Hash { alg: "SHA-256", content: hex.to_owned() }).into_iter().collect();
    // A URL with a variable in it is none.
    let url = package.url.as_ref().filter(|url| !url.contains(['$', '`', ' '])).cloned();
    let mut properties = vec![
        Property { name: "stagefreight:dockerfile", value: format!("{dockerfile}:{}", package.line) },
        Property { name: "stagefreight:role", value: role.to_owned() },
        Property { name: "stagefreight:stage", value: package.stage.clone() },
        Property { name: "stagefreight:final", value: package.is_final.to_string() },
        Property { name: "stagefreight:manager", value: package.manager.to_owned() },
        Property { name: "stagefreight:pinned", value: package.pinned.to_string() },
        Property { name: "stagefreight:source", value: package.source_ref.clone() },
    ];
    if let (Some(declared), None) = (&package.url, &url) {
        properties.push(Property { name: "stagefreight:url", value: declared.clone() });
    }
    Component {
        kind,
        bom_ref: format!("{role}-{number}"),
        name: package.name.clone(),
        version: package.version.clone(),
        // What is not in the image that is built is only used to build it.
        scope: (!package.is_final).then_some("excluded"),
        hashes,
        purl: package.purl.clone(),
        external_references: url.map(|url| Reference { kind: "distribution", url }).into_iter().collect(),
        properties,
    }
}
