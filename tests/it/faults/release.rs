//! One release with everything that can be in one, published by the library as the command does it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stagefreight::core::oci::{Descriptor, media_type};
use stagefreight::core::{Digest, HostOptions, Timestamp};
use stagefreight::event::{Events, Sink};
use stagefreight::http::{Ladder, Options, Timeouts};
use stagefreight::manifest::{Destination, DestinationTarget};
use stagefreight::publish::{ApprovedArtifact, Content, Cx, Engine, History, Image, Journal, Step, StepReport, Target as _};
use stagefreight::registry::{Registries, RegistryTarget};
use stagefreight::store::LayoutWriter;
use stagefreight::world::{Environment, World};
use tokio_util::sync::CancellationToken;

use crate::support::canary::{Secrets, Watch};

/// The repository it goes to.
pub const REPOSITORY: &str = "acme/app";

/// Its tags and what may happen to them.
pub const TAGS: [(&str, &str); 3] = [("1.4.0", "immutable"), ("1.4", "any"), ("latest", "any")];

/// An index of two platforms and an attestation that is a child and has a subject, a layer large enough to be bulk, an
/// empty one, one by sha512, a foreign one that is not here, and two referrers: a signature of the index and an
/// attestation of the signature.
pub struct Release {
    pub layout: PathBuf,
    pub digest: Digest,
    pub referrers: Vec<Digest>,
    /// The bulk layer.
    pub large: Descriptor,
    /// A layer both platforms share.
    pub small: Descriptor,
}

/// Bytes that do not repeat, the same every time.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(len)
    .collect()
}

impl Release {
    pub fn write(layout: &Path) -> Self {
        let writer = LayoutWriter::create(layout).expect("layout");
        let put = |kind: &str, bytes: &[u8]| writer.put_bytes(kind, bytes).expect("blob");
        let json = |kind: &str, value: serde_json::Value| put(kind, value.to_string().as_bytes());
        let large = put(media_type::OCI_LAYER, &noise(1, 3 << 20));
        let small = put(media_type::OCI_LAYER, &noise(2, 100_000));
        let empty = put(media_type::OCI_LAYER, b"");
        let foreign = Descriptor {
            urls: vec!["https://example.com/layer".to_owned()],
            ..Descriptor::of("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", b"elsewhere")
        };
        let strong = {
            let content = noise(3, 5_000);
            let mut hash = format!("sha512:{}", "0".repeat(128)).parse::<Digest>().expect("sha512").digester();
            hash.update(&content);
            let draft = layout.join("draft");
            std::fs::write(&draft, &content).expect("draft");
            let digest = hash.finish();
            writer.adopt(&draft, &digest).expect("sha512 blob");
            Descriptor::new(media_type::OCI_LAYER, digest, 5_000)
        };
        let mut children = Vec::new();
        for (arch, extra) in [("amd64", &strong), ("arm64", &foreign)] {
            let own = put(media_type::OCI_LAYER, arch.as_bytes());
            let labels = serde_json::json!({"org.opencontainers.image.version": "1.4.0"});
            let config = serde_json::json!({"os": "linux", "architecture": arch, "config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": []}});
            let config = json(media_type::OCI_CONFIG, config);
            let layers = [&small, &large, &empty, &own, extra];
            let manifest =
                serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers});
            let manifest = json(media_type::OCI_MANIFEST, manifest);
            let platform = serde_json::from_value(serde_json::json!({"os": "linux", "architecture": arch})).expect("platform");
            children.push(Descriptor { platform: Some(platform), ..manifest });
        }
        let about = |subject: &Descriptor, kind: &str, content: &[u8]| {
            let config = Descriptor { data: Some("e30=".to_owned()), ..put(media_type::OCI_EMPTY, b"{}") };
            let statement = put("application/vnd.in-toto+json", content);
            let subject = Descriptor::new(&subject.media_type, subject.digest.clone(), subject.size);
            json(
                media_type::OCI_MANIFEST,
                serde_json::json!({
                    "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": kind, "config": config,
                    "layers": [statement], "subject": subject,
                }),
            )
        };
        let attestation = about(&children[0], "application/vnd.in-toto+json", b"how amd64 was built");
        let unknown = serde_json::from_value(serde_json::json!({"os": "unknown", "architecture": "unknown"})).expect("platform");
        // Before its subject: it is not the order of the list that counts.
        children.insert(0, Descriptor { platform: Some(unknown), ..attestation });
        let index =
            json(media_type::OCI_INDEX, serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": children}));
        let signature = about(&index, "application/vnd.example.signature", b"signed");
        let witness = about(&signature, "application/vnd.example.witness", b"seen");
        writer.finish(&index).expect("finished layout");
        Self { layout: layout.to_owned(), digest: index.digest, referrers: vec![signature.digest, witness.digest], large, small }
    }

    fn artifact(&self, host: &str, repository: &str) -> ApprovedArtifact {
        let destinations = TAGS.iter().map(|(tag, policy)| Destination {
            name: format!("{host}/{repository}:{tag}"),
            kind: "registry_tag".to_owned(),
            target: host.to_owned(),
            artifact: "docker:app".to_owned(),
            digest: self.digest.to_string(),
            size: 0,
            derived: None,
            path: repository.to_owned(),
            tag: (*tag).to_owned(),
            settings: None,
            policy: (*policy).to_owned(),
            required: true,
            why: "test".to_owned(),
        });
        ApprovedArtifact {
            id: "docker:app".to_owned(),
            digest: self.digest.clone(),
            content: Content::Image(Image { layout: self.layout.clone(), referrers: self.referrers.clone(), attestation_tags: Vec::new() }),
            version: "1.4.0".to_owned(),
            revision: "a".repeat(40),
            destinations: destinations.collect(),
        }
    }
}

/// How a publisher differs from the ordinary one.
#[derive(Default, Clone)]
pub struct Publisher {
    /// Told everything.
    pub sink: Option<Arc<dyn Sink>>,
    /// Credentials for hosts that want some.
    pub login: bool,
    /// Another repository of the hosts, said to hold every blob.
    pub neighbour: Option<&'static str>,
    /// Time limits as in production, for tests that only count.
    pub patient: bool,
    /// Hosts speak TLS with a certificate of the authority in this file.
    pub authority: Option<PathBuf>,
}

impl Publisher {
    /// Publishes as the command would: journal, engine, all hosts at once. State is kept in `dir`.
    pub async fn publish(&self, release: &Release, hosts: &[String], dir: &Path) -> Vec<StepReport> {
        let mut world = World::of_process().expect("world");
        let home = dir.display().to_string();
        let login: &[(&str, &str)] = if self.login { &[("REG_USER", "alice"), ("REG_TOKEN", "wonderland")] } else { &[] };
        world.env = Environment::from_pairs(login.iter().copied().chain([("HOME", home.as_str())]));
        let secrets = Secrets::of(login.iter().copied());
        let events = Events::new(Arc::new(Watch::new(secrets.clone(), self.sink.clone())));
        let impatient = Options {
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                answer: Duration::from_secs(2),
                stall_window: Duration::from_millis(700),
                stall_floor: 1024,
            },
            ladder: Ladder {
                retries: 4,
                first: Duration::from_millis(10),
                longest: Duration::from_millis(40),
                longest_asked: Duration::from_secs(3),
                ..Ladder::default()
            },
            ..Options::default()
        };
        let options = if self.patient { Options::default() } else { impatient };
        let registries = Registries::with_options(&world, events.clone(), options);
        let mut steps: Vec<Box<dyn Step>> = Vec::new();
        for host in hosts {
            let target = DestinationTarget {
                name: host.clone(),
                kind: "registry".to_owned(),
                provider: "generic".to_owned(),
                host: host.clone(),
                plain_http: self.authority.is_none(),
                credentials: self.login.then(|| "REG".to_owned()),
                ca_file: self.authority.as_ref().map(|file| file.display().to_string()),
                options: HostOptions::default(),
                settings: None,
            };
            let target = RegistryTarget::new(&registries, &target, [REPOSITORY.to_owned()], dir, None).expect("target");
            steps.extend(target.bind(&release.artifact(host, REPOSITORY)));
            if let Some(neighbour) = self.neighbour {
                for blob in [&release.large, &release.small] {
                    registries.work().note_holder(host, neighbour, &blob.digest);
                }
            }
        }
        let journals = dir.join("journal");
        let history = History::read(&journals).expect("history");
        let journal = Journal::open(&journals, "run", Timestamp::from_unix(0), events.clone()).expect("journal");
        let completed = Arc::new(history.completed().clone());
        let cx = Cx { cancel: CancellationToken::new(), events, overrides: Arc::default(), lineage: None, completed };
        let engine = Engine { cx: &cx, journal: Some(&journal), history: &history, now: Arc::new(|| Timestamp::from_unix(0)) };
        let reports = engine.run(&steps).await.expect("steps in an order");
        secrets.assert_not_in("the reports", &format!("{reports:?}"));
        assert_eq!(secrets.below(dir, &|_| false), []);
        reports
    }
}
