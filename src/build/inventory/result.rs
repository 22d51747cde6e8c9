//! What an inventory lists, without repetition and in a stable order.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Everything one Dockerfile names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Inventory {
    /// Images the stages start from, by name and version.
    pub base_images: Vec<PackageInfo>,
    /// What the base images are built on, as their tags say: `alpine 3.23` of `golang:1.26-alpine3.23`.
    pub lineage: Vec<PackageInfo>,
    /// Packages and downloads, by manager, name, version.
    pub packages: Vec<PackageInfo>,
    /// Declared build arguments, in the order of the file.
    pub args: Vec<ArgDecl>,
    /// The stages, in the order of the file.
    pub stages: Vec<StageInfo>,
}

/// One image, package or download.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PackageInfo {
    /// Its name.
    pub name: String,
    /// The version that is asked for, when one is. A variable nobody defines stays as it is written.
    pub version: Option<String>,
    /// Does asking again give the same bytes? Only an exact version, or a digest of an image, is pinned.
    pub pinned: bool,
    /// The digest that is asked for.
    pub digest: Option<String>,
    /// Where it is said: `base_image` in FROM, `copied_image` in `--from`, `dockerfile` in a command.
    pub source: &'static str,
    /// The instruction that says it, on one line.
    pub source_ref: String,
    /// Its line.
    pub line: usize,
    /// `base` for images, or the program that installs it: `apk`, `apt`, `pip`, …; `binary` for downloads.
    pub manager: &'static str,
    /// `declared` when it is written there, `inferred` when it follows from a tag or an address.
    pub confidence: &'static str,
    /// Where it is downloaded from, as written.
    pub url: Option<String>,
    /// The stage: its name, or its number.
    pub stage: String,
    /// Is it in the image that is built: in the stage to build, or a stage that one starts from?
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Package URL (purl), when the Dockerfile says enough for one.
    pub purl: Option<String>,
}

/// One declared argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ArgDecl {
    /// Its name.
    pub name: String,
    /// Its default, without quotes, variables replaced where they are known.
    pub default: Option<String>,
    /// Line of the declaration.
    pub line: usize,
    /// Stage it is declared in; none before the first FROM.
    pub stage: Option<String>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StageInfo {
    /// Its name, or its number.
    pub name: String,
    /// Line of FROM.
    pub line: usize,
    /// What it starts from, variables replaced: an image, a stage, or `scratch`.
    pub from: String,
    /// The image at the end of the chain of stages it starts from; none for `scratch`.
    pub base: Option<String>,
    /// `--platform`, as written.
    pub platform: Option<String>,
    /// Is it the stage to build, or one that starts from here?
    #[serde(rename = "final")]
    pub is_final: bool,
}

impl Inventory {
    /// Drops repetitions and sorts: the last step (spec/build.md L.5, L.6). Unlike there, a package stands once for each
    /// stage, because one of the stages may not be in the image.
    pub(super) fn settle(&mut self) {
        keep_best(&mut self.packages, |p| (p.manager.to_owned(), p.name.clone(), p.stage.clone()));
        keep_best(&mut self.base_images, |p| (p.source_ref.clone(), p.version.clone().unwrap_or_default(), String::new()));
        keep_best(&mut self.lineage, |p| (p.name.clone(), p.version.clone().unwrap_or_default(), p.stage.clone()));
        self.packages.sort_by(|a, b| (a.manager, &a.name, &a.version, &a.stage).cmp(&(b.manager, &b.name, &b.version, &b.stage)));
        self.base_images.sort_by(|a, b| (&a.name, &a.version, &a.line).cmp(&(&b.name, &b.version, &b.line)));
        self.lineage.sort_by(|a, b| (&a.name, &a.version, &a.line).cmp(&(&b.name, &b.version, &b.line)));
    }
}

// Versioned beats unversioned, pinned beats unpinned, otherwise the first stays; what is final anywhere is final.
fn keep_best<K: Ord>(list: &mut Vec<PackageInfo>, key: impl Fn(&PackageInfo) -> K) {
    let mut places: BTreeMap<K, usize> = BTreeMap::new();
    let mut kept: Vec<PackageInfo> = Vec::with_capacity(list.len());
    for package in list.drain(..) {
        match places.entry(key(&package)) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(package);
            }
            std::collections::btree_map::Entry::Occupied(place) => {
                let Some(there) = kept.get_mut(*place.get()) else { continue };
                let is_final = there.is_final || package.is_final;
                if (package.version.is_some(), package.pinned) > (there.version.is_some(), there.pinned) {
                    *there = package;
                }
                there.is_final = is_final;
            }
        }
    }
    *list = kept;
}
