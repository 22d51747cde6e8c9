//! What clouds give for the identity of a job, against servers that answer as the clouds' public API descriptions say:
//! Amazon ECR API reference and AWS STS API reference; Google's OAuth 2.0 for service accounts (RFC 7523), token
//! exchange (RFC 8693) and IAM credentials API; Microsoft identity platform (client credentials) and the token exchange
//! of Azure Container Registry; GitHub's OpenID Connect.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stagefreight::registry::{Access, HostSpec, RegistryError, RegistryErrorKind};

use super::Publisher;
use crate::support::{Asked, Reply, Scripted};

/// What must never be told.
const SECRETS: [&str; 6] = ["sEcReT-key", "s3ssion-token", "client-s3cret", "fed-token", "ecr-passw0rd", "id-t0ken"];

fn json(value: &serde_json::Value) -> Reply {
    Reply::Answer(200, vec![("Content-Type", "application/json".to_owned())], value.to_string().into_bytes())
}

fn form(asked: &Asked) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(&asked.body).into_owned().collect()
}

/// A registry that takes Basic with this user and password, and whatever else the handler answers.
fn registry(user: &'static str, password: &'static str, mut other: impl FnMut(&Asked) -> Reply + Send + 'static) -> Scripted {
    let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    Scripted::start(move |asked| {
        if asked.target != "/v2/" {
            return other(asked);
        }
        if asked.headers.get("authorization") == Some(&expected) {
            return Reply::status(200);
        }
        Reply::Answer(401, vec![("WWW-Authenticate", "Basic realm=\"r\"".to_owned())], Vec::new())
    })
}

async fn log_in(host: &str, at: &Scripted, env: &[(&str, &str)]) -> Result<String, RegistryError> {
    let publisher = Publisher::new(env);
    let endpoint: SocketAddr = at.host.parse().expect("address");
    let spec = HostSpec { host: host.to_owned(), endpoint: Some(endpoint), ..HostSpec::default() };
    let client = publisher.registries.client_of(&spec).expect("client");
    let answer = client.check("acme/app", Access::Push, &publisher.cx.cancel).await;
    if let Err(error) = &answer {
        let told = format!("{error:?}");
        assert!(SECRETS.iter().all(|secret| !told.contains(secret)), "{told}");
    }
    answer
}

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

fn ecr_token() -> serde_json::Value {
    let token = STANDARD.encode("AWS:ecr-passw0rd");
    serde_json::json!({"authorizationData": [{"authorizationToken": token, "expiresAt": 4_102_444_800.0, "proxyEndpoint": format!("https://{ECR}")}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn ecr_by_keys() {
    let server = registry("AWS", "ecr-passw0rd", |asked| {
        let header = |name: &str| asked.headers.get(name).cloned().unwrap_or_default();
        assert_eq!((asked.method.as_str(), asked.target.as_str(), asked.body.as_slice()), ("POST", "/", b"{}".as_slice()));
        assert_eq!(header("x-amz-target"), "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken");
        assert_eq!(header("content-type"), "application/x-amz-json-1.1");
        assert_eq!(header("x-amz-security-token"), "s3ssion-token");
        let authorization = header("authorization");
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{authorization}");
        assert!(
            authorization
                .contains("/eu-west-1/ecr/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, ")
        );
        json(&ecr_token())
    });
    let endpoint = format!("http://{}", server.host);
    let env = [
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "sEcReT-key"),
        ("AWS_SESSION_TOKEN", "s3ssion-token"),
        ("AWS_ENDPOINT_URL_ECR", endpoint.as_str()),
    ];
    let said = log_in(ECR, &server, &env).await.expect("logged in");
    assert!(said.contains("accepts the ECR token of AWS_ACCESS_KEY_ID"), "{said}");

    let half = log_in(ECR, &server, &env[..1]).await.expect_err("half a key");
    assert!(half.kind == RegistryErrorKind::Missing && half.message.contains("AWS_SECRET_ACCESS_KEY not set"), "{half:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ecr_by_web_identity() {
    let server = registry("AWS", "ecr-passw0rd", |asked| {
        let fields = form(asked);
        if fields.get("Action").map(String::as_str) == Some("AssumeRoleWithWebIdentity") {
            assert_eq!(fields["WebIdentityToken"], "fed-token");
            assert_eq!(fields["RoleArn"], "arn:aws:iam::123456789012:role/ci");
            assert!(!asked.headers.contains_key("authorization"));
            let xml = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId>\
                <SecretAccessKey>sEcReT-key</SecretAccessKey><SessionToken>s3ssion-token</SessionToken></Credentials>\
                </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
            return Reply::Answer(200, vec![("Content-Type", "text/xml".to_owned())], xml.as_bytes().to_vec());
        }
        assert!(asked.headers["authorization"].contains("Credential=ASIA/"));
        json(&ecr_token())
    });
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("token");
    std::fs::write(&file, "fed-token\n").expect("token");
    let (endpoint, file) = (format!("http://{}", server.host), file.display().to_string());
    let env = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci"),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
    ];
    let said = log_in(ECR, &server, &env).await.expect("logged in");
    assert!(said.contains("role arn:aws:iam::123456789012:role/ci"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_gallery_has_an_api_of_its_own() {
    let server = registry("AWS", "ecr-passw0rd", |asked| {
        assert_eq!(asked.headers["x-amz-target"], "SpencerFrontendService.GetAuthorizationToken");
        assert!(asked.headers["authorization"].contains("/us-east-1/ecr-public/aws4_request"));
        json(&serde_json::json!({"authorizationData": {"authorizationToken": STANDARD.encode("AWS:ecr-passw0rd")}}))
    });
    let endpoint = format!("http://{}", server.host);
    let env = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "sEcReT-key"), ("AWS_ENDPOINT_URL_ECR_PUBLIC", endpoint.as_str())];
    log_in("public.ecr.aws", &server, &env).await.expect("logged in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_refuses_or_talks_nonsense_is_named() {
    for (reply, kind, said) in [
        (400, RegistryErrorKind::Unauthorized, "answered 400"),
        (403, RegistryErrorKind::Denied, "answered 403"),
        (200, RegistryErrorKind::Protocol, "answered something else than expected"),
    ] {
        let server = registry("AWS", "x", move |_| Reply::Answer(reply, Vec::new(), b"{\"__type\":\"sEcReT-key\"}".to_vec()));
        let endpoint = format!("http://{}", server.host);
        let env = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "sEcReT-key"), ("AWS_ENDPOINT_URL_ECR", endpoint.as_str())];
        let error = log_in(ECR, &server, &env).await.expect_err("refused");
        assert!(error.kind == kind && error.message.contains("Amazon ECR") && error.message.contains(said), "{error:?}");
        assert!(error.message.contains(ECR), "{error:?}");
    }
    let server = registry("AWS", "x", |_| Reply::status(200));
    let env =
        [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "sEcReT-key"), ("AWS_ENDPOINT_URL_ECR", "http://elsewhere.example")];
    let error = log_in(ECR, &server, &env).await.expect_err("plain http");
    assert!(error.message.contains("AWS_ENDPOINT_URL_ECR is not an https URL"), "{error:?}");
}

fn service_account(dir: &std::path::Path, token_uri: &str) -> String {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect("its encoding");
    let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    let file = dir.join("account.json");
    let account = serde_json::json!({
        "type": "service_account", "project_id": "p", "private_key_id": "k1", "private_key": key,
        "client_email": "ci@p.iam.gserviceaccount.com", "token_uri": token_uri,
    });
    std::fs::write(&file, account.to_string()).expect("account");
    file.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn google_by_a_service_account() {
    let server = registry("oauth2accesstoken", "ya29", |asked| {
        let fields = form(asked);
        assert_eq!((asked.target.as_str(), fields["grant_type"].as_str()), ("/token", "urn:ietf:params:oauth:grant-type:jwt-bearer"));
        let claims = fields["assertion"].split('.').nth(1).expect("claims");
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).expect("base64");
        let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!(claims["iss"], "ci@p.iam.gserviceaccount.com");
        assert_eq!(claims["exp"].as_i64().expect("exp") - claims["iat"].as_i64().expect("iat"), 3600);
        json(&serde_json::json!({"access_token": "ya29", "expires_in": 3599, "token_type": "Bearer"}))
    });
    let dir = tempfile::tempdir().expect("directory");
    let file = service_account(dir.path(), &format!("http://{}/token", server.host));
    let said = log_in("europe-west1-docker.pkg.dev", &server, &[("GOOGLE_APPLICATION_CREDENTIALS", &file)]).await.expect("logged in");
    assert!(said.contains("accepts GOOGLE_APPLICATION_CREDENTIALS"), "{said}");

    std::fs::write(dir.path().join("broken.json"), "{\"type\":\"service_account\",\"private_key\":\"sEcReT-key\"}").expect("broken");
    let file = dir.path().join("broken.json").display().to_string();
    let error = log_in("gcr.io", &server, &[("GOOGLE_APPLICATION_CREDENTIALS", &file)]).await.expect_err("no account");
    assert!(error.kind == RegistryErrorKind::Missing && error.message.contains("holds no credentials"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn google_by_workload_identity_federation_of_github() {
    let server = registry("oauth2accesstoken", "ya29.impersonated", |asked| match asked.target.as_str() {
        "/oidc?audience=google" => {
            assert_eq!(asked.headers["authorization"], "Bearer id-request");
            json(&serde_json::json!({"value": "id-t0ken"}))
        }
        "/sts" => {
            let fields = form(asked);
            assert_eq!(fields["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
            assert_eq!((fields["subject_token"].as_str(), fields["audience"].as_str()), ("id-t0ken", "//iam.googleapis.com/pool"));
            json(&serde_json::json!({"access_token": "federated", "expires_in": 3600}))
        }
        "/impersonate" => {
            assert_eq!(asked.headers["authorization"], "Bearer federated");
            json(&serde_json::json!({"accessToken": "ya29.impersonated", "expireTime": "2030-01-01T00:00:00Z"}))
        }
        other => panic!("{other}"),
    });
    let dir = tempfile::tempdir().expect("directory");
    let at = format!("http://{}", server.host);
    // As google-github-actions/auth writes it.
    let account = serde_json::json!({
        "type": "external_account", "audience": "//iam.googleapis.com/pool", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{at}/sts"), "service_account_impersonation_url": format!("{at}/impersonate"),
        "credential_source": {"url": format!("{at}/oidc?audience=google"), "headers": {"Authorization": "Bearer id-request"},
            "format": {"type": "json", "subject_token_field_name": "value"}},
    });
    let file = dir.path().join("account.json");
    std::fs::write(&file, account.to_string()).expect("account");
    log_in("gcr.io", &server, &[("GOOGLE_APPLICATION_CREDENTIALS", &file.display().to_string())]).await.expect("logged in");
}

#[tokio::test(flavor = "multi_thread")]
async fn google_by_the_metadata_server() {
    let server = registry("oauth2accesstoken", "ya29.machine", |asked| {
        assert_eq!(asked.target, "/computeMetadata/v1/instance/service-accounts/default/token");
        assert_eq!(asked.headers["metadata-flavor"], "Google");
        json(&serde_json::json!({"access_token": "ya29.machine", "expires_in": 300}))
    });
    let said = log_in("eu.gcr.io", &server, &[("GCE_METADATA_HOST", &server.host)]).await.expect("logged in");
    assert!(said.contains("the machine's service account"), "{said}");
}

/// The registry's own part of it: a refresh token for Entra's, an access token for that.
fn azure(mut entra: impl FnMut(&BTreeMap<String, String>) + Send + 'static) -> Scripted {
    Scripted::start(move |asked| {
        let fields = form(asked);
        match asked.target.as_str() {
            "/v2/" if asked.headers.get("authorization").map(String::as_str) == Some("Bearer access") => Reply::status(200),
            "/v2/" => {
                let host = &asked.headers["host"];
                let challenge = format!("Bearer realm=\"http://{host}/oauth2/token\",service=\"acme.azurecr.io\"");
                Reply::Answer(401, vec![("WWW-Authenticate", challenge)], Vec::new())
            }
            "/t-1/oauth2/v2.0/token" => {
                assert_eq!((fields["grant_type"].as_str(), fields["client_id"].as_str()), ("client_credentials", "app-1"));
                assert_eq!(fields["scope"], "https://management.azure.com/.default");
                entra(&fields);
                json(&serde_json::json!({"token_type": "Bearer", "access_token": "aad", "expires_in": 3599}))
            }
            "/oauth2/exchange" => {
                assert_eq!((fields["grant_type"].as_str(), fields["service"].as_str()), ("access_token", "acme.azurecr.io"));
                assert_eq!(fields["access_token"], "aad");
                json(&serde_json::json!({"refresh_token": "refresh"}))
            }
            "/oauth2/token" => {
                assert_eq!((fields["grant_type"].as_str(), fields["refresh_token"].as_str()), ("refresh_token", "refresh"));
                assert_eq!(fields["scope"], "repository:acme/app:pull,push");
                json(&serde_json::json!({"access_token": "access"}))
            }
            "/oidc?audience=api%3A%2F%2FAzureADTokenExchange" => json(&serde_json::json!({"value": "id-t0ken"})),
            other => panic!("{other}"),
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_by_a_secret_and_by_githubs_identity() {
    let server = azure(|fields| assert_eq!(fields["client_secret"], "client-s3cret"));
    let at = format!("http://{}", server.host);
    let own = [("AZURE_TENANT_ID", "t-1"), ("AZURE_CLIENT_ID", "app-1"), ("AZURE_AUTHORITY_HOST", at.as_str())];
    let env: Vec<(&str, &str)> = own.into_iter().chain([("AZURE_CLIENT_SECRET", "client-s3cret")]).collect();
    let said = log_in("acme.azurecr.io", &server, &env).await.expect("logged in");
    assert!(said.contains("the registry's token for AZURE_CLIENT_SECRET"), "{said}");

    let server = azure(|fields| {
        assert_eq!(fields["client_assertion"], "id-t0ken");
        assert_eq!(fields["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    });
    let at = format!("http://{}", server.host);
    let oidc = format!("{at}/oidc");
    let env = [
        ("AZURE_TENANT_ID", "t-1"),
        ("AZURE_CLIENT_ID", "app-1"),
        ("AZURE_AUTHORITY_HOST", at.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", oidc.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "id-request"),
    ];
    log_in("acme.azurecr.io", &server, &env).await.expect("logged in");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cloud_is_asked_without_an_identity() {
    for host in [ECR, "gcr.io", "acme.azurecr.io", "public.ecr.aws"] {
        let server = Scripted::start(|asked| {
            assert_eq!(asked.target, "/v2/");
            Reply::status(200)
        });
        let said = log_in(host, &server, &[]).await.expect("anonymous");
        assert!(said.contains("accepts no credentials"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ecr_by_the_role_of_an_instance() {
    for role in [Some("ci-runner"), Some("../x"), None] {
        let server = registry("AWS", "ecr-passw0rd", move |asked| {
            let header = |name: &str| asked.headers.get(name).cloned().unwrap_or_default();
            let text = |text: &str| Reply::Answer(200, Vec::new(), text.as_bytes().to_vec());
            let path = "/latest/meta-data/iam/security-credentials/";
            match (asked.method.as_str(), asked.target.as_str()) {
                ("PUT", "/latest/api/token") => {
                    assert_eq!(header("x-aws-ec2-metadata-token-ttl-seconds"), "60");
                    text("imds-token")
                }
                ("GET", target) => {
                    assert_eq!(header("x-aws-ec2-metadata-token"), "imds-token", "version 2");
                    match (target.strip_prefix(path), role) {
                        (Some(""), Some(role)) => text(role),
                        (Some("ci-runner"), _) => json(
                            &serde_json::json!({"Code": "Success", "AccessKeyId": "ASIA", "SecretAccessKey": "sEcReT-key", "Token": "s3ssion-token"}),
                        ),
                        _ => Reply::status(404),
                    }
                }
                _ => {
                    assert_eq!(header("x-amz-security-token"), "s3ssion-token");
                    assert!(header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=ASIA/"));
                    json(&ecr_token())
                }
            }
        });
        let here = format!("http://{}", server.host);
        let env = [("AWS_ENDPOINT_URL_ECR", here.as_str()), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", here.as_str())];
        let answer = log_in(ECR, &server, &env).await;
        match role {
            Some("ci-runner") => assert!(answer.expect("the role's token").contains("ci-runner")),
            Some(_) => assert_eq!(answer.expect_err("no role is called that").kind, RegistryErrorKind::Protocol),
            None => assert_eq!(answer.expect_err("nobody is there to log in as").kind, RegistryErrorKind::Unauthorized),
        }
        let off = [env.as_slice(), &[("AWS_EC2_METADATA_DISABLED", "true")]].concat();
        log_in(ECR, &server, &off).await.expect_err("it was not to be asked");
    }
}
