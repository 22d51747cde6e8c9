//! Publish entries of kinds `generic-package` and `files`.

use super::{Condition, ReleaseRetention, TagEntry, written};
use crate::config::decode::OneOrMany;
use crate::config::span::{Spanned, Text};

written! {
    /// Built files in a generic package registry.
    PackagePublish {
        /// Id of `repos`, at GitLab, Gitea or Forgejo.
        repo: Text,
        /// Builds whose files are published: of kind archive, binary or command. Default: all of kind archive.
        archives: Option<OneOrMany<Text>>,
        /// Version: a template. What is published under it is never replaced. Default `{version}`.
        version: Option<Text>,
        /// Package: a template. Default: the last part of the project's path.
        package: Option<Text>,
        /// Pointers to the version published last: templates such as `latest`, or `{ tag: TEMPLATE, moving: forward|any }`. Not at Gitea.
        aliases: Option<Vec<TagEntry>>,
        /// When it applies: one condition or a list of which one must hold. Default: always.
        when: Option<OneOrMany<Condition>>,
        /// `false`: a failure does not fail the run. Default true.
        required: Option<bool>,
        /// Which versions stay when `release prune` is run: a number, or how many of which span of time.
        retention: Option<Spanned<ReleaseRetention>>,
    }
}

written! {
    /// Built files on a server that takes PUT, such as Artifactory or Nexus, or in an S3 bucket.
    FilesPublish {
        /// Address of a directory there: `https://files.acme.dev/repository/raw`, or of a bucket: `s3://bucket/prefix`.
        url: Text,
        /// Of a bucket that is not at AWS: where it is, `https://minio.acme.dev:9000`.
        endpoint: Option<Text>,
        /// Of a bucket: its region. Default: `AWS_REGION`, else us-east-1.
        region: Option<Text>,
        /// Directory below it, above the versions: a template. Default: none.
        path: Option<Text>,
        /// Version, a directory of its own: a template. What is published under it is never replaced. Default `{version}`.
        version: Option<Text>,
        /// Builds whose files are published: of kind archive, binary or command. Default: all of kind archive.
        archives: Option<OneOrMany<Text>>,
        /// Pointers to the version published last: templates such as `latest`, or `{ tag: TEMPLATE, moving: forward|any }`.
        aliases: Option<Vec<TagEntry>>,
        /// Prefix of the credential variables: `ACME` reads `ACME_USER` and `ACME_TOKEN`, or `ACME_TOKEN` alone as a bearer token; for a bucket `ACME_ACCESS_KEY_ID` and `ACME_SECRET_ACCESS_KEY`. A bucket without it: the identity AWS's own variables name, or the machine's.
        credentials: Option<Text>,
        /// PEM file with additional certificate authorities for this host.
        ca_file: Option<Text>,
        /// When it applies: one condition or a list of which one must hold. Default: always.
        when: Option<OneOrMany<Condition>>,
        /// `false`: a failure does not fail the run. Default true.
        required: Option<bool>,
        /// Which versions stay when `release prune` is run: a number, or how many of which span of time.
        retention: Option<Spanned<ReleaseRetention>>,
    }
}
