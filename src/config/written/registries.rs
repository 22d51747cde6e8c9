//! `registries`.

use super::written;
use crate::config::decode::Later;
use crate::config::span::{Spanned, Text};

written! {
    /// A place images are pushed to.
    Registry {
        /// Product: dockerhub, ghcr, gitlab, gitea, quay, harbor, jfrog, ecr, gar, acr, generic, embedded. Default: told by the host.
        provider: Option<Text>,
        /// Host, with a port when there is one: `ghcr.io`, `registry.acme.dev:5000`, `http://localhost:5000`. Not needed for `embedded`.
        url: Option<Text>,
        /// Prefix of the credential variables: `GHCR` reads `GHCR_USER` and `GHCR_TOKEN` (or `GHCR_PASS`, `GHCR_PASSWORD`).
        credentials: Option<Text>,
        /// Repository path for publish entries that have none. A template.
        default_path: Option<Text>,
        /// `false`: a failure of this registry does not fail the run. Default true.
        required: Option<bool>,
        /// PEM file with additional certificate authorities for this host.
        ca_file: Option<Text>,
        /// Ask the registry to scan after a push.
        native_scan: Option<Later<bool>>,
        /// How attestations are attached.
        attestations: Option<Later<Spanned<String>>>,
    }
}
