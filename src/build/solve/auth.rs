//! A docker config for one call, with the credentials of the registries its base images and caches are at, and no others.
//! It lies outside the workspace, only this user can read it, and it goes with the call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::build::backend::Session;
use crate::build::{BuildCx, Login, embedded};
use crate::core::{Redactor, Reference, Secret};
use crate::error::{Error, Result};
use crate::fs;
use crate::plan::BuildStep;

/// A docker config is small.
const MAX_CONFIG: u64 = 1024 * 1024;

/// A Dockerfile beyond this is not one.
const MAX_DOCKERFILE: u64 = 4 * 1024 * 1024;

/// The host of Docker's own registry in references, and under which docker files its credentials.
const HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

/// The directory for `DOCKER_CONFIG`: the session's own where no credentials are needed, else one below `private`.
pub async fn docker_config(cx: &BuildCx, session: &Session, step: &BuildStep, private: &Path, redactor: &mut Redactor) -> Result<PathBuf> {
    let Some(logins) = &cx.logins else { return Ok(session.docker_config()) };
    let mut auths = Map::new();
    for host in hosts(cx, step) {
        let Some(login) = logins.login(&host, &cx.cancel).await? else { continue };
        let key = if host == HUB.0 { HUB.1 } else { host.as_str() };
        auths.insert(key.to_owned(), entry(&login, redactor));
    }
    if auths.is_empty() {
        return Ok(session.docker_config());
    }
    write(session, private, auths).map_err(|error| error.context("cannot hand credentials to BuildKit"))
}

fn write(session: &Session, private: &Path, auths: Map<String, Value>) -> Result<PathBuf> {
    let theirs = session.docker_config();
    let text = fs::read_bounded(&theirs.join("config.json"), MAX_CONFIG)?;
    let mut config: BTreeMap<String, Value> =
        serde_json::from_slice(&text).map_err(|error| Error::failed("the session's docker config is not valid").because(&error))?;
    config.insert("auths".to_owned(), Value::Object(auths));
    let ours = private.join("docker");
    fs::create_dir(&ours)?;
    let contexts = theirs.join("contexts");
    if fs::exists(&contexts) {
        fs::symlink(&contexts, &ours.join("contexts"))?;
    }
    let json = serde_json::to_vec(&config).map_err(|error| Error::failed("cannot write a docker config").because(&error))?;
    fs::write_private(&ours.join("config.json"), &json)?;
    Ok(ours)
}

fn entry(login: &Login, redactor: &mut Redactor) -> Value {
    match login {
        Login::Basic { user, secret } => {
            let auth = STANDARD.encode(format!("{user}:{}", secret.expose()));
            redactor.learn(secret);
            redactor.learn(&Secret::new(auth.clone()));
            json!({ "auth": auth })
        }
        Login::Identity(secret) => {
            redactor.learn(secret);
            json!({ "identitytoken": secret.expose() })
        }
    }
}

/// Hosts of the images a build reads: its FROM lines and `--from=`, images given by name, the frontend, caches.
fn hosts(cx: &BuildCx, step: &BuildStep) -> BTreeSet<String> {
    // A Dockerfile that cannot be read is BuildKit's to explain.
    let mut images = embedded::named_bases(cx, step).unwrap_or_default();
    if let Ok(text) = fs::read_bounded(&cx.workspace.join(&step.dockerfile), MAX_DOCKERFILE) {
        images.extend(mentioned(&String::from_utf8_lossy(&text)));
    }
    images.retain(|image| !step.buildkit.contexts.contains_key(image));
    images.extend(step.buildkit.contexts.values().filter_map(|value| value.strip_prefix("docker-image://").map(str::to_owned)));
    let caches = step.cache.from.iter().chain(&step.cache.to).filter(|cache| cache.kind == "registry");
    images.extend(caches.filter_map(|cache| cache.attributes.get("ref").cloned()));
    let host = |image: String| Some(image.parse::<Reference>().ok()?.repository.host);
    images.into_iter().filter(|image| image != "scratch").filter_map(host).collect()
}

/// Images that other lines than FROM name: `# syntax=IMAGE` and `RUN --mount=…,from=IMAGE`. Stages of the Dockerfile and
/// names with arguments are among them; as references of a host of their own they find no credentials.
fn mentioned(text: &str) -> Vec<String> {
    let mut images = Vec::new();
    for line in text.lines() {
        if let Some((key, image)) = line.strip_prefix('#').and_then(|comment| comment.split_once('=')) {
            if key.trim().eq_ignore_ascii_case("syntax") {
                images.push(image.trim().to_owned());
            }
            continue;
        }
        let mounts = line.split_whitespace().filter_map(|word| word.strip_prefix("--mount="));
        let from = mounts.flat_map(|mount| mount.split(',')).filter_map(|field| field.strip_prefix("from="));
        // A stage has no dot, colon or slash in its name; a host does.
        images.extend(from.filter(|image| image.contains('/')).map(str::to_owned));
    }
    images
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use tokio_util::sync::CancellationToken;

    use super::super::tests::step;
    use super::*;
    use crate::build::Logins;
    use crate::core::BoxFuture;
    use crate::event::Events;
    use crate::plan::CacheRef;
    use crate::world::{Environment, World};

    #[derive(Debug, Default)]
    struct Known(Mutex<Vec<String>>);

    impl Logins for Known {
        fn login<'a>(&'a self, host: &'a str, _: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Login>>> {
            self.0.lock().expect("asked").push(host.to_owned());
            let secret = Secret::new(format!("secret-of-{host}"));
            let login = (host != "public.example").then(|| Login::Basic { user: "me".into(), secret });
            Box::pin(async { Ok(login) })
        }
    }

    #[tokio::test]
    async fn only_the_hosts_a_build_reads_get_their_credentials() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("dir");
        let (workspace, tmp) = (dir.path().join("ws"), dir.path().join("tmp"));
        for made in [&workspace, &tmp] {
            fs::create_dir(made).expect("dir");
        }
        let dockerfile = "# syntax=docker/dockerfile:1\nARG BASE\nFROM ${BASE} AS a\nFROM given\n\
            RUN --mount=type=bind,from=mounted.example/x:1,target=/m --mount=type=bind,from=a,target=/a true\n\
            COPY --from=public.example/y /y /y\n";
        fs::write_atomic(&workspace.join("Dockerfile"), dockerfile.as_bytes(), 0o644).expect("Dockerfile");
        let mut step = step();
        step.args.insert("BASE".into(), "private.example/base:1".into());
        step.buildkit.contexts.insert("given".into(), "docker-image://given.example/z".into());
        let attributes = BTreeMap::from([("ref".to_owned(), "cache.example/c:1".to_owned())]);
        step.cache.from.push(CacheRef { kind: "registry".into(), name: "c".into(), attributes, registry: None, platforms: Vec::new() });
        let known = Arc::new(Known::default());
        let mut cx = BuildCx::new(workspace.clone(), tmp.clone(), CancellationToken::new(), Events::none());
        cx.logins = Some(known.clone());
        let mut world = World::of_process().expect("world");
        world.env = Environment::from_pairs([("TMPDIR", tmp.display().to_string())]);
        let session = Session::open(&world, &workspace).expect("session");
        let mut redactor = Redactor::default();
        let config = docker_config(&cx, &session, &step, &session.path("call"), &mut redactor).await.expect("config");
        let asked = known.0.lock().expect("asked").clone();
        assert_eq!(asked, ["cache.example", "docker.io", "given.example", "mounted.example", "private.example", "public.example"]);
        let file = config.join("config.json");
        assert_eq!(file.metadata().expect("metadata").permissions().mode() & 0o777, 0o600);
        let text = String::from_utf8(fs::read_bounded(&file, 10_000).expect("file")).expect("text");
        let value: Value = serde_json::from_str(&text).expect("json");
        assert_eq!(value["auths"]["https://index.docker.io/v1/"]["auth"], STANDARD.encode("me:secret-of-docker.io"));
        assert_eq!(value["auths"].as_object().map(Map::len), Some(5), "{text}");
        assert!(!redactor.redact(&text).contains(&STANDARD.encode("me:secret-of-private.example")), "masked wherever it is printed");
    }
}
