//! Where an artifact shall go, and what must accompany it there (spec/manifest.md §2).

use super::wire::{contract, vocabulary};

vocabulary! {
    /// Kind of a target.
    pub enum TargetKind {
        /// Tags in a registry repository.
        Registry = "registry",
        /// An asset of a forge release.
        ForgeReleaseAsset = "forge_release_asset",
    }
}

contract! {
    /// One place an artifact shall go, with exactly one body of the name of its kind.
    pub struct Target {
        /// Kind: registry or forge_release_asset.
        kind: TargetKind = "kind" always,
        /// Body of a registry target.
        registry: Option<RegistryTarget> = "registry" if_set,
        /// Body of a release asset.
        forge_release_asset: Option<ForgeReleaseAssetTarget> = "forge_release_asset" if_set,
        /// What must accompany it.
        requirements: Requirements = "requirements" always,
    }

    /// Tags in one repository of a registry.
    pub struct RegistryTarget {
        /// Registry host, normalised when written (spec/manifest.md §4).
        host: String = "host" always,
        /// Repository path.
        path: String = "path" always,
        /// Tags, at least one.
        tags: Option<Vec<String>> = "tags" always,
        /// The registry scans what it receives (since v0.7.0).
        native_scan: bool = "nativeScan" if_set,
    }

    /// An asset of a forge release.
    pub struct ForgeReleaseAssetTarget {
        /// Its file name.
        asset_name: String = "asset_name" always,
    }

    /// What must accompany an artifact at a target.
    pub struct Requirements {
        /// A signature.
        sign: bool = "sign" if_set,
        /// An attestation.
        attest: bool = "attest" if_set,
        /// A software bill of materials.
        sbom: bool = "sbom" if_set,
    }
}

impl Target {
    /// A registry target without requirements.
    pub fn registry(host: &str, path: &str, tags: Vec<String>) -> Self {
        let registry = RegistryTarget { host: host.to_owned(), path: path.to_owned(), tags: Some(tags), native_scan: false };
        Self { kind: TargetKind::Registry, registry: Some(registry), ..Self::default() }
    }
}
