//! Which credentials a registry gets, and where they were found.
//!
//! The first of: variables named by the config (spec/build.md D.1), docker's and podman's files, the CI's own token,
//! what the host's cloud gives for the identity this job runs under, none.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::docker_config;
use super::error::{RegistryError, RegistryErrorKind};
use super::token_exchange::Exchange;
use crate::core::Secret;
use crate::http::{self, Url};
use crate::names;
use crate::world::{Environment, World};

/// What a registry gets to see.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Nothing.
    Anonymous,
    /// A user and a password or token.
    Basic {
        /// User.
        user: String,
        /// Password or token.
        secret: Secret,
    },
    /// A refresh token that is exchanged for access tokens (what `docker login` stores for some registries).
    Identity(Secret),
}

/// Credentials and the words for where they came from.
#[derive(Debug, Clone)]
pub struct Sourced {
    /// The credentials.
    pub credentials: Credentials,
    /// `GHCR_USER and GHCR_TOKEN`, `/home/x/.docker/config.json`.
    pub from: String,
    /// When they are over, for what a cloud gave for a while.
    pub until: Option<Instant>,
}

impl Sourced {
    /// Credentials that last.
    pub(super) fn new(credentials: Credentials, from: impl Into<String>) -> Self {
        Self { credentials, from: from.into(), until: None }
    }

    /// Nobody in particular.
    pub(super) fn nobody() -> Self {
        Self::new(Credentials::Anonymous, "no credentials")
    }
}

/// Whose credentials are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Host as references name it.
    pub host: &'a str,
    /// Further names under which files may know it.
    pub keys: &'a [&'a str],
    /// The config's `credentials:` of it.
    pub prefix: Option<&'a str>,
    /// Where its API is, when that was found out.
    pub registry: Option<&'a Url>,
}

/// Finds the credentials of a host. `http` talks to the cloud that gives them, where one does.
pub async fn find(world: &World, http: &http::Client, wanted: &Wanted<'_>, cancel: &CancellationToken) -> Result<Sourced, RegistryError> {
    let Wanted { host, keys, prefix, registry } = *wanted;
    if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
        return from_prefix(&world.env, host, prefix);
    }
    if let Some(found) = docker_config::find(world, host, keys, cancel).await? {
        return Ok(found);
    }
    if let Some(found) = from_ci(&world.env, host) {
        return Ok(found);
    }
    let exchange = Exchange { world, http, cancel };
    Ok(exchange.credentials(host, registry).await?.unwrap_or_else(Sourced::nobody))
}

/// What to do when a registry wants other credentials than it got.
pub fn hint(host: &str, prefix: Option<&str>) -> String {
    match prefix {
        Some(prefix) => {
            let prefix = prefix.to_ascii_uppercase();
            format!("set {prefix}_USER and {prefix}_TOKEN to credentials that may push there")
        }
        None => {
            format!("run `docker login {host}`, or give the registry `credentials: NAME` in the config and set NAME_USER and NAME_TOKEN")
        }
    }
}

/// `NAME_USER` with the first of `NAME_TOKEN`, `NAME_PASS`, `NAME_PASSWORD` (spec/build.md D.1).
fn from_prefix(env: &Environment, host: &str, prefix: &str) -> Result<Sourced, RegistryError> {
    let prefix = prefix.to_ascii_uppercase();
    let user_name = format!("{prefix}_USER");
    let user = env.get(&user_name);
    let secret = ["TOKEN", "PASS", "PASSWORD"].iter().find_map(|kind| {
        let name = format!("{prefix}_{kind}");
        env.secret(&name).map(|secret| (name, secret))
    });
    let missing = |what: &str| {
        Err(RegistryError::new(RegistryErrorKind::Missing, format!("no credentials for {host}: {what} not set"))
            .hint(format!("set {what}; in CI, check that the secret is handed to this job")))
    };
    match (user, secret) {
        (Some(user), Some((secret_name, secret))) => {
            let credentials = Credentials::Basic { user: user.to_owned(), secret };
            Ok(Sourced::new(credentials, format!("{user_name} and {secret_name}")))
        }
        (Some(_), None) => missing(&format!("{prefix}_TOKEN (or {prefix}_PASS)")),
        (None, Some(_)) => missing(&user_name),
        (None, None) => missing(&format!("{user_name} and {prefix}_TOKEN")),
    }
}

/// The token a CI gives its jobs for its own registry.
fn from_ci(env: &Environment, host: &str) -> Option<Sourced> {
    let basic = |user: &str, name: &str| {
        let secret = env.secret(name)?;
        Some(Sourced::new(Credentials::Basic { user: user.to_owned(), secret }, name))
    };
    if host == "ghcr.io" {
        return basic(env.get(names::env::GITHUB_ACTOR)?, names::env::GITHUB_TOKEN);
    }
    // Gitea's and Forgejo's registry is at the host itself.
    let own_forge = env.is_true(names::ci_env::GITEA_ACTIONS) || env.is_true(names::ci_env::FORGEJO_ACTIONS);
    let forge = env.get(names::ci_env::GITHUB_SERVER_URL).and_then(|url| url.split_once("://")).map(|(_, rest)| rest.trim_end_matches('/'));
    if own_forge && forge == Some(host) {
        return basic(env.get(names::env::GITHUB_ACTOR)?, names::env::GITHUB_TOKEN);
    }
    if env.get(names::env::CI_REGISTRY) == Some(host) {
        let own = env.get(names::env::CI_REGISTRY_USER).and_then(|user| basic(user, names::env::CI_REGISTRY_PASSWORD));
        return own.or_else(|| basic("gitlab-ci-token", names::env::CI_JOB_TOKEN));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &Sourced) -> String {
        match &found.credentials {
            Credentials::Anonymous => "anonymous".to_owned(),
            Credentials::Basic { user, secret } => format!("{user}:{}", secret.expose()),
            Credentials::Identity(secret) => format!("identity:{}", secret.expose()),
        }
    }

    #[test]
    fn a_prefix_names_its_variables() {
        let token_wins = Environment::from_pairs([("GHCR_USER", "me"), ("GHCR_PASS", "p"), ("GHCR_TOKEN", "t")]);
        let found = from_prefix(&token_wins, "ghcr.io", "ghcr").expect("found");
        assert_eq!((shown(&found).as_str(), found.from.as_str()), ("me:t", "GHCR_USER and GHCR_TOKEN"));
        let password = Environment::from_pairs([("X_USER", "me"), ("X_PASSWORD", "p")]);
        assert_eq!(shown(&from_prefix(&password, "h", "X").expect("found")), "me:p");
    }

    #[test]
    fn half_of_a_credential_is_an_error_that_names_the_other_half() {
        for (pairs, names) in [
            (vec![("X_USER", "me")], "X_TOKEN (or X_PASS)"),
            (vec![("X_TOKEN", "t"), ("X_USER", "")], "X_USER"),
            (vec![], "X_USER and X_TOKEN"),
        ] {
            let error = from_prefix(&Environment::from_pairs(pairs), "h", "x").expect_err("incomplete");
            assert_eq!(error.kind, RegistryErrorKind::Missing);
            assert_eq!(error.message, format!("no credentials for h: {names} not set"));
        }
    }

    #[test]
    fn the_ci_token_goes_to_its_own_registry_only() {
        let github = Environment::from_pairs([("GITHUB_ACTOR", "octo"), ("GITHUB_TOKEN", "t")]);
        assert_eq!(from_ci(&github, "ghcr.io").as_ref().map(shown).as_deref(), Some("octo:t"));
        assert!(from_ci(&github, "ghcr.io.evil.example").is_none());
        let gitlab = Environment::from_pairs([("CI_REGISTRY", "r.example:5050"), ("CI_JOB_TOKEN", "j")]);
        assert_eq!(from_ci(&gitlab, "r.example:5050").as_ref().map(shown).as_deref(), Some("gitlab-ci-token:j"));
        assert!(from_ci(&gitlab, "r.example").is_none());
        let forge = [("GITHUB_SERVER_URL", "https://git.example:3000/"), ("GITHUB_ACTOR", "octo"), ("GITHUB_TOKEN", "t")];
        let gitea = Environment::from_pairs(forge.into_iter().chain([("GITEA_ACTIONS", "true")]));
        assert_eq!(from_ci(&gitea, "git.example:3000").as_ref().map(shown).as_deref(), Some("octo:t"));
        assert!(from_ci(&gitea, "git.example").is_none() && from_ci(&Environment::from_pairs(forge), "git.example:3000").is_none());
    }
}
