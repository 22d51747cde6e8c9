//! What a registry does when it, its clients or its disk misbehave.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stagefreight::core::{Digest, Secret};
use stagefreight::rehearse::fault::{Cut, Fault, FaultPlan};
use stagefreight::rehearse::registry::{Auth, Login, Phase};

use super::rig::{MANIFEST, Registry, read_answer, send};

fn with_plan(plan: FaultPlan) -> Registry {
    Registry::with(|options| options.faults = plan)
}

#[test]
fn answers_what_the_plan_says_before_or_after_the_work() {
    let unavailable = Fault::status(503).header("Retry-After", "7");
    let r = with_plan(FaultPlan::default().nth("PUT", "/v2/a/manifests/*", 1, unavailable.clone()).nth(
        "PUT",
        "/v2/a/manifests/*",
        2,
        unavailable.after_commit(),
    ));
    let raw = r.manifest_of("a", "x", "");
    assert_eq!(r.put("a", "v1", &raw).expect(503).header("retry-after"), "7");
    r.get("/v2/a/manifests/v1").expect(404);
    r.put("a", "v1", &raw).expect(503);
    r.get("/v2/a/manifests/v1").expect(200);
}

#[test]
fn cuts_the_connection_anywhere() {
    let r = with_plan(
        FaultPlan::default()
            .nth("PUT", "/v2/a/manifests/before", 1, Fault::Cut(Cut::Before))
            .nth("PUT", "/v2/a/manifests/after", 1, Fault::Cut(Cut::After))
            .nth("PATCH", "/v2/a/blobs/uploads/*", 1, Fault::Cut(Cut::RequestBody(3)))
            .nth("PUT", "/v2/a/blobs/uploads/*", 1, Fault::Cut(Cut::RequestBody(3)))
            .nth("GET", "/v2/a/blobs/sha256:*", 1, Fault::Cut(Cut::ResponseBody(4))),
    );
    let host = r.host();
    let raw = r.manifest_of("a", "content", "");
    for (tag, there) in [("before", 404), ("after", 200)] {
        let path = format!("/v2/a/manifests/{tag}");
        assert!(send(&host, "PUT", &path, &[("Content-Type", MANIFEST)], &raw).is_err(), "{tag}");
        r.get(&path).expect(there);
    }
    // A torn chunk stays as far as it came; a torn PUT leaves no trace.
    let location = r.session("a");
    assert!(send(&host, "PATCH", &location, &[("Content-Range", "0-5")], b"abcdef").is_err());
    assert_eq!(r.get(&location).expect(204).header("range"), "0-2");
    let put = format!("{location}?digest={}", Digest::of(b"abcdef"));
    assert!(send(&host, "PUT", &put, &[], b"def").is_err());
    assert_eq!(r.get(&location).expect(204).header("range"), "0-2");
    r.send("PUT", &put, &[], b"def").expect(201);

    let blob = format!("/v2/a/blobs/{}", Digest::of(b"abcdef"));
    let torn = send(&host, "GET", &blob, &[], b"");
    assert!(torn.is_err(), "{torn:?}");
    assert_eq!(r.get(&blob).expect(200).body, b"abcdef");
}

#[test]
fn lies_about_bodies_and_digests() {
    let r = with_plan(
        FaultPlan::default()
            .nth("GET", "/v2/a/blobs/*", 1, Fault::Truncate { bytes: 4 })
            .nth("HEAD", "/v2/a/manifests/*", 1, Fault::WrongDigest)
            .nth("GET", "/v2/a/manifests/v1", 1, Fault::StaleRead),
    );
    let (old, _) = r.image("a", "v1", "old content");
    let (new, _) = r.image("a", "v1", "new content");
    let blob = format!("/v2/a/blobs/{}", Digest::of(b"new content"));
    assert_eq!(r.get(&blob).expect(200).body, b"new ");
    let head = r.send("HEAD", "/v2/a/manifests/v1", &[], b"").expect(200);
    assert_ne!(head.header("docker-content-digest"), new);
    assert_eq!(r.get("/v2/a/manifests/v1").expect(200).header("docker-content-digest"), old);
    assert_eq!(r.get("/v2/a/manifests/v1").expect(200).header("docker-content-digest"), new);
}

#[test]
fn stalls_slows_and_limits() {
    let r = with_plan(
        FaultPlan::default()
            .nth("GET", "/v2/", 1, Fault::stall(Duration::from_millis(300)))
            .nth("GET", "/v2/a/blobs/*", 1, Fault::Slow { bytes_per_second: 20_000 })
            .every("GET", "/v2/a/tags/list", Fault::RateLimit { requests: 1, window_millis: 60_000, retry_after: 2 }),
    );
    let digest = r.blob("a", &[7; 10_000]);
    for (path, at_least) in [("/v2/".to_owned(), 290), (format!("/v2/a/blobs/{digest}"), 350)] {
        let start = Instant::now();
        r.get(&path).expect(200);
        assert!(start.elapsed() >= Duration::from_millis(at_least), "{path} took {:?}", start.elapsed());
    }
    r.get("/v2/a/tags/list").expect(200);
    assert_eq!(r.get("/v2/a/tags/list").expect(429).header("retry-after"), "2");
}

#[test]
fn observers_are_called_before_and_after() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let record = Arc::clone(&seen);
    let r = Registry::with(|options| {
        options.observer = Some(Arc::new(move |request| {
            let phase = match request.phase {
                Phase::Arrived => "arrived".to_owned(),
                Phase::Committed(status) => status.to_string(),
            };
            record.lock().expect("lock").push(format!("{} {} {phase}", request.number, request.method));
        }));
    });
    r.image("a", "v1", "x");
    r.get("/v2/a/manifests/v1").expect(200);
    let seen = seen.lock().expect("lock").clone();
    assert_eq!(
        seen,
        ["1 POST arrived", "1 POST 201", "2 POST arrived", "2 POST 201", "3 PUT arrived", "3 PUT 201", "4 GET arrived", "4 GET 200"]
    );
    let log = r.running().log();
    assert_eq!((log.entries().len(), log.writes().len()), (4, 3));
    log.clear();
    assert!(log.entries().is_empty());
}

#[test]
fn a_client_that_stops_sending_is_let_go() {
    let r = Registry::with(|options| options.limits.idle = Duration::from_millis(300));
    let location = r.session("a");
    let mut stream = TcpStream::connect(r.host()).expect("connection");
    stream.write_all(format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").as_bytes()).expect("half a body");
    assert_eq!(read_answer(&mut stream, false).expect("an answer").expect(408).header("connection"), "close");
    assert_eq!(r.get(&location).expect(204).header("range"), "0-2");

    let mut silent = TcpStream::connect(r.host()).expect("connection");
    silent.write_all(b"GET /v2/ HTTP/1.1\r\nHo").expect("half a head");
    let start = Instant::now();
    let _closed = read_answer(&mut silent, false);
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn heads_have_a_limit() {
    let r = Registry::start();
    let many: Vec<(String, String)> = (0..150).map(|n| (format!("x-{n}"), "y".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    r.send("GET", "/v2/", &many, b"").expect(431);
    let long = "y".repeat(500_000);
    let answer = send(&r.host(), "GET", "/v2/", &[("x", &long)], b"");
    assert!(answer.as_ref().map_or(true, |answer| answer.status == 431), "{answer:?}");
}

#[test]
fn one_connection_serves_many_requests() {
    let r = Registry::start();
    let digest = r.blob("a", b"hello");
    let mut stream = TcpStream::connect(r.host()).expect("connection");
    for _ in 0..3 {
        stream.write_all(format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("request");
        assert_eq!(read_answer(&mut stream, false).expect("an answer").expect(200).body, b"hello");
    }
}

#[test]
fn many_clients_push_the_same_blob_at_once() {
    let r = Registry::start();
    let bytes = vec![9; 300_000];
    let digest = Digest::of(&bytes).to_string();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (r, bytes, digest) = (&r, &bytes, &digest);
            scope.spawn(move || {
                let location = r.session(&format!("repo{}", n % 3));
                r.send("PUT", &format!("{location}?digest={digest}"), &[], bytes).expect(201);
            });
        }
    });
    for n in 0..3 {
        assert_eq!(r.get(&format!("/v2/repo{n}/blobs/{digest}")).expect(200).body, bytes);
    }
}

#[test]
fn tokens_open_what_they_were_given_for() {
    let login = Login { user: "u".to_owned(), password: Secret::new("p4ssw0rd") };
    let r = Registry::with(|options| {
        options.auth = Auth::Token { login, anonymous_pull: true, lifetime: Duration::from_secs(4) };
    });
    let basic = ("Authorization", "Basic dTpwNHNzdzByZA==");
    let challenge = r.send("POST", "/v2/a/b/blobs/uploads/", &[], b"").expect(401).header("www-authenticate");
    assert!(challenge.contains(&format!("realm=\"http://{}/token\"", r.host())), "{challenge}");
    assert!(challenge.contains("scope=\"repository:a/b:pull,push\""), "{challenge}");
    let token = |scope: &str, headers: &[(&str, &str)]| {
        let answer = r.send("GET", &format!("/token?service=stagefreight&scope={scope}"), headers, b"").expect(200);
        format!("Bearer {}", answer.json()["token"].as_str().expect("a token"))
    };
    let pull = token("repository:a/b:pull", &[basic]);
    let refused = r.send("POST", "/v2/a/b/blobs/uploads/", &[("Authorization", &pull)], b"").expect(401);
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
    let push = token("repository:a/b:pull,push", &[basic]);
    r.send("POST", "/v2/a/b/blobs/uploads/", &[("Authorization", &push)], b"").expect(202);
    r.send("POST", "/v2/other/blobs/uploads/", &[("Authorization", &push)], b"").expect(401);
    // Anyone may read, nobody unknown may write.
    let anonymous = token("repository:a/b:pull,push", &[]);
    r.send("GET", "/v2/a/b/tags/list", &[("Authorization", &anonymous)], b"").expect(404);
    r.send("POST", "/v2/a/b/blobs/uploads/", &[("Authorization", &anonymous)], b"").expect(401);
    r.send("GET", "/token?scope=repository:a/b:pull", &[("Authorization", "Basic dTp4")], b"").expect(401);
    let form =
        b"grant_type=password&service=stagefreight&scope=repository%3Aa%2Fb%3Apull+repository%3Ac%3Apull&username=u&password=p4ssw0rd";
    r.send("POST", "/token", &[("Content-Type", "application/x-www-form-urlencoded")], form).expect(200);
    std::thread::sleep(Duration::from_millis(4100));
    let expired = r.send("GET", "/v2/a/b/tags/list", &[("Authorization", &push)], b"").expect(401);
    assert!(expired.header("www-authenticate").contains("invalid_token"));
}

#[test]
fn damaged_bytes_are_healed_by_the_next_push() {
    let r = Registry::start();
    let digest = r.blob("a", b"content");
    let shared = r.data().join("blobs/sha256").join(&digest["sha256:".len()..]);
    std::fs::write(&shared, b"cut").expect("damage");
    r.blob("a", b"content");
    assert_eq!(r.get(&format!("/v2/a/blobs/{digest}")).expect(200).body, b"content");
}
