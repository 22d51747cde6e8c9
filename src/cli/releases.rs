//! What is still to be said of a release when everything is made: which files it must have, and what its notes tell of
//! them. Written into `destinations.json`, so that review approves it.

use std::collections::{HashMap, HashSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::perform::statements::Statement;
use super::session::Session;
use super::verification;
use crate::core::{Digest, NameRules};
use crate::error::{Error, Result};
use crate::forge::install::{self, Installed, Packed, Script};
use crate::forge::notes::{downloads, images, may_tell, packages as told_packages, shortened};
use crate::forge::packages::{Index, IndexedFile, Kind, PointerSettings};
use crate::forge::release_links::{each_once, image_link, package_link};
use crate::forge::transaction::{ListedAsset, ReleaseSettings, RollingReleaseSettings};
use crate::forge::{Provider, ReleaseLink};
use crate::fs;
use crate::manifest::Destination;
use crate::names;
use crate::names::release::{IMAGES, SUMS};
use crate::plan::{Making, PlannedTarget};
use crate::publish::{After, Step, StepName};

/// The most entries a list in the notes has; the files themselves have all of them.
const MOST_TOLD: usize = 200;

/// What is known when everything is made.
pub struct Known<'a> {
    /// Every place something goes to.
    pub targets: &'a [PlannedTarget],
    /// Where the file of an artifact lies, relative to the workspace.
    pub path: &'a dyn Fn(&str) -> Option<String>,
    /// What images say of themselves.
    pub statements: Vec<Statement>,
}

/// Completes every release among the destinations.
pub fn complete(session: &Session, destinations: &mut [Destination], known: &Known<'_>) -> Result<()> {
    for at in 0..destinations.len() {
        if destinations[at].kind != "release" {
            continue;
        }
        let settings = one(session, &destinations[at], destinations, known)?;
        let set: Vec<String> = settings.assets.iter().map(|asset| format!("{}  {}\n", asset.sha256.hex(), asset.name)).collect();
        let size = settings.assets.iter().map(|asset| asset.size).sum();
        let (tag, target) = (destinations[at].tag.clone(), destinations[at].target.clone());
        let digest = Digest::of(format!("{tag}\n{}", set.concat()).as_bytes());
        let paths = paths(&destinations[at], destinations, known);
        for rolling in destinations.iter_mut().filter(|other| other.kind == "release_rolling" && other.target == target) {
            roll(rolling, &tag, &settings, &paths)?;
        }
        (destinations[at].settings, destinations[at].size) = (Some(described(&settings)?), size);
        // The names that move with it stand for the same set.
        for other in destinations.iter_mut().filter(|other| other.target == target && other.artifact.is_empty()) {
            let follows = other.settings.as_ref().and_then(|settings| settings.get("release")).and_then(serde_json::Value::as_str);
            if (other.kind == "release" && other.tag == tag) || follows == Some(tag.as_str()) {
                other.digest = digest.to_string();
            }
        }
    }
    Ok(())
}

/// An index or a pointer is one small document, and all of it is known: its digest is that of its bytes.
pub fn point(destinations: &mut [Destination], revision: &str) -> Result<()> {
    for at in 0..destinations.len() {
        if !matches!(Kind::of(&destinations[at]), Some(Kind::Index | Kind::Pointer)) {
            continue;
        }
        let unusable =
            |error: serde_json::Error| Error::failed(format!("the plan of {} cannot be used", destinations[at].name)).because(&error);
        let settings: PointerSettings = serde_json::from_value(destinations[at].settings.clone().unwrap_or_default()).map_err(unusable)?;
        let target = destinations[at].target.as_str();
        let mut files = Vec::new();
        for file in destinations.iter().filter(|file| file.target == target && settings.is_about(file)) {
            let name = file.name.rsplit('/').next().unwrap_or_default().to_owned();
            let sha256 = file.digest.parse().map_err(|error| Error::failed(format!("{}: {error}", file.name)))?;
            files.push(IndexedFile { path: format!("{}/{name}", file.path), name, sha256, size: file.size });
        }
        let bytes = Index::new(&settings.version, revision, files).bytes();
        (destinations[at].digest, destinations[at].size) = (Digest::of(&bytes).to_string(), bytes.len() as u64);
    }
    Ok(())
}

/// Releases that become visible after others wait for those, where they are part of this run.
pub fn one_after_the_other(steps: Vec<Box<dyn Step>>, destinations: &[Destination]) -> Vec<Box<dyn Step>> {
    let completes: HashMap<String, StepName> =
        steps.iter().filter_map(|step| Some((step.destination()?.to_owned(), step.name().clone()))).collect();
    let after = |step: &dyn Step| -> Vec<StepName> {
        let named = step.destination().and_then(|name| destinations.iter().find(|destination| destination.name == name));
        let first = named.and_then(|destination| destination.settings.as_ref()?.get("after")?.as_array());
        first.into_iter().flatten().filter_map(|name| completes.get(name.as_str()?)).cloned().collect()
    };
    let mut ordered: Vec<Box<dyn Step>> = Vec::with_capacity(steps.len());
    for step in steps {
        let further = after(step.as_ref());
        ordered.push(if further.is_empty() { step } else { Box::new(After::new(step, further)) });
    }
    ordered
}

fn described(settings: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(settings).map_err(|error| Error::failed("cannot describe a release").because(&error))
}

/// Where the files of a release that are artifacts lie, by the names they have there.
fn paths(release: &Destination, all: &[Destination], known: &Known<'_>) -> HashMap<String, String> {
    let here = |other: &&Destination| other.kind == "release_asset" && other.target == release.target && other.tag == release.tag;
    let named = |asset: &Destination| Some((asset.name.rsplit('/').next()?.to_owned(), (known.path)(&asset.artifact)?));
    all.iter().filter(here).filter_map(named).collect()
}

/// A release that moves has the notes and files of the one it follows.
fn roll(rolling: &mut Destination, tag: &str, release: &ReleaseSettings, paths: &HashMap<String, String>) -> Result<()> {
    let unusable = |error: serde_json::Error| Error::failed(format!("the plan of {} cannot be used", rolling.name)).because(&error);
    let mut settings: RollingReleaseSettings = serde_json::from_value(rolling.settings.clone().unwrap_or_default()).map_err(unusable)?;
    if settings.release != tag {
        return Ok(());
    }
    settings.notes.clone_from(&release.notes);
    settings.assets.clone_from(&release.assets);
    for asset in &mut settings.assets {
        if asset.path.is_none() {
            asset.path = paths.get(&asset.name).cloned();
        }
    }
    rolling.size = settings.assets.iter().map(|asset| asset.size).sum();
    rolling.settings = Some(described(&settings)?);
    Ok(())
}

fn one(session: &Session, release: &Destination, all: &[Destination], known: &Known<'_>) -> Result<ReleaseSettings> {
    let unusable = |error: serde_json::Error| Error::failed(format!("the plan of {} cannot be used", release.name)).because(&error);
    let mut settings: ReleaseSettings = serde_json::from_value(release.settings.clone().unwrap_or_default()).map_err(unusable)?;
    let Some(making) = settings.making.take() else { return Ok(settings) };
    let making: Making = serde_json::from_value(making).map_err(unusable)?;
    let rules = NameRules::of_provider(&making.provider);
    let here = |other: &&Destination| other.kind == "release_asset" && other.target == release.target && other.tag == release.tag;
    let mut assets = Vec::new();
    let mut install = Vec::new();
    for asset in all.iter().filter(here) {
        let sha256: Digest = asset.digest.parse().map_err(|error| Error::failed(format!("{}: {error}", asset.name)))?;
        let name = asset.name.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(installable) = making.install.iter().find(|installable| installable.artifact == asset.artifact) {
            install.push(Installed {
                platform: installable.platform.clone(),
                file: name.clone(),
                sha256: sha256.clone(),
                packed: Packed::of(&installable.format),
                programs: installable.programs.clone(),
            });
        }
        assets.push(ListedAsset { name, sha256, size: asset.size, path: None });
    }
    let told: Vec<_> = assets.iter().map(|asset| (asset.name.clone(), asset.size, asset.sha256.clone())).collect();
    let images_here: Vec<&Destination> = all
        .iter()
        .filter(|other| other.kind == "registry_tag" && may_tell(known.host(&release.target), known.host(&other.target)))
        .collect();
    let published: Vec<(String, String)> = images_here
        .iter()
        .map(|other| (format!("{}/{}:{}", known.host(&other.target), other.path, other.tag), other.digest.clone()))
        .collect();
    let packages = packages(release, all, known);
    let directory = directory_of(release);
    if making.image_links && !published.is_empty() {
        let lines: Vec<String> = published.iter().map(|(reference, digest)| format!("{reference}@{digest}\n")).collect();
        assets.push(write(session, &directory, &rules.kept(IMAGES), &lines.concat())?);
    }
    if making.attestations {
        let is_published = |statement: &&Statement| images_here.iter().any(|image| image.artifact == statement.artifact);
        for Statement { name, digest, size, path, .. } in known.statements.iter().filter(is_published) {
            assets.push(ListedAsset { name: rules.kept(name), sha256: digest.clone(), size: *size, path: Some(path.clone()) });
        }
    }
    if !install.is_empty() {
        let title = format!("{} {}", release.path, release.tag);
        let script = Script { title: &title, base: &making.downloads, files: install };
        assets.push(write(session, &directory, &rules.kept(install::NAME), &script.text())?);
    }
    let verification = making.verification.then(|| rules.kept(verification::NAME));
    unique(release, &assets, verification.as_deref())?;
    if making.checksums && !assets.is_empty() {
        let mut lines: Vec<String> = assets.iter().map(|asset| format!("{}  {}\n", asset.sha256.hex(), asset.name)).collect();
        lines.sort_by(|one, other| one[64..].cmp(&other[64..]));
        assets.push(write(session, &directory, SUMS, &lines.concat())?);
    }
    let mut notes = vec![settings.notes.clone()];
    if making.image_links && !published.is_empty() {
        notes.push(images(&published[..published.len().min(MOST_TOLD)]));
    }
    if making.image_links && !packages.is_empty() {
        notes.push(told_packages(&packages[..packages.len().min(MOST_TOLD)]));
    }
    if !told.is_empty() {
        notes.push(downloads(&told[..told.len().min(MOST_TOLD)]));
    }
    notes.retain(|part| !part.trim().is_empty());
    let provider = Provider::of_target(&making.provider).map(|(provider, _)| provider);
    settings.notes = shortened(notes.join("\n\n"), provider);
    settings.assets = assets;
    settings.verification = verification;
    if making.image_links {
        // The name that stays comes before those that move: of links to one page the first is kept.
        let mut tags = images_here.clone();
        tags.sort_by_key(|image| image.policy != "immutable");
        let links = tags.iter().map(|image| known.image_link(image)).chain(packages.into_iter().filter_map(|(_, link)| link));
        settings.links = each_once(links);
    }
    Ok(settings)
}

impl Known<'_> {
    fn target(&self, name: &str) -> Option<&PlannedTarget> {
        self.targets.iter().find(|target| target.name == name)
    }

    fn host(&self, target: &str) -> &str {
        self.target(target).map_or("", |target| target.host.as_str())
    }

    fn image_link(&self, image: &Destination) -> ReleaseLink {
        let target = self.target(&image.target);
        let scheme = if target.is_some_and(|target| target.plain_http) { "http" } else { "https" };
        let provider = target.map_or("", |target| target.provider.as_str());
        image_link(provider, scheme, self.host(&image.target), &image.path, &image.tag)
    }

    fn package_link(&self, file: &Destination) -> Option<ReleaseLink> {
        let target = self.target(&file.target)?;
        let setting = |key: &str| target.settings.as_ref()?.get(key)?.as_str();
        package_link(&target.provider, setting("url")?, setting("project")?, &file.path)
    }
}

/// Versions of packages that are published with a release: where they are, and links to those that can be looked at.
fn packages(release: &Destination, all: &[Destination], known: &Known<'_>) -> Vec<(String, Option<ReleaseLink>)> {
    let mut seen = HashSet::new();
    let indexes = all.iter().filter(|other| Kind::of(other) == Some(Kind::Index));
    let indexes = indexes.filter(|index| may_tell(known.host(&release.target), known.host(&index.target)));
    let each = indexes.filter(|index| seen.insert((index.target.clone(), index.path.clone())));
    each.map(|index| (index.name.rsplit_once('/').map_or(index.name.as_str(), |(home, _)| home).to_owned(), known.package_link(index)))
        .collect()
}

/// What we add ourselves must not have the name of a file that was built.
fn unique(release: &Destination, assets: &[ListedAsset], further: Option<&str>) -> Result<()> {
    let mut seen = HashSet::new();
    let mut names = assets.iter().map(|asset| asset.name.as_str()).chain(further);
    match names.find(|name| !seen.insert(name.to_ascii_lowercase())) {
        None => Ok(()),
        Some(twice) => Err(Error::usage(format!("{} would have two files called {twice}", release.name))
            .hint("give the archive or the image build another name, or leave what is added out: `attestations: false`")),
    }
}

fn write(session: &Session, directory: &str, name: &str, text: &str) -> Result<ListedAsset> {
    let path = format!("{directory}/{name}");
    fs::create_dir(&session.path(directory))?;
    fs::write_atomic(&session.path(&path), text.as_bytes(), 0o644)?;
    Ok(ListedAsset { name: name.to_owned(), sha256: Digest::of(text.as_bytes()), size: text.len() as u64, path: Some(path) })
}

/// What a tag keeps of itself as the name of a directory.
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'+');

/// Where files lie that are made for a release: several releases of one run may be at one repository.
pub fn directory_of(release: &Destination) -> String {
    let tag = utf8_percent_encode(&release.tag, IN_NAMES).to_string();
    let tag = if tag.starts_with('.') { tag.replace('.', "%2E") } else { tag };
    format!("{}/{}/{tag}", names::path::RELEASE, release.target)
}
