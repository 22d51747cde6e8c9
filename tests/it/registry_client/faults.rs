//! Against scripted servers: what registries do on bad days, and what hostile ones try.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use stagefreight::core::Digest;
use stagefreight::publish::{Observation, PlaceErrorKind, Step, Target as _};
use stagefreight::registry::{Access, RegistryErrorKind};

use super::{Publisher, artifact, publish};
use crate::support::{Asked, Image, Reply, Scripted};

/// A registry that works, for scripts to spoil.
#[derive(Default)]
struct Working {
    content: HashMap<String, Vec<u8>>,
}

impl Working {
    fn answer(&mut self, asked: &Asked) -> Reply {
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let last = path.rsplit('/').next().unwrap_or_default().to_owned();
        match (asked.method.as_str(), path) {
            ("POST", _) => Reply::Answer(202, vec![("Location", format!("{path}session?_state=x"))], Vec::new()),
            ("PUT", path) if path.contains("/manifests/") => {
                let digest = Digest::of(&asked.body).to_string();
                self.content.insert(digest.clone(), asked.body.clone());
                self.content.insert(last, asked.body.clone());
                Reply::Answer(201, vec![("Docker-Content-Digest", digest)], Vec::new())
            }
            ("PUT", _) => {
                let digest = query.rsplit_once("digest=").map(|(_, digest)| digest.to_owned()).unwrap_or_default();
                if Digest::of(&asked.body).to_string() != digest {
                    return Reply::status(400);
                }
                self.content.insert(digest.clone(), asked.body.clone());
                Reply::Answer(201, vec![("Docker-Content-Digest", digest)], Vec::new())
            }
            ("GET" | "HEAD", "/v2/") => Reply::status(200),
            ("GET" | "HEAD", _) => match self.content.get(&last) {
                Some(body) => Reply::Answer(200, vec![("Docker-Content-Digest", Digest::of(body).to_string())], body.clone()),
                None => Reply::status(404),
            },
            _ => Reply::status(202),
        }
    }
}

/// A working registry where the script speaks first. It is told how often it has been asked the like.
fn spoiled(mut script: impl FnMut(&Asked, usize) -> Option<Reply> + Send + 'static) -> Scripted {
    let mut working = Working::default();
    let mut seen: HashMap<String, usize> = HashMap::new();
    Scripted::start(move |asked| {
        let kind = if asked.target.contains("/manifests/") { "manifest" } else { "blob" };
        let count = seen.entry(format!("{} {kind}", asked.method)).or_default();
        *count += 1;
        script(asked, *count).unwrap_or_else(|| working.answer(asked))
    })
}

fn small(publisher: &Publisher) -> (PathBuf, Digest) {
    let layout = publisher.path("image");
    let image = Image { version: "1.0.0", revision: "abc", layers: vec![vec![1; 100_000]], platforms: &["linux/amd64"] };
    let digest = image.write(&layout);
    (layout, digest)
}

fn steps(publisher: &Publisher, host: &str, credentials: Option<&str>) -> Vec<Box<dyn Step>> {
    let (layout, digest) = small(publisher);
    publisher.target(host, credentials).bind(&artifact(host, layout, &digest, "1.0.0", &[("1.0.0", "immutable")]))
}

fn alice() -> Publisher {
    Publisher::new(&[("REG_USER", "alice"), ("REG_TOKEN", "wonderland")])
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart_and_nothing_is_tried_after_them() {
    type Row = (&'static str, fn(&Asked, usize) -> Option<Reply>, PlaceErrorKind, &'static str);
    let rows: [Row; 7] = [
        ("401 without a challenge", |_, _| Some(Reply::status(401)), PlaceErrorKind::Credentials, "without saying how to log in"),
        (
            "a realm of another party",
            |_, _| {
                Some(Reply::Answer(
                    401,
                    vec![("WWW-Authenticate", "Bearer realm=\"https://evil.example/token\",service=\"x\"".to_owned())],
                    vec![],
                ))
            },
            PlaceErrorKind::Credentials,
            "evil.example, which is another party; refused",
        ),
        (
            "a realm in the clear",
            |_, _| Some(Reply::Answer(401, vec![("WWW-Authenticate", "Bearer realm=\"http://evil.example/token\"".to_owned())], vec![])),
            PlaceErrorKind::Credentials,
            "unencrypted connection; refused",
        ),
        (
            "403 with codes",
            |asked, _| {
                (asked.method == "POST")
                    .then(|| Reply::Answer(403, vec![], br#"{"errors":[{"code":"DENIED","message":"secret stuff"}]}"#.to_vec()))
            },
            PlaceErrorKind::Credentials,
            "forbids it to these credentials (403, DENIED)",
        ),
        (
            "404 on the upload session",
            |asked, _| (asked.method == "POST").then(|| Reply::status(404)),
            PlaceErrorKind::Rejected,
            "not found (404)",
        ),
        (
            "an upload sent to another host",
            |asked, _| {
                (asked.method == "POST").then(|| Reply::Answer(202, vec![("Location", "https://evil.example/up".to_owned())], vec![]))
            },
            PlaceErrorKind::Rejected,
            "sends the upload to another host, evil.example",
        ),
        (
            "another digest than was sent",
            |asked, _| {
                let wrong = format!("sha256:{}", "0".repeat(64));
                (asked.method == "PUT").then(|| Reply::Answer(201, vec![("Docker-Content-Digest", wrong)], vec![]))
            },
            PlaceErrorKind::Rejected,
            "says it stored sha256:0000",
        ),
    ];
    for (name, script, kind, text) in rows {
        let server = spoiled(script);
        let publisher = alice();
        let steps = steps(&publisher, &server.host, Some("REG"));
        let error = match steps[0].observe(&publisher.cx).await {
            Observation::Unknown(error) => error,
            found => steps[0].place(&publisher.cx, &found).await.expect_err(name),
        };
        assert_eq!(error.kind, kind, "{name}: {error}");
        assert!(error.message.contains(text), "{name}: {}", error.message);
        assert!(!error.message.contains("secret stuff") && !error.message.contains("wonderland"), "{name}: {}", error.message);
        let named = server.asked().iter().any(|asked| asked.target.contains("/manifests/1.0.0"));
        assert!(!named, "{name}: the tag was touched");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_waited_out() {
    type Row = (&'static str, fn(&Asked, usize) -> Option<Reply>);
    let rows: [Row; 6] = [
        ("500 twice while looking", |asked, n| (asked.method == "HEAD" && n <= 2).then(|| Reply::status(500))),
        ("429 with Retry-After", |asked, n| {
            (asked.method == "POST" && n == 1).then(|| Reply::Answer(429, vec![("Retry-After", "1".to_owned())], vec![]))
        }),
        ("cut while looking", |asked, n| (asked.method == "HEAD" && n == 2).then_some(Reply::Cut)),
        ("a truncated manifest", |asked, n| {
            let manifest = asked.target.contains("/manifests/");
            (asked.method == "GET" && manifest && n == 1).then(|| Reply::Truncated(200, vec![], vec![b' '; 1000]))
        }),
        ("cut after the upload, not kept", |asked, n| {
            (asked.method == "PUT" && !asked.target.contains("/manifests/") && n == 1).then_some(Reply::Cut)
        }),
        ("500 for the tag, not kept", |asked, n| {
            (asked.method == "PUT" && asked.target.ends_with("/1.0.0") && n == 2).then(|| Reply::status(500))
        }),
    ];
    for (name, script) in rows {
        let server = spoiled(script);
        let publisher = Publisher::new(&[]);
        let started = Instant::now();
        publish(&publisher.cx, &steps(&publisher, &server.host, None))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}\n{:#?}", server.lines()));
        if name.contains("Retry-After") {
            assert!(started.elapsed() >= Duration::from_secs(1), "{name}: came back too early");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_arrived_although_the_answer_was_lost_is_not_sent_again() {
    let mut working = Working::default();
    let mut lost = 0;
    let server = Scripted::start(move |asked| {
        let reply = working.answer(asked);
        let blob = asked.method == "PUT" && !asked.target.contains("/manifests/");
        let tag = asked.method == "PUT" && asked.target.ends_with("/1.0.0");
        if blob || tag {
            lost += 1;
            return if lost % 2 == 0 { Reply::Cut } else { Reply::status(502) };
        }
        reply
    });
    let publisher = Publisher::new(&[]);
    publish(&publisher.cx, &steps(&publisher, &server.host, None)).await.unwrap_or_else(|error| panic!("{error}\n{:#?}", server.lines()));
    let puts: Vec<String> = server.lines().into_iter().filter(|line| line.starts_with("PUT")).collect();
    // Two layers, a config, the manifest by digest and by tag: once each.
    assert_eq!(puts.len(), 5, "{puts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_cut() {
    let server = Scripted::start(|_| Reply::Silence(Duration::from_secs(30)));
    let publisher = Publisher::new(&[]);
    let started = Instant::now();
    let Observation::Unknown(error) = steps(&publisher, &server.host, None)[0].observe(&publisher.cx).await else {
        panic!("it said nothing")
    };
    assert_eq!(error.kind, PlaceErrorKind::Unavailable);
    assert!(error.message.contains("no answer in time") && error.message.contains("after 4 attempts"), "{}", error.message);
    assert!(started.elapsed() < Duration::from_secs(28), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_said_soon() {
    let publisher = Publisher::new(&[]);
    let started = Instant::now();
    let Observation::Unknown(error) = steps(&publisher, "127.0.0.1:1", None)[0].observe(&publisher.cx).await else {
        panic!("nobody is there")
    };
    assert_eq!(error.kind, PlaceErrorKind::Unavailable);
    assert!(error.message.contains("cannot connect"), "{}", error.message);
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_and_lying_manifests_are_refused() {
    let digest = format!("sha256:{}", "1".repeat(64));
    for (body, told, kind) in [
        (vec![b' '; 5 * 1024 * 1024], None, RegistryErrorKind::Protocol),
        (br#"{"schemaVersion":2,"manifests":[]}"#.to_vec(), Some(digest), RegistryErrorKind::Mismatch),
        (b"<html>".to_vec(), None, RegistryErrorKind::Protocol),
    ] {
        let server = Scripted::start(move |_| {
            let headers = told.iter().map(|digest| ("Docker-Content-Digest", digest.clone())).collect();
            Reply::Answer(200, headers, body.clone())
        });
        let publisher = Publisher::new(&[]);
        let target = publisher.target(&server.host, None);
        let error = target.client().get_manifest("acme/app", "1", Access::Pull, &publisher.cx.cancel).await.expect_err("a bad manifest");
        assert_eq!(error.kind, kind, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_do_not_follow_a_redirect() {
    let storage = Scripted::start(|_| Reply::Answer(200, vec![], b"stored".to_vec()));
    let elsewhere = format!("http://{}/signed?sig=1", storage.host);
    let server = Scripted::start(move |asked| match asked.headers.get("authorization") {
        None => Reply::Answer(401, vec![("WWW-Authenticate", "Basic realm=\"x\"".to_owned())], vec![]),
        Some(_) => Reply::Answer(307, vec![("Location", elsewhere.clone())], vec![]),
    });
    let publisher = alice();
    let target = publisher.target(&server.host, Some("REG"));
    let digest = Digest::of(b"stored");
    let response = target.client().get_blob("acme/app", &digest, &publisher.cx.cancel).await.expect("followed");
    assert_eq!(response.bytes(100).await.expect("body"), b"stored");
    let expected = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("alice:wonderland"));
    assert_eq!(server.asked().last().and_then(|asked| asked.headers.get("authorization").cloned()), Some(expected));
    let asked = storage.asked();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].headers.contains_key("authorization"), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_shared_refreshed_and_asked_for_with_what_is_needed() {
    let mut issued = 0;
    let realm = Scripted::start(move |_| {
        issued += 1;
        Reply::Answer(200, vec![], format!(r#"{{"token":"t{issued}","expires_in":300}}"#).into_bytes())
    });
    let challenge = format!("Bearer realm=\"http://{}/token\",service=\"reg\",scope=\"repository:acme/app:pull,push\"", realm.host);
    let mut working = Working::default();
    let server = Scripted::start(move |asked| {
        // The first token is withdrawn in the middle of the push.
        let closing = asked.method == "PUT" && asked.target.contains("/manifests/");
        let wanted = if closing || working.content.contains_key("expired") { "Bearer t2" } else { "Bearer t1" };
        if closing {
            working.content.insert("expired".to_owned(), Vec::new());
        }
        if asked.headers.get("authorization").map(String::as_str) != Some(wanted) {
            return Reply::Answer(401, vec![("WWW-Authenticate", challenge.clone())], vec![]);
        }
        working.answer(asked)
    });
    let publisher = alice();
    publish(&publisher.cx, &steps(&publisher, &server.host, Some("REG")))
        .await
        .unwrap_or_else(|error| panic!("{error}\n{:#?}", server.lines()));
    let asked = realm.asked();
    assert_eq!(asked.len(), 2, "one token for all workers, one after it was withdrawn: {asked:#?}");
    assert_eq!(asked[0].target, "/token?service=reg&scope=repository%3Aacme%2Fapp%3Apull%2Cpush&account=alice");
    assert!(asked[0].headers.get("authorization").is_some_and(|value| value.starts_with("Basic ")));
    let unasked = server.asked().iter().filter(|asked| !asked.headers.contains_key("authorization")).count();
    assert_eq!(unasked, 1, "only the very first request went without");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_that_becomes_an_upload_uses_its_session() {
    let server = spoiled(|asked, _| {
        let mount = asked.method == "POST" && asked.target.contains("mount=");
        mount.then(|| Reply::Answer(202, vec![("Location", "/v2/acme/app/blobs/uploads/from-mount".to_owned())], vec![]))
    });
    let publisher = Publisher::new(&[]);
    let (layout, digest) = small(&publisher);
    for blob in stagefreight::store::Layout::open(&layout).expect("layout").closure(&digest).expect("closure").blobs {
        publisher.registries.work().note_holder(&server.host, "acme/base", &blob.digest);
    }
    publish(&publisher.cx, &steps(&publisher, &server.host, None)).await.expect("published");
    let posts: Vec<String> = server.lines().into_iter().filter(|line| line.starts_with("POST")).collect();
    assert_eq!(posts.len(), 3, "{posts:#?}");
    assert!(posts.iter().all(|line| line.contains("from=acme%2Fbase")), "{posts:#?}");
    assert_eq!(server.lines().iter().filter(|line| line.contains("from-mount?digest=")).count(), 3);
}
