//! What the steps of one release share: the forge, what shall be, and what was found so far, so that each list is read
//! once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::forge::asset::{AssetState, StoredAsset};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::notes;
use crate::forge::port::{Flow, Forge};
use crate::forge::release::{Container, ReleaseSpec, StoredRelease, Visibility};
use crate::forge::transaction::settings::ListedAsset;
use crate::forge::upload::Uploader;
use crate::publish::Cx;

/// How destinations here are read back (`observed_by`).
pub(super) const READ_BY: &str = "release-api";

/// Looks at something that was just written, before it counts as not there; lists lag behind.
const LOOKS: u32 = 5;

/// One release in the making.
pub(super) struct Making {
    pub(super) forge: Arc<dyn Forge>,
    pub(super) uploader: Uploader,
    /// What it shall be; its notes without markers.
    pub(super) spec: ReleaseSpec,
    /// Every file it must have.
    pub(super) expected: Vec<ListedAsset>,
    /// Name of its destination, which decisions name.
    pub(super) name: String,
    state: Mutex<State>,
    looking: Mutex<()>,
}

#[derive(Default)]
#[expect(clippy::option_option, reason = "not looked for, not there, and there are three things")]
struct State {
    /// The release or draft that is ours to complete, once looked for.
    held: Option<Option<StoredRelease>>,
    /// Files there, by name, once listed.
    assets: Option<HashMap<String, StoredAsset>>,
}

/// The drafts and releases of a tag, sorted out.
pub(super) enum Found {
    /// There is none.
    Nothing,
    /// It is visible.
    Visible(StoredRelease),
    /// A draft of ours, and further drafts of ours that a race left behind.
    Draft(StoredRelease, Vec<StoredRelease>),
    /// A draft that somebody else made.
    Foreign(StoredRelease),
}

impl Making {
    pub(super) fn new(
        forge: Arc<dyn Forge>,
        uploader: Uploader,
        spec: ReleaseSpec,
        expected: Vec<ListedAsset>,
        name: impl Into<String>,
    ) -> Self {
        Self { forge, uploader, spec, expected, name: name.into(), state: Mutex::default(), looking: Mutex::default() }
    }

    /// Looks what is there for the tag. A draft counts as ours when it carries our marker, or somebody decided so.
    pub(super) async fn look(&self, cx: &Cx) -> Result<Found, ForgeError> {
        let releases = self.forge.releases_of(&self.spec.tag, &cx.cancel).await?;
        let adopted = cx.overrides.adopt.contains_key(&self.name) || cx.overrides.replace.contains_key(&self.name);
        let mut visible = None;
        let (mut ours, mut foreign) = (Vec::new(), Vec::new());
        let mut told = Vec::new();
        for mut release in releases {
            let files = std::mem::take(&mut release.files);
            if release.is_visible() {
                if visible.is_none() {
                    told = files;
                }
                visible.get_or_insert(release);
            } else if adopted || notes::is_marked(&release.notes) {
                ours.push(release);
            } else {
                foreign.push(release);
            }
        }
        let found = if let Some(release) = visible {
            Found::Visible(release)
        } else if !ours.is_empty() {
            let first = ours.remove(0);
            Found::Draft(first, ours)
        } else if let Some(first) = foreign.into_iter().next() {
            Found::Foreign(first)
        } else {
            Found::Nothing
        };
        self.hold(match &found {
            Found::Visible(release) | Found::Draft(release, _) => Some(release.clone()),
            Found::Foreign(_) | Found::Nothing => None,
        })
        .await;
        self.believe(told).await;
        Ok(found)
    }

    /// Files told along with a visible release are all that must be asked when they are all that must be there: a complete
    /// release is found complete without its list, however many pages that has.
    async fn believe(&self, told: Vec<StoredAsset>) {
        let told = by_name(told);
        let is_there =
            |listed: &ListedAsset| told.get(&listed.name).is_some_and(|held| held.holds(listed.size, &listed.sha256) == Some(true));
        if !self.expected.is_empty() && self.expected.iter().all(is_there) {
            self.state.lock().await.assets = Some(told);
        }
    }

    /// Remembers which release or draft is ours to complete.
    pub(super) async fn hold(&self, release: Option<StoredRelease>) {
        let mut state = self.state.lock().await;
        let same = |one: &Option<StoredRelease>| one.as_ref().map(|held| &held.container) == release.as_ref().map(|held| &held.container);
        if state.held.as_ref().is_some_and(|known| !same(known)) {
            state.assets = None;
        }
        state.held = Some(release);
    }

    /// The release or draft, looked for when nobody has yet.
    pub(super) async fn held(&self, cx: &Cx) -> Result<Option<StoredRelease>, ForgeError> {
        // Steps that begin together ask once.
        let _one = self.looking.lock().await;
        let known = self.state.lock().await.held.clone();
        match known {
            Some(held) => Ok(held),
            None => Ok(match self.look(cx).await? {
                Found::Visible(release) | Found::Draft(release, _) => Some(release),
                Found::Foreign(_) | Found::Nothing => None,
            }),
        }
    }

    /// Where files go, when there is such a place already.
    pub(super) async fn container(&self, cx: &Cx) -> Result<Option<Container>, ForgeError> {
        if self.forge.rules().flow == Flow::PackageFirst {
            return Ok(self.forge.container_of(&self.spec.tag));
        }
        Ok(self.held(cx).await?.map(|held| held.container))
    }

    /// A file there, out of a list that is read once.
    pub(super) async fn stored(&self, cx: &Cx, name: &str) -> Result<Option<StoredAsset>, ForgeError> {
        let Some(container) = self.container(cx).await? else { return Ok(None) };
        let mut state = self.state.lock().await;
        if state.assets.is_none() {
            state.assets = Some(self.list(&container, &cx.cancel).await?);
        }
        Ok(state.assets.as_ref().and_then(|assets| assets.get(name)).cloned())
    }

    /// Remembers a file that is there now.
    pub(super) async fn remember(&self, stored: StoredAsset) {
        if let Some(assets) = &mut self.state.lock().await.assets {
            assets.insert(stored.name.clone(), stored);
        }
    }

    /// Forgets what was found: somebody wrote, or an answer was lost.
    pub(super) async fn forget(&self) {
        *self.state.lock().await = State::default();
    }

    /// Lists the files again.
    pub(super) async fn list_again(&self, cx: &Cx) -> Result<HashMap<String, StoredAsset>, ForgeError> {
        let Some(container) = self.container(cx).await? else { return Ok(HashMap::new()) };
        let assets = self.list(&container, &cx.cancel).await?;
        self.state.lock().await.assets = Some(assets.clone());
        Ok(assets)
    }

    async fn list(&self, container: &Container, cancel: &CancellationToken) -> Result<HashMap<String, StoredAsset>, ForgeError> {
        Ok(by_name(self.forge.assets(container, cancel).await?))
    }

    /// Is a release sealed?
    pub(super) fn is_sealed(held: &StoredRelease) -> bool {
        held.visibility == Visibility::Sealed
    }

    /// The first expected file that is not there as it should be: its name, and what is there instead.
    pub(super) fn first_wrong<'a>(
        &'a self,
        assets: &'a HashMap<String, StoredAsset>,
    ) -> Option<(&'a ListedAsset, Option<&'a StoredAsset>)> {
        self.expected.iter().find_map(|listed| match assets.get(&listed.name) {
            None => Some((listed, None)),
            Some(stored) if stored.holds(listed.size, &listed.sha256) == Some(false) => Some((listed, Some(stored))),
            Some(_) => None,
        })
    }

    /// The first expected file that a visible release does not show, where showing it is a thing of its own.
    pub(super) fn first_unlisted(&self, held: &StoredRelease) -> Option<&str> {
        let listed = held.listed.as_ref()?;
        let files = self.expected.iter().map(|expected| expected.name.as_str());
        // What is published beside it may be linked by somebody, in other words.
        let further = self.spec.links.iter().filter(|link| !held.addresses.contains(&link.url)).map(|link| link.name.as_str());
        files.chain(further).find(|name| !listed.iter().any(|known| known == name))
    }

    /// A link of a visible release that is called like a file of ours and leads to something else: whose it is decides
    /// somebody.
    pub(super) fn misled(&self, held: &StoredRelease) -> Option<ForgeError> {
        let name = self.expected.iter().map(|expected| &expected.name).find(|name| held.elsewhere.contains(name))?;
        let text = format!("{} has a link {name} that does not lead to its file", self.name);
        Some(ForgeError::new(ForgeErrorKind::Conflict, text).hint("remove the link there, and run publish again: ours takes its place"))
    }

    /// The specification with the notes as they shall stand in a body that says `before` now.
    pub(super) fn spec_over(&self, before: &str) -> ReleaseSpec {
        ReleaseSpec { notes: notes::merge(before, &self.spec.notes), ..self.spec.clone() }
    }

    /// What cannot be, whatever is there: names, sizes and numbers the forge refuses.
    pub(super) fn impossible(&self) -> Option<ForgeError> {
        let (rules, place) = (self.forge.rules(), self.forge.place());
        let refuse = |kind, text: String, hint: &str| Some(ForgeError::new(kind, text).hint(hint));
        if rules.most_assets.is_some_and(|most| self.expected.len() > most) {
            let text =
                format!("{} has {} files, and {place} takes {}", self.name, self.expected.len(), rules.most_assets.unwrap_or_default());
            return refuse(ForgeErrorKind::Rejected, text, "pack some of them into one archive");
        }
        for listed in &self.expected {
            if let Some(why) = rules.names.refuse(&listed.name) {
                return refuse(ForgeErrorKind::Rejected, why, "give the archive another `name`");
            }
            if let Some(largest) = rules.largest_asset.filter(|largest| listed.size > *largest) {
                let size = |bytes| crate::core::ByteSize(bytes);
                let text = format!("{} is {}, and {place} takes at most {}", listed.name, size(listed.size), size(largest));
                return refuse(ForgeErrorKind::TooLarge, text, "split or compress it, or publish it elsewhere");
            }
            if listed.size == 0 && !rules.empty_assets {
                return refuse(
                    ForgeErrorKind::Rejected,
                    format!("{} is empty, and {place} takes no empty files", listed.name),
                    "leave it out of the release",
                );
            }
        }
        let notes = self.spec.notes.chars().count() + notes::MARKERS;
        if let Some(longest) = rules.longest_notes.filter(|longest| notes > *longest) {
            let text = format!("the notes of {} are {notes} characters long, and {place} takes {longest}", self.name);
            return refuse(ForgeErrorKind::Rejected, text, "shorten them: `notes: { from: … }`");
        }
        None
    }
}

fn by_name(assets: Vec<StoredAsset>) -> HashMap<String, StoredAsset> {
    let mut by_name = HashMap::new();
    for asset in assets {
        // Where several have one name, a whole one counts before an unfinished one.
        let whole = asset.state == AssetState::Complete;
        let replace = by_name.get(&asset.name).is_none_or(|known: &StoredAsset| known.state == AssetState::Unfinished && whole);
        if replace {
            by_name.insert(asset.name.clone(), asset);
        }
    }
    by_name
}

/// Waits a little longer before each further look; `false` when enough were taken or the run ended.
pub(super) async fn look_later(looks: u32, cancel: &CancellationToken) -> bool {
    if looks >= LOOKS {
        return false;
    }
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(100 << looks.min(5))) => true,
        () = cancel.cancelled() => false,
    }
}
