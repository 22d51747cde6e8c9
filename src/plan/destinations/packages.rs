//! Entries of kinds `generic-package` and `files`: every file of the builds, the index of them, and the pointers that move
//! with them.

use serde_json::json;

use super::super::Inputs;
use super::super::files::FileStep;
use super::super::template::Scope;
use super::super::types::{PlannedDestination, PlannedTarget, WrittenRequirements};
use super::files_home::{FilesHome, files_home};
use super::release::{assets_of, check_names};
use super::{Entry, Found, Placement};
use crate::config::{FilesPlace, FilesPublish, ForgeProvider, TagPolicy};
use crate::core::{Rendition, index_file, is_index_file, release_package};
use crate::error::{Error, Result};

/// Longest version or directory that every place keeps.
const LONGEST: usize = 200;

/// An index of nothing is not published. It is looked for in every pipeline, so that a tag does not find out.
pub(super) fn check(kind: &FilesPublish, files: &[FileStep]) -> Result<()> {
    if assets_of(files, &kind.builds).is_empty() {
        let hint = "name builds that make files in `archives`; without it the entry has those of kind archive, and there are none";
        return Err(Error::usage("the entry has no files").hint(hint));
    }
    Ok(())
}

pub(super) fn fan_out(
    inputs: &Inputs<'_>,
    scope: &Scope<'_>,
    entry: &Entry<'_>,
    kind: &FilesPublish,
    files: &[FileStep],
) -> Result<Vec<Found>> {
    let FilesPublish {
        place,
        directory,
        version,
        builds,
        aliases,
        // Pruning reads it.
        retention: _,
    } = kind;
    let text = |what: &str, template: &str| scope.text(template).map_err(|error| error.context(format!("{what} `{template}`")));
    let version = text("version", version)?;
    let directory = directory.as_deref().map(|directory| text("package", directory)).transpose()?;
    let FilesHome { target, directory: usual, rules, required, refuses_pointers, label, named_by } =
        files_home(inputs.config, &entry.publish.id, place)?;
    if let Some(why) = refuses_pointers.filter(|_| !aliases.is_empty()) {
        return Err(Error::usage(why).hint("leave `aliases` out"));
    }
    let directory = directory.unwrap_or(usual);
    check_path(&directory, !matches!(place, FilesPlace::Repo(_)))?;
    check_path(&version, false)?;
    let assets = assets_of(files, builds);
    check_names(&assets, &[], &rules, &label)?;
    if let Some((_, artifact, name)) = assets.iter().find(|(_, _, name)| is_index_file(name)) {
        return Err(Error::usage(format!("{artifact} cannot be called {name}: that is what the index of a version is called"))
            .hint("give the archive another `name`"));
    }
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
    let mut names = Vec::new();
    for (build, artifact, name) in &assets {
        let name = rules.kept(name);
        let file = format!("{home}/{name}");
        add(PlannedDestination { build: build.clone(), artifact: Some(artifact.clone()), ..base(file, home.clone()) });
        names.push(name);
    }
    let about = json!({ "points_at": home, "version": version, "files": names });
    let index = index_file(&version, scope.commit, names.iter().map(String::as_str));
    add(PlannedDestination {
        kind: "package_index".to_owned(),
        settings: Some(about.clone()),
        ..base(format!("{home}/{index}"), home.clone())
    });
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
            settings: Some(about.clone()),
            policy: alias.policy,
            ..base(path.clone(), path.clone())
        });
    }
    Ok(found)
}

/// GitLab keeps the files of a release in a version of a package. An entry that put its own there, or a pointer, would share
/// them with the release: they would be sent at the same time, and go with it.
pub(super) fn keep_off_releases(placement: &Placement) -> Result<()> {
    let at = |destination: &PlannedDestination| placement.targets.iter().find(|target| target.name == destination.target);
    let is_gitlab = |target: &PlannedTarget| {
        [ForgeProvider::Gitlab, ForgeProvider::EmbeddedGitlab].iter().any(|provider| provider.name() == target.provider)
    };
    let project = |target: &PlannedTarget| target.settings.as_ref().and_then(|settings| settings["project"].as_str()).map(str::to_owned);
    let is = |destination: &PlannedDestination, kinds: [&str; 2]| kinds.contains(&destination.kind.as_str());
    for release in placement.destinations.iter().filter(|one| is(one, ["release", "release_rolling"])) {
        if !at(release).is_some_and(is_gitlab) {
            continue;
        }
        let (package, version) = release_package(&release.path, &release.tag);
        let directory = format!("{package}/{version}");
        let shares = |other: &&PlannedDestination| {
            is(other, ["package_index", "package_pointer"])
                && (&other.host, &other.path) == (&release.host, &directory)
                && at(other).and_then(project).as_ref() == Some(&release.path)
        };
        if let Some(other) = placement.destinations.iter().find(shares) {
            let (one, tag) = (&other.publish, &release.tag);
            let text = format!(
                "publish `{one}` and publish `{}` would both put files into version {version} of package {package} at {}/{}",
                release.publish, release.host, release.path
            );
            return Err(Error::usage(text).hint(format!(
                "GitLab keeps the files of release {tag} there: choose another `package`, `version` or alias for `{one}`, such as `package: {package}-files`"
            )));
        }
    }
    Ok(())
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
