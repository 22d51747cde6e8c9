//! Whom we trust, who trusts us, and by which way we come: private authorities, certificates that are no good, client
//! certificates, names that lead nowhere, proxies. Each failure names the host and the way out.

use stagefreight::core::HostOptions;
use stagefreight::http::Options;
use stagefreight::registry::{Access, HostSpec, Registries, RegistryError, RegistryErrorKind};
use stagefreight::world::Environment;

use super::Publisher;
use crate::support::tls::{Authority, Proxy};
use crate::support::{Reply, Scripted};

fn plain() -> String {
    Scripted::start(|_| Reply::status(200)).host
}

/// The same host by the name of its certificate.
fn localhost(address: &str) -> String {
    address.replace("127.0.0.1", "localhost")
}

async fn check(publisher: &Publisher, spec: HostSpec) -> Result<String, RegistryError> {
    let client = publisher.registries.client_of(&spec).map_err(|error| panic!("{error}")).expect("client");
    client.check("acme/app", Access::Pull, &publisher.cx.cancel).await
}

fn with_env(mut publisher: Publisher, env: &[(&str, &str)]) -> Publisher {
    let mut world = stagefreight::world::World::of_process().expect("world");
    world.env = Environment::from_pairs(env.iter().copied());
    let mut options = Options::of_environment(&world.env).expect("options");
    options.ladder.retries = 0;
    publisher.registries = Registries::with_options(&world, publisher.cx.events.clone(), options);
    publisher
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_when_it_is_named() {
    let authority = Authority::new();
    let host = localhost(&authority.front(authority.identity("localhost", 2099), plain(), false));
    let publisher = Publisher::new(&[]);
    let ca = authority.file(publisher.dir.path());
    let spec = || HostSpec { host: host.clone(), ..HostSpec::default() };
    let error = check(&publisher, spec()).await.expect_err("nobody's certificate");
    assert!(error.message.contains(&host) && error.message.contains("not trusted"), "{error:?}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("ca_file") && hint.contains("SSL_CERT_FILE")), "{error:?}");
    check(&publisher, HostSpec { ca_file: Some(ca.clone()), ..spec() }).await.expect("by ca_file");
    let publisher = with_env(Publisher::new(&[]), &[("SSL_CERT_FILE", &ca.display().to_string())]);
    check(&publisher, spec()).await.expect("by SSL_CERT_FILE");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_over_or_anothers_are_told_as_that() {
    let authority = Authority::new();
    let publisher = Publisher::new(&[]);
    let ca = authority.file(publisher.dir.path());
    for (name, until, said, hint) in
        [("localhost", 2021, "expired", "renew"), ("elsewhere.example", 2099, "localhost", "issued for another name")]
    {
        let host = localhost(&authority.front(authority.identity(name, until), plain(), false));
        let error = check(&publisher, HostSpec { host: host.clone(), ca_file: Some(ca.clone()), ..HostSpec::default() }).await;
        let error = error.expect_err("no good");
        assert_eq!(error.kind, RegistryErrorKind::Unavailable);
        assert!(error.message.contains(&host) && error.message.contains(said), "{error:?}");
        assert!(error.hint.as_deref().is_some_and(|text| text.contains(hint)), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_shown_where_one_is_asked_for() {
    let authority = Authority::new();
    let host = localhost(&authority.front(authority.identity("localhost", 2099), plain(), true));
    let own = authority.identity("ci.example", 2099);
    let dir = tempfile::tempdir().expect("directory");
    let key_file = dir.path().join("key.pem");
    std::fs::write(&key_file, &own.key).expect("key");
    let publisher = Publisher::new(&[("CORP_CLIENT_CERT", &own.cert), ("CORP_CLIENT_KEY", &key_file.display().to_string())]);
    let ca = authority.file(publisher.dir.path());
    let spec = HostSpec { host: host.clone(), ca_file: Some(ca.clone()), ..HostSpec::default() };
    let error = check(&publisher, spec.clone()).await.expect_err("nothing shown");
    assert!(error.message.contains(&host), "{error:?}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("client_certificate")), "{error:?}");
    let options = HostOptions { client_certificate: Some("CORP".to_owned()), ..HostOptions::default() };
    check(&publisher, HostSpec { options: options.clone(), ..spec.clone() }).await.expect("shown");

    for (env, said) in [
        (vec![], "CORP_CLIENT_CERT is not set"),
        (vec![("CORP_CLIENT_CERT", "/nowhere/x")], "CORP_CLIENT_CERT is neither PEM text nor the path"),
        (vec![("CORP_CLIENT_CERT", own.cert.as_str()), ("CORP_CLIENT_KEY", "hunter2hunter2")], "CORP_CLIENT_KEY is neither"),
        (vec![("CORP_CLIENT_CERT", own.cert.as_str()), ("CORP_CLIENT_KEY", "-----BEGIN hunter2hunter2")], "not usable PEM"),
    ] {
        let publisher = Publisher::new(&env);
        let made = publisher.registries.client_of(&HostSpec { options: options.clone(), ..spec.clone() });
        let error = made.expect_err("no certificate");
        assert!(error.to_string().contains(said) && !format!("{error:?}").contains("hunter2"), "{error:?}");
        assert_eq!(error.kind(), stagefreight::error::Kind::Missing);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_nowhere_and_doors_that_are_shut() {
    let publisher = with_env(Publisher::new(&[]), &[]);
    let error = check(&publisher, HostSpec { host: "registry.invalid".to_owned(), ..HostSpec::default() }).await.expect_err("no such name");
    assert!(error.message.contains("registry.invalid") && error.hint.is_some(), "{error:?}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("address").port();
    let host = format!("127.0.0.1:{port}");
    let error = check(&publisher, HostSpec { host: host.clone(), plain_http: true, ..HostSpec::default() }).await.expect_err("shut");
    assert!(error.message.contains(&host) && error.message.contains("cannot connect"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_are_used_where_the_environment_says() {
    let authority = Authority::new();
    let publisher = Publisher::new(&[]);
    let ca = authority.file(publisher.dir.path());
    let front = authority.front(authority.identity("registry.test", 2099), plain(), false);
    let proxy = Proxy::start(Some(front));
    let spec = HostSpec { host: "registry.test".to_owned(), ca_file: Some(ca), ..HostSpec::default() };
    let address = format!("http://{}", proxy.host);
    let through = with_env(Publisher::new(&[]), &[("HTTPS_PROXY", &address)]);
    check(&through, spec.clone()).await.expect("through the proxy");
    assert_eq!(proxy.asked(), ["CONNECT registry.test:443 HTTP/1.1"]);

    let around = with_env(Publisher::new(&[]), &[("HTTPS_PROXY", &address), ("NO_PROXY", "registry.test")]);
    check(&around, spec.clone()).await.expect_err("there is no such host");
    assert_eq!(proxy.asked().len(), 1);

    let strict = Proxy::start(None);
    let secret = format!("http://me:hunter2hunter2@{}", strict.host);
    let refused = with_env(Publisher::new(&[]), &[("HTTPS_PROXY", &secret)]);
    let error = check(&refused, spec).await.expect_err("407");
    assert!(error.message.contains("registry.test") && !format!("{error:?}").contains("hunter2"), "{error:?}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("HTTPS_PROXY")), "{error:?}");
}
