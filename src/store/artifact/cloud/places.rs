//! Opening buckets: where they are and with which credentials. Variables are handed in; this room knows no environment.

use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::connector::Connector;
use super::failure::About;
use crate::core::StorePlace;
use crate::http;
use crate::names::env;
use crate::store::artifact::error::{ArtifactError, ArtifactErrorKind};
use crate::store::artifact::port::Result;

/// Values of variables, by name; empty ones count as not set.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Opens a bucket of the kind that Amazon made. Nothing is sent.
pub fn s3(place: &StorePlace, credentials: Option<&str>, variables: Variables<'_>, client: http::Client) -> Result<(AmazonS3, About)> {
    let shown = place.shown();
    let StorePlace::S3 { bucket, region, endpoint, .. } = place else {
        return Err(ArtifactError::new(ArtifactErrorKind::Usage, format!("{shown} is no S3 bucket")));
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(self::region(region.as_deref(), variables))
        .with_allow_http(true)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_disable_bulk_delete(true)
        .with_retry(no_retries())
        .with_http_connector(Connector(client));
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let (builder, variables) = s3_credentials(builder, &shown, credentials, variables)?;
    let bucket = builder.build().map_err(|error| unusable(&shown, &error))?;
    Ok((bucket, About { shown, variables }))
}

/// The region of a bucket of which the config may say nothing.
pub fn region(said: Option<&str>, variables: Variables<'_>) -> String {
    let said = said.map(str::to_owned).or_else(|| variables(env::AWS_REGION)).or_else(|| variables(env::AWS_DEFAULT_REGION));
    said.unwrap_or_else(|| "us-east-1".to_owned())
}

fn unusable(shown: &str, error: &object_store::Error) -> ArtifactError {
    let about = About { shown: shown.to_owned(), variables: String::new() };
    let error = super::failure::error("open the store", &about, error);
    ArtifactError { kind: ArtifactErrorKind::Usage, ..error }
}

/// Opens a bucket. Nothing is sent. `credentials` is the prefix of its variables, `None` the cloud's own.
pub fn open(
    place: &StorePlace,
    credentials: Option<&str>,
    variables: Variables<'_>,
    client: http::Client,
) -> Result<(Arc<dyn ObjectStore>, About)> {
    let shown = place.shown();
    let unusable = |error: object_store::Error| unusable(&shown, &error);
    match place {
        StorePlace::S3 { .. } => {
            let (bucket, about) = s3(place, credentials, variables, client)?;
            Ok((Arc::new(bucket), about))
        }
        StorePlace::Gcs { bucket, endpoint, .. } => {
            let mut builder =
                GoogleCloudStorageBuilder::new().with_bucket_name(bucket).with_retry(no_retries()).with_http_connector(Connector(client));
            if let Some(endpoint) = endpoint {
                builder = builder.with_base_url(endpoint);
            }
            let (builder, variables) = gcs_credentials(builder, &shown, credentials, variables)?;
            Ok((Arc::new(builder.build().map_err(unusable)?), About { shown, variables }))
        }
        StorePlace::Azure { account, container, endpoint, .. } => {
            let mut builder = MicrosoftAzureBuilder::new()
                .with_account(account)
                .with_container_name(container)
                .with_allow_http(true)
                .with_retry(no_retries())
                .with_http_connector(Connector(client));
            if let Some(endpoint) = endpoint {
                builder = builder.with_endpoint(endpoint.clone());
            }
            let (builder, variables) = azure_credentials(builder, &shown, credentials, variables)?;
            Ok((Arc::new(builder.build().map_err(unusable)?), About { shown, variables }))
        }
        StorePlace::File { .. } | StorePlace::Memory | StorePlace::Oci { .. } => {
            Err(ArtifactError::new(ArtifactErrorKind::Usage, format!("{shown} is no bucket")))
        }
    }
}

/// The HTTP client repeats what may be repeated.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn missing(shown: &str, what: &str) -> ArtifactError {
    ArtifactError::new(ArtifactErrorKind::Credentials, format!("no credentials for {shown}: {what} not set"))
        .hint(format!("set {what}; in CI, check that the secret is handed to this job"))
}

/// `NAME_ACCESS_KEY_ID`, `NAME_SECRET_ACCESS_KEY` and, where there is one, `NAME_SESSION_TOKEN`; without a prefix the same
/// of `AWS`, a web identity, a container's, or the machine's.
fn s3_credentials(
    builder: AmazonS3Builder,
    shown: &str,
    prefix: Option<&str>,
    variables: Variables<'_>,
) -> Result<(AmazonS3Builder, String)> {
    let upper = prefix.unwrap_or("AWS").to_ascii_uppercase();
    let [id_name, secret_name, token_name] = ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"].map(|kind| format!("{upper}_{kind}"));
    let told = format!("{id_name} and {secret_name}");
    match (variables(&id_name), variables(&secret_name)) {
        (Some(id), Some(secret)) => {
            let builder = builder.with_access_key_id(id).with_secret_access_key(secret);
            Ok(match variables(&token_name) {
                Some(token) => (builder.with_token(token), told),
                None => (builder, told),
            })
        }
        (Some(_), None) => Err(missing(shown, &secret_name)),
        (None, Some(_)) => Err(missing(shown, &id_name)),
        (None, None) if prefix.is_some() => Err(missing(shown, &told)),
        (None, None) => {
            let given = [
                (env::AWS_WEB_IDENTITY_TOKEN_FILE, "aws_web_identity_token_file"),
                (env::AWS_ROLE_ARN, "aws_role_arn"),
                (env::AWS_ROLE_SESSION_NAME, "aws_role_session_name"),
                (env::AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, "aws_container_credentials_relative_uri"),
                (env::AWS_CONTAINER_CREDENTIALS_FULL_URI, "aws_container_credentials_full_uri"),
                (env::AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, "aws_container_authorization_token_file"),
            ];
            let mut builder = builder;
            let mut from = Vec::new();
            for (variable, key) in given {
                if let (Some(value), Ok(key)) = (variables(variable), key.parse::<AmazonS3ConfigKey>()) {
                    builder = builder.with_config(key, value);
                    from.push(variable);
                }
            }
            if from.is_empty() && variables(env::AWS_EC2_METADATA_DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
                return Err(missing(shown, &told));
            }
            let from = if from.is_empty() { format!("the identity of this machine ({told} are not set)") } else { from.join(", ") };
            Ok((builder, from))
        }
    }
}

/// `NAME_SERVICE_ACCOUNT_KEY`, a key in JSON, or `NAME_TOKEN`; without a prefix `GOOGLE_APPLICATION_CREDENTIALS`, or the
/// machine's.
fn gcs_credentials(
    builder: GoogleCloudStorageBuilder,
    shown: &str,
    prefix: Option<&str>,
    variables: Variables<'_>,
) -> Result<(GoogleCloudStorageBuilder, String)> {
    let Some(prefix) = prefix else {
        return Ok(match variables(env::GOOGLE_APPLICATION_CREDENTIALS) {
            Some(path) => {
                let builder = builder.with_config(GoogleConfigKey::ApplicationCredentials, path);
                (builder, env::GOOGLE_APPLICATION_CREDENTIALS.to_owned())
            }
            None => (builder, format!("the identity of this machine ({} is not set)", env::GOOGLE_APPLICATION_CREDENTIALS)),
        });
    };
    let upper = prefix.to_ascii_uppercase();
    let (key_name, token_name) = (format!("{upper}_SERVICE_ACCOUNT_KEY"), format!("{upper}_TOKEN"));
    match (variables(&key_name), variables(&token_name)) {
        (Some(key), _) => Ok((builder.with_service_account_key(key), key_name)),
        (None, Some(token)) => Ok((builder.with_bearer_token(token), token_name)),
        (None, None) => Err(missing(shown, &format!("{key_name} or {token_name}"))),
    }
}

/// `NAME_ACCOUNT_KEY` or `NAME_SAS_TOKEN`; without a prefix the identity the `AZURE_` variables name, or the machine's.
fn azure_credentials(
    builder: MicrosoftAzureBuilder,
    shown: &str,
    prefix: Option<&str>,
    variables: Variables<'_>,
) -> Result<(MicrosoftAzureBuilder, String)> {
    let Some(prefix) = prefix else {
        let given = [
            (env::AZURE_TENANT_ID, AzureConfigKey::AuthorityId),
            (env::AZURE_CLIENT_ID, AzureConfigKey::ClientId),
            (env::AZURE_CLIENT_SECRET, AzureConfigKey::ClientSecret),
            (env::AZURE_FEDERATED_TOKEN_FILE, AzureConfigKey::FederatedTokenFile),
            (env::AZURE_AUTHORITY_HOST, AzureConfigKey::AuthorityHost),
        ];
        let mut builder = builder;
        let mut from = Vec::new();
        for (variable, key) in given {
            if let Some(value) = variables(variable) {
                builder = builder.with_config(key, value);
                from.push(variable);
            }
        }
        let from =
            if from.is_empty() { format!("the identity of this machine ({} is not set)", env::AZURE_CLIENT_ID) } else { from.join(", ") };
        return Ok((builder, from));
    };
    let upper = prefix.to_ascii_uppercase();
    let (key_name, token_name) = (format!("{upper}_ACCOUNT_KEY"), format!("{upper}_SAS_TOKEN"));
    match (variables(&key_name), variables(&token_name)) {
        (Some(key), _) => Ok((builder.with_access_key(key), key_name)),
        (None, Some(token)) => Ok((builder.with_config(AzureConfigKey::SasKey, token), token_name)),
        (None, None) => Err(missing(shown, &format!("{key_name} or {token_name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(pairs: &[(&str, &str)], prefix: Option<&str>) -> Result<String> {
        let get = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        s3_credentials(AmazonS3Builder::new(), "s3://b", prefix, &get).map(|(_, from)| from)
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            s3(&[("R_ACCESS_KEY_ID", "i"), ("R_SECRET_ACCESS_KEY", "s")], Some("r")),
            Ok("R_ACCESS_KEY_ID and R_SECRET_ACCESS_KEY".to_owned())
        );
        for (pairs, prefix, named) in [
            (vec![("R_ACCESS_KEY_ID", "i")], Some("R"), "R_SECRET_ACCESS_KEY not set"),
            (vec![("R_SECRET_ACCESS_KEY", "s")], Some("R"), "R_ACCESS_KEY_ID not set"),
            (vec![], Some("R"), "R_ACCESS_KEY_ID and R_SECRET_ACCESS_KEY not set"),
            (vec![("AWS_ACCESS_KEY_ID", "i")], None, "AWS_SECRET_ACCESS_KEY not set"),
            (vec![("AWS_EC2_METADATA_DISABLED", "true")], None, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY not set"),
        ] {
            let error = s3(&pairs, prefix).expect_err("incomplete");
            assert_eq!(error.kind, ArtifactErrorKind::Credentials);
            assert!(error.message.ends_with(named), "{error}");
        }
    }
}
