//! What a build can be given, through each tool.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use stagefreight::build::{Login, Logins};
use stagefreight::config::SecretSource;
use stagefreight::core::{BoxFuture, Secret};
use stagefreight::error::Result;
use tokio_util::sync::CancellationToken;

use super::rig::{ALL, By, Given, solve, solve_given};
use crate::buildx::bench::{Bench, Buildkitd, EPOCH, host, manifest, step, told, tree};
use crate::support::{Registry, USER, component};

#[tokio::test]
async fn secrets_reach_the_step_and_nothing_else() {
    let daemon = Buildkitd::start();
    for by in ALL {
        let run = "RUN --mount=type=secret,id=env --mount=type=secret,id=file cat /run/secrets/env /run/secrets/file && \
                   wc -c </run/secrets/env >/length && exit $(cat fails)\n";
        let bench =
            Bench::with_busybox(&format!("COPY fails /\n{run}")).env("NPM", "value-of-the-environment").env("DOCKER_AUTH", "not-this");
        bench.file("secret.txt", "token=value-of-the-file\n");
        let mut step = host();
        step.buildkit.no_cache = true;
        step.buildkit.secrets = vec![
            SecretSource { id: "env".into(), env: Some("NPM".into()), src: None },
            SecretSource { id: "file".into(), env: None, src: Some("secret.txt".into()) },
        ];
        for fails in ["0", "3"] {
            bench.file("fails", fails);
            let result = solve(by, &daemon, &bench, &step).await;
            let text = match result {
                Ok(solved) => {
                    let files = tree(&solved.layout, &manifest(&solved.layout, &solved.digest));
                    assert_eq!(files["length"].1, b"24\n", "{by:?}");
                    std::fs::remove_dir_all(solved.layout).expect("layout");
                    assert_eq!(fails, "0");
                    String::new()
                }
                Err(error) => {
                    assert_eq!(fails, "3", "{by:?}: {error:?}");
                    told(&error)
                }
            };
            let shown = text + &bench.shown();
            assert!(!shown.contains("value-of-the"), "{by:?}: {shown}");
            assert!(shown.contains("***"), "{by:?}: the masked output is shown: {shown}");
        }
    }
}

#[tokio::test]
async fn contexts_are_directories_layouts_and_other_builds() {
    let daemon = Buildkitd::start();
    let bench = Bench::with_busybox("RUN echo of-the-base >/base-file\n");
    bench.file("lib/one", "of-the-lib");
    let base = solve(By::Buildx, &daemon, &bench, &stagefreight::plan::BuildStep { id: "base".into(), ..host() }).await.expect("base");
    let vendored = bench.ws().join("vendored");
    let copied = Command::new("cp").arg("-r").arg(&base.layout).arg(&vendored).status().expect("cp");
    assert!(copied.success());
    bench.file(
        "Dockerfile",
        "FROM base\nCOPY --from=lib one /one\nCOPY --from=vendored /base-file /again\nRUN cat /base-file /one >/both\n",
    );
    for by in ALL {
        let mut step = host();
        step.buildkit.contexts = [("base", "build:base"), ("lib", "lib"), ("vendored", "oci-layout://vendored")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let given =
            Given { contexts: BTreeMap::from([("base".to_owned(), (base.layout.clone(), base.digest.clone()))]), ..Given::default() };
        let solved = solve_given(by, &daemon, &bench, &step, given).await.unwrap_or_else(|error| panic!("{by:?}: {}", told(&error)));
        let files = tree(&solved.layout, &manifest(&solved.layout, &solved.digest));
        assert_eq!(files["both"].1, b"of-the-base\nof-the-lib", "{by:?}");
        assert_eq!(files["again"].1, b"of-the-base\n", "{by:?}");
        let digest = base.digest.to_string();
        assert_eq!(solved.bases, [("build:base".to_owned(), digest.clone()), ("oci-layout://vendored".to_owned(), digest)], "{by:?}");
    }
}

#[tokio::test]
async fn limits_hosts_and_the_network_are_as_asked() {
    let daemon = Buildkitd::start();
    for by in ALL {
        let bench = Bench::with_busybox(
            "RUN ulimit -n >/files; cat /etc/hosts >/hosts; df -k /dev/shm | tail -n1 >/shm; ls /sys/class/net >/net\n",
        );
        let mut step = host();
        step.buildkit.ulimits = vec!["nofile=333".into()];
        step.buildkit.add_hosts = vec!["build.example:10.1.2.3".into()];
        step.buildkit.shm_size = Some(8 << 20);
        step.buildkit.network = Some("none".into());
        step.buildkit.no_cache = true;
        let solved = solve(by, &daemon, &bench, &step).await.unwrap_or_else(|error| panic!("{by:?}: {}", told(&error)));
        let files = tree(&solved.layout, &manifest(&solved.layout, &solved.digest));
        let text = |name: &str| String::from_utf8_lossy(&files[name].1).into_owned();
        assert_eq!(text("files"), "333\n", "{by:?}");
        assert!(text("hosts").contains("10.1.2.3\tbuild.example"), "{by:?}: {}", text("hosts"));
        assert!(text("shm").contains(" 8192 "), "{by:?}: {}", text("shm"));
        assert_eq!(text("net"), "lo\n", "{by:?}");
    }
}

#[tokio::test]
async fn no_cache_builds_again_what_it_names() {
    let daemon = Buildkitd::start();
    for by in [By::Buildx, By::Buildctl] {
        let bench = Bench::with_busybox("RUN echo a >/a\nFROM scratch\nCOPY --from=0 /a /a\nCOPY busybox /b\n");
        let dockerfile = std::fs::read_to_string(bench.ws().join("Dockerfile")).expect("Dockerfile");
        bench.file("Dockerfile", dockerfile.replacen("FROM scratch", "FROM scratch AS first", 1));
        let mut step = host();
        let ran = |solved: stagefreight::build::solve::Solved| {
            let mut ran: Vec<String> = solved.work.steps.into_iter().filter(|step| step.ran.is_some()).map(|step| step.name).collect();
            ran.sort();
            std::fs::remove_dir_all(solved.layout).expect("layout");
            ran
        };
        let build = async |step: &_| ran(solve(by, &daemon, &bench, step).await.unwrap_or_else(|error| panic!("{}", told(&error))));
        build(&step).await;
        assert_eq!(build(&step).await, Vec::<String>::new(), "{by:?}: everything is cached");
        step.buildkit.no_cache_stages = vec!["first".into()];
        assert!(build(&step).await.iter().any(|name| name.contains("RUN echo a")), "{by:?}");
        step.buildkit.no_cache_stages.clear();
        step.buildkit.no_cache = true;
        assert_eq!(build(&step).await.len(), 4, "{by:?}");
    }
}

#[tokio::test]
async fn an_agent_is_forwarded_and_a_missing_one_is_named() {
    let daemon = Buildkitd::start();
    let dir = tempfile::tempdir().expect("dir");
    let socket = dir.path().join("agent");
    let mut agent =
        Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(std::process::Stdio::null()).spawn().expect("ssh-agent");
    while !socket.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for by in ALL {
        let bench = Bench::with_busybox("RUN --mount=type=ssh test -S \"$SSH_AUTH_SOCK\"\n");
        let mut step = host();
        step.buildkit.ssh = vec!["default".into()];
        step.buildkit.no_cache = true;
        let error = solve(by, &daemon, &bench, &step).await.expect_err("there is no agent");
        assert_eq!(
            (error.kind(), error.message()),
            (stagefreight::error::Kind::Missing, "build app: ssh `default` needs an agent, and SSH_AUTH_SOCK is not set")
        );
        let bench = bench.env("SSH_AUTH_SOCK", socket.display().to_string());
        solve(by, &daemon, &bench, &step).await.unwrap_or_else(|error| panic!("{by:?}: {}", told(&error)));
    }
    agent.kill().expect("ended");
    agent.wait().expect("reaped");
}

#[derive(Debug)]
struct Known(String);

impl Logins for Known {
    fn login<'a>(&'a self, host: &'a str, _: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Login>>> {
        let login = (host == self.0).then(|| Login::Basic { user: USER.0.into(), secret: Secret::new(USER.1) });
        Box::pin(async { Ok(login) })
    }
}

#[tokio::test]
async fn a_private_base_image_is_read_with_the_registrys_credentials() {
    let daemon = Buildkitd::start();
    let registry = Registry::v2(true);
    let bench = Bench::with_busybox("RUN echo private >/private\n");
    let base = solve(By::Buildx, &daemon, &bench, &stagefreight::plan::BuildStep { id: "base".into(), ..host() }).await.expect("base");
    let config = bench.dir.path().join("crane");
    let crane = |args: &[&str]| {
        let done = Command::new(component("crane", "crane")).args(args).env("DOCKER_CONFIG", &config).output().expect("crane runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    crane(&["auth", "login", &registry.host, "-u", USER.0, "-p", USER.1]);
    let reference = format!("{}/acme/base:1", registry.host);
    crane(&["push", &base.layout.display().to_string(), &reference]);
    bench.file("Dockerfile", format!("ARG BASE={reference}\nFROM $BASE\nRUN cat /private\n"));
    for by in ALL {
        let mut step = host();
        step.buildkit.no_cache = true;
        step.buildkit.pull = true;
        let given = Given { logins: Some(Arc::new(Known(registry.host.clone()))), ..Given::default() };
        let solved = solve_given(by, &daemon, &bench, &step, given).await.unwrap_or_else(|error| panic!("{by:?}: {}", told(&error)));
        assert_eq!(solved.bases, [(reference.clone(), base.digest.to_string())], "{by:?}");
        let shown = bench.shown();
        assert!(!shown.contains(USER.1), "{by:?}");
    }
    // Another daemon has nothing of it in its cache.
    let (daemon, step) = (Buildkitd::start(), host());
    let stranger = Bench::new(&format!("FROM {reference}\nCOPY Dockerfile /\n"));
    let error = solve(By::Buildx, &daemon, &stranger, &step).await.expect_err("no credentials");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("credentials")), "{error:?}");
}

#[tokio::test]
async fn annotations_reach_manifests_and_the_index() {
    let daemon = Buildkitd::start();
    for by in [By::Buildx, By::Buildctl] {
        let bench = Bench::new("FROM scratch\nCOPY Dockerfile /\n");
        let mut step = step(&["linux/amd64", "linux/arm64"]);
        step.buildkit.annotations = [("index:i", "1"), ("manifest[linux/arm64]:m", "2"), ("both", "3")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let solved = solve(by, &daemon, &bench, &step).await.unwrap_or_else(|error| panic!("{by:?}: {}", told(&error)));
        let index = manifest(&solved.layout, &solved.digest);
        let told: Vec<BTreeMap<String, String>> = std::iter::once(index.annotations.clone())
            .chain(index.manifests.iter().map(|entry| manifest(&solved.layout, &entry.digest).annotations))
            .map(|all| all.into_iter().filter(|(key, _)| !key.starts_with("org.")).collect())
            .collect();
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
        assert_eq!(told, [map(&[("i", "1")]), map(&[("both", "3")]), map(&[("both", "3"), ("m", "2")])], "{by:?} at {EPOCH}");
    }
}
