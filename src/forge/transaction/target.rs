//! One project's releases as a place to publish to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::asset::AssetStep;
use super::draft::DraftStep;
use super::latest::LatestStep;
use super::making::Making;
use super::read::Reader;
use super::rolling::RollingTagStep;
use super::rolling_release::RollingReleaseStep;
use super::settings::{self, LatestSettings, ReleaseSettings, RollingReleaseSettings, RollingTagSettings};
use super::visible::VisibleStep;
use crate::core::{BoxFuture, Digest};
use crate::forge::asset::AssetSource;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::Forge;
use crate::forge::release::ReleaseSpec;
use crate::forge::upload::Uploader;
use crate::manifest::Destination;
use crate::publish::{
    ApprovedArtifact, Content, Cx, Depth, Inquiry, Observation, PlaceError, Placed, Preflight, Reading, Stage, Step, StepName, Target,
    Verified, VerifyError,
};

/// Kinds of destinations here, as `destinations.json` writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A visible release with everything it must have.
    Release,
    /// One of its files.
    Asset,
    /// The mark of the latest release.
    Latest,
    /// A git tag that moves with releases.
    RollingTag,
    /// A release that moves with releases.
    RollingRelease,
}

impl Kind {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Asset => "release_asset",
            Self::Latest => "release_latest",
            Self::RollingTag => "release_tag",
            Self::RollingRelease => "release_rolling",
        }
    }

    /// The kind of a destination.
    pub fn of(destination: &Destination) -> Option<Self> {
        [Self::Release, Self::Asset, Self::Latest, Self::RollingTag, Self::RollingRelease]
            .into_iter()
            .find(|kind| kind.name() == destination.kind)
    }
}

/// One project's releases.
pub struct ReleaseTarget {
    name: String,
    forge: Arc<dyn Forge>,
    uploader: Uploader,
    workspace: PathBuf,
    reader: Reader,
}

impl ReleaseTarget {
    /// A target; `name` is the repository's id in the config, `workspace` is where files that are no artifacts lie.
    pub fn new(name: impl Into<String>, forge: Arc<dyn Forge>, uploader: Uploader, workspace: impl Into<PathBuf>) -> Self {
        let reader = Reader::new(Arc::clone(&forge), uploader.http().clone());
        Self { name: name.into(), forge, uploader, workspace: workspace.into(), reader }
    }

    /// The forge behind it.
    pub fn forge(&self) -> &Arc<dyn Forge> {
        &self.forge
    }

    fn release_steps(&self, destination: &Destination, artifacts: &[ApprovedArtifact], own: &[Destination]) -> Vec<Box<dyn Step>> {
        let ReleaseSettings { title, notes, prerelease, commit, may_make_tag, assets, links, verification: _, after: _, making: _ } =
            match settings::of(destination) {
                Ok(settings) => settings,
                Err(error) => return vec![Box::new(Refused::new(&destination.name, error))],
            };
        let spec = ReleaseSpec { tag: destination.tag.clone(), commit, may_make_tag, title, notes, prerelease, links };
        let shared = Arc::new(Making::new(Arc::clone(&self.forge), self.uploader.clone(), spec, assets.clone(), destination.name.clone()));
        let mut steps: Vec<Box<dyn Step>> = Vec::new();
        let draft = DraftStep::new(Arc::clone(&shared));
        let draft_name = draft.name().clone();
        steps.push(Box::new(draft));
        let mut needs = vec![draft_name.clone()];
        let mut add = |source: AssetSource, destination: Option<String>, steps: &mut Vec<Box<dyn Step>>| {
            let step = AssetStep::new(Arc::clone(&shared), source, &draft_name, destination);
            needs.push(step.name().clone());
            steps.push(Box::new(step));
        };
        for (artifact, place) in files_of(artifacts, &destination.tag) {
            let Content::File(file) = &artifact.content else { continue };
            let source = AssetSource {
                name: asset_name(place),
                path: file.path.clone(),
                size: file.size,
                sha256: artifact.digest.clone(),
                media_type: media_type(&asset_name(place)).to_owned(),
            };
            add(source, Some(place.name.clone()), &mut steps);
        }
        for listed in &assets {
            let Some(path) = &listed.path else { continue };
            let source = AssetSource {
                name: listed.name.clone(),
                path: self.workspace.join(path),
                size: listed.size,
                sha256: listed.sha256.clone(),
                media_type: media_type(&listed.name).to_owned(),
            };
            add(source, None, &mut steps);
        }
        let visible = VisibleStep::new(Arc::clone(&shared), needs);
        let visible_name = visible.name().clone();
        steps.push(Box::new(visible));
        let moving = own.iter().filter(|other| Kind::of(other) == Some(Kind::RollingRelease));
        let rolling: Vec<String> = moving.map(|other| other.tag.clone()).collect();
        for other in own {
            match Kind::of(other) {
                Some(Kind::Latest) => match settings::of::<LatestSettings>(other) {
                    Ok(latest) if latest.release == destination.tag => {
                        steps.push(Box::new(LatestStep::new(
                            Arc::clone(&shared),
                            &other.name,
                            rolling.clone(),
                            vec![visible_name.clone()],
                        )));
                    }
                    _ => {}
                },
                Some(Kind::RollingTag) => match settings::of::<RollingTagSettings>(other) {
                    Ok(rolling) if rolling.release == destination.tag => steps.push(Box::new(RollingTagStep::new(
                        Arc::clone(&self.forge),
                        other.clone(),
                        rolling.commit,
                        vec![visible_name.clone()],
                    ))),
                    _ => {}
                },
                Some(Kind::RollingRelease) => match settings::of::<RollingReleaseSettings>(other) {
                    Ok(rolling) if rolling.release == destination.tag => steps.push(Box::new(RollingReleaseStep::new(
                        &self.forge,
                        &self.uploader,
                        other,
                        rolling,
                        &self.workspace,
                        vec![visible_name.clone()],
                    ))),
                    _ => {}
                },
                _ => {}
            }
        }
        steps
    }
}

/// Files that go to a release of this tag, with the destination of each.
fn files_of<'a>(artifacts: &'a [ApprovedArtifact], tag: &str) -> impl Iterator<Item = (&'a ApprovedArtifact, &'a Destination)> {
    artifacts.iter().flat_map(move |artifact| {
        let here = artifact.destinations.iter().filter(move |place| Kind::of(place) == Some(Kind::Asset) && place.tag == tag);
        here.map(move |place| (artifact, place))
    })
}

/// The name a file has at the forge: what follows the tag in the destination's name.
pub(super) fn asset_name(destination: &Destination) -> String {
    destination.name.rsplit('/').next().unwrap_or(&destination.name).to_owned()
}

/// Media types of what is attached. Browsers and `file` know the rest by themselves.
pub(in crate::forge) fn media_type(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "gz" | "tgz" => "application/gzip",
        "zip" => "application/zip",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "zst" => "application/zstd",
        "xz" => "application/x-xz",
        _ if name.ends_with("sums") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

impl Target for ReleaseTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn hashes_what_it_sends(&self) -> bool {
        true
    }

    fn preflight<'a>(&'a self, cx: &'a Cx, inquiry: Inquiry) -> BoxFuture<'a, Preflight> {
        self.forge.preflight(inquiry, &cx.cancel)
    }

    fn bind(&self, artifact: &ApprovedArtifact) -> Vec<Box<dyn Step>> {
        self.bind_all(std::slice::from_ref(artifact), &[])
    }

    fn bind_all(&self, artifacts: &[ApprovedArtifact], own: &[Destination]) -> Vec<Box<dyn Step>> {
        let mut steps = Vec::new();
        let mut releases: BTreeMap<&str, &Destination> = BTreeMap::new();
        for destination in own.iter().filter(|destination| Kind::of(destination) == Some(Kind::Release)) {
            releases.insert(&destination.tag, destination);
            steps.extend(self.release_steps(destination, artifacts, own));
        }
        // A file or a moving name without its release was chosen on the command line: there is nothing it could be put into.
        let alone = |destination: &Destination, release: &str| -> Option<Box<dyn Step>> {
            let text = format!("{} is part of a release that was left out", destination.name);
            let error = ForgeError::new(ForgeErrorKind::Rejected, text).hint("publish the release as a whole; what is complete is kept");
            (!releases.contains_key(release)).then(|| Box::new(Refused::new(&destination.name, error)) as Box<dyn Step>)
        };
        let files = artifacts.iter().flat_map(|artifact| &artifact.destinations);
        steps.extend(files.filter_map(|place| alone(place, &place.tag)));
        for destination in own {
            let release = match Kind::of(destination) {
                Some(Kind::Latest) => settings::of::<LatestSettings>(destination).map(|settings| settings.release),
                Some(Kind::RollingTag) => settings::of::<RollingTagSettings>(destination).map(|settings| settings.release),
                Some(Kind::RollingRelease) => settings::of::<RollingReleaseSettings>(destination).map(|settings| settings.release),
                Some(Kind::Release) => continue,
                Some(Kind::Asset) | None => Err(ForgeError::new(
                    ForgeErrorKind::Source,
                    format!("{} is of kind {}, which releases do not know", destination.name, destination.kind),
                )),
            };
            match release {
                Ok(release) => steps.extend(alone(destination, &release)),
                Err(error) => steps.push(Box::new(Refused::new(&destination.name, error))),
            }
        }
        steps
    }

    fn read<'a>(&'a self, cx: &'a Cx, destination: &'a Destination, depth: Depth) -> BoxFuture<'a, Result<Reading, PlaceError>> {
        Box::pin(async move { Ok(self.reader.read(cx, destination, depth).await?) })
    }

    fn fetch<'a>(&'a self, _: &'a Cx, destination: &'a Destination, _: &'a Digest, _: &'a Path) -> BoxFuture<'a, Result<(), PlaceError>> {
        Box::pin(async move {
            let text = format!("{} holds files, and no image", destination.name);
            Err(ForgeError::new(ForgeErrorKind::Rejected, text).into())
        })
    }
}

/// A destination that cannot be, said where everything else is said.
pub(in crate::forge) struct Refused {
    name: StepName,
    destination: String,
    error: ForgeError,
}

impl Refused {
    pub(in crate::forge) fn new(destination: &str, error: ForgeError) -> Self {
        Self { name: StepName(format!("refused:{destination}")), destination: destination.to_owned(), error }
    }
}

impl Step for Refused {
    fn name(&self) -> &StepName {
        &self.name
    }

    fn stage(&self) -> Stage {
        // What it would wait for comes before it.
        Stage::Moving
    }

    fn needs(&self) -> &[StepName] {
        &[]
    }

    fn destination(&self) -> Option<&str> {
        Some(&self.destination)
    }

    fn observe<'a>(&'a self, _: &'a Cx) -> BoxFuture<'a, Observation> {
        Box::pin(async move { Observation::Unknown(self.error.clone().into()) })
    }

    fn place<'a>(&'a self, _: &'a Cx, _: &'a Observation) -> BoxFuture<'a, Result<Placed, PlaceError>> {
        Box::pin(async move { Err(self.error.clone().into()) })
    }

    fn verify<'a>(&'a self, _: &'a Cx) -> BoxFuture<'a, Result<Verified, VerifyError>> {
        Box::pin(async move { Err(VerifyError::Unreadable(self.error.clone().into())) })
    }
}
