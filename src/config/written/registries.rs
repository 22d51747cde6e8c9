//! `registries`.

use super::{words, written};
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
        /// Prefix of the variables of a client certificate: `CORP` reads `CORP_CLIENT_CERT` and `CORP_CLIENT_KEY`, each a PEM file or its text.
        client_certificate: Option<Text>,
        /// Hosts that base images of this one are asked of first, in this order.
        mirrors: Option<Vec<Text>>,
        /// Most requests to it at the same time. Default: found out while pushing.
        concurrency: Option<Spanned<i64>>,
        /// Most requests to it per second. Default: no limit.
        rate: Option<Spanned<i64>>,
        /// How often one operation is tried again. Default 5.
        retries: Option<Spanned<i64>>,
        /// Ask the registry to scan after a push.
        native_scan: Option<Later<bool>>,
        /// Where attestations of BuildKit go: `index`, beside the image; `referrers`; `tag`; `none`, nowhere. Default index.
        attestations: Option<Spanned<AttestationForm>>,
        /// Platforms this registry gets. Default: all that were built.
        platforms: Option<Spanned<Vec<Text>>>,
    }
}

words! {
    /// How attestations are attached.
    AttestationForm "attestations" {
        /// In the index, beside the image, as they were built.
        Index = "index",
        /// Nowhere.
        None = "none",
        /// As referrers of the image.
        Referrers = "referrers",
        /// Under a tag made of the image's digest.
        Tag = "tag",
    }
}
