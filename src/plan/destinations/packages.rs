//! Entries of kinds `generic-package` and `files`: every file of the builds, and the pointers that move with them.

use serde_json::json;

use super::super::Inputs;
use super::super::files::FileStep;
use super::super::template::Scope;
use super::super::types::{PlannedDestination, PlannedTarget, WrittenRequirements};
use super::release::{assets_of, check_names, host_of, place_of};
use super::{Entry, Found};
use crate::config::{FilesPlace, FilesPublish, ForgeProvider, TagPolicy};
use crate::core::{HostOptions, NameRules, Rendition, StorePlace};
use crate::error::{Error, Result};

/// Longest version or directory that every place keeps.
const LONGEST: usize = 200;

pub(super) fn fan_out(
    inputs: &Inputs<'_>,
    scope: &Scope<'_>,
    entry: &Entry<'_>,
    kind: &FilesPublish,
    files: &[FileStep],
) -> Result<Vec<Found>> {
    let FilesPublish { place, directory, version, builds, aliases } = kind;
    let text = |what: &str, template: &str| scope.text(template).map_err(|error| error.context(format!("{what} `{template}`")));
    let version = text("version", version)?;
    let directory = directory.as_deref().map(|directory| text("package", directory)).transpose()?;
    let (target, rules, required, directory, named_by) = match place {
        FilesPlace::Repo(id) => {
            let (repo, forge) = place_of(inputs, id)?;
            if matches!(forge.provider, ForgeProvider::Github | ForgeProvider::Embedded) {
                return Err(Error::usage(format!("repository `{id}` is at {}, which has no generic packages", forge.provider.name()))
                    .hint("attach the files to a release, or name a repository at GitLab, Gitea or Forgejo"));
            }
            if !aliases.is_empty() && forge.provider != ForgeProvider::Gitlab {
                return Err(Error::usage(format!("repository `{id}` is at {}, where no pointer can be replaced", forge.provider.name()))
                    .hint("leave `aliases` out"));
            }
            let package = directory.or_else(|| repo.project.rsplit('/').next().map(str::to_owned)).unwrap_or_default();
            let target = PlannedTarget {
                // A repository has releases under its own name.
                name: format!("{}.packages", repo.id),
                kind: "packages".to_owned(),
                provider: forge.provider.name().to_owned(),
                host: host_of(forge),
                plain_http: forge.url.starts_with("http://"),
                credentials: forge.credentials.clone(),
                ca_file: forge.ca_file.clone(),
                options: HostOptions::default(),
                settings: Some(json!({ "forge": forge.id, "url": forge.url, "project": repo.project })),
            };
            (target, NameRules::of_provider(forge.provider.name()), repo.required, package, format!("repository `{id}`"))
        }
        FilesPlace::Bucket { bucket, credentials, ca_file } => {
            let url = bucket.url();
            let place = StorePlace::S3 {
                bucket: bucket.name.clone(),
                prefix: bucket.prefix.clone(),
                region: bucket.region.clone(),
                endpoint: bucket.endpoint.clone(),
            };
            let target = PlannedTarget {
                name: format!("{}.files", entry.publish.id),
                kind: "packages".to_owned(),
                provider: "s3".to_owned(),
                host: url.clone(),
                plain_http: bucket.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://")),
                credentials: credentials.clone(),
                ca_file: ca_file.clone(),
                options: HostOptions::default(),
                settings: Some(json!({ "forge": entry.publish.id, "url": url, "project": "", "bucket": place })),
            };
            (target, NameRules::GITEA, true, directory.unwrap_or_default(), format!("url `{url}`"))
        }
        FilesPlace::Server { url, credentials, ca_file } => {
            let target = PlannedTarget {
                name: format!("{}.files", entry.publish.id),
                kind: "packages".to_owned(),
                provider: "http".to_owned(),
                host: url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).to_owned(),
                plain_http: url.starts_with("http://"),
                credentials: credentials.clone(),
                ca_file: ca_file.clone(),
                options: HostOptions::default(),
                settings: Some(json!({ "forge": entry.publish.id, "url": url, "project": "" })),
            };
            (target, NameRules::GITEA, true, directory.unwrap_or_default(), format!("url `{url}`"))
        }
    };
    check_path(&directory, !matches!(place, FilesPlace::Repo(_)))?;
    check_path(&version, false)?;
    let assets = assets_of(files, builds);
    let label = match place {
        FilesPlace::Repo(id) => id.clone(),
        FilesPlace::Server { url, .. } => url.clone(),
        FilesPlace::Bucket { bucket, .. } => bucket.url(),
    };
    check_names(&assets, &rules, &label)?;
    let below = |name: &str| if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
    let at = if target.settings.as_ref().is_some_and(|settings| settings["project"] != "") {
        format!("{}/{}", target.host, target.settings.as_ref().and_then(|settings| settings["project"].as_str()).unwrap_or_default())
    } else {
        target.host.clone()
    };
    let base = |name: String, path: String| PlannedDestination {
        name: format!("{at}/{name}"),
        kind: "package_file".to_owned(),
        target: target.name.clone(),
        publish: entry.publish.id.clone(),
        build: String::new(),
        artifact: None,
        settings: None,
        host: target.host.clone(),
        path,
        tag: version.clone(),
        policy: TagPolicy::Immutable,
        required: entry.publish.required && required,
        requires: WrittenRequirements::default(),
        rendition: Rendition::default(),
        why: entry.why.to_owned(),
    };
    let mut found = Vec::new();
    let mut add = |destination| found.push(Found { destination, target: target.clone(), named_by: named_by.clone() });
    let home = below(&version);
    for (build, artifact, name) in &assets {
        let file = format!("{home}/{}", rules.kept(name));
        add(PlannedDestination { build: build.clone(), artifact: Some(artifact.clone()), ..base(file, home.clone()) });
    }
    for alias in aliases {
        let name = text("alias", &alias.template)?;
        check_path(&name, false)?;
        if name == version {
            continue;
        }
        let path = below(&name);
        add(PlannedDestination {
            kind: "package_pointer".to_owned(),
            tag: name,
            settings: Some(json!({ "points_at": home, "version": version })),
            policy: alias.policy,
            ..base(path.clone(), path.clone())
        });
    }
    Ok(found)
}

/// A part of a path that every place keeps as it is; a directory may have several.
fn check_path(text: &str, several: bool) -> Result<()> {
    let plain = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '.' | '_' | '-' | '+');
    let good = |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(plain);
    let right = if several { text.is_empty() || text.split('/').all(good) } else { good(text) };
    if right && text.len() <= LONGEST {
        return Ok(());
    }
    Err(Error::usage(format!("`{}` cannot be a directory of files", text.escape_debug()))
        .hint("use letters, digits, `.`, `_`, `-` and `+`, at most 200 of them"))
}
