//! Merging layouts made here: order, bytes, and everything that is refused.

#![expect(clippy::disallowed_methods, reason = "tests damage layouts")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::core::oci::{Descriptor, Manifest, media_type};
use crate::core::{Digest, Platform};
use crate::error::Result;
use crate::store::{ContentStore, Layout, LayoutWriter};

/// Layouts in a temporary directory.
struct Bench(tempfile::TempDir);

/// One layout in the making.
struct Making {
    writer: LayoutWriter,
    entries: Vec<serde_json::Value>,
    annotations: BTreeMap<String, String>,
}

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("directory"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn making(&self, name: &str) -> Making {
        Making { writer: LayoutWriter::create(&self.at(name)).expect("layout"), entries: Vec::new(), annotations: BTreeMap::new() }
    }

    /// A layout with an image and nothing else, whose index.json names no platform.
    fn single(&self, name: &str, platform: &str) -> Source {
        let making = self.making(name);
        let image = making.image(platform);
        source(name, &making.writer.finish(&image).expect("layout"), image.digest)
    }

    /// A layout with an index of images, each attested.
    fn attested(&self, name: &str, platforms: &[&str]) -> Source {
        let mut making = self.making(name);
        let images: Vec<_> = platforms.iter().map(|platform| making.listed(platform)).collect();
        for image in &images {
            making.attest(image);
        }
        making.finish(name)
    }

    fn merge(&self, sources: &[Source], platforms: &[&str]) -> Result<Merged> {
        self.merge_into("merged", sources, platforms, &[])
    }

    fn merge_into(&self, into: &str, sources: &[Source], platforms: &[&str], annotations: &[(&str, &str)]) -> Result<Merged> {
        let platforms: Vec<Platform> = platforms.iter().map(|text| text.parse().expect("platform")).collect();
        let annotations = annotations.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        merge(sources, &platforms, &annotations, &self.at(into))
    }

    fn refused(&self, sources: &[Source], platforms: &[&str]) -> String {
        let error = self.merge(sources, platforms).expect_err("refused");
        assert!(!self.at("merged/index.json").exists(), "nothing that looks complete is left");
        error.notes().iter().fold(error.message().to_owned(), |text, note| format!("{text}\n{note}"))
    }

    /// Puts what was merged into a store, which verifies everything, and reads the root.
    fn stored(&self, merged: &Merged) -> Manifest {
        let store = ContentStore::new(&self.at("workspace"));
        let layout = Layout::open(&merged.layout).expect("a layout");
        let (_, closure) = store.put_complete(&merged.digest, &layout).expect("a whole image");
        closure.root_manifest().expect("root").clone()
    }
}

fn source(name: &str, layout: &Layout, root: Digest) -> Source {
    Source { name: name.to_owned(), layout: layout.path().to_owned(), root }
}

impl Making {
    fn image(&self, platform: &str) -> Descriptor {
        let (os, arch) = platform.split_once('/').expect("os/arch");
        let (arch, variant) = arch.split_once('/').map_or((arch, None), |(arch, variant)| (arch, Some(variant)));
        let common = self.writer.put_bytes(media_type::OCI_LAYER, b"the same everywhere").expect("layer");
        let own = self.writer.put_bytes(media_type::OCI_LAYER, platform.as_bytes()).expect("layer");
        let mut config = serde_json::json!({"os": os, "architecture": arch, "rootfs": {"type": "layers", "diff_ids": []}});
        if let Some(variant) = variant {
            config["variant"] = variant.into();
        }
        self.manifest(&config, &[common, own])
    }

    fn manifest(&self, config: &serde_json::Value, layers: &[Descriptor]) -> Descriptor {
        let config = self.writer.put_bytes(media_type::OCI_CONFIG, config.to_string().as_bytes()).expect("config");
        let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers});
        self.writer.put_bytes(media_type::OCI_MANIFEST, manifest.to_string().as_bytes()).expect("manifest")
    }

    fn listed(&mut self, platform: &str) -> Descriptor {
        let image = self.image(platform);
        let (os, arch) = platform.split_once('/').expect("os/arch");
        self.list(&image, serde_json::json!({}), os, arch);
        image
    }

    fn list(&mut self, image: &Descriptor, annotations: serde_json::Value, os: &str, arch: &str) {
        let mut entry = serde_json::to_value(image).expect("descriptor");
        entry["annotations"] = annotations;
        entry["platform"] = serde_json::json!({"os": os, "architecture": arch});
        self.entries.push(entry);
    }

    fn attest(&mut self, image: &Descriptor) {
        let statement = self.writer.put_bytes("application/vnd.in-toto+json", image.digest.as_str().as_bytes()).expect("statement");
        let attestation = self.manifest(&serde_json::json!({"os": "unknown", "architecture": "unknown"}), &[statement]);
        let annotations =
            serde_json::json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.digest});
        self.list(&attestation, annotations, "unknown", "unknown");
    }

    fn finish(self, name: &str) -> Source {
        let index = serde_json::json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": self.entries, "annotations": self.annotations,
        });
        let root = self.writer.put_bytes(media_type::OCI_INDEX, index.to_string().as_bytes()).expect("index");
        let layout = self.writer.finish(&root).expect("layout");
        source(name, &layout, root.digest)
    }
}

/// `platform` of every line of an index, attestations as what they attest.
fn lines(index: &Manifest) -> Vec<String> {
    let entries: Vec<Entry> = index.manifests.iter().map(Entry::from).collect();
    let named = |entry: &Entry| entry.platform().map_or_else(|| "?".to_owned(), |platform| platform.to_string());
    let line = |entry: &Entry| match entry.attests() {
        Some(digest) => {
            let image = entries.iter().find(|other| other.digest.as_str() == digest).expect("what it attests is there");
            format!("attests {}", named(image))
        }
        None => named(entry),
    };
    entries.iter().map(line).collect()
}

#[test]
fn images_come_in_the_order_asked_for_and_attestations_after_them() {
    let bench = Bench::new();
    let sources = [
        bench.attested("one", &["linux/386", "linux/amd64"]),
        bench.single("two", "linux/arm/v7"),
        bench.attested("three", &["linux/s390x"]),
    ];
    let merged = bench.merge(&sources, &["linux/amd64", "linux/s390x", "linux/arm/v7", "linux/386"]).expect("merged");
    let index = bench.stored(&merged);
    assert_eq!(
        lines(&index),
        ["linux/amd64", "linux/s390x", "linux/arm/v7", "linux/386", "attests linux/amd64", "attests linux/s390x", "attests linux/386"]
    );
    let arm = index.manifests[2].platform.clone().expect("read from the config");
    assert_eq!((arm.architecture.as_str(), arm.variant.as_deref()), ("arm", Some("v7")));
}

#[test]
fn equal_sources_give_equal_bytes_and_share_their_layers_on_disk() {
    use std::os::unix::fs::MetadataExt as _;
    let bench = Bench::new();
    let sources = [bench.single("one", "linux/amd64"), bench.single("two", "linux/arm64")];
    let reversed = [sources[1].clone(), sources[0].clone()];
    let platforms = ["linux/amd64", "linux/arm64"];
    let first = bench.merge_into("first", &sources, &platforms, &[]).expect("merged");
    let second = bench.merge_into("second", &reversed, &platforms, &[]).expect("merged");
    assert_eq!(first.digest, second.digest, "the order of the sources decides nothing");
    let layer = Digest::of(b"linux/arm64");
    let inode = |layout: &Path| Layout::open(layout).expect("layout").blob_path(&layer).metadata().expect("blob").ino();
    assert_eq!(inode(&first.layout), inode(&sources[1].layout), "linked, not copied");
}

#[test]
fn a_single_source_is_taken_as_it_is() {
    let bench = Bench::new();
    let image = bench.single("image", "linux/amd64");
    assert_eq!(bench.merge_into("a", std::slice::from_ref(&image), &["linux/amd64"], &[]).expect("merged").digest, image.root);
    let index = bench.attested("index", &["linux/386", "linux/amd64"]);
    let merged = bench.merge_into("b", std::slice::from_ref(&index), &["linux/386", "linux/amd64"], &[]).expect("merged");
    assert_eq!(merged.digest, index.root);
    bench.stored(&merged);
}

#[test]
fn annotations_of_indexes_are_joined_and_one_key_has_one_value() {
    let bench = Bench::new();
    let mut sources = Vec::new();
    for (name, platform, annotations) in
        [("one", "linux/amd64", [("both", "x"), ("first", "1")]), ("two", "linux/arm64", [("both", "x"), ("second", "2")])]
    {
        let mut making = bench.making(name);
        making.annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        making.listed(platform);
        sources.push(making.finish(name));
    }
    let platforms = ["linux/amd64", "linux/arm64"];
    let merged = bench.merge_into("a", &sources, &platforms, &[("added", "3"), ("both", "x")]).expect("merged");
    let index = bench.stored(&merged);
    let annotations: Vec<_> = index.annotations.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(annotations, ["added=3", "both=x", "first=1", "second=2"]);

    let error = bench.merge_into("b", &sources, &platforms, &[("both", "y")]).expect_err("two values");
    assert_eq!(error.message(), "cannot merge: the annotation `both` differs");
    assert_eq!(error.notes(), ["one  x", "the config  y"]);
}

#[test]
fn every_platform_is_there_exactly_once() {
    let bench = Bench::new();
    let (amd64, arm64) = (bench.single("one", "linux/amd64"), bench.single("two", "linux/arm64"));
    let again = Source { name: "three".into(), ..amd64.clone() };
    let both = ["linux/amd64", "linux/arm64"];
    assert_eq!(bench.refused(&[amd64.clone(), arm64.clone(), again], &both), "cannot merge: linux/amd64 is in one and in three");
    let three = ["linux/amd64", "linux/arm64", "linux/s390x", "linux/386"];
    assert_eq!(
        bench.refused(&[amd64.clone(), arm64.clone()], &three),
        "cannot merge: nobody built linux/s390x, linux/386\none  linux/amd64\ntwo  linux/arm64"
    );
    assert_eq!(
        bench.refused(&[amd64.clone(), arm64], &["linux/amd64"]),
        "cannot merge: linux/arm64 was built and not asked for\none  linux/amd64\ntwo  linux/arm64"
    );
    assert_eq!(bench.refused(&[], &["linux/amd64"]), "cannot merge: nobody built linux/amd64");
    assert_eq!(bench.refused(&vec![amd64; 65], &both), "cannot merge 65 layouts; at most 64 are joined at once");
}

#[test]
fn what_is_damaged_or_lies_is_refused_with_its_name() {
    let bench = Bench::new();
    let good = bench.single("good", "linux/amd64");
    let platforms = ["linux/amd64", "linux/arm64"];
    let refused = |bad: Source| bench.refused(&[good.clone(), bad], &platforms);

    let torn = bench.single("torn", "linux/arm64");
    std::fs::remove_file(torn.layout.join("blobs/sha256").join(Digest::of(b"linux/arm64").hex())).expect("blob");
    let text = refused(torn);
    assert!(text.starts_with("cannot merge torn: ") && text.ends_with("the file is missing"), "{text}");

    let changed = bench.single("changed", "linux/arm64");
    std::fs::write(changed.layout.join("blobs/sha256").join(changed.root.hex()), b"{}").expect("blob");
    let text = refused(changed);
    assert!(text.starts_with("cannot merge changed: ") && text.contains("the bytes hash to"), "{text}");

    let mut making = bench.making("lying");
    let image = making.image("linux/386");
    making.list(&image, serde_json::json!({}), "linux", "arm64");
    let text = refused(making.finish("lying"));
    assert!(text.ends_with("is listed for linux/arm64, but its config is of linux/386"), "{text}");

    let mut making = bench.making("nobody");
    let image = making.listed("linux/arm64");
    making.attest(&Descriptor { digest: good.root.clone(), ..image });
    let text = refused(making.finish("nobody"));
    assert!(text.ends_with(&format!("is about {}, which is not an image of it", good.root)), "{text}");

    let making = bench.making("nameless");
    let image = making.manifest(&serde_json::json!({"rootfs": {}}), &[]);
    let layout = making.writer.finish(&image).expect("layout");
    let text = refused(source("nameless", &layout, image.digest));
    assert!(text.ends_with("tells its platform"), "{text}");

    let mut making = bench.making("nested");
    making.listed("linux/arm64");
    let inner = making.writer.put_bytes(media_type::OCI_INDEX, br#"{"schemaVersion":2,"manifests":[]}"#).expect("index");
    making.entries.push(serde_json::to_value(inner).expect("descriptor"));
    let text = refused(making.finish("nested"));
    assert!(text.contains("lists another index"), "{text}");
}
