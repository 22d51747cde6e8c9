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
    /// How each artifact came to be.
    pub const BUILDS: &str = ".stagefreight/builds.json";
    /// Why the last perform failed; absent when it did not.
    pub const FAILURE: &str = ".stagefreight/failure-detail.json";
    /// Platforms built alone, to be joined with those of other jobs: one file per part.
    pub const PARTS: &str = ".stagefreight/parts";
    /// What the builds found in their caches, and how long their steps took.
    pub const CACHE: &str = ".stagefreight/cache.json";
    /// Review's verdict.
    pub const REVIEW: &str = ".stagefreight/review.json";
    /// What is where after publish.
    pub const PLACEMENTS: &str = ".stagefreight/placements.json";
    /// Append-only attempts, one file per run and job.
    pub const JOURNAL: &str = ".stagefreight/journal";
    /// The content store (spec/manifest.md §9).
    pub const OBJECTS: &str = ".stagefreight/objects";
    /// Built programs and archives.
    pub const DIST: &str = ".stagefreight/dist";
    /// Digests of the archives, in the form of `sha256sum`.
    pub const SUMS: &str = ".stagefreight/dist/SHA256SUMS";
    /// Files that are made for releases alone: lists of digests, one directory per repository.
    pub const RELEASE: &str = ".stagefreight/release";
    /// Where builds write before their files are complete.
    pub const MAKING: &str = ".stagefreight/making";
    /// Data of embedded registries and forges.
    pub const REHEARSAL: &str = ".stagefreight/rehearsal";
    /// Which adapters remotes may run, by digest. It is committed with the sources.
    pub const REMOTE_LOCK: &str = "stagefreight.lock.yaml";
    /// Adapters that were fetched, by digest.
    pub const ADAPTERS: &str = ".stagefreight/adapters";
    /// Adapters of the project, found by their name.
    pub const PROJECT_BIN: &str = ".stagefreight/bin";
    /// Records of pushes and pulls.
    pub const RECEIPTS: &str = ".stagefreight/receipts";
    /// Held by the one publisher of a workspace.
    pub const LOCK: &str = ".stagefreight/publish.lock";
    /// The builder that images were built with (spec/build.md B.4).
    pub const BUILDER: &str = ".stagefreight/runtime/docker/builder.json";
}

/// Files that are added to releases.
pub mod release {
    /// Digests of everything a release has, in the form of `sha256sum`.
    pub const SUMS: &str = "SHA256SUMS";
    /// References and digests of the images that are published with it.
    pub const IMAGES: &str = "image-digests.txt";
    /// Script that installs what it has.
    pub const INSTALL: &str = "install.sh";
    /// What review verified of it.
    pub const VERIFICATION: &str = "verification.json";
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

/// Annotations on manifests of caches we wrote.
pub mod annotation {
    /// When the cache was written, RFC 3339.
    pub const CACHE_WRITTEN: &str = "org.stagefreight.cache.written";
    /// Id of the repository that wrote it.
    pub const CACHE_REPOSITORY: &str = "org.stagefreight.cache.repository";
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
    DOCKER_CONTEXT = "DOCKER_CONTEXT", false, "Docker context whose engine builds.";
    DOCKER_CERT_PATH = "DOCKER_CERT_PATH", false, "Client certificates for `DOCKER_HOST`.";
    DOCKER_TLS_VERIFY = "DOCKER_TLS_VERIFY", false, "Whether the Docker engine's certificate is checked.";
    SSH_AUTH_SOCK = "SSH_AUTH_SOCK", false, "SSH agent, for an engine at `ssh://`.";
    BUILDKIT_HOST = "BUILDKIT_HOST", false, "Endpoint of a BuildKit daemon.";
    BUILDKIT_CERT_PATH = "BUILDKIT_CERT_PATH", false, "Directory of `ca.pem`, `cert.pem` and `key.pem` for `BUILDKIT_HOST`; by default `/buildkit-certs` where it exists.";
    CONTAINER_HOST = "CONTAINER_HOST", false, "Endpoint of Podman's API.";
    KUBECONFIG = "KUBECONFIG", false, "Cluster whose pods build, for `builder.backend: kubernetes`.";
    KUBERNETES_SERVICE_HOST = "KUBERNETES_SERVICE_HOST", false, "Set in pods: the cluster whose pods build.";
    XDG_CACHE_HOME = "XDG_CACHE_HOME", false, "Where locks of builders and caches of private BuildKit daemons are kept, below `stagefreight`.";
    BUILDX_CONFIG = "BUILDX_CONFIG", false, "Directory of buildx state.";
    ACTIONS_CACHE_URL = "ACTIONS_CACHE_URL", false, "GitHub's cache service, for `build_cache.external.type: gha`; handed to BuildKit's client with the following three.";
    ACTIONS_RESULTS_URL = "ACTIONS_RESULTS_URL", false, "GitHub's cache service, version 2.";
    ACTIONS_CACHE_SERVICE_V2 = "ACTIONS_CACHE_SERVICE_V2", false, "Whether GitHub's cache service has version 2.";
    ACTIONS_RUNTIME_TOKEN = "ACTIONS_RUNTIME_TOKEN", true, "Token of GitHub's cache service.";
    AWS_ACCESS_KEY_ID = "AWS_ACCESS_KEY_ID", false, "Key of the identity Amazon ECR gives a token to, and of the bucket of `build_cache.external.type: s3`; handed to BuildKit's client with the other AWS variables.";
    AWS_SECRET_ACCESS_KEY = "AWS_SECRET_ACCESS_KEY", true, "Secret of AWS_ACCESS_KEY_ID.";
    AWS_SESSION_TOKEN = "AWS_SESSION_TOKEN", true, "Session token of temporary AWS credentials.";
    AWS_REGION = "AWS_REGION", false, "Region of AWS.";
    AWS_DEFAULT_REGION = "AWS_DEFAULT_REGION", false, "Region of AWS where AWS_REGION is not set.";
    AWS_PROFILE = "AWS_PROFILE", false, "Profile of AWS's own configuration files.";
    AWS_ROLE_ARN = "AWS_ROLE_ARN", false, "Role to take on with AWS_WEB_IDENTITY_TOKEN_FILE.";
    AWS_WEB_IDENTITY_TOKEN_FILE = "AWS_WEB_IDENTITY_TOKEN_FILE", false, "File with the job's identity token for AWS.";
    XDG_DATA_HOME = "XDG_DATA_HOME", false, "Where adapters of this user are looked for by name, below `stagefreight/bin`.";
    STAGEFREIGHT_STRICT = "STAGEFREIGHT_STRICT", false, "`true` refuses adapters that are not pinned and answers that are not complete, whatever options say.";
    SSL_CERT_FILE = "SSL_CERT_FILE", false, "Additional certificate authorities (PEM).";
    HTTP_PROXY = "HTTP_PROXY", false, "Proxy for http.";
    HTTPS_PROXY = "HTTPS_PROXY", false, "Proxy for https.";
    NO_PROXY = "NO_PROXY", false, "Hosts that are reached without the proxy.";
    GITHUB_ACTIONS = "GITHUB_ACTIONS", false, "`true` on GitHub, Gitea and Forgejo Actions: log groups, outputs, job summary.";
    GITLAB_CI = "GITLAB_CI", false, "`true` on GitLab CI: log sections.";
    TF_BUILD = "TF_BUILD", false, "`True` on Azure Pipelines: log groups, annotations.";
    GITHUB_OUTPUT = "GITHUB_OUTPUT", false, "File that step outputs are appended to.";
    GITHUB_STEP_SUMMARY = "GITHUB_STEP_SUMMARY", false, "File the job summary is appended to.";
    GITHUB_TOKEN = "GITHUB_TOKEN", true, "GitHub's job token: the default credential of ghcr.io, with GITHUB_ACTOR.";
    GH_TOKEN = "GH_TOKEN", true, "Token for github.com where GITHUB_TOKEN is not set, as its command line tool reads it.";
    GITLAB_TOKEN = "GITLAB_TOKEN", true, "Token for a GitLab (scope api), where no job token is at hand.";
    GITEA_TOKEN = "GITEA_TOKEN", true, "Token for a Gitea (write:repository, write:package).";
    FORGEJO_TOKEN = "FORGEJO_TOKEN", true, "Token for a Forgejo (write:repository, write:package).";
    GITHUB_ACTOR = "GITHUB_ACTOR", false, "User that goes with GITHUB_TOKEN.";
    CI_REGISTRY = "CI_REGISTRY", false, "Host of GitLab's own registry; the following three are its default credentials.";
    CI_REGISTRY_USER = "CI_REGISTRY_USER", false, "User of GitLab's own registry.";
    CI_REGISTRY_PASSWORD = "CI_REGISTRY_PASSWORD", true, "Password of GitLab's own registry.";
    CI_JOB_TOKEN = "CI_JOB_TOKEN", true, "GitLab's job token, used where CI_REGISTRY_PASSWORD is not set.";
    AWS_ROLE_SESSION_NAME = "AWS_ROLE_SESSION_NAME", false, "Name of that session in AWS's logs; `stagefreight` when not set.";
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", false, "Where a container of ECS gets its keys.";
    AWS_CONTAINER_CREDENTIALS_FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI", false, "Where other containers get their keys.";
    AWS_CONTAINER_AUTHORIZATION_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN", true, "What such a service wants to see.";
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", false, "File with the same.";
    AWS_EC2_METADATA_DISABLED = "AWS_EC2_METADATA_DISABLED", false, "`true`: the metadata service of an EC2 instance is not asked.";
    AWS_EC2_METADATA_SERVICE_ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT", false, "Another address of it, on this machine or its link.";
    AWS_ENDPOINT_URL = "AWS_ENDPOINT_URL", false, "Another endpoint of AWS; AWS_ENDPOINT_URL_ECR, _ECR_PUBLIC and _STS for one service.";
    GOOGLE_APPLICATION_CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS", false, "Credentials file for Google's registries.";
    GCE_METADATA_HOST = "GCE_METADATA_HOST", false, "Metadata server that gives a token for Google's registries.";
    AZURE_TENANT_ID = "AZURE_TENANT_ID", false, "Tenant of the identity for Azure's registries; with AZURE_CLIENT_ID.";
    AZURE_CLIENT_ID = "AZURE_CLIENT_ID", false, "Application of that identity.";
    AZURE_CLIENT_SECRET = "AZURE_CLIENT_SECRET", true, "Its secret.";
    AZURE_FEDERATED_TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE", false, "Token file that stands for the secret.";
    AZURE_AUTHORITY_HOST = "AZURE_AUTHORITY_HOST", false, "Another endpoint of Microsoft Entra ID.";
    ACTIONS_ID_TOKEN_REQUEST_URL = "ACTIONS_ID_TOKEN_REQUEST_URL", false, "GitHub's identity service, in jobs with `id-token: write`.";
    ACTIONS_ID_TOKEN_REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN", true, "What it wants to see.";
    ADAPTER_HERMETIC = "EPACK_ADAPTER_HERMETIC", false, "`true`: our remote adapters answer every request in form, keep nothing and reach nothing. For conformance tools; hosts never pass it on.";
    REMOTE_FS_ROOT = "REMOTE_FS_ROOT", false, "Directory of `epack-remote-fs`, where the config says no `root`.";
    REMOTE_FS_VERIFY = "REMOTE_FS_VERIFY", false, "`digest`: `epack-remote-fs` hashes what arrived; `size`, the default, leaves that to hosts that do.";
    REMOTE_S3_BUCKET = "REMOTE_S3_BUCKET", false, "Bucket of `epack-remote-s3`, where the config says no `bucket`.";
    REMOTE_S3_PREFIX = "REMOTE_S3_PREFIX", false, "Prefix of its keys, where the config says no `prefix`.";
    REMOTE_OCI_REPOSITORY = "REMOTE_OCI_REPOSITORY", false, "Repository of `epack-remote-oci`, where the config says no `repository`.";
    REMOTE_OCI_PLAIN_HTTP = "REMOTE_OCI_PLAIN_HTTP", false, "`true`: that registry speaks plain http.";
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

/// Variables adapters of remotes get from us.
pub mod adapter_env {
    /// Version of the protocol.
    pub const PROTOCOL_VERSION: &str = "EPACK_REMOTE_PROTOCOL_VERSION";
    /// Address to talk to, where the config names one.
    pub const ENDPOINT: &str = "EPACK_REMOTE_ENDPOINT";
    /// Address to log in at, where the config names one.
    pub const AUTH_ENDPOINT: &str = "EPACK_REMOTE_AUTH_ENDPOINT";
}

/// Variables CI systems set, one constant each. Only the `ci` room reads them; everybody else takes its
/// `PipelineContext`.
pub mod ci_env {
    /// GitLab: `true` in a job.
    pub const GITLAB_CI: &str = "GITLAB_CI";
    /// GitLab: `push`, `web`, `merge_request_event`, …
    pub const CI_PIPELINE_SOURCE: &str = "CI_PIPELINE_SOURCE";
    /// GitLab, Woodpecker: the branch (Woodpecker: the target branch of a pull request).
    pub const CI_COMMIT_BRANCH: &str = "CI_COMMIT_BRANCH";
    /// GitLab, Woodpecker: the tag, on tag pipelines.
    pub const CI_COMMIT_TAG: &str = "CI_COMMIT_TAG";
    /// GitLab, Woodpecker: full commit id.
    pub const CI_COMMIT_SHA: &str = "CI_COMMIT_SHA";
    /// GitLab: default branch of the project.
    pub const CI_DEFAULT_BRANCH: &str = "CI_DEFAULT_BRANCH";
    /// GitLab: `group/project`.
    pub const CI_PROJECT_PATH: &str = "CI_PROJECT_PATH";
    /// GitLab: address of the host.
    pub const CI_SERVER_URL: &str = "CI_SERVER_URL";
    /// GitLab: web address of the project.
    pub const CI_PROJECT_URL: &str = "CI_PROJECT_URL";
    /// GitLab: where the repository is checked out.
    pub const CI_PROJECT_DIR: &str = "CI_PROJECT_DIR";
    /// GitLab, Woodpecker: web address of the pipeline.
    pub const CI_PIPELINE_URL: &str = "CI_PIPELINE_URL";
    /// GitLab: id of the pipeline.
    pub const CI_PIPELINE_ID: &str = "CI_PIPELINE_ID";
    /// GitLab: id of the job.
    pub const CI_JOB_ID: &str = "CI_JOB_ID";
    /// GitLab: number of the merge request within its project.
    pub const CI_MERGE_REQUEST_IID: &str = "CI_MERGE_REQUEST_IID";
    /// GitLab: branch the changes come from.
    pub const CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: &str = "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME";
    /// GitLab: branch the changes shall go to.
    pub const CI_MERGE_REQUEST_TARGET_BRANCH_NAME: &str = "CI_MERGE_REQUEST_TARGET_BRANCH_NAME";
    /// GitLab: id of the project the changes come from.
    pub const CI_MERGE_REQUEST_SOURCE_PROJECT_ID: &str = "CI_MERGE_REQUEST_SOURCE_PROJECT_ID";
    /// GitLab: id of the project the changes shall go to.
    pub const CI_MERGE_REQUEST_PROJECT_ID: &str = "CI_MERGE_REQUEST_PROJECT_ID";
    /// GitLab: number of the pull request at an external host.
    pub const CI_EXTERNAL_PULL_REQUEST_IID: &str = "CI_EXTERNAL_PULL_REQUEST_IID";
    /// GitLab: branch the changes of an external pull request come from.
    pub const CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME: &str = "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME";
    /// GitLab: branch the changes of an external pull request shall go to.
    pub const CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME: &str = "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME";
    /// GitLab: repository the changes of an external pull request come from.
    pub const CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY: &str = "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY";
    /// GitLab: repository the changes of an external pull request shall go to.
    pub const CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY: &str = "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY";
    /// Actions of GitHub, Gitea and Forgejo: `true` in a job.
    pub const GITHUB_ACTIONS: &str = "GITHUB_ACTIONS";
    /// Gitea's runner: `true` in a job.
    pub const GITEA_ACTIONS: &str = "GITEA_ACTIONS";
    /// Forgejo's runner: `true` in a job.
    pub const FORGEJO_ACTIONS: &str = "FORGEJO_ACTIONS";
    /// Actions: `push`, `pull_request`, `workflow_dispatch`, …
    pub const GITHUB_EVENT_NAME: &str = "GITHUB_EVENT_NAME";
    /// Actions: file with the webhook's payload.
    pub const GITHUB_EVENT_PATH: &str = "GITHUB_EVENT_PATH";
    /// Actions: `refs/heads/…`, `refs/tags/…` or `refs/pull/N/merge`.
    pub const GITHUB_REF: &str = "GITHUB_REF";
    /// Actions: the ref without its prefix.
    pub const GITHUB_REF_NAME: &str = "GITHUB_REF_NAME";
    /// Actions: `branch` or `tag`.
    pub const GITHUB_REF_TYPE: &str = "GITHUB_REF_TYPE";
    /// Actions: branch a pull request comes from.
    pub const GITHUB_HEAD_REF: &str = "GITHUB_HEAD_REF";
    /// Actions: branch a pull request shall go to.
    pub const GITHUB_BASE_REF: &str = "GITHUB_BASE_REF";
    /// Actions: full commit id.
    pub const GITHUB_SHA: &str = "GITHUB_SHA";
    /// Actions: address of the host.
    pub const GITHUB_SERVER_URL: &str = "GITHUB_SERVER_URL";
    /// Actions: `owner/name`.
    pub const GITHUB_REPOSITORY: &str = "GITHUB_REPOSITORY";
    /// Actions: id of the run, the same for all its jobs and attempts.
    pub const GITHUB_RUN_ID: &str = "GITHUB_RUN_ID";
    /// Actions: number of the run within its repository.
    pub const GITHUB_RUN_NUMBER: &str = "GITHUB_RUN_NUMBER";
    /// Actions: attempt of the run, from 1.
    pub const GITHUB_RUN_ATTEMPT: &str = "GITHUB_RUN_ATTEMPT";
    /// Actions: id of the job in the workflow file.
    pub const GITHUB_JOB: &str = "GITHUB_JOB";
    /// Actions: name of the runner.
    pub const RUNNER_NAME: &str = "RUNNER_NAME";
    /// GitLab: name of the runner.
    pub const CI_RUNNER_DESCRIPTION: &str = "CI_RUNNER_DESCRIPTION";
    /// Actions: where the repository is checked out.
    pub const GITHUB_WORKSPACE: &str = "GITHUB_WORKSPACE";
    /// Woodpecker: `woodpecker`.
    pub const CI_SYSTEM_NAME: &str = "CI_SYSTEM_NAME";
    /// Woodpecker: `push`, `pull_request`, `tag`, `cron`, …
    pub const CI_PIPELINE_EVENT: &str = "CI_PIPELINE_EVENT";
    /// Woodpecker: `refs/heads/…`, `refs/tags/…`, `refs/pull/N/head`.
    pub const CI_COMMIT_REF: &str = "CI_COMMIT_REF";
    /// Woodpecker: number of the pull request.
    pub const CI_COMMIT_PULL_REQUEST: &str = "CI_COMMIT_PULL_REQUEST";
    /// Woodpecker: branch a pull request comes from.
    pub const CI_COMMIT_SOURCE_BRANCH: &str = "CI_COMMIT_SOURCE_BRANCH";
    /// Woodpecker: branch a pull request shall go to.
    pub const CI_COMMIT_TARGET_BRANCH: &str = "CI_COMMIT_TARGET_BRANCH";
    /// Woodpecker: `owner/name`.
    pub const CI_REPO: &str = "CI_REPO";
    /// Woodpecker: web address of the repository.
    pub const CI_REPO_URL: &str = "CI_REPO_URL";
    /// Woodpecker: default branch.
    pub const CI_REPO_DEFAULT_BRANCH: &str = "CI_REPO_DEFAULT_BRANCH";
    /// Woodpecker: number of the pipeline within its repository.
    pub const CI_PIPELINE_NUMBER: &str = "CI_PIPELINE_NUMBER";
    /// Woodpecker: name of the workflow.
    pub const CI_WORKFLOW_NAME: &str = "CI_WORKFLOW_NAME";
    /// Woodpecker: name of the step.
    pub const CI_STEP_NAME: &str = "CI_STEP_NAME";
    /// Woodpecker: where the repository is checked out.
    pub const CI_WORKSPACE: &str = "CI_WORKSPACE";
}
