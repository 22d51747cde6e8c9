//! Buckets: the suite against real servers, what a put costs, and what is said when a server does not want.

use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use stagefreight::core::{BoxFuture, StorePlace, StoreSpec};
use stagefreight::event::Events;
use stagefreight::http;
use stagefreight::store::artifact::conformance::{Damage, Plan, Subject};
use stagefreight::store::artifact::{ArtifactErrorKind, ArtifactStore, Call, CloudStore, Mode, Pair, Ref, Source};

use super::gcs_front::GcsFront;
use super::recording::Recording;
use super::servers::{AZURE_ACCOUNT, AZURE_KEY, S3_USER, Server};
use super::{conforms, from_env, left_out};

/// A bucket on loopback, and another way into it.
struct Bucket {
    place: StorePlace,
    variables: Vec<(&'static str, String)>,
    raw: Option<Arc<dyn ObjectStore>>,
}

fn client() -> http::Client {
    let world = stagefreight::world::World::of_process().expect("world");
    http::Client::new(&world, Events::none(), &http::Options { plain_http: true, ..http::Options::default() }).expect("client")
}

impl Bucket {
    fn s3(host: &str) -> Self {
        let endpoint = format!("http://{host}");
        Self {
            place: StorePlace::S3 {
                bucket: "test".to_owned(),
                prefix: Some("some/prefix".to_owned()),
                region: None,
                endpoint: Some(endpoint.clone()),
            },
            variables: vec![("T_ACCESS_KEY_ID", S3_USER.0.to_owned()), ("T_SECRET_ACCESS_KEY", S3_USER.1.to_owned())],
            raw: None,
        }
    }

    fn store(&self, mode: Mode) -> CloudStore {
        let variables = |name: &str| self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let spec = StoreSpec {
            name: "bucket".to_owned(),
            write_once: mode == Mode::WriteOnce,
            credentials: Some("t".to_owned()),
            ca_file: None,
            place: self.place.clone(),
        };
        CloudStore::open(&spec, &variables, client()).expect("a store")
    }

    async fn hurt(&self, raw: &dyn ObjectStore, at: &Ref, damage: Damage) -> Result<(), object_store::Error> {
        let pointer = Key::from(format!("some/prefix/refs/{at}/@ref"));
        let said: serde_json::Value = serde_json::from_slice(&raw.get(&pointer).await?.bytes().await?).expect("pointer");
        let key = |half: &str| Key::from(format!("some/prefix/{}", said[half]["key"].as_str().expect("key")));
        let flip = async |key: Key| {
            let mut bytes = raw.get(&key).await?.bytes().await?.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            raw.put(&key, PutPayload::from(bytes)).await.map(|_| ())
        };
        match damage {
            Damage::Data => flip(key("data")).await,
            Damage::Manifest => flip(key("manifest")).await,
            Damage::Pointer => flip(pointer).await,
            Damage::ShortData => raw.put(&key("data"), PutPayload::from_static(b"short")).await.map(|_| ()),
            Damage::NoData => raw.delete(&key("data")).await,
            Damage::NoManifest => raw.delete(&key("manifest")).await,
        }
    }
}

impl Subject for Bucket {
    fn name(&self) -> &'static str {
        "bucket"
    }

    fn open(&self, mode: Mode) -> BoxFuture<'_, Result<Arc<dyn ArtifactStore>, String>> {
        Box::pin(async move { Ok(Arc::new(self.store(mode)) as Arc<dyn ArtifactStore>) })
    }

    fn damage<'a>(&'a self, at: &'a Ref, damage: Damage) -> Option<BoxFuture<'a, Result<(), String>>> {
        let raw = self.raw.as_ref()?;
        Some(Box::pin(async move { self.hurt(raw.as_ref(), at, damage).await.map_err(|error| error.to_string()) }))
    }

    fn unwritable(&self) -> Option<Arc<dyn ArtifactStore>> {
        // The emulator of Google's takes any token.
        if matches!(self.place, StorePlace::Gcs { .. }) {
            return None;
        }
        let variables = self.variables.iter().map(|(name, value)| {
            // A key of the right shape that is not theirs.
            let wrong = if value == AZURE_KEY { value.replace("Eby8", "Abc8") } else { format!("{value}x") };
            (*name, wrong)
        });
        let other = Self { variables: variables.collect(), place: self.place.clone(), raw: None };
        Some(Arc::new(other.store(Mode::Overwrite)))
    }
}

fn plan(scratch: &std::path::Path) -> Plan {
    Plan { tries: from_env("SF_STORE_REMOTE_TRIES", 150), puts_beside_collections: 60, large: 24 << 20, ..Plan::new(scratch) }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime").block_on(work)
}

#[test]
fn s3_conforms() {
    let (server, dir) = (Server::s3(), tempfile::tempdir().expect("temporary directory"));
    let raw = AmazonS3Builder::new()
        .with_bucket_name("test")
        .with_endpoint(format!("http://{}", server.host))
        .with_allow_http(true)
        .with_access_key_id(S3_USER.0)
        .with_secret_access_key(S3_USER.1)
        .with_http_connector(stagefreight::store::artifact::Connector(client()))
        .build()
        .expect("a bucket");
    let bucket = Bucket { raw: Some(Arc::new(raw)), ..Bucket::s3(&server.host) };
    let report = conforms(&bucket, &plan(dir.path()));
    assert!(left_out(&report).is_empty(), "{report:?}");
}

#[test]
fn azure_conforms() {
    let (server, dir) = (Server::azure(), tempfile::tempdir().expect("temporary directory"));
    let endpoint = format!("http://{}/{AZURE_ACCOUNT}", server.host);
    let builder = MicrosoftAzureBuilder::new()
        .with_account(AZURE_ACCOUNT)
        .with_access_key(AZURE_KEY)
        .with_container_name("test")
        .with_endpoint(endpoint.clone())
        .with_allow_http(true)
        .with_http_connector(stagefreight::store::artifact::Connector(client()));
    super::servers::azure_container(&server.host, "test");
    let bucket = Bucket {
        place: StorePlace::Azure {
            account: AZURE_ACCOUNT.to_owned(),
            container: "test".to_owned(),
            prefix: Some("some/prefix".to_owned()),
            endpoint: Some(endpoint),
        },
        variables: vec![("T_ACCOUNT_KEY", AZURE_KEY.to_owned())],
        raw: Some(Arc::new(builder.build().expect("a container"))),
    };
    let report = conforms(&bucket, &plan(dir.path()));
    assert!(left_out(&report).is_empty(), "{report:?}");
}

/// fake-gcs-server knows the JSON API only, so a front translates what is written. Its conditions are the front's, not
/// Google's: what is claimed of conditional writes rests on S3 and Azure.
#[test]
fn gcs_conforms_behind_a_translating_front() {
    let (server, dir) = (Server::gcs(), tempfile::tempdir().expect("temporary directory"));
    let front = GcsFront::start(&server.host, "test");
    let bucket = Bucket {
        place: StorePlace::Gcs {
            bucket: "test".to_owned(),
            prefix: Some("some/prefix".to_owned()),
            endpoint: Some(format!("http://{}", front.host)),
        },
        variables: vec![("T_TOKEN", "a-token".to_owned())],
        raw: None,
    };
    let report = conforms(&bucket, &plan(dir.path()));
    let left_out = left_out(&report);
    let not_shown = ["concurrent first puts", "damage is noticed", "a place that cannot"];
    assert!(left_out.iter().all(|check| not_shown.iter().any(|start| check.starts_with(start))), "{left_out:?}");
}

#[test]
fn a_pair_in_s3_is_three_requests() {
    let server = Server::s3();
    let recording = Recording::start(&server.host, |_, _| None);
    let store = Bucket::s3(&recording.host).store(Mode::Overwrite);
    let (at, call) = (Ref::parse("acme/app").expect("a reference"), Call::default());
    block_on(async {
        store.put(&at, b"data", b"{}", &call).await.expect("put");
        let puts = recording.asked();
        assert_eq!(puts.len(), 3, "{puts:#?}");
        assert!(puts.iter().all(|line| line.starts_with("PUT /test/some/prefix/")), "{puts:#?}");
        assert!(puts[2].contains("/refs/acme/app/"), "the pointer comes last: {puts:#?}");
        recording.clear();
        store.get(&at, &call).await.expect("get");
        assert_eq!(recording.asked().len(), 3, "{:#?}", recording.asked());
        recording.clear();
        assert!(store.exists(&at, &call).await.expect("exists"));
        assert_eq!(recording.asked().len(), 1);
    });
    println!("requests of a put: 3, of a get: 3, of exists: 1");
}

#[test]
fn a_server_that_fails_between_the_halves_changes_nothing() {
    let server = Server::s3();
    let bucket = Bucket::s3(&server.host);
    let (at, call) = (Ref::parse("a").expect("a reference"), Call::default());
    // Everything from the second request on is refused for good.
    let down = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let failing = Recording::start(&server.host, move |_, before| (before >= 1).then(|| down.to_owned()));
    block_on(async {
        bucket.store(Mode::Overwrite).put(&at, b"old", b"old", &call).await.expect("put");
        let error = Bucket::s3(&failing.host).store(Mode::Overwrite).put(&at, b"new", b"new", &call).await.expect_err("refused");
        assert_eq!(error.kind, ArtifactErrorKind::Credentials);
        let held = bucket.store(Mode::Overwrite).get(&at, &call).await.expect("the old pair");
        assert_eq!(held, (b"old".to_vec(), b"old".to_vec()));
    });
}

#[test]
fn a_lost_answer_to_the_pointer_is_settled_by_looking() {
    let server = Server::s3();
    let bucket = Bucket::s3(&server.host);
    let (at, call) = (Ref::parse("a").expect("a reference"), Call::default());
    // The pointer is written, and its answer never arrives: the front writes it a moment before it answers 500.
    let host = server.host.clone();
    let front = Recording::start(&server.host, move |first, _| {
        let lost = first.starts_with("PUT") && first.contains("/refs/");
        lost.then(|| {
            let store = Bucket::s3(&host).store(Mode::WriteOnce);
            let at = Ref::parse("a").expect("a reference");
            block_on(store.put(&at, b"data", b"{}", &Call::default())).expect("put behind the front");
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
        })
    });
    let store = Bucket::s3(&front.host).store(Mode::WriteOnce);
    std::thread::scope(|scope| {
        scope
            .spawn(|| block_on(store.put(&at, b"data", b"{}", &call)).expect("the same pair is there, so it is settled"))
            .join()
            .expect("put");
        let error = scope.spawn(|| block_on(store.put(&at, b"other", b"{}", &call))).join().expect("put").expect_err("another pair");
        assert_eq!(error.kind, ArtifactErrorKind::Conflict);
    });
    assert_eq!(block_on(bucket.store(Mode::Overwrite).get(&at, &call)).expect("there").0, b"data");
}

#[test]
fn wrong_credentials_and_wrong_buckets_are_told_and_are_not_absence() {
    let server = Server::s3();
    let (at, call) = (Ref::parse("a").expect("a reference"), Call::default());
    let wrong_key = Bucket {
        variables: vec![("T_ACCESS_KEY_ID", "nobody".to_owned()), ("T_SECRET_ACCESS_KEY", "x".repeat(20))],
        ..Bucket::s3(&server.host)
    };
    let mut no_bucket = Bucket::s3(&server.host);
    if let StorePlace::S3 { bucket, .. } = &mut no_bucket.place {
        *bucket = "none".to_owned();
    }
    let gone = Bucket::s3("127.0.0.1:1");
    let skew = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    let skewed = Recording::start(&server.host, move |_, _| {
        Some(format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{skew}", skew.len()))
    });
    block_on(async {
        let error = wrong_key.store(Mode::Overwrite).get(&at, &call).await.expect_err("refused");
        assert_eq!(error.kind, ArtifactErrorKind::Credentials, "{error}");
        assert!(error.message.contains("T_ACCESS_KEY_ID and T_SECRET_ACCESS_KEY"), "{error}");
        let error = no_bucket.store(Mode::Overwrite).get(&at, &call).await.expect_err("no bucket");
        assert_eq!(error.kind, ArtifactErrorKind::Rejected, "{error}");
        assert!(error.message.contains("does not exist"), "{error}");
        let error = Bucket::s3(&skewed.host).store(Mode::Overwrite).exists(&at, &call).await.expect_err("skewed");
        assert!(error.message.contains("clock of this machine"), "{error}");
        let error = gone.store(Mode::Overwrite).get(&at, &call).await.expect_err("nobody there");
        assert_eq!(error.kind, ArtifactErrorKind::Unavailable, "{error}");
    });
}

/// A pointer that leads out of the store, as somebody with access to the bucket may write it.
#[test]
fn a_pointer_does_not_lead_out_of_the_store() {
    let server = Server::s3();
    let store = Bucket::s3(&server.host).store(Mode::Overwrite);
    let (at, call) = (Ref::parse("a").expect("a reference"), Call::default());
    block_on(async {
        let pair = Pair { data: Source::from(b"data".as_slice()), manifest: Source::from(b"{}".as_slice()) };
        let entry = store.save(&at, &pair, &call).await.expect("put");
        let key = entry.data.key.expect("a key");
        let pointer = server.data().join("test/some/prefix/refs/a/@ref");
        let text = std::fs::read_to_string(&pointer).expect("pointer").replace(&key, "../../secret");
        std::fs::write(&pointer, text).expect("changed");
        let error = store.get(&at, &call).await.expect_err("refused");
        assert_eq!(error.kind, ArtifactErrorKind::Integrity, "{error}");
    });
}
