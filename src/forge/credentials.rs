//! Which token a forge gets, where it was found, and how it is carried.
//!
//! The first of: the variable named by the config (`credentials: NAME` reads `NAME_TOKEN`), the CI's own token for its
//! own forge, the forge's usual variables. A token found for one forge is never sent to another host.

use url::Url;

use super::error::{ForgeError, ForgeErrorKind};
use super::port::{Provider, REHEARSAL_TOKEN};
use crate::core::Secret;
use crate::http::header::HeaderName;
use crate::names;
use crate::world::Environment;

/// How a token is put into a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer …` (GitHub, GitLab with OAuth).
    Bearer,
    /// `Authorization: token …` (Gitea, Forgejo).
    Token,
    /// `PRIVATE-TOKEN: …` (GitLab personal, project and group tokens).
    PrivateToken,
    /// `JOB-TOKEN: …` (GitLab's `CI_JOB_TOKEN`).
    JobToken,
}

impl Carrier {
    /// Its header, when that is not `Authorization`. Such a header must not follow a redirect either.
    pub fn header(self) -> Option<HeaderName> {
        match self {
            Self::Bearer | Self::Token => None,
            Self::PrivateToken => Some(HeaderName::from_static("private-token")),
            Self::JobToken => Some(HeaderName::from_static("job-token")),
        }
    }
}

/// A token, how it is carried and where it was found.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token.
    pub secret: Secret,
    /// How it is carried.
    pub carrier: Carrier,
    /// `GITHUB_TOKEN`, for people.
    pub from: String,
}

impl Token {
    /// What lets us into a GitLab of our own.
    pub fn rehearsal() -> Self {
        Self { secret: Secret::new(REHEARSAL_TOKEN), carrier: Carrier::PrivateToken, from: "nobody".to_owned() }
    }

    /// Value of its header.
    pub fn value(&self) -> Secret {
        match self.carrier {
            Carrier::Bearer => Secret::new(format!("Bearer {}", self.secret.expose())),
            Carrier::Token => Secret::new(format!("token {}", self.secret.expose())),
            Carrier::PrivateToken | Carrier::JobToken => self.secret.clone(),
        }
    }
}

/// Whose token is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Product.
    pub provider: Provider,
    /// Address of the forge as the config writes it.
    pub url: &'a Url,
    /// The config's `credentials:` of it.
    pub prefix: Option<&'a str>,
}

/// Finds the token of a forge; `None` when there is none.
///
/// # Errors
/// Kind `Missing` when the config names a variable that is not set.
pub fn find(env: &Environment, wanted: &Wanted<'_>) -> Result<Option<Token>, ForgeError> {
    let Wanted { provider, url, prefix } = *wanted;
    let personal = match provider {
        Provider::Github => Carrier::Bearer,
        Provider::Gitlab => Carrier::PrivateToken,
        Provider::Gitea | Provider::Forgejo => Carrier::Token,
    };
    if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
        let name = format!("{}_TOKEN", prefix.to_ascii_uppercase());
        return match env.secret(&name) {
            Some(secret) => Ok(Some(Token { secret, carrier: personal, from: name })),
            None => Err(ForgeError::new(ForgeErrorKind::Missing, format!("no token for {}: {name} is not set", host_of(url)))
                .hint(format!("set {name}; in CI, check that the secret is handed to this job"))),
        };
    }
    let here = |name: &str| env.get(name).and_then(|text| Url::parse(text).ok()).is_some_and(|server| same_host(&server, url));
    let token = |name: &str, carrier: Carrier| env.secret(name).map(|secret| Token { secret, carrier, from: name.to_owned() });
    let gitea_runner = env.is_true(names::ci_env::GITEA_ACTIONS) || env.is_true(names::ci_env::FORGEJO_ACTIONS);
    let own_actions = here(names::ci_env::GITHUB_SERVER_URL);
    Ok(match provider {
        Provider::Github => {
            // Off CI there is no server to compare with; the variables are github.com's then.
            let elsewhere = env.get(names::ci_env::GITHUB_SERVER_URL).is_some() && !own_actions;
            let ours = !elsewhere && !gitea_runner && (own_actions || is_github_com(url));
            ours.then(|| token(names::env::GITHUB_TOKEN, personal).or_else(|| token(names::env::GH_TOKEN, personal))).flatten()
        }
        Provider::Gitlab => {
            let own = here(names::ci_env::CI_SERVER_URL) || here(names::ci_env::CI_PROJECT_URL);
            let job = own.then(|| token(names::env::CI_JOB_TOKEN, Carrier::JobToken)).flatten();
            job.or_else(|| token(names::env::GITLAB_TOKEN, personal).filter(|_| own || env.get(names::ci_env::CI_PROJECT_URL).is_none()))
        }
        Provider::Gitea | Provider::Forgejo => {
            let own = if gitea_runner && own_actions { token(names::env::GITHUB_TOKEN, personal) } else { None };
            let named = if provider == Provider::Gitea {
                [names::env::GITEA_TOKEN, names::env::FORGEJO_TOKEN]
            } else {
                [names::env::FORGEJO_TOKEN, names::env::GITEA_TOKEN]
            };
            named.into_iter().find_map(|name| token(name, personal)).or(own)
        }
    })
}

/// What to do when a forge wants another token than it got.
pub fn hint(provider: Provider, prefix: Option<&str>) -> String {
    if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
        return format!("set {}_TOKEN to a token that may write there", prefix.to_ascii_uppercase());
    }
    match provider {
        Provider::Github => "hand GITHUB_TOKEN to the job, with `permissions: contents: write`".to_owned(),
        Provider::Gitlab => {
            "run it in a job of the project, whose CI_JOB_TOKEN is enough; elsewhere set GITLAB_TOKEN (scope api)".to_owned()
        }
        Provider::Gitea => "set GITEA_TOKEN to a token with `write:repository` (and `write:package` for packages)".to_owned(),
        Provider::Forgejo => "set FORGEJO_TOKEN to a token with `write:repository` (and `write:package` for packages)".to_owned(),
    }
}

fn host_of(url: &Url) -> String {
    match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    }
}

fn is_github_com(url: &Url) -> bool {
    matches!(url.host_str(), Some("github.com" | "api.github.com"))
}

fn same_host(one: &Url, other: &Url) -> bool {
    one.host_str().is_some() && one.host_str() == other.host_str() && one.port_or_known_default() == other.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(provider: Provider, url: &str, prefix: Option<&str>, pairs: &[(&str, &str)]) -> Option<(String, Carrier)> {
        let url = Url::parse(url).expect("URL");
        let env = Environment::from_pairs(pairs.iter().copied());
        let token = find(&env, &Wanted { provider, url: &url, prefix }).expect("nothing is missing");
        token.map(|token| (token.from, token.carrier))
    }

    #[test]
    fn tokens_go_to_their_own_forge_only() {
        let github = [("GITHUB_TOKEN", "t"), ("GITHUB_SERVER_URL", "https://github.com")];
        assert_eq!(found(Provider::Github, "https://github.com", None, &github), Some(("GITHUB_TOKEN".into(), Carrier::Bearer)));
        assert_eq!(found(Provider::Github, "https://github.com.evil.example", None, &github), None);
        assert_eq!(found(Provider::Github, "https://ghes.acme.dev", None, &github), None);
        let ghes = [("GITHUB_TOKEN", "t"), ("GITHUB_SERVER_URL", "https://ghes.acme.dev")];
        assert_eq!(found(Provider::Github, "https://ghes.acme.dev", None, &ghes).map(|found| found.0), Some("GITHUB_TOKEN".into()));
        assert_eq!(found(Provider::Github, "https://github.com", None, &ghes), None);
        assert_eq!(found(Provider::Github, "https://github.com", None, &[("GH_TOKEN", "t")]).map(|found| found.0), Some("GH_TOKEN".into()));
        let gitea = [("GITHUB_TOKEN", "t"), ("GITHUB_SERVER_URL", "https://git.acme.dev"), ("GITEA_ACTIONS", "true")];
        assert_eq!(found(Provider::Gitea, "https://git.acme.dev", None, &gitea), Some(("GITHUB_TOKEN".into(), Carrier::Token)));
        assert_eq!(found(Provider::Github, "https://github.com", None, &gitea), None);
    }

    #[test]
    fn a_job_of_gitlab_needs_nothing_but_its_token() {
        let job = [("CI_JOB_TOKEN", "j"), ("CI_SERVER_URL", "https://gitlab.acme.dev"), ("GITLAB_TOKEN", "p")];
        assert_eq!(found(Provider::Gitlab, "https://gitlab.acme.dev", None, &job), Some(("CI_JOB_TOKEN".into(), Carrier::JobToken)));
        assert_eq!(
            found(Provider::Gitlab, "https://gitlab.com", None, &[("GITLAB_TOKEN", "p")]),
            Some(("GITLAB_TOKEN".into(), Carrier::PrivateToken))
        );
        assert_eq!(
            found(Provider::Gitlab, "https://other.dev", Some("x"), &[("X_TOKEN", "p"), ("CI_JOB_TOKEN", "j")]),
            Some(("X_TOKEN".into(), Carrier::PrivateToken))
        );
    }

    #[test]
    fn a_named_variable_that_is_not_set_is_an_error() {
        let url = Url::parse("https://git.acme.dev:3000").expect("URL");
        let wanted = Wanted { provider: Provider::Gitea, url: &url, prefix: Some("acme") };
        let error = find(&Environment::default(), &wanted).expect_err("not set");
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ForgeErrorKind::Missing, "no token for git.acme.dev:3000: ACME_TOKEN is not set")
        );
    }

    #[test]
    fn nothing_prints_a_token() {
        let token = Token { secret: Secret::new("hunter2-hunter2"), carrier: Carrier::Bearer, from: "X".into() };
        assert!(!format!("{token:?}").contains("hunter2"));
        assert_eq!(token.value().expose(), "Bearer hunter2-hunter2");
    }
}
