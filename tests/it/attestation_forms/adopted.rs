//! An image with attestations in BuildKit's manner, without a builder: it is found under an immutable tag of a registry,
//! as if an earlier run of this pipeline had published it there, and perform adopts it.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use stagefreight::core::Digest;
use stagefreight::core::oci::{Descriptor, attestation, media_type};
use stagefreight::rehearse::fault::FaultPlan;
use stagefreight::store::LayoutWriter;

use crate::support::release::Registries;
use crate::support::{Sf, component};

pub const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];
pub const PREDICATES: [&str; 2] = ["https://slsa.dev/provenance/v1", "https://spdx.dev/Document"];
pub const TAGS: [&str; 3] = ["1.4.0", "1.4", "latest"];

/// An image in a layout.
pub struct Made {
    pub root: Digest,
    /// Manifests of the platforms, in their order.
    pub images: Vec<Digest>,
}

/// A tar with one file, packed, and the digest it has unpacked.
fn layer(name: &str, content: &[u8]) -> (Vec<u8>, Digest) {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content).expect("entry");
    let tar = tar.into_inner().expect("tar");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&tar).expect("gzip");
    (packed.finish().expect("gzip"), Digest::of(&tar))
}

/// Writes the image of a commit. `stamp` is in the statements alone, as the time of a build is.
pub fn write(into: &Path, commit: &str, stamp: &str) -> Made {
    let writer = LayoutWriter::create(into).expect("layout");
    let json = |kind: &str, value: &Value| writer.put_bytes(kind, value.to_string().as_bytes()).expect("blob");
    let put = |kind: &str, bytes: &[u8]| writer.put_bytes(kind, bytes).expect("blob");
    let (packed, shared_id) = layer("shared", &vec![7; 200_000]);
    let shared = put(media_type::OCI_LAYER_GZIP, &packed);
    let (mut images, mut attests) = (Vec::new(), Vec::new());
    for platform in PLATFORMS {
        let (os, architecture) = platform.split_once('/').expect("os/arch");
        let (packed, own_id) = layer("own", platform.as_bytes());
        let own = put(media_type::OCI_LAYER_GZIP, &packed);
        let labels = json!({"org.opencontainers.image.version": "1.4.0", "org.opencontainers.image.revision": commit});
        let config = json!({
            "os": os, "architecture": architecture, "created": "2026-07-01T12:00:00Z", "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [shared_id, own_id]},
            "history": [{"created_by": "one"}, {"created_by": "two"}],
        });
        let config = json(media_type::OCI_CONFIG, &config);
        let manifest = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": [shared, own]});
        let manifest = json(media_type::OCI_MANIFEST, &manifest);
        let statements = PREDICATES.map(|predicate| {
            let statement = json!({
                "_type": "https://in-toto.io/Statement/v1", "predicateType": predicate, "predicate": {"stamp": stamp},
                "subject": [{"name": "app", "digest": {"sha256": manifest.digest.hex()}}],
            });
            let annotations = [(attestation::PREDICATE_TYPE.to_owned(), predicate.to_owned())].into();
            Descriptor { annotations, ..json(attestation::IN_TOTO, &statement) }
        });
        let config = json!({
            "os": "unknown", "architecture": "unknown", "config": {},
            "rootfs": {"type": "layers", "diff_ids": statements.iter().map(|layer| layer.digest.to_string()).collect::<Vec<_>>()},
        });
        let config = json(media_type::OCI_CONFIG, &config);
        let about = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": statements});
        let mut about = serde_json::to_value(json(media_type::OCI_MANIFEST, &about)).expect("descriptor");
        about["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": manifest.digest});
        about["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        attests.push(about);
        let mut listed = serde_json::to_value(&manifest).expect("descriptor");
        listed["platform"] = json!({"os": os, "architecture": architecture});
        images.push((manifest.digest, listed));
    }
    let listed: Vec<&Value> = images.iter().map(|(_, listed)| listed).chain(&attests).collect();
    let index = json(media_type::OCI_INDEX, &json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": listed}));
    writer.finish(&index).expect("layout");
    Made { root: index.digest, images: images.into_iter().map(|(digest, _)| digest).collect() }
}

/// A workspace whose image is at hand, and the registry it was found at.
pub struct Scene {
    pub sf: Sf,
    pub image: Made,
    pub seed: Registries,
}

/// Performed and reviewed for these registries, `(host, further keys)`, which are called `r0`, `r1`, … .
pub fn scene(registries: &[(&str, &str)]) -> Scene {
    let scene = planned(registries);
    let performed = scene.sf.run(&["perform"]).code(0);
    assert!(performed.stdout().contains("adopted"), "{}", performed.stdout());
    scene.sf.run(&["review"]).code(0);
    scene
}

/// The same before anything was run.
pub fn planned(registries: &[(&str, &str)]) -> Scene {
    planned_with(registries, "", "")
}

/// The same with further sections, and further publish entries.
pub fn planned_with(registries: &[(&str, &str)], sections: &str, publish: &str) -> Scene {
    let seed = Registries::start(vec![FaultPlan::default()]);
    let mut config = format!("version: 1\nregistries:\n  seed: {{ url: \"http://{}\", default_path: acme/app }}\n", seed.servers[0].host());
    for (at, (host, keys)) in registries.iter().enumerate() {
        config.push_str(&format!("  r{at}: {{ url: \"http://{host}\", default_path: acme/app{keys} }}\n"));
    }
    let ids: Vec<String> = (0..registries.len()).map(|at| format!(", r{at}")).collect();
    config.push_str(&format!(
        "builds:\n  app: {{ kind: docker, builder: buildx, provenance: max, platforms: [{}] }}\npublish:\n  image: {{ kind: registry, build: app, \
         registry: [seed{}], tags: [\"{{version}}\", \"{{major}}.{{minor}}\", latest] }}\n",
        PLATFORMS.join(", "),
        ids.concat()
    ));
    config.push_str(publish);
    config.push_str(sections);
    let sf = Sf::new().file("Dockerfile", "FROM scratch\nCOPY app /app\n").file("app", "app");
    let sf = sf.file(".gitignore", ".stagefreight/\n").file(".stagefreight.yml", config).git().tag("v1.4.0");
    let image = seeded(&sf, &seed, "image", "first");
    Scene { sf, image, seed }
}

/// Puts an image of the workspace's commit where perform finds it.
pub fn seeded(sf: &Sf, seed: &Registries, name: &str, stamp: &str) -> Made {
    let layout = sf.outside().join(name);
    let image = write(&layout, &sf.git_run(&["rev-parse", "HEAD"]), stamp);
    let place = format!("{}/acme/app:1.4.0", seed.servers[0].host());
    sf.run(&["copy", &layout.display().to_string(), &place]).code(0);
    image
}

impl Scene {
    /// Digest that the destinations at a registry must hold.
    pub fn expected(&self, registry: &str) -> String {
        let written: Value = serde_json::from_str(&self.sf.read(".stagefreight/destinations.json")).expect("destinations");
        let of: Vec<&Value> = written["destinations"].as_array().expect("list").iter().filter(|one| one["target"] == registry).collect();
        assert!(of.len() == TAGS.len() && of.iter().all(|one| one["digest"] == of[0]["digest"]), "{of:?}");
        of[0]["digest"].as_str().expect("digest").to_owned()
    }

    /// Publishes, and publishes again, which must write nothing, however closely it looks.
    #[track_caller]
    pub fn publish(&self) {
        self.sf.run(&["publish"]).code(0);
        for options in [&["publish"][..], &["publish", "--deep"]] {
            self.sf.run(options).code(0);
            let totals = self.sf.placements()["totals"].clone();
            assert_eq!((&totals["writes"], &totals["sent"]), (&json!(0), &json!(0)), "{options:?}: {totals}");
        }
        self.sf.run(&["verify"]).code(0);
    }
}

/// Standard output of a client, without the space around it.
#[track_caller]
pub fn client(name: &str, args: &[&str]) -> String {
    let home = tempfile::tempdir().expect("directory");
    let output = Command::new(component(name, name)).args(args).env("HOME", home.path()).output().expect("the client runs");
    assert!(output.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A manifest, as crane reads it.
#[track_caller]
pub fn manifest(reference: &str) -> Value {
    serde_json::from_str(&client("crane", &["manifest", "--insecure", reference])).expect("JSON")
}

/// Every tag holds the digest, is whole, and each image in it is read layer by layer.
#[track_caller]
pub fn validated(repository: &str, digest: &str, images: &[&Digest]) {
    for tag in TAGS {
        let reference = format!("{repository}:{tag}");
        assert_eq!(client("crane", &["digest", "--insecure", &reference]), digest);
        client("crane", &["validate", "--insecure", "--fast", "--remote", &reference]);
    }
    for image in images {
        client("crane", &["validate", "--insecure", "--remote", &format!("{repository}@{image}")]);
    }
}

/// Digests and predicates of what oras finds to refer to an image, in the order of predicates.
#[track_caller]
pub fn discovered(repository: &str, image: &Digest) -> Vec<(String, String)> {
    let found = client("oras", &["discover", "--plain-http", "--format", "json", &format!("{repository}@{image}")]);
    let found: Value = serde_json::from_str(&found).expect("JSON");
    let list = found.get("manifests").or_else(|| found.get("referrers")).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut all: Vec<(String, String)> = list
        .iter()
        .map(|one| {
            assert_eq!(one["artifactType"], attestation::IN_TOTO, "{one}");
            let digest = one["digest"].as_str().expect("digest").to_owned();
            let referrer = manifest(&format!("{repository}@{digest}"));
            assert_eq!(referrer["subject"]["digest"], image.as_str());
            assert_eq!(referrer["layers"].as_array().map(Vec::len), Some(1));
            (referrer["annotations"][attestation::PREDICATE_TYPE].as_str().expect("predicate").to_owned(), digest)
        })
        .collect();
    all.sort();
    all
}
