//! Entries of kind `release`: fanned out over repositories; each gets the release itself, its files, and the names that
//! move with it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::Inputs;
use super::super::files::{FileStep, StepWork};
use super::super::template::Scope;
use super::super::types::{PlannedDestination, PlannedTarget, WrittenRequirements};
use super::install::{self, Installable};
use super::{Entry, Found};
use crate::config::{Config, Forge, ForgeProvider, PrimaryTurn, Publish, PublishKind, ReleasePublish, ReleaseType, Repo, TagPolicy};
use crate::core::asset_names::collisions;
use crate::core::{HostOptions, NameRules, Rendition};
use crate::error::{Error, Result};
use crate::names::release as added;

/// What one segment of an address keeps (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is still to be made of a release when it is planned: its notes and the list of its files. It stands under
/// `making` in the settings of its destination, and is gone when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Making {
    /// `commits`, `requests`, `tag`, or a file of the repository.
    pub notes_from: String,
    /// A template of the repository that makes the notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Commits are grouped by kind.
    pub grouped: bool,
    /// Notes name published images.
    pub image_links: bool,
    /// SHA256SUMS is attached.
    pub checksums: bool,
    /// What the forge makes of names of files.
    pub provider: String,
    /// SBOMs and provenance of published images are attached.
    pub attestations: bool,
    /// What review verified is attached. Of what differs from the commit nothing is told.
    #[serde(default)]
    pub verification: bool,
    /// What `install.sh` installs; empty: there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub install: Vec<Installable>,
    /// Where files are downloaded from when the release is seen, without their names.
    pub downloads: String,
}

/// Why there is no release in this pipeline, where that is nobody's mistake.
pub(super) fn not_here(inputs: &Inputs<'_>, kind: &ReleasePublish) -> Option<String> {
    if !inputs.config.release.enabled {
        return Some("releases are switched off: `release: { enabled: false }`".to_owned());
    }
    let off_tags = inputs.context.tag.is_none() && kind.tag.is_none();
    off_tags.then(|| "this is no tag pipeline, and the entry has no `tag` for others".to_owned())
}

pub(super) fn fan_out(
    inputs: &Inputs<'_>,
    scope: &Scope<'_>,
    entry: &Entry<'_>,
    kind: &ReleasePublish,
    files: &[FileStep],
) -> Result<Vec<Found>> {
    let ReleasePublish {
        repos,
        tag: template,
        title,
        kind: release_type,
        notes,
        template: notes_template,
        grouped,
        aliases,
        builds,
        checksums,
        attestations,
        install_script,
        rolling,
        primary,
        // Pruning reads it.
        retention: _,
    } = kind;
    let tag = match (&inputs.context.tag, template) {
        (Some(tag), _) => tag.clone(),
        (None, Some(template)) => scope.text(template).map_err(|error| error.context(format!("tag `{template}`")))?,
        (None, None) => return Ok(Vec::new()),
    };
    git_ref(&tag)?;
    let title = match title {
        Some(title) => scope.text(title).map_err(|error| error.context(format!("title `{title}`")))?,
        None => tag.clone(),
    };
    let version = scope.version;
    let prerelease = match release_type {
        ReleaseType::Latest => false,
        ReleaseType::Prerelease => true,
        ReleaseType::Unspecified => version.is_some_and(|version| version.prerelease) || inputs.context.tag.is_none(),
    };
    let assets = assets_of(files, builds);
    let install = if *install_script { install::installable(files, builds) } else { Vec::new() };
    if *install_script && install.is_empty() {
        return Err(Error::usage("`install_script` has nothing to install: no file of the release holds a program")
            .hint("attach programs or archives of programs, or leave it out"));
    }
    let verification = *attestations && !inputs.git.dirty;
    let further: Vec<&str> = [
        (*checksums, added::SUMS),
        (verification, added::VERIFICATION),
        (*install_script, added::INSTALL),
        (inputs.config.release.registry_links && images_are_published(inputs), added::IMAGES),
    ]
    .into_iter()
    .filter_map(|(wanted, name)| wanted.then_some(name))
    .collect();
    let mut found = Vec::new();
    for id in repos {
        let (repo, forge) = place_of(inputs.config, id)?;
        let after = after(inputs, repo, repos, *primary, &tag)?;
        let rules = NameRules::of_provider(forge.provider.name());
        check_names(&assets, &further, &rules, &repo.id)?;
        let host = host_of(forge);
        let at = format!("{host}/{}", repo.project);
        let base = PlannedDestination {
            name: format!("{at}@{tag}"),
            kind: "release".to_owned(),
            target: repo.id.clone(),
            publish: entry.publish.id.clone(),
            build: String::new(),
            artifact: None,
            settings: None,
            host: host.clone(),
            path: repo.project.clone(),
            tag: tag.clone(),
            policy: TagPolicy::Immutable,
            required: entry.publish.required && repo.required,
            requires: WrittenRequirements::default(),
            rendition: Rendition::default(),
            why: entry.why.to_owned(),
        };
        let mut add = |destination: PlannedDestination| {
            found.push(Found { destination, target: target(repo, forge, &host), named_by: format!("repository `{}`", repo.id) });
        };
        for (build, artifact, name) in &assets {
            let destination = PlannedDestination {
                name: format!("{at}@{tag}/{}", rules.kept(name)),
                kind: "release_asset".to_owned(),
                build: build.clone(),
                artifact: Some(artifact.clone()),
                ..base.clone()
            };
            add(destination);
        }
        let making = Making {
            notes_from: notes.name().to_owned(),
            template: notes_template.clone(),
            grouped: *grouped,
            image_links: inputs.config.release.registry_links,
            checksums: *checksums,
            provider: forge.provider.name().to_owned(),
            attestations: *attestations,
            verification,
            install: install.clone(),
            downloads: downloads(forge, &repo.project, &tag),
        };
        let mut settings = json!({
            "title": title,
            "notes": "",
            "prerelease": prerelease,
            "commit": scope.commit,
            // Mirrors get the tag with the release; at home it is what the pipeline runs for.
            "may_make_tag": inputs.context.tag.is_none() || !repo.primary,
            "assets": [],
            "making": making,
        });
        if !after.is_empty() {
            settings["after"] = json!(after);
        }
        add(PlannedDestination { settings: Some(settings), ..base.clone() });
        // Only GitHub has a release that is the latest by name; elsewhere it is the youngest.
        if !prerelease && matches!(forge.provider, ForgeProvider::Github | ForgeProvider::Embedded) {
            add(PlannedDestination {
                name: format!("{at}#latest"),
                kind: "release_latest".to_owned(),
                settings: Some(json!({ "release": tag })),
                policy: TagPolicy::Forward,
                ..base.clone()
            });
        }
        for alias in aliases {
            let name = scope.text(&alias.template).map_err(|error| error.context(format!("alias `{}`", alias.template)))?;
            git_ref(&name)?;
            if name == tag {
                continue;
            }
            add(PlannedDestination {
                name: format!("{at}@{name}"),
                kind: "release_tag".to_owned(),
                tag: name,
                settings: Some(json!({ "release": tag, "commit": scope.commit })),
                policy: alias.policy,
                ..base.clone()
            });
        }
        for rolling in rolling {
            let name = scope.text(&rolling.template).map_err(|error| error.context(format!("rolling `{}`", rolling.template)))?;
            git_ref(&name)?;
            if name == tag {
                return Err(Error::usage(format!("rolling release `{name}` is the release itself")).hint("call it something that stays"));
            }
            // Its notes and files are those of the release, when that is made.
            let settings = json!({
                "release": tag, "title": name, "notes": "", "prerelease": prerelease, "commit": scope.commit, "assets": [],
            });
            add(PlannedDestination {
                name: format!("{at}@{name}"),
                kind: "release_rolling".to_owned(),
                tag: name,
                settings: Some(settings),
                policy: rolling.policy,
                ..base.clone()
            });
        }
    }
    Ok(found)
}

/// Releases that must be seen before this one.
fn after(inputs: &Inputs<'_>, repo: &Repo, repos: &[String], primary: Option<PrimaryTurn>, tag: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for id in repos.iter().filter(|id| **id != repo.id) {
        let (other, forge) = place_of(inputs.config, id)?;
        let waits = match primary {
            None => false,
            Some(PrimaryTurn::First) => !repo.primary && other.primary,
            Some(PrimaryTurn::Last) => repo.primary && !other.primary && other.required,
        };
        if waits {
            names.push(format!("{}/{}@{tag}", host_of(forge), other.project));
        }
    }
    Ok(names)
}

/// Where people download the files of a release, each below its name.
fn downloads(forge: &Forge, project: &str, tag: &str) -> String {
    let tag = utf8_percent_encode(tag, UNRESERVED);
    match forge.provider {
        ForgeProvider::Gitlab | ForgeProvider::EmbeddedGitlab => format!("{}/{project}/-/releases/{tag}/downloads", forge.url),
        ForgeProvider::Github | ForgeProvider::Gitea | ForgeProvider::Forgejo | ForgeProvider::Embedded => {
            format!("{}/{project}/releases/download/{tag}", forge.url)
        }
    }
}

pub(super) fn place_of<'a>(config: &'a Config, id: &str) -> Result<(&'a Repo, &'a Forge)> {
    let undefined = |what: &str, id: &str| Error::usage(format!("{what} `{id}` is not defined")).hint(format!("define it in `{what}s`"));
    let repo = config.repos.get(id).ok_or_else(|| undefined("repo", id))?;
    let forge = config.forges.get(&repo.forge).ok_or_else(|| undefined("forge", &repo.forge))?;
    Ok((repo, forge))
}

/// Build, artifact id and file name of everything the builds make.
pub(super) fn assets_of(files: &[FileStep], builds: &[String]) -> Vec<(String, String, String)> {
    let mut assets = Vec::new();
    for step in files.iter().filter(|step| builds.contains(&step.build)) {
        let mut add = |artifact: String, name: String| assets.push((step.build.clone(), artifact, name));
        match &step.work {
            StepWork::Archive(_) => add(step.id(), step.name.clone()),
            // Programs for several platforms have one file name; the artifact's tells them apart.
            StepWork::Binary(program) => {
                let windows = program.file.strip_suffix(".exe").is_some() && step.name.strip_suffix(".exe").is_none();
                add(step.id(), if windows { format!("{}.exe", step.name) } else { step.name.clone() });
            }
            StepWork::Command(command) => {
                for output in &command.outputs {
                    if let (Some(artifact), Some(name)) = (output.artifact(), &output.name) {
                        add(artifact, name.rsplit('/').next().unwrap_or(name).to_owned());
                    }
                }
            }
        }
    }
    assets
}

/// Images are among what this pipeline publishes: their digests are a file of the release.
fn images_are_published(inputs: &Inputs<'_>) -> bool {
    let of_images = |publish: &&Publish| matches!(publish.kind, PublishKind::Registry(_));
    let mut entries = inputs.config.publish.values().filter(of_images);
    entries.any(|publish| super::verdict(inputs, publish).is_ok_and(|verdict| verdict.applies))
}

/// Releases of a plan go without what review verified, because the files differ from the commit.
pub(in crate::plan) fn without_verification(destinations: &[PlannedDestination]) -> bool {
    let making = |destination: &PlannedDestination| destination.settings.as_ref()?.get("making").cloned();
    let makings = destinations.iter().filter_map(making).filter_map(|making| serde_json::from_value::<Making>(making).ok());
    makings.into_iter().any(|making| making.attestations && !making.verification)
}

/// `further` are the names of files that are added to those of the builds.
pub(super) fn check_names(assets: &[(String, String, String)], further: &[&str], rules: &NameRules, repo: &str) -> Result<()> {
    for (_, artifact, name) in assets {
        if let Some(why) = rules.refuse(name) {
            return Err(Error::usage(format!("{artifact} cannot be attached: {why}")).hint("give the archive another `name`"));
        }
    }
    let names = assets.iter().map(|(_, _, name)| name.as_str()).chain(further.iter().copied());
    if let Some((kept, one, other)) = collisions(names, rules).into_iter().next() {
        let text = format!("`{one}` and `{other}` would both be called {kept} at repository `{repo}`");
        let hint = if further.contains(&other.as_str()) {
            format!("`{other}` is added to the files of the release: call what the builds make something else")
        } else {
            "give one of the archives another `name`".to_owned()
        };
        return Err(Error::usage(text).hint(hint));
    }
    Ok(())
}

/// What git allows in the name of a tag (`git check-ref-format`), and what no URL stumbles over.
fn git_ref(tag: &str) -> Result<()> {
    let bad = tag.is_empty()
        || tag.len() > 200
        || tag.starts_with(['-', '/', '.'])
        || tag.ends_with(['/', '.'])
        || tag.contains("..")
        || tag.contains("//")
        || tag.contains("@{")
        || tag.split('/').any(|part| part.starts_with('.') || part.strip_suffix(".lock").is_some())
        || tag.chars().any(|ch| ch.is_control() || ch.is_whitespace() || "~^:?*[\\".contains(ch));
    if bad {
        return Err(Error::usage(format!("`{}` cannot be a git tag", tag.escape_debug())).hint("see `git check-ref-format`"));
    }
    Ok(())
}

/// Host, port and path prefix of a forge's address.
pub(super) fn host_of(forge: &Forge) -> String {
    forge.url.split_once("://").map_or(forge.url.as_str(), |(_, rest)| rest).to_owned()
}

fn target(repo: &Repo, forge: &Forge, host: &str) -> PlannedTarget {
    PlannedTarget {
        name: repo.id.clone(),
        kind: "release".to_owned(),
        provider: forge.provider.name().to_owned(),
        host: host.to_owned(),
        plain_http: forge.url.starts_with("http://"),
        credentials: forge.credentials.clone(),
        ca_file: forge.ca_file.clone(),
        options: HostOptions::default(),
        settings: Some(json!({ "forge": forge.id, "url": forge.url, "project": repo.project })),
    }
}
