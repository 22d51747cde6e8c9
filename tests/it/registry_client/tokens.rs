//! Tokens over the life of a run: one for all workers, another when it is over, and names that services are particular
//! about.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use base64::Engine as _;
use stagefreight::core::{Digest, HostOptions};
use stagefreight::registry::{Access, HostSpec, RegistryErrorKind};

use super::Publisher;
use crate::support::{Asked, Reply, Scripted};

fn challenge(asked: &Asked) -> Reply {
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"s\"", asked.headers["host"]);
    Reply::Answer(401, vec![("WWW-Authenticate", realm)], Vec::new())
}

fn token(name: &str) -> Reply {
    Reply::Answer(200, Vec::new(), format!("{{\"token\":\"{name}\",\"expires_in\":3600}}").into_bytes())
}

/// A service whose tokens are good for so many requests each.
fn service(uses: usize, issued: Arc<AtomicUsize>) -> Scripted {
    let mut left = 0;
    Scripted::start(move |asked| {
        if asked.target.starts_with("/token") {
            left = uses;
            return token(&format!("t{}", issued.fetch_add(1, Ordering::SeqCst) + 1));
        }
        let current = format!("Bearer t{}", issued.load(Ordering::SeqCst));
        if asked.headers.get("authorization") != Some(&current) || left == 0 {
            return challenge(asked);
        }
        left -= 1;
        Reply::Answer(200, vec![("Docker-Content-Digest", Digest::of(b"x").to_string())], Vec::new())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn all_workers_share_one_token_and_one_replacement() {
    let issued = Arc::new(AtomicUsize::new(0));
    let server = service(30, Arc::clone(&issued));
    let publisher = Publisher::new(&[]);
    let client = publisher.registries.client(&server.host).expect("client");
    let ask = |tag: usize| {
        let (client, cancel) = (Arc::clone(&client), publisher.cx.cancel.clone());
        tokio::spawn(async move { client.head_manifest("acme/app", &format!("t{tag}"), Access::Push, &cancel).await })
    };
    // The first token is over in the middle; every worker that sees that uses the same second one.
    for round in 0..4 {
        let asked: Vec<_> = (0..12).map(|n| ask(round * 12 + n)).collect();
        for answer in asked {
            assert!(answer.await.expect("task").expect("answer").is_some());
        }
    }
    assert_eq!(issued.load(Ordering::SeqCst), 2, "48 requests at 30 uses each");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_stop_working_are_told_once_and_plainly() {
    // A registry that changes its mind for good: no endless exchange of tokens.
    let issued = Arc::new(AtomicUsize::new(0));
    let server = service(0, Arc::clone(&issued));
    let publisher = Publisher::new(&[("REG_USER", "alice"), ("REG_TOKEN", "wonderland")]);
    let spec = HostSpec { host: server.host.clone(), plain_http: true, credentials: Some("REG".to_owned()), ..HostSpec::default() };
    let client = publisher.registries.client_of(&spec).expect("client");
    let error = client.head_manifest("acme/app", "x", Access::Push, &publisher.cx.cancel).await.expect_err("401 for ever");
    assert_eq!(error.kind, RegistryErrorKind::Unauthorized);
    assert!(error.message.contains("REG_USER and REG_TOKEN") && !format!("{error:?}").contains("wonderland"), "{error:?}");
    assert!(issued.load(Ordering::SeqCst) <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn robot_accounts_and_tokens_travel_byte_by_byte() {
    // Harbor's robots have a `$` in their names, and project robots a `+`.
    for (user, secret) in [("robot$acme+ci", "p:w%41 $HOME"), ("acme+ci", "ü"), ("$oauthtoken", "nvapi-x")] {
        let expected = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}")));
        let server = Scripted::start(move |asked| {
            if asked.target.starts_with("/token") {
                let account = url::form_urlencoded::byte_serialize(user.as_bytes()).collect::<String>();
                assert!(asked.target.contains(&format!("account={account}")), "{}", asked.target);
                return if asked.headers.get("authorization") == Some(&expected) { token("t") } else { Reply::status(401) };
            }
            if asked.headers.get("authorization").map(String::as_str) == Some("Bearer t") { Reply::status(200) } else { challenge(asked) }
        });
        let publisher = Publisher::new(&[("HARBOR_USER", user), ("HARBOR_TOKEN", secret)]);
        let spec = HostSpec { host: server.host.clone(), plain_http: true, credentials: Some("HARBOR".to_owned()), ..HostSpec::default() };
        let client = publisher.registries.client_of(&spec).expect("client");
        client.check("acme/app", Access::Push, &publisher.cx.cancel).await.expect(user);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept() {
    let server = Scripted::start(|_| Reply::status(404));
    let publisher = Publisher::new(&[]);
    let options = HostOptions { rate: Some(20), ..HostOptions::default() };
    let spec = HostSpec { host: server.host.clone(), plain_http: true, options, ..HostSpec::default() };
    let client = publisher.registries.client_of(&spec).expect("client");
    let started = Instant::now();
    for _ in 0..11 {
        client.head_manifest("acme/app", "x", Access::Pull, &publisher.cx.cancel).await.expect("answer");
    }
    assert!(started.elapsed().as_millis() >= 480, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_may_be_given_fewer_retries() {
    let server = Scripted::start(|_| Reply::status(503));
    let publisher = Publisher::new(&[]);
    let options = HostOptions { retries: Some(1), ..HostOptions::default() };
    let spec = HostSpec { host: server.host.clone(), plain_http: true, options, ..HostSpec::default() };
    let client = publisher.registries.client_of(&spec).expect("client");
    client.head_manifest("acme/app", "x", Access::Pull, &publisher.cx.cancel).await.expect_err("503");
    assert_eq!(server.asked().len(), 2);
}
