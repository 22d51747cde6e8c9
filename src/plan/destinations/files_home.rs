//! Places for files: what an entry of kind `generic-package` or `files` names, as a target.

use serde_json::json;

use super::super::types::PlannedTarget;
use super::release::{host_of, place_of};
use crate::config::{Config, FilesPlace, ForgeProvider};
use crate::core::{HostOptions, NameRules, StorePlace};
use crate::error::{Error, Result};

/// A place for files.
pub struct FilesHome {
    /// As a target.
    pub target: PlannedTarget,
    /// Directory above the versions where the entry names none.
    pub directory: String,
    /// What it makes of names of files.
    pub(super) rules: NameRules,
    /// Its failure fails the run.
    pub(super) required: bool,
    /// Why pointers cannot be here.
    pub(super) refuses_pointers: Option<String>,
    /// What people call it: a repository's id, an address.
    pub(super) label: String,
    /// How the config names it.
    pub(super) named_by: String,
}

/// The place that an entry of this id names.
///
/// # Errors
/// A repository that is not defined, or is at a forge without generic packages.
pub fn files_home(config: &Config, entry: &str, place: &FilesPlace) -> Result<FilesHome> {
    let target = |name: String, provider: &str, host: String, settings: serde_json::Value| PlannedTarget {
        name,
        kind: "packages".to_owned(),
        provider: provider.to_owned(),
        host,
        plain_http: false,
        credentials: None,
        ca_file: None,
        options: HostOptions::default(),
        settings: Some(settings),
    };
    let of_url = |target: PlannedTarget, url: String| FilesHome {
        target,
        directory: String::new(),
        rules: NameRules::GITEA,
        required: true,
        refuses_pointers: None,
        named_by: format!("url `{url}`"),
        label: url,
    };
    match place {
        FilesPlace::Repo(id) => {
            let (repo, forge) = place_of(config, id)?;
            if matches!(forge.provider, ForgeProvider::Github | ForgeProvider::Embedded) {
                return Err(Error::usage(format!("repository `{id}` is at {}, which has no generic packages", forge.provider.name()))
                    .hint("attach the files to a release, or name a repository at GitLab, Gitea or Forgejo"));
            }
            let settings = json!({ "forge": forge.id, "url": forge.url, "project": repo.project });
            // A repository has releases under its own name.
            let target = target(format!("{}.packages", repo.id), forge.provider.name(), host_of(forge), settings);
            let refuses = || format!("repository `{id}` is at {}, where no pointer can be replaced", forge.provider.name());
            Ok(FilesHome {
                target: PlannedTarget {
                    plain_http: forge.url.starts_with("http://"),
                    credentials: forge.credentials.clone(),
                    ca_file: forge.ca_file.clone(),
                    ..target
                },
                directory: repo.project.rsplit('/').next().unwrap_or_default().to_owned(),
                rules: NameRules::of_provider(forge.provider.name()),
                required: repo.required,
                refuses_pointers: (!forge.provider.is_gitlab()).then(refuses),
                label: id.clone(),
                named_by: format!("repository `{id}`"),
            })
        }
        FilesPlace::Bucket { bucket, credentials, ca_file } => {
            let url = bucket.url();
            let place = StorePlace::S3 {
                bucket: bucket.name.clone(),
                prefix: bucket.prefix.clone(),
                region: bucket.region.clone(),
                endpoint: bucket.endpoint.clone(),
            };
            let settings = json!({ "forge": entry, "url": url, "project": "", "bucket": place });
            let target = PlannedTarget {
                plain_http: bucket.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://")),
                credentials: credentials.clone(),
                ca_file: ca_file.clone(),
                ..target(format!("{entry}.files"), "s3", url.clone(), settings)
            };
            Ok(of_url(target, url))
        }
        FilesPlace::Server { url, credentials, ca_file } => {
            let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).to_owned();
            let settings = json!({ "forge": entry, "url": url, "project": "" });
            let target = PlannedTarget {
                plain_http: url.starts_with("http://"),
                credentials: credentials.clone(),
                ca_file: ca_file.clone(),
                ..target(format!("{entry}.files"), "http", host, settings)
            };
            Ok(of_url(target, url.clone()))
        }
    }
}
