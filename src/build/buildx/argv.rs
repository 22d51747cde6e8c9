//! The argument vector of one build: a pure function, the same for the same step.

use crate::build::solve::csv::Fields;
use crate::build::solve::{Attempt, NamedContext, cache_flag, provenance};
use crate::error::Result;
use crate::names::env::SOURCE_DATE_EPOCH;

/// Arguments after `buildx`.
pub fn build_args(attempt: &Attempt<'_>) -> Result<Vec<String>> {
    let (solve, given) = (attempt.solve, attempt.given);
    let (step, options) = (solve.step, &solve.step.buildkit);
    // The builder is always named, so that nobody's `buildx use` decides.
    let mut args: Vec<String> = vec!["build".into(), "--builder".into(), solve.node.builder.clone(), attempt.progress.flag().into()];
    let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
    flag("--file", given.context.dockerfile.display().to_string());
    if let Some(target) = &step.target {
        flag("--target", target.clone());
    }
    if !solve.platforms.is_empty() {
        flag("--platform", solve.platforms.join(","));
    }
    for (key, value) in &step.args {
        flag("--build-arg", format!("{key}={value}"));
    }
    if !step.args.contains_key(SOURCE_DATE_EPOCH) {
        // buildx hands its own environment's value on since 0.10; said explicitly it holds for every version.
        flag("--build-arg", format!("{SOURCE_DATE_EPOCH}={}", step.source_date_epoch));
    }
    for (key, value) in &step.labels {
        flag("--label", format!("{key}={value}"));
    }
    for (key, value) in &options.annotations {
        flag("--annotation", format!("{key}={value}"));
    }
    for (name, context) in &given.contexts {
        let place = match context {
            NamedContext::Directory(dir) => dir.display().to_string(),
            NamedContext::Layout { path, digest, .. } => format!("oci-layout://{}@{digest}", path.display()),
            NamedContext::Remote(address) => address.clone(),
        };
        flag("--build-context", format!("{name}={place}"));
    }
    for secret in &given.secrets {
        flag("--secret", secret.flag());
    }
    for agent in &given.ssh {
        flag("--ssh", agent.clone());
    }
    if let Some(network) = &options.network {
        flag("--network", network.clone());
        if network == "host" {
            flag("--allow", "network.host".into());
        }
    }
    for host in sorted(&options.add_hosts) {
        flag("--add-host", host.clone());
    }
    for limit in sorted(&options.ulimits) {
        flag("--ulimit", limit.clone());
    }
    if let Some(bytes) = options.shm_size {
        flag("--shm-size", bytes.to_string());
    }
    for stage in sorted(&options.no_cache_stages) {
        flag("--no-cache-filter", stage.clone());
    }
    for cache in &step.cache.from {
        flag("--cache-from", cache_flag(cache));
    }
    for cache in attempt.exports {
        flag("--cache-to", cache_flag(cache));
    }
    flag("--metadata-file", given.metadata.display().to_string());
    let output = Fields::new("type", "oci").with("tar", "false").with("dest", solve.layout.display());
    flag("--output", output.with("rewrite-timestamp", "true").line());
    args.extend(options.no_cache.then(|| "--no-cache".to_owned()));
    args.extend(options.pull.then(|| "--pull".to_owned()));
    args.push(format!("--provenance={}", provenance(step)?.unwrap_or("false")));
    args.push(format!("--sbom={}", step.sbom));
    args.push(given.context.dir.display().to_string());
    Ok(args)
}

fn sorted(values: &[String]) -> Vec<&String> {
    let mut values: Vec<&String> = values.iter().collect();
    values.sort();
    values
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::build::solve::tests::{Asked, step};
    use crate::config::SecretSource;
    use crate::core::Digest;
    use crate::plan::{BuildStep, CacheRef};

    async fn args_of(step: &BuildStep, layout: &str) -> Result<Vec<String>> {
        asked().attempt(step, layout, build_args).await
    }

    fn asked() -> Asked {
        Asked::new(&[("NPM_TOKEN", "npm_secret_value"), ("SSH_AUTH_SOCK", "/agent")])
    }

    #[tokio::test]
    async fn is_sorted_and_explicit() {
        let mut step = step();
        step.target = Some("run".into());
        step.platforms.push("linux/arm64".into());
        step.args = [("Z", "1"), ("A", "x y")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        step.labels = [("b", "2"), ("a", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        step.provenance = Some("max".into());
        step.sbom = true;
        let args = args_of(&step, "/scratch/layout").await.expect("args");
        assert_eq!(
            args.join(" "),
            "build --builder default --progress=rawjson --file CALL/dockerfile/Dockerfile --target run --platform linux/amd64,linux/arm64 \
             --build-arg A=x y --build-arg Z=1 --build-arg SOURCE_DATE_EPOCH=1700000000 --label a=1 --label b=2 \
             --metadata-file CALL/metadata.json --output type=oci,tar=false,dest=/scratch/layout,rewrite-timestamp=true \
             --provenance=mode=max --sbom=true WS"
        );
    }

    #[tokio::test]
    async fn every_option_has_its_flag_and_no_secret_is_among_them() {
        let mut step = step();
        let options = &mut step.buildkit;
        options.secrets = vec![
            SecretSource { id: "npmrc".into(), env: Some("NPM_TOKEN".into()), src: None },
            SecretSource { id: "key".into(), env: None, src: Some("Dockerfile".into()) },
        ];
        options.ssh = vec!["key=Dockerfile".into(), "default".into()];
        options.contexts =
            [("base", "build:base"), ("lib", "lib"), ("deb", "docker-image://debian:12")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        options.annotations = [("index,manifest:b", "2"), ("a", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        options.network = Some("host".into());
        options.ulimits = vec!["nproc=5".into(), "nofile=1024:1024".into()];
        options.add_hosts = vec!["b:10.0.0.2".into(), "a:10.0.0.1".into()];
        options.shm_size = Some(1 << 26);
        options.no_cache = true;
        options.no_cache_stages = vec!["z".into(), "a".into()];
        options.pull = true;
        let cache = |kind: &str, attributes: &[(&str, &str)]| CacheRef {
            kind: kind.into(),
            name: "c".into(),
            attributes: attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
            registry: None,
            platforms: Vec::new(),
        };
        step.cache.from = vec![cache("registry", &[("ref", "r.example/c:1")]), cache("local", &[("src", "/c,d")])];
        step.cache.to = vec![cache("gha", &[("scope", "s"), ("mode", "max")])];
        let base = Digest::of(b"base");
        let mut asked = asked();
        asked.contexts.insert("base".to_owned(), ("/store/base".into(), base.clone()));
        let args = asked.attempt(&step, "/l", build_args).await.expect("args");
        let text = args.join(" ");
        assert!(!text.contains("npm_secret_value"), "{text}");
        let from = text.find("--annotation").expect("annotations");
        let until = text.find(" --metadata-file").expect("metadata");
        assert_eq!(
            text[from..until],
            format!(
                "--annotation a=1 --annotation index,manifest:b=2 --build-context base=oci-layout:///store/base@{base} \
                 --build-context deb=docker-image://debian:12 --build-context lib=WS/lib --secret id=key,src=WS/Dockerfile \
                 --secret id=npmrc,env=SF_SECRET_1 --ssh default --ssh key=WS/Dockerfile --network host --allow network.host \
                 --add-host a:10.0.0.1 --add-host b:10.0.0.2 --ulimit nofile=1024:1024 --ulimit nproc=5 --shm-size 67108864 \
                 --no-cache-filter a --no-cache-filter z --cache-from type=registry,ref=r.example/c:1 \
                 --cache-from type=local,\"src=/c,d\" --cache-to type=gha,mode=max,scope=s"
            )
        );
        assert!(text.contains(" --no-cache --pull --provenance=false --sbom=false "), "{text}");
    }

    #[tokio::test]
    async fn the_steps_own_epoch_argument_stands_alone() {
        let mut step = step();
        step.args.insert(SOURCE_DATE_EPOCH.into(), "5".into());
        let args = args_of(&step, "/l").await.expect("args");
        assert_eq!(args.iter().filter(|arg| arg.starts_with(SOURCE_DATE_EPOCH)).collect::<Vec<_>>(), ["SOURCE_DATE_EPOCH=5"]);
    }

    #[tokio::test]
    async fn quotes_a_difficult_path_and_refuses_an_unknown_mode() {
        let args = args_of(&step(), r#"/a,b"c"#).await.expect("args");
        assert!(args.contains(&r#"type=oci,tar=false,"dest=/a,b""c",rewrite-timestamp=true"#.to_owned()), "{args:?}");
        let mut step = step();
        step.provenance = Some("lots".into());
        assert_eq!(args_of(&step, "/l").await.expect_err("refused").message(), "build app: provenance `lots` is not known");
    }
}
