//! Pinning adapters: fetched where they must be, hashed, written into the lockfile; and how each remote stands.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::failure::{Failure, FailureKind};
use super::host::Host;
use super::lock::{LockFile, LockedAsset, LockedRemote};
use super::resolve::{by_name, install_path};
use super::source::AdapterSource;
use super::verified::digest_of;
use crate::core::{AdapterOrigin, Digest, Platform, RemoteSettings};
use crate::fs::{self, Scratch};
use crate::names;

/// Pins adapters of remotes.
pub struct Pinner<'a> {
    /// The workspace.
    pub host: &'a Host,
    /// Where adapters can come from.
    pub sources: &'a [Arc<dyn AdapterSource>],
}

/// What was pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The remote.
    pub remote: String,
    /// Its adapter.
    pub adapter: String,
    /// `linux/amd64`.
    pub platform: String,
    /// Hash of its bytes.
    pub digest: Digest,
    /// What was pinned before, when that is something else.
    pub was: Option<Digest>,
    /// Nothing changed.
    pub unchanged: bool,
}

impl Pinner<'_> {
    /// Pins the adapter of one remote for this machine's platform. What is pinned already is fetched where it is not here;
    /// other bytes are only taken with `replace`.
    pub async fn pin(
        &self,
        settings: &RemoteSettings,
        lock: &mut LockFile,
        replace: bool,
        cancel: &CancellationToken,
    ) -> Result<Pinned, Failure> {
        let name = &settings.name;
        let platform = Platform::host();
        let text = platform.to_string();
        let source = settings.source.as_ref().map(AdapterOrigin::text);
        let kind = settings.source.as_ref().map_or("name", AdapterOrigin::kind).to_owned();
        let known = lock.asset(name, &text).cloned();
        let aligned = lock
            .remotes
            .get(name)
            .is_some_and(|locked| locked.source == source && locked.kind == kind && locked.adapter == settings.adapter);
        let found = self.bring(settings, &platform, known.as_ref().filter(|_| aligned && !replace), cancel).await?;
        if let Some(known) = known.as_ref().filter(|known| known.digest != found.digest && !replace && aligned) {
            let message = format!("the adapter of remote `{name}` is {} now, and {} is pinned", found.digest, known.digest);
            return Err(Failure::new(FailureKind::Unverified, message)
                .hint(format!("look at what changed; then take it: `stagefreight remote update {name}`")));
        }
        let unchanged = aligned && known.as_ref() == Some(&found);
        let was = known.map(|known| known.digest).filter(|digest| *digest != found.digest);
        let digest = found.digest.clone();
        if !unchanged {
            let locked_at = crate::core::Timestamp::from_unix(self.host.now().unix());
            let mut platforms = lock.remotes.remove(name).filter(|_| aligned).map(|locked| locked.platforms).unwrap_or_default();
            if was.is_some() {
                // Bytes for other platforms belong to the adapter that was.
                platforms.clear();
            }
            platforms.insert(text.clone(), found);
            let locked = LockedRemote { adapter: settings.adapter.clone(), kind, locked_at, platforms, source, version: None };
            lock.remotes.insert(name.clone(), locked);
        }
        Ok(Pinned { remote: name.clone(), adapter: settings.adapter.clone(), platform: text, digest, was, unchanged })
    }

    // The adapter as it is now; fetched ones are installed by their digest.
    async fn bring(
        &self,
        settings: &RemoteSettings,
        platform: &Platform,
        known: Option<&LockedAsset>,
        cancel: &CancellationToken,
    ) -> Result<LockedAsset, Failure> {
        let host = self.host;
        let local = |path: &Path| digest_of(path).map(|(digest, size)| LockedAsset { digest, resolved: None, size });
        let (origin, reference, wanted) = match &settings.source {
            None => {
                let path = by_name(&host.world, &host.workspace, &settings.adapter).ok_or_else(|| {
                    Failure::new(FailureKind::Missing, format!("no adapter called {} is installed", super::file_name(&settings.adapter)))
                        .hint(format!("put it into {} or on PATH, or say where it comes from: `source:`", names::path::PROJECT_BIN))
                })?;
                return local(&path);
            }
            Some(AdapterOrigin::Path(path)) => return local(&host.workspace.join(path)),
            Some(origin @ AdapterOrigin::Url { url, digest }) => {
                let digest: Digest = digest.parse().map_err(|error| Failure::new(FailureKind::Usage, format!("{error}")))?;
                (origin, url, Some(digest))
            }
            Some(origin @ (AdapterOrigin::Oci(reference) | AdapterOrigin::Release(reference))) => (origin, reference, None),
        };
        let installed = |digest: &Digest| install_path(&host.workspace, &settings.adapter, digest);
        if let Some(known) = known
            && digest_of(&installed(&known.digest)).is_ok_and(|(digest, _)| digest == known.digest)
        {
            return Ok(known.clone());
        }
        let source = self.sources.iter().find(|source| source.kind() == origin.kind()).ok_or_else(|| {
            Failure::new(FailureKind::Usage, format!("adapters cannot be fetched from {} yet", origin.text()))
                .hint("fetch it yourself and name the file: `source: ./path`")
        })?;
        let scratch = Scratch::below(&host.workspace.join(names::path::ADAPTERS), "fetch")?;
        let path = scratch.path().join(super::file_name(&settings.adapter));
        let resolved = source.fetch(reference, platform, &path, cancel).await.map_err(|error| {
            let failure = Failure::new(FailureKind::Missing, error.message().to_owned());
            failure.hint(error.hint_text().unwrap_or("look whether it can be reached from here").to_owned())
        })?;
        fs::set_mode(&path, 0o755)?;
        let (digest, size) = digest_of(&path)?;
        if let Some(wanted) = wanted.filter(|wanted| *wanted != digest) {
            return Err(Failure::new(FailureKind::Unverified, format!("{} is {digest}, and the config wants {wanted}", origin.text()))
                .hint("nothing was installed; look at what is there before its digest is written into the config"));
        }
        if let Some(known) = known.filter(|known| known.digest != digest) {
            let message = format!("{} is {digest} now, and {} is pinned", origin.text(), known.digest);
            return Err(Failure::new(FailureKind::Unverified, message)
                .hint(format!("nothing was installed; take it after looking at it: `stagefreight remote update {}`", settings.name)));
        }
        let target = installed(&digest);
        if !fs::is_file(&target) {
            if let Some(parent) = target.parent() {
                fs::create_dir(parent)?;
            }
            fs::rename(&path, &target)?;
        }
        Ok(LockedAsset { digest, resolved, size })
    }
}

/// How the adapter of a remote stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdapterStatus {
    /// It is here, and its bytes are those of the lockfile.
    Verified,
    /// It is here, and the lockfile does not name it.
    Unverified,
    /// It is here, and its bytes are others than those of the lockfile; or the config wants others than the lockfile.
    Changed,
    /// The lockfile names it, and it is not here.
    Managed,
    /// It is nowhere.
    NotFound,
}

impl AdapterStatus {
    /// The word in JSON and on screens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unverified => "unverified",
            Self::Changed => "changed",
            Self::Managed => "managed",
            Self::NotFound => "not_found",
        }
    }
}

/// How the adapter of one remote stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterState {
    /// The remote.
    pub remote: String,
    /// Its adapter.
    pub adapter: String,
    /// Where it comes from; none = found by its name.
    pub source: Option<String>,
    /// How it stands.
    pub status: AdapterStatus,
    /// Where it lies.
    pub path: Option<String>,
    /// Hash of what lies there.
    pub digest: Option<Digest>,
    /// Hash the lockfile wants.
    pub pinned: Option<Digest>,
    /// What is wrong, in a sentence.
    pub problem: Option<String>,
}

/// How the adapters of remotes stand: config, lockfile and disk compared, by hashing. Nothing is executed.
pub fn states(host: &Host, remotes: &[RemoteSettings], lock: &LockFile) -> Vec<AdapterState> {
    remotes.iter().map(|settings| state(host, settings, lock)).collect()
}

fn state(host: &Host, settings: &RemoteSettings, lock: &LockFile) -> AdapterState {
    let platform = Platform::host().to_string();
    let pinned = lock.asset(&settings.name, &platform).map(|asset| asset.digest.clone());
    let policy = super::Policy { frozen: false, allow_unpinned: true };
    let located = super::locate(&host.world, &host.workspace, settings, lock, policy);
    let mut state = AdapterState {
        remote: settings.name.clone(),
        adapter: settings.adapter.clone(),
        source: settings.source.as_ref().map(AdapterOrigin::text),
        status: if pinned.is_some() { AdapterStatus::Managed } else { AdapterStatus::NotFound },
        path: None,
        digest: None,
        pinned: pinned.clone(),
        problem: None,
    };
    let located = match located {
        Ok(located) => located,
        Err(failure) => {
            let status = if failure.kind == FailureKind::Unverified { AdapterStatus::Changed } else { state.status };
            return AdapterState { status, problem: Some(failure.message), ..state };
        }
    };
    if !fs::exists(&located.path) {
        return AdapterState { problem: Some(format!("{} is not there", located.path.display())), ..state };
    }
    state.path = Some(located.path.display().to_string());
    match digest_of(&located.path) {
        Ok((digest, _)) => {
            state.status = match &pinned {
                Some(pinned) if *pinned == digest => AdapterStatus::Verified,
                Some(_) => AdapterStatus::Changed,
                None => AdapterStatus::Unverified,
            };
            state.digest = Some(digest);
            state
        }
        Err(failure) => AdapterState { problem: Some(failure.message), ..state },
    }
}
