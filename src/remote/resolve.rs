//! From a remote to the file that may be run for it: where it lies, and which bytes it must have.

use std::path::{Path, PathBuf};

use super::executor::managed_dir;
use super::failure::{Failure, FailureKind};
use super::lock::{LockFile, LockedRemote};
use super::naming;
use crate::core::{AdapterOrigin, Digest, Platform, RemoteSettings};
use crate::fs;
use crate::names;
use crate::world::World;

/// What may be run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Only what the lockfile names, without exception. The default in CI.
    pub frozen: bool,
    /// Also what the lockfile does not name.
    pub allow_unpinned: bool,
}

impl Policy {
    /// The policy of an environment and the options of a command. `frozen` and `allow_unpinned` together are refused.
    pub fn of(world: &World, frozen: Option<bool>, allow_unpinned: bool) -> Result<Self, Failure> {
        let strict = world.env.is_true(names::env::STAGEFREIGHT_STRICT);
        let frozen = strict || frozen.unwrap_or_else(|| world.env.get(names::env::CI).is_some_and(|value| value != "false"));
        if frozen && allow_unpinned {
            let message = "adapters that are not pinned are refused here, and --insecure-allow-unpinned asks for one";
            return Err(Failure::new(FailureKind::Usage, message)
                .hint("pin it on a machine you trust: `stagefreight remote lock`, and commit stagefreight.lock.yaml"));
        }
        Ok(Self { frozen, allow_unpinned })
    }
}

/// An adapter that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The file.
    pub path: PathBuf,
    /// The bytes it must have; none only where the policy lets that pass.
    pub pinned: Option<Digest>,
}

/// Finds the adapter of a remote and what it must be. Looks at no byte of it.
pub fn locate(world: &World, workspace: &Path, settings: &RemoteSettings, lock: &LockFile, policy: Policy) -> Result<Located, Failure> {
    let name = &settings.name;
    let platform = Platform::host().to_string();
    let locked = lock.remotes.get(name);
    if let Some(locked) = locked {
        check_alignment(settings, locked)?;
    }
    let asset = lock.asset(name, &platform);
    let pinned = asset.map(|asset| asset.digest.clone());
    if pinned.is_none() && !policy.allow_unpinned {
        let message = match locked {
            Some(_) => format!("the adapter of remote `{name}` is not pinned for {platform}"),
            None => format!("the adapter of remote `{name}` is not pinned"),
        };
        let hint = format!("look at it, then pin it and commit {}: `stagefreight remote lock {name}`", names::path::REMOTE_LOCK);
        return Err(Failure::new(FailureKind::Missing, message).hint(hint));
    }
    if let (Some(AdapterOrigin::Url { digest: wanted, .. }), Some(pinned)) = (&settings.source, &pinned)
        && *wanted != pinned.to_string()
    {
        // Somebody took a release of the adapter back, and its bytes may still be here.
        let message = format!("the config wants {wanted} for remote `{name}`, and {} pins {pinned}", names::path::REMOTE_LOCK);
        return Err(
            Failure::new(FailureKind::Unverified, message).hint(format!("pin what the config wants: `stagefreight remote update {name}`"))
        );
    }
    let path = match (&settings.source, &pinned) {
        (Some(AdapterOrigin::Path(path)), _) => workspace.join(path),
        (Some(origin), Some(digest)) => installed(workspace, origin, digest, settings)?,
        (Some(origin), None) => {
            let message = format!("the adapter of remote `{name}` comes from {} and was never fetched", origin.text());
            return Err(Failure::new(FailureKind::Missing, message).hint(format!("fetch and pin it: `stagefreight remote lock {name}`")));
        }
        (None, _) => by_name(world, workspace, &settings.adapter).ok_or_else(|| {
            let file = naming::file_name(&settings.adapter);
            Failure::new(FailureKind::Missing, format!("the adapter {file} of remote `{name}` is not installed"))
                .hint(format!("put it into {} or on PATH, or say where it is: `source:`", names::path::PROJECT_BIN))
        })?,
    };
    Ok(Located { path, pinned })
}

/// Where a fetched adapter lies.
pub fn install_path(workspace: &Path, adapter: &str, digest: &Digest) -> PathBuf {
    workspace.join(names::path::ADAPTERS).join(digest.hex()).join(naming::file_name(adapter))
}

fn installed(workspace: &Path, origin: &AdapterOrigin, digest: &Digest, settings: &RemoteSettings) -> Result<PathBuf, Failure> {
    let path = install_path(workspace, &settings.adapter, digest);
    if fs::is_file(&path) {
        return Ok(path);
    }
    let message = format!("the adapter of remote `{}` is pinned and not here; it comes from {}", settings.name, origin.text());
    Err(Failure::new(FailureKind::Missing, message)
        .hint(format!("fetch it: `stagefreight remote lock {}`, or pass .stagefreight/ of a job that has it", settings.name)))
}

fn check_alignment(settings: &RemoteSettings, locked: &LockedRemote) -> Result<(), Failure> {
    let source = settings.source.as_ref().map(AdapterOrigin::text);
    let kind = settings.source.as_ref().map_or("name", AdapterOrigin::kind);
    if locked.source != source || locked.kind != kind || locked.adapter != settings.adapter {
        let says = |adapter: &str, source: &Option<String>| match source {
            Some(source) => format!("{adapter} from {source}"),
            None => format!("{adapter} by name"),
        };
        let message = format!(
            "remote `{}` names {} and {} pins {}",
            settings.name,
            says(&settings.adapter, &source),
            names::path::REMOTE_LOCK,
            says(&locked.adapter, &locked.source)
        );
        return Err(
            Failure::new(FailureKind::Missing, message).hint(format!("pin it anew: `stagefreight remote update {}`", settings.name))
        );
    }
    Ok(())
}

/// Directories in which adapters are looked for by name, in this order: beside this program, those of the project, those of
/// the user, then PATH.
pub fn search_path(world: &World, workspace: &Path) -> Vec<PathBuf> {
    let beside = world.exe.as_ref().and_then(|exe| exe.parent()).map(Path::to_owned);
    let path = world.env.get(names::env::PATH).unwrap_or_default().split(':').filter(|dir| dir.starts_with('/')).map(PathBuf::from);
    beside.into_iter().chain([workspace.join(names::path::PROJECT_BIN)]).chain(managed_dir(&world.env)).chain(path).collect()
}

/// The first file of that adapter's name that may be run.
pub fn by_name(world: &World, workspace: &Path, adapter: &str) -> Option<PathBuf> {
    let file = naming::file_name(adapter);
    let found = search_path(world, workspace).into_iter().map(|dir| dir.join(&file)).find(|path| fs::is_executable(path))?;
    // Package managers link into PATH; what is run is the file itself.
    Some(fs::real_path(&found).unwrap_or(found))
}
