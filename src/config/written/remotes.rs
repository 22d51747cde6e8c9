//! `remotes` and `environments`.

use super::{Condition, written};
use crate::config::decode::{IdMap, NameMap, OneOrMany, Scalar};
use crate::config::span::{Spanned, Text};

written! {
    /// A place reached through an adapter. In `environments` every key may stand again and takes the place of this one's.
    Remote {
        /// Where the adapter comes from: `./path`, `https://…` (with `digest`), `oci://host/path:tag`, `github:owner/repo@v1`. Default: found by its name.
        source: Option<Text>,
        /// Digest an adapter at an https address must have.
        digest: Option<Text>,
        /// Name of the adapter: its file is called `epack-remote-NAME`. Default: told by `source`.
        adapter: Option<Text>,
        /// Where at the remote.
        target: Option<RemoteTarget>,
        /// https address the adapter talks to instead of its own.
        endpoint: Option<Text>,
        /// How to log in.
        auth: Option<RemoteAuth>,
        /// Handed to the adapter with every request: bucket, region, prefix and the like.
        config: Option<NameMap<Spanned<Scalar>>>,
        /// Names of variables the adapter gets. It gets no others.
        secrets: Option<Vec<Text>>,
        /// What is said of every release.
        release: Option<RemoteDefaults>,
        /// Records of runs beside what is pushed.
        runs: Option<RemoteRuns>,
        /// What uploads and downloads may do.
        transport: Option<RemoteTransport>,
        /// How long one command of the adapter may take: `90s`, `5m`. Default 5m.
        timeout: Option<Text>,
        /// `false`: a failure of this remote does not fail the run. Default true.
        required: Option<bool>,
    }
}

written! {
    /// Where at the remote.
    RemoteTarget {
        /// Workspace.
        workspace: Option<Text>,
        /// Environment.
        environment: Option<Text>,
    }
}

written! {
    /// How to log in.
    RemoteAuth {
        /// oidc_token, api_key, device_code.
        mode: Option<Text>,
        /// Variable that holds a token, which is handed to the adapter.
        token_env: Option<Text>,
        /// https address to log in at instead of the adapter's own.
        endpoint: Option<Text>,
    }
}

written! {
    /// What is said of every release.
    RemoteDefaults {
        /// Words to find it by.
        labels: Option<Vec<Text>>,
        /// A text for people.
        notes: Option<Text>,
        /// stable, beta, or a word of your own.
        channel: Option<Text>,
        /// Variable that holds the commit, where it is not the CI's own.
        git_sha_env: Option<Text>,
        /// Variable that holds the address of the pipeline, where it is not the CI's own.
        ci_run_url_env: Option<Text>,
    }
}

written! {
    /// Records of runs.
    RemoteRuns {
        /// Hand them over. Default true.
        sync: Option<bool>,
        /// Globs below the directory beside the pack. Default: `tools/**/result.json`, `runs/**/result.json`.
        paths: Option<Vec<Text>>,
        /// A record that is not taken over fails the push. Default false.
        require_success: Option<bool>,
    }
}

written! {
    /// What uploads and downloads may do.
    RemoteTransport {
        /// Directory that `file://` addresses of the adapter must lie in.
        file_root: Option<Text>,
        /// Plain http to this machine. Default false.
        allow_loopback_http: Option<bool>,
        /// The most a pull may weigh: `4GiB`. Default 2GiB.
        max_download: Option<Text>,
    }
}

written! {
    /// What is different in one environment.
    Environment {
        /// Remotes by id; only what differs.
        remotes: Option<IdMap<Remote>>,
    }
}

written! {
    /// Built files at remotes.
    RemotePublish {
        /// Build whose files are published.
        build: Text,
        /// One remote id, or a list.
        remote: OneOrMany<Text>,
        /// Name of `environments`.
        environment: Option<Text>,
        /// Stream the files belong to. A template. Default: `{project}`.
        stream: Option<Text>,
        /// Version of the release. A template. Default: `{version}`.
        version: Option<Text>,
        /// Labels after those of the remote. Templates.
        labels: Option<Vec<Text>>,
        /// Notes instead of those of the remote. A template.
        notes: Option<Text>,
        /// Channel instead of that of the remote.
        channel: Option<Text>,
        /// It is not for everybody yet. Default: the version has a pre-release part.
        prerelease: Option<bool>,
        /// Send each file's hash beside it. Default false.
        checksums: Option<bool>,
        /// When it applies: one condition or a list of which one must hold. Default: always.
        when: Option<OneOrMany<Condition>>,
        /// `false`: a failure does not fail the run. Default true.
        required: Option<bool>,
        /// A sentence for people.
        description: Option<Text>,
    }
}
