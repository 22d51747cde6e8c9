//! Credentials that `docker login` and `podman login` left behind: files, and the helper programs they name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::credentials::{Credentials, Sourced};
use super::error::{RegistryError, RegistryErrorKind};
use crate::core::Secret;
use crate::names;
use crate::process::{Child, ChildError};
use crate::world::World;

/// The most a credentials file may weigh.
const MAX_FILE: u64 = 1024 * 1024;

/// How long a helper may take. Some ask a cloud service.
const HELPER_DEADLINE: Duration = if cfg!(test) { Duration::from_millis(1500) } else { Duration::from_secs(30) };

/// Variables the helpers of cloud services read, by prefix.
const HELPER_VARIABLES: [&str; 7] = ["AWS_", "GOOGLE_", "CLOUDSDK_", "AZURE_", "ACR_", "DOCKER_", "XDG_"];

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    auths: HashMap<String, Entry>,
    cred_helpers: HashMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

// An entry is a secret.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entry")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Looks a host up, in the order docker's file, podman's files. `keys` are further names of the host.
pub async fn find(world: &World, host: &str, keys: &[&str], cancel: &CancellationToken) -> Result<Option<Sourced>, RegistryError> {
    for path in files(world) {
        let Some(file) = read(&path)? else { continue };
        if let Some(credentials) = look_up(world, &file, host, keys, &path, cancel).await? {
            return Ok(Some(Sourced::new(credentials, path.display().to_string())));
        }
    }
    Ok(None)
}

fn files(world: &World) -> Vec<PathBuf> {
    let env = |name: &str| world.env.get(name).map(|value| world.cwd.join(value));
    let docker = env(names::env::DOCKER_CONFIG).or_else(|| Some(env(names::env::HOME)?.join(".docker")));
    let podman = if let Some(named) = env(names::env::REGISTRY_AUTH_FILE) {
        vec![named]
    } else {
        let runtime = env(names::env::XDG_RUNTIME_DIR).map(|dir| dir.join("containers/auth.json"));
        let home = env(names::env::HOME).map(|dir| dir.join(".config/containers/auth.json"));
        runtime.into_iter().chain(home).collect()
    };
    docker.map(|dir| dir.join("config.json")).into_iter().chain(podman).collect()
}

fn read(path: &Path) -> Result<Option<File>, RegistryError> {
    let failed = |detail: String| {
        RegistryError::new(RegistryErrorKind::Missing, format!("cannot read registry credentials from {}: {detail}", path.display()))
            .hint("repair the file, or remove it and log in again")
    };
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = crate::fs::read_bounded(path, MAX_FILE).map_err(|error| failed(error.to_string()))?;
    // The parser's own message could quote a secret: only the place is told.
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| failed(format!("not valid JSON at line {}, column {}", error.line(), error.column())))
}

async fn look_up(
    world: &World,
    file: &File,
    host: &str,
    keys: &[&str],
    path: &Path,
    cancel: &CancellationToken,
) -> Result<Option<Credentials>, RegistryError> {
    let names: Vec<&str> = std::iter::once(host).chain(keys.iter().copied()).collect();
    let is_ours = |key: &str| names.contains(&key) || names.iter().any(|name| bare(name) == bare(key));
    if let Some(helper) = file.cred_helpers.iter().find_map(|(key, helper)| is_ours(key).then_some(helper)) {
        return ask_helper(world, helper, host, path, cancel).await;
    }
    let entry = file.auths.iter().filter(|(key, _)| is_ours(key)).max_by_key(|(key, _)| key.len());
    if let Some(credentials) = entry.and_then(|(_, entry)| entry.credentials()) {
        return Ok(Some(credentials));
    }
    if let Some(store) = &file.creds_store {
        // Docker files Docker Hub under its historical URL.
        let asked = keys.first().copied().unwrap_or(host);
        return ask_helper(world, store, asked, path, cancel).await;
    }
    Ok(None)
}

impl Entry {
    fn credentials(&self) -> Option<Credentials> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = filled(&self.identitytoken) {
            return Some(Credentials::Identity(Secret::new(token)));
        }
        if let (Some(user), Some(password)) = (filled(&self.username), filled(&self.password)) {
            return Some(Credentials::Basic { user, secret: Secret::new(password) });
        }
        let decoded = base64::engine::general_purpose::STANDARD.decode(filled(&self.auth)?.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (user, password) = text.split_once(':')?;
        // Docker pads stored pairs with NUL.
        Some(Credentials::Basic { user: user.to_owned(), secret: Secret::new(password.trim_end_matches('\0')) })
    }
}

/// A key as a bare host: no scheme, no path.
fn bare(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    key.split('/').next().unwrap_or(key)
}

/// Asks `docker-credential-NAME get` (docker/docker-credential-helpers). "Not found" is no credentials, not a failure.
async fn ask_helper(
    world: &World,
    helper: &str,
    host: &str,
    path: &Path,
    cancel: &CancellationToken,
) -> Result<Option<Credentials>, RegistryError> {
    let well_named = !helper.is_empty() && helper.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let program = format!("docker-credential-{helper}");
    let failed = |detail: &str| {
        RegistryError::new(
            RegistryErrorKind::Missing,
            format!("no credentials for {host}: {program}, named in {}, {detail}", path.display()),
        )
        .hint(format!("run `echo {host} | {program} get` to see what it says, or configure `credentials: NAME` for this registry"))
    };
    if !well_named {
        return Err(failed("is not the name of a credential helper"));
    }
    let mut child = Child::new(world, &program).arg("get").stdin(host.as_bytes()).deadline(HELPER_DEADLINE).output_is_secret();
    for (name, _) in world.env.iter().filter(|(name, _)| HELPER_VARIABLES.iter().any(|prefix| name.starts_with(prefix))) {
        child = child.pass(world, name);
    }
    let finished = match child.run(cancel).await {
        Ok(finished) => finished,
        Err(ChildError::NotFound(_)) => return Err(failed("is not installed")),
        Err(ChildError::Cancelled(_)) => return Err(RegistryError::new(RegistryErrorKind::Cancelled, "interrupted")),
        Err(ChildError::Deadline { .. }) => return Err(failed("did not answer in time")),
        Err(ChildError::Io { .. }) => return Err(failed("could not be run")),
    };
    if !finished.success() {
        let said = format!("{}{}", finished.stdout, finished.stderr).to_ascii_lowercase();
        if said.contains("not found") {
            return Ok(None);
        }
        return Err(failed("failed"));
    }
    let answer: HelperAnswer = serde_json::from_str(&finished.stdout).map_err(|_| failed("answered something that is not credentials"))?;
    Ok(match (answer.username.as_str(), answer.secret.is_empty()) {
        (_, true) => None,
        ("<token>", false) => Some(Credentials::Identity(Secret::new(answer.secret))),
        (_, false) => Some(Credentials::Basic { user: answer.username, secret: Secret::new(answer.secret) }),
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests prepare files directly")]
mod tests {
    use super::*;
    use crate::registry::provider;

    async fn find_in(config: &str, host: &str) -> Result<Option<String>, RegistryError> {
        let dir = tempfile::tempdir().expect("temporary directory");
        std::fs::write(dir.path().join("config.json"), config).expect("config");
        let helper = dir.path().join("docker-credential-fake");
        let script = "#!/bin/sh\nread host\ncase $host in\n\
            known.example) echo '{\"ServerURL\":\"x\",\"Username\":\"me\",\"Secret\":\"from-helper\"}';;\n\
            token.example) echo '{\"Username\":\"<token>\",\"Secret\":\"refresh\"}';;\n\
            broken.example) echo 'keychain is locked' >&2; exit 1;;\n\
            slow.example) sleep 20;;\n\
            garbage.example) echo 'Secret: hunter2hunter2';;\n\
            empty.example) echo '{\"Username\":\"\",\"Secret\":\"\"}';;\n\
            endless.example) yes;;\n\
            *) echo 'credentials not found in native keychain'; exit 1;;\nesac\n";
        std::fs::write(&helper, script).expect("helper");
        crate::fs::set_mode(&helper, 0o755).expect("mode");
        let mut world = World::of_process().expect("world");
        let path = format!("{}:{}", dir.path().display(), world.env.get("PATH").unwrap_or_default());
        world.env = crate::world::Environment::from_pairs([
            ("DOCKER_CONFIG", dir.path().display().to_string()),
            ("PATH", path),
            // The helper's answer must survive the redactor even when the environment knows it as a secret.
            ("SOME_TOKEN", "from-helper".to_owned()),
        ]);
        let keys = provider::of_host(host).config_keys;
        let found = find(&world, host, keys, &CancellationToken::new()).await?;
        Ok(found.map(|found| match found.credentials {
            Credentials::Anonymous => "anonymous".to_owned(),
            Credentials::Basic { user, secret } => format!("{user}:{}", secret.expose()),
            Credentials::Identity(secret) => format!("identity:{}", secret.expose()),
        }))
    }

    #[tokio::test]
    async fn reads_stored_pairs_by_host_url_and_alias() {
        let auth = base64::engine::general_purpose::STANDARD.encode("me:pw:with:colons");
        for (key, host) in [
            ("r.example", "r.example"),
            ("https://r.example", "r.example"),
            ("https://r.example/v1/", "r.example"),
            ("r.example:5000", "r.example:5000"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("docker.io", "docker.io"),
        ] {
            let config = format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}},"unknown":1}}"#);
            assert_eq!(find_in(&config, host).await, Ok(Some("me:pw:with:colons".to_owned())), "{key}");
        }
        let config = format!(r#"{{"auths":{{"r.example":{{"auth":"{auth}"}}}}}}"#);
        assert_eq!(find_in(&config, "r.example.evil").await, Ok(None));
        assert_eq!(find_in(&config, "r.example:5000").await, Ok(None));
    }

    #[tokio::test]
    async fn podmans_file_is_read_after_dockers() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let auth = |pair: &str| base64::engine::general_purpose::STANDARD.encode(pair);
        let podman = format!(r#"{{"auths":{{"a.example":{{"auth":"{}"}},"b.example":{{"auth":"{}"}}}}}}"#, auth("pod:1"), auth("pod:2"));
        std::fs::write(dir.path().join("auth.json"), podman).expect("auth file");
        std::fs::write(dir.path().join("config.json"), format!(r#"{{"auths":{{"a.example":{{"auth":"{}"}}}}}}"#, auth("dock:1")))
            .expect("config");
        let mut world = World::of_process().expect("world");
        let path = |name: &str| dir.path().join(name).display().to_string();
        world.env = crate::world::Environment::from_pairs([("DOCKER_CONFIG", path("")), ("REGISTRY_AUTH_FILE", path("auth.json"))]);
        for (host, expected) in [("a.example", Some("dock")), ("b.example", Some("pod")), ("c.example", None)] {
            let found = find(&world, host, &[], &CancellationToken::new()).await.expect("readable");
            let user = found.as_ref().map(|found| match &found.credentials {
                Credentials::Basic { user, .. } => user.as_str(),
                _ => "?",
            });
            assert_eq!(user, expected, "{host}");
        }
    }

    #[tokio::test]
    async fn identity_tokens_come_first() {
        let config = r#"{"auths":{"r.example":{"auth":"bWU6","identitytoken":"it"}}}"#;
        assert_eq!(find_in(config, "r.example").await, Ok(Some("identity:it".to_owned())));
    }

    #[tokio::test]
    async fn asks_helpers() {
        let helpers = |host: &str| format!(r#"{{"credHelpers":{{"{host}":"fake"}}}}"#);
        assert_eq!(find_in(&helpers("known.example"), "known.example").await, Ok(Some("me:from-helper".to_owned())));
        assert_eq!(find_in(&helpers("token.example"), "token.example").await, Ok(Some("identity:refresh".to_owned())));
        assert_eq!(find_in(&helpers("other.example"), "other.example").await, Ok(None));
        assert_eq!(find_in(r#"{"credsStore":"fake"}"#, "known.example").await, Ok(Some("me:from-helper".to_owned())));
        let broken = find_in(&helpers("broken.example"), "broken.example").await.expect_err("a failing helper");
        assert!(broken.message.contains("docker-credential-fake") && !broken.message.contains("keychain"), "{}", broken.message);
        for (host, said) in [("slow", "did not answer in time"), ("garbage", "answered something that is not credentials")] {
            let host = format!("{host}.example");
            let error = find_in(&helpers(&host), &host).await.expect_err("a helper of no use");
            assert!(error.message.contains(said) && error.kind == RegistryErrorKind::Missing, "{}", error.message);
            assert!(!error.message.contains("hunter2") && error.hint.is_some(), "{error:?}");
        }
        assert_eq!(find_in(&helpers("empty.example"), "empty.example").await, Ok(None));
        assert!(find_in(&helpers("endless.example"), "endless.example").await.is_err());
        let absent = find_in(r#"{"credsStore":"nobody-has-this"}"#, "x.example").await.expect_err("an absent helper");
        assert!(absent.message.ends_with("is not installed"), "{}", absent.message);
        let hostile = find_in(r#"{"credsStore":"../../evil"}"#, "x.example").await.expect_err("a path");
        assert!(hostile.message.contains("is not the name"), "{}", hostile.message);
    }

    #[tokio::test]
    async fn a_broken_file_is_named_but_not_quoted() {
        let error = find_in(r#"{"auths": "hunter2hunter2""#, "x").await.expect_err("broken");
        assert!(error.message.contains("line 1") && !error.message.contains("hunter2"), "{}", error.message);
    }
}
