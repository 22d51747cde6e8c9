//! Every environment variable, file path, label and header we read or write, as one documented constant each.

/// Files and directories below the workspace. All paths are relative and use `/`.
pub mod path {
    /// The config file.
    pub const CONFIG: &str = ".stagefreight.yml";
    /// The only directory that travels between jobs.
    pub const ROOT: &str = ".stagefreight";
    /// The outputs manifest (spec/manifest.md §1).
    pub const OUTPUTS: &str = ".stagefreight/outputs.json";
    /// The results manifest (spec/manifest.md §1).
    pub const RESULTS: &str = ".stagefreight/published.json";
    /// The plan perform executed.
    pub const PLAN: &str = ".stagefreight/plan.json";
    /// Every destination with its artifact, policy and credential name.
    pub const DESTINATIONS: &str = ".stagefreight/destinations.json";
    /// Review's verdict.
    pub const REVIEW: &str = ".stagefreight/review.json";
    /// What is where after publish.
    pub const PLACEMENTS: &str = ".stagefreight/placements.json";
    /// Append-only attempts, one file per run and job.
    pub const JOURNAL: &str = ".stagefreight/journal";
    /// The content store (spec/manifest.md §9).
    pub const OBJECTS: &str = ".stagefreight/objects";
    /// Data of embedded registries and forges.
    pub const REHEARSAL: &str = ".stagefreight/rehearsal";
    /// Held by the one publisher of a workspace.
    pub const LOCK: &str = ".stagefreight/publish.lock";
}

/// Labels on images we build.
pub mod label {
    /// Commit the image was built from (OCI annotations).
    pub const REVISION: &str = "org.opencontainers.image.revision";
    /// Version of the image's contents.
    pub const VERSION: &str = "org.opencontainers.image.version";
    /// When the sources were committed: `SOURCE_DATE_EPOCH` as RFC 3339, so that it is the same on every build.
    pub const CREATED: &str = "org.opencontainers.image.created";
    /// Where the sources are.
    pub const SOURCE: &str = "org.opencontainers.image.source";
    /// SHA-256 of the build's part of the plan (spec/build.md K.2, K.3).
    pub const PLAN: &str = "org.stagefreight.plan.sha256";
    /// How the image was built (spec/build.md K.2).
    pub const BUILD_MODE: &str = "org.stagefreight.build.mode";
}

/// An environment variable we read.
#[derive(Debug, Clone, Copy)]
pub struct EnvVar {
    /// Its name.
    pub name: &'static str,
    /// What it does, one line.
    pub doc: &'static str,
    /// Its value must never be printed.
    pub secret: bool,
}

macro_rules! env_vars {
    ($($ident:ident = $name:literal, $secret:literal, $doc:literal;)*) => {
        /// Environment variables, one constant each.
        pub mod env {
            $(#[doc = $doc] pub const $ident: &str = $name;)*

            /// All of them, for the generated documentation and the redactor.
            pub const ALL: &[super::EnvVar] = &[$(super::EnvVar { name: $name, doc: $doc, secret: $secret },)*];
        }
    };
}

env_vars! {
    NO_COLOR = "NO_COLOR", false, "No colour on any output (no-color.org).";
    TERM = "TERM", false, "`dumb` switches colour and progress bars off.";
    CI = "CI", false, "`true` in any CI: plain timestamped lines instead of progress bars.";
    COLUMNS = "COLUMNS", false, "Width of the terminal, when it cannot be asked.";
    HOME = "HOME", false, "Where `.docker/config.json` is looked for.";
    PATH = "PATH", false, "Where `git`, `docker` and `buildx` are looked for.";
    TMPDIR = "TMPDIR", false, "Where private scratch (credentials, build contexts) is made; never below the workspace.";
    SOURCE_DATE_EPOCH = "SOURCE_DATE_EPOCH", false, "Overrides the commit time as the time stamped into images (seconds since 1970).";
    STAGEFREIGHT_LOG = "STAGEFREIGHT_LOG", false, "`requests` prints every outbound HTTP request to standard error.";
    DOCKER_CONFIG = "DOCKER_CONFIG", false, "Directory of the docker `config.json` with registry credentials.";
    REGISTRY_AUTH_FILE = "REGISTRY_AUTH_FILE", false, "Podman's credentials file.";
    XDG_RUNTIME_DIR = "XDG_RUNTIME_DIR", false, "Where Podman keeps `containers/auth.json`.";
    DOCKER_HOST = "DOCKER_HOST", false, "Endpoint of the Docker engine.";
    BUILDKIT_HOST = "BUILDKIT_HOST", false, "Endpoint of a BuildKit daemon.";
    BUILDX_CONFIG = "BUILDX_CONFIG", false, "Directory of buildx state.";
    SSL_CERT_FILE = "SSL_CERT_FILE", false, "Additional certificate authorities (PEM).";
    HTTP_PROXY = "HTTP_PROXY", false, "Proxy for http.";
    HTTPS_PROXY = "HTTPS_PROXY", false, "Proxy for https.";
    NO_PROXY = "NO_PROXY", false, "Hosts that are reached without the proxy.";
    GITHUB_ACTIONS = "GITHUB_ACTIONS", false, "`true` on GitHub, Gitea and Forgejo Actions: log groups, outputs, job summary.";
    GITLAB_CI = "GITLAB_CI", false, "`true` on GitLab CI: log sections.";
    GITHUB_OUTPUT = "GITHUB_OUTPUT", false, "File that step outputs are appended to.";
    GITHUB_STEP_SUMMARY = "GITHUB_STEP_SUMMARY", false, "File the job summary is appended to.";
    SF_CI_PROVIDER = "SF_CI_PROVIDER", false, "Overrides the detected CI provider: gitlab, github, gitea, forgejo, woodpecker, local.";
    SF_CI_EVENT = "SF_CI_EVENT", false, "Overrides the event: push, tag, merge_request, schedule, manual, release.";
    SF_CI_BRANCH = "SF_CI_BRANCH", false, "Overrides the branch.";
    SF_CI_TAG = "SF_CI_TAG", false, "Overrides the git tag.";
    SF_CI_SHA = "SF_CI_SHA", false, "Overrides the commit.";
    SF_CI_DEFAULT_BRANCH = "SF_CI_DEFAULT_BRANCH", false, "Overrides the default branch.";
    SF_CI_REPO_URL = "SF_CI_REPO_URL", false, "Overrides the repository URL.";
    SF_CI_WORKSPACE = "SF_CI_WORKSPACE", false, "Overrides the workspace directory.";
    SF_CI_PIPELINE_ID = "SF_CI_PIPELINE_ID", false, "Overrides the pipeline id.";
}
