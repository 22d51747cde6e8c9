//! The argument vector of one build: a pure function, the same for the same step.

use crate::build::solve::csv::Fields;
use crate::build::solve::{Attempt, NamedContext, cache_flag, provenance};
use crate::error::{Error, Result};
use crate::names::env::SOURCE_DATE_EPOCH;

use super::annotation;

/// Arguments of `buildctl`.
pub fn build_args(attempt: &Attempt<'_>) -> Result<Vec<String>> {
    let mut args = daemon(attempt)?;
    args.extend(["build".to_owned(), attempt.progress.flag().to_owned(), "--frontend".to_owned(), "dockerfile.v0".to_owned()]);
    let (solve, given) = (attempt.solve, attempt.given);
    let (step, options) = (solve.step, &solve.step.buildkit);
    let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
    let dockerfile = &given.context.dockerfile;
    let (directory, file) = (dockerfile.parent().unwrap_or(dockerfile), dockerfile.file_name().unwrap_or_default());
    flag("--local", format!("context={}", given.context.dir.display()));
    flag("--local", format!("dockerfile={}", directory.display()));
    flag("--opt", format!("filename={}", file.display()));
    if let Some(target) = &step.target {
        flag("--opt", format!("target={target}"));
    }
    if !solve.platforms.is_empty() {
        flag("--opt", format!("platform={}", solve.platforms.join(",")));
    }
    for (key, value) in &step.args {
        flag("--opt", format!("build-arg:{key}={value}"));
    }
    if !step.args.contains_key(SOURCE_DATE_EPOCH) {
        flag("--opt", format!("build-arg:{SOURCE_DATE_EPOCH}={}", step.source_date_epoch));
    }
    for (key, value) in &step.labels {
        flag("--opt", format!("label:{key}={value}"));
    }
    for (number, (name, context)) in given.contexts.iter().enumerate() {
        // What is local has a name in the session, which must not be the context's own or the Dockerfile's.
        let local = format!("sf-context-{number}");
        match context {
            NamedContext::Directory(dir) => {
                flag("--local", format!("{local}={}", dir.display()));
                flag("--opt", format!("context:{name}=local:{local}"));
            }
            NamedContext::Layout { path, digest, .. } => {
                flag("--oci-layout", format!("{local}={}", path.display()));
                flag("--opt", format!("context:{name}=oci-layout://{local}@{digest}"));
            }
            NamedContext::Remote(address) => flag("--opt", format!("context:{name}={address}")),
        }
    }
    for secret in &given.secrets {
        flag("--secret", secret.flag());
    }
    for agent in &given.ssh {
        flag("--ssh", agent.clone());
    }
    match options.network.as_deref() {
        None | Some("default") => {}
        Some(network) => {
            flag("--opt", format!("force-network-mode={network}"));
            if network == "host" {
                flag("--allow", "network.host".into());
            }
        }
    }
    if !options.add_hosts.is_empty() {
        flag("--opt", format!("add-hosts={}", joined(options.add_hosts.iter().map(|host| host.replacen(':', "=", 1)))));
    }
    if !options.ulimits.is_empty() {
        flag("--opt", format!("ulimit={}", joined(options.ulimits.iter().map(|limit| limits(limit)))));
    }
    if let Some(bytes) = options.shm_size {
        flag("--opt", format!("shm-size={bytes}"));
    }
    if options.no_cache {
        // For the frontend an empty list of stages means all of them.
        flag("--opt", "no-cache=".into());
    } else if !options.no_cache_stages.is_empty() {
        flag("--opt", format!("no-cache={}", joined(options.no_cache_stages.iter().cloned())));
    }
    if options.pull {
        flag("--opt", "image-resolve-mode=pull".into());
    }
    if let Some(mode) = provenance(step)? {
        flag("--opt", format!("attest:provenance={mode}"));
    }
    if step.sbom {
        flag("--opt", "attest:sbom=".into());
    }
    for cache in &step.cache.from {
        flag("--import-cache", cache_flag(cache));
    }
    for cache in attempt.exports {
        flag("--export-cache", cache_flag(cache));
    }
    flag("--metadata-file", given.metadata.display().to_string());
    let mut output = Fields::new("type", "oci").with("tar", "false").with("dest", solve.layout.display());
    for (key, value) in &options.annotations {
        for attribute in annotation::attributes(key) {
            output = output.with(&attribute, value);
        }
    }
    flag("--output", output.with("rewrite-timestamp", "true").line());
    Ok(args)
}

/// Where the daemon is.
fn daemon(attempt: &Attempt<'_>) -> Result<Vec<String>> {
    let node = attempt.solve.node;
    let Some(address) = &node.address else {
        return Err(Error::missing(format!("node {} has no address that buildctl could reach", node.name))
            .hint("install docker with its buildx plugin or buildx, or set BUILDKIT_HOST to the daemon's address"));
    };
    let mut args = vec!["--addr".to_owned(), address.clone()];
    if let Some(tls) = &node.tls {
        for (name, file) in [("--tlscacert", &tls.ca), ("--tlscert", &tls.cert), ("--tlskey", &tls.key)] {
            args.extend([name.to_owned(), file.display().to_string()]);
        }
        if let Some(name) = &tls.server_name {
            args.extend(["--tlsservername".to_owned(), name.clone()]);
        }
    }
    Ok(args)
}

/// `nofile=1024` for people is `nofile=1024:1024` for the frontend, which wants both limits.
fn limits(limit: &str) -> String {
    match limit.split_once('=') {
        Some((name, value)) if !value.contains(':') => format!("{name}={value}:{value}"),
        _ => limit.to_owned(),
    }
}

fn joined(values: impl Iterator<Item = String>) -> String {
    let mut values: Vec<String> = values.collect();
    values.sort();
    values.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::solve::tests::{Asked, step};
    use crate::config::SecretSource;
    use crate::core::Digest;

    #[tokio::test]
    async fn says_to_the_frontend_what_buildx_would_say() {
        let mut step = step();
        step.target = Some("run".into());
        step.platforms.push("linux/arm64".into());
        step.args.insert("A".into(), "x y".into());
        step.labels.insert("a".into(), "1".into());
        step.provenance = Some("max".into());
        let options = &mut step.buildkit;
        options.secrets = vec![SecretSource { id: "npmrc".into(), env: Some("NPM_TOKEN".into()), src: None }];
        options.contexts = [("base", "build:base"), ("lib", "lib")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        options.annotations.insert("index:b".into(), "2,3".into());
        options.network = Some("host".into());
        options.ulimits = vec!["nproc=5".into(), "nofile=1024:2048".into()];
        options.add_hosts = vec!["six:::1".into(), "b:10.0.0.2".into()];
        options.no_cache_stages = vec!["z".into(), "a".into()];
        options.pull = true;
        let mut asked = Asked::new(&[("NPM_TOKEN", "npm_secret_value")]);
        let base = Digest::of(b"base");
        asked.contexts.insert("base".into(), ("/store/base".into(), base.clone()));
        let args = asked.attempt(&step, "/l", build_args).await.expect("args").join(" ");
        assert_eq!(
            args,
            format!(
                "--addr unix:///run/b.sock build --progress=rawjson --frontend dockerfile.v0 --local context=WS \
                 --local dockerfile=CALL/dockerfile --opt filename=Dockerfile --opt target=run --opt platform=linux/amd64,linux/arm64 \
                 --opt build-arg:A=x y --opt build-arg:SOURCE_DATE_EPOCH=1700000000 --opt label:a=1 \
                 --oci-layout sf-context-0=/store/base --opt context:base=oci-layout://sf-context-0@{base} \
                 --local sf-context-1=WS/lib --opt context:lib=local:sf-context-1 --secret id=npmrc,env=SF_SECRET_0 \
                 --opt force-network-mode=host --allow network.host --opt add-hosts=b=10.0.0.2,six=::1 \
                 --opt ulimit=nofile=1024:2048,nproc=5:5 --opt no-cache=a,z --opt image-resolve-mode=pull \
                 --opt attest:provenance=mode=max --metadata-file CALL/metadata.json \
                 --output type=oci,tar=false,dest=/l,\"annotation-index.b=2,3\",rewrite-timestamp=true"
            )
        );
    }
}
