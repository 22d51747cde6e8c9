//! From a target to the settings of a build.

use serde_json::Value;

use super::target::{Fields, Target};
use crate::config::{DockerBuild, SecretSource};
use crate::core::ByteSize;
use crate::error::{Error, Result};
use crate::world::Environment;

/// Fills a build's settings from the resolved target of its bake file. What the config itself says of arguments, labels,
/// contexts, secrets, platforms and attestations stays and wins. Gives notes on what was not taken.
///
/// # Errors
/// `Usage`, naming the feature, for what a build of ours cannot do.
pub fn apply(docker: &mut DockerBuild, file: &str, name: &str, printed: Value, env: &Environment) -> Result<Vec<String>> {
    let target: Target = serde_json::from_value(printed)
        .map_err(|error| Error::usage(format!("{file}, target `{name}` is not as buildx writes it")).because(&error))?;
    let refuse = |what: &str, hint: &str| Err(Error::usage(format!("{file}, target `{name}`: {what}")).hint(hint));
    if let Some(other) = target.others.keys().next() {
        return refuse(&format!("`{other}` is not supported"), "take it out, or write the build in the config instead of the bake file");
    }
    if target.call.as_ref().is_some_and(|call| call != "build") {
        return refuse("`call` makes it a check and no image", "name a target that builds an image");
    }
    if let Some(entitlement) = target.entitlements.iter().find(|entitlement| *entitlement != "network.host") {
        return refuse(&format!("the entitlement `{entitlement}` is not supported"), "build without it");
    }
    if let Some((context, value)) = target.contexts.iter().find(|(_, value)| value.starts_with("target:")) {
        return refuse(
            &format!("its context `{context}` is another target, {value}"),
            "make a build of that target and give its image: `build_contexts: { NAME: build:<id> }`",
        );
    }
    let mut notes = Vec::new();
    for (what, there, instead) in [
        ("tags", !target.tags.is_empty(), "`publish` decides where the image goes"),
        ("output", !target.output.is_empty(), "the image goes to the content store"),
        ("caches", !target.cache_from.is_empty() || !target.cache_to.is_empty(), "`build_cache` decides which are used"),
    ] {
        if there {
            notes.push(format!("{file}, target `{name}`: its {what} are not taken; {instead}"));
        }
    }

    // A Dockerfile lies in its context; ours are both named from the repository.
    let context = target.context.unwrap_or_else(|| ".".to_owned());
    let dockerfile = target.dockerfile.unwrap_or_else(|| "Dockerfile".to_owned());
    docker.dockerfile = Some(if context == "." { dockerfile } else { format!("{}/{dockerfile}", context.trim_end_matches('/')) });
    docker.context = context;
    docker.target = target.stage;
    for (key, value) in target.args {
        // Without a value it is the environment's, as with `--build-arg KEY`.
        let Some(value) = value.or_else(|| env.get(&key).map(str::to_owned)) else { continue };
        docker.args.entry(key).or_insert_with(|| literal(&value));
    }
    for (key, value) in target.labels {
        docker.labels.entry(key).or_insert_with(|| literal(&value.unwrap_or_default()));
    }
    if docker.platforms.is_empty() {
        for platform in &target.platforms {
            match platform.parse() {
                Ok(platform) => docker.platforms.push(platform),
                Err(error) => return refuse(&format!("platform `{platform}`: {error}"), "write os/arch"),
            }
        }
    }
    attestations(docker, &target.attest);
    let options = &mut docker.buildkit;
    for (key, value) in target.contexts {
        options.contexts.entry(key).or_insert_with(|| literal(&value));
    }
    for annotation in target.annotations {
        let (key, value) = annotation.split_once('=').unwrap_or((&annotation, ""));
        options.annotations.entry(key.to_owned()).or_insert_with(|| literal(value));
    }
    for secret in target.secret {
        let Some(id) = secret.get("id") else { continue };
        if options.secrets.iter().any(|known| known.id == id) {
            continue;
        }
        let (env, src) = (secret.get("env").map(str::to_owned), secret.get("src").or(secret.get("source")).map(str::to_owned));
        // buildx takes the id for the variable's name where nothing is said.
        let env = if env.is_none() && src.is_none() { Some(id.to_owned()) } else { env };
        options.secrets.push(SecretSource { id: id.to_owned(), env, src });
    }
    if options.ssh.is_empty() {
        options.ssh = target.ssh.iter().map(agent).collect();
    }
    options.network = options.network.take().or(target.network);
    if options.ulimits.is_empty() {
        options.ulimits = target.ulimits;
    }
    if options.add_hosts.is_empty() {
        options.add_hosts = target.extra_hosts.into_iter().map(|(host, address)| format!("{host}:{address}")).collect();
    }
    if let (None, Some(size)) = (options.shm_size, target.shm_size) {
        // Docker's `64m` is our `64mb`.
        let unit = if size.ends_with(['k', 'm', 'g', 'K', 'M', 'G']) { "b" } else { "" };
        match ByteSize::parse_binary(&format!("{size}{unit}")) {
            Ok(size) => options.shm_size = Some(size.0),
            Err(_) => return refuse(&format!("`shm-size = {size}` is not a size"), "write 64m or 1g"),
        }
    }
    options.no_cache |= target.no_cache.unwrap_or_default();
    if options.no_cache_stages.is_empty() {
        options.no_cache_stages = target.no_cache_filter;
    }
    options.pull |= target.pull.unwrap_or_default();
    Ok(notes)
}

/// `default`, `id=path`, or what newer versions write as an object.
fn agent(fields: &Fields) -> String {
    let id = fields.get("id").unwrap_or("default");
    let named = fields.0.iter().find(|(key, _)| !matches!(key.as_str(), "id" | "paths" | "raw"));
    match (fields.get("paths"), named) {
        (Some(paths), _) if !paths.is_empty() => format!("{id}={paths}"),
        (_, Some((id, path))) => format!("{id}={path}"),
        _ => id.to_owned(),
    }
}

fn attestations(docker: &mut DockerBuild, attest: &[Fields]) {
    for attestation in attest {
        let disabled = attestation.get("disabled") == Some("true");
        // `type` may stand as a bare first word: `provenance,mode=max`.
        match attestation.get("type").or(attestation.get("id")) {
            Some("sbom") => docker.sbom |= !disabled,
            Some("provenance") if docker.provenance.is_none() && !disabled => {
                docker.provenance = Some(attestation.get("mode").unwrap_or("min").to_owned());
            }
            _ => {}
        }
    }
}

/// A value of the bake file is text, not a template of ours.
fn literal(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BuildkitOptions;

    /// As buildx 0.13 prints it.
    const OLDER: &str = r#"{
        "annotations": ["index:a=b"], "attest": ["type=provenance,mode=max", "type=sbom"], "context": "src",
        "contexts": {"deb": "docker-image://debian:12", "lib": "lib"}, "dockerfile": "docker/app.Dockerfile",
        "args": {"A": "1", "B": "x {y}", "C": null}, "labels": {"l": "v"}, "tags": ["acme/app:1"],
        "cache-from": ["type=registry,ref=x"], "target": "run", "secret": ["id=npm,env=NPM", "id=f,src=secret.txt"],
        "ssh": ["default"], "platforms": ["linux/amd64", "linux/arm64"], "output": ["type=registry"], "pull": true,
        "no-cache-filter": ["a"], "shm-size": "64m", "ulimits": ["nofile=1024:1024"]
    }"#;

    /// As buildx 0.37 prints it.
    const NEWER: &str = r#"{
        "annotations": ["index:a=b"], "attest": [{"mode": "max", "type": "provenance"}, {"type": "sbom"}], "context": "src",
        "contexts": {"deb": "docker-image://debian:12", "lib": "lib"}, "dockerfile": "docker/app.Dockerfile",
        "args": {"A": "1", "B": "x {y}", "C": null}, "labels": {"l": "v"}, "tags": ["acme/app:1"],
        "cache-from": [{"ref": "x", "type": "registry"}], "target": "run",
        "secret": [{"id": "npm", "env": "NPM"}, {"id": "f", "src": "secret.txt"}], "ssh": [{"id": "default"}],
        "platforms": ["linux/amd64", "linux/arm64"], "output": [{"type": "registry"}], "pull": true,
        "no-cache-filter": ["a"], "shm-size": "64m", "ulimits": ["nofile=1024:1024"], "entitlements": ["network.host"]
    }"#;

    fn docker() -> DockerBuild {
        DockerBuild {
            dockerfile: None,
            context: ".".into(),
            target: Some("app".into()),
            platforms: Vec::new(),
            args: indexmap::IndexMap::from([("A".to_owned(), "{version}".to_owned())]),
            labels: indexmap::IndexMap::new(),
            builder: None,
            provenance: None,
            sbom: false,
            compression: None,
            buildkit: BuildkitOptions { bake: Some("docker-bake.hcl".into()), ..BuildkitOptions::default() },
            stage: Vec::new(),
        }
    }

    fn applied(printed: &str) -> Result<(DockerBuild, Vec<String>)> {
        let mut docker = docker();
        let env = Environment::from_pairs([("C", "of-the-environment")]);
        let notes = apply(&mut docker, "docker-bake.hcl", "app", serde_json::from_str(printed).expect("json"), &env)?;
        Ok((docker, notes))
    }

    #[test]
    fn what_older_and_newer_versions_print_is_the_same_build() {
        let (older, notes) = applied(OLDER).expect("applied");
        let (newer, _) = applied(NEWER).expect("applied");
        assert_eq!(format!("{older:?}"), format!("{newer:?}"));
        assert_eq!(older.dockerfile.as_deref(), Some("src/docker/app.Dockerfile"));
        assert_eq!((older.context.as_str(), older.target.as_deref()), ("src", Some("run")));
        let args: Vec<String> = older.args.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(args, ["A={version}", "B=x {{y}}", "C=of-the-environment"], "the config wins; values are no templates");
        assert_eq!((older.provenance.as_deref(), older.sbom), (Some("max"), true));
        let options = older.buildkit;
        assert_eq!(options.secrets[0].env.as_deref(), Some("NPM"));
        assert_eq!(options.secrets[1].src.as_deref(), Some("secret.txt"));
        assert_eq!((options.shm_size, options.pull, options.ssh.as_slice()), (Some(64 << 20), true, &["default".to_owned()][..]));
        assert_eq!(options.annotations["index:a"], "b");
        assert_eq!(notes.len(), 3, "{notes:?}");
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        for (printed, expected) in [
            (r#"{"dockerfile-inline": "FROM scratch"}"#, "`dockerfile-inline` is not supported"),
            (r#"{"contexts": {"o": "target:other"}}"#, "its context `o` is another target, target:other"),
            (r#"{"entitlements": ["security.insecure"]}"#, "the entitlement `security.insecure` is not supported"),
            (r#"{"call": "check"}"#, "`call` makes it a check and no image"),
        ] {
            let error = applied(printed).expect_err(printed);
            assert_eq!(error.message(), format!("docker-bake.hcl, target `app`: {expected}"));
        }
    }
}
