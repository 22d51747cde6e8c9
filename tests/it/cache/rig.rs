//! A repository whose image takes a while to build, and BuildKit daemons that know nothing yet.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

pub use crate::buildx::bench::Buildkitd as Daemon;
use crate::support::{Sf, path_with_components};

/// Each RUN does something; the first takes the time that a cache saves.
const DOCKERFILE: &str = "FROM scratch
COPY busybox /bin/busybox
SHELL [\"/bin/busybox\", \"sh\", \"-c\"]
ARG SALT=none
RUN /bin/busybox sleep 3 && echo \"$SALT\" >/salt
RUN echo one >/one
RUN echo two >/two
RUN echo three >/three
RUN /bin/busybox sleep 1 && echo four >/four
";

/// Steps of it that BuildKit runs or finds.
pub const STEPS: u64 = 6;

/// A workspace of the repository `name`, whose config is `config` below one build `app`.
pub fn repository(name: &str, config: &str) -> Sf {
    let busybox = std::fs::read("/bin/busybox").expect("a static busybox: scripts/components install busybox");
    let path = path_with_components().into_string().expect("PATH is text");
    let salt = format!("version: 1\nbuilds: {{ app: {{ kind: docker, builder: buildx, build_args: {{ SALT: {name} }} }} }}\n");
    let sf = Sf::new()
        .file("Dockerfile", DOCKERFILE)
        .file("busybox", busybox)
        .file(".stagefreight.yml", salt + config)
        .env("PATH", &path)
        .env("SF_CI_REPO_URL", &format!("https://forge.example/lab/{name}"));
    std::fs::set_permissions(sf.path().join("busybox"), std::fs::Permissions::from_mode(0o755)).expect("mode");
    sf.git()
}

/// Performs on a daemon, building again whatever was built.
pub fn perform(sf: &Sf, daemon: &Daemon, arguments: &[&str]) -> Value {
    let all = [&["perform", "--rebuild", "--output", "json", "-v"], arguments].concat();
    let output = sf.command(&all).env("BUILDKIT_HOST", &daemon.address).output();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "stdout:\n{stdout}\nstderr:\n{stderr}");
    let mut document: Value = serde_json::from_str(&stdout).expect("JSON");
    document["stderr"] = stderr.into_owned().into();
    document
}

/// The cache of the only artifact.
pub fn cache(document: &Value) -> &Value {
    &document["artifacts"][0]["cache"]
}

/// Steps found, of a hundred.
pub fn share(document: &Value) -> u64 {
    let cache = cache(document);
    assert_eq!(cache["steps"], STEPS, "{document:#}");
    cache["cached"].as_u64().expect("a number") * 100 / STEPS
}
