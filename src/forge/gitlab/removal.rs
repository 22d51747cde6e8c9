//! What goes with a release that is removed. Its files are in a package version, and others may have put theirs there: an
//! entry that publishes a package, whose index says which files it counts on, and people.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use super::Gitlab;
use super::package::PackageVersion;
use super::wire::PackageFile;
use crate::core::is_index_file;
use crate::forge::error::ForgeError;
use crate::forge::packages::Index;
use crate::forge::release::StoredRelease;
use crate::http::Method;

/// Indexes of one version that are read. One with more was not published by us, and keeps what it has.
const MOST_INDEXES: usize = 64;

/// What of a package version goes.
pub(super) enum Going {
    /// Nothing.
    Nothing,
    /// The version with all it holds.
    Version {
        /// Number of the package.
        package: u64,
        /// Which it is.
        version: PackageVersion,
    },
    /// These files of it.
    Files {
        /// Number of the package.
        package: u64,
        /// The files.
        files: Vec<PackageFile>,
    },
}

impl Gitlab {
    /// What goes with a release: the version of its files, when it holds nothing else; otherwise what the release linked to
    /// and no index names.
    pub(super) async fn goes_with(&self, held: &StoredRelease, cancel: &CancellationToken) -> Result<Going, ForgeError> {
        let version = PackageVersion::of_id(&held.container.id);
        let Some(found) = self.find_package(&version, cancel).await? else { return Ok(Going::Nothing) };
        let package = found.id;
        // With several of one name: all but the newest would be seen again.
        let mut files = self.all_package_files(&version, package, cancel).await?;
        let listed: BTreeSet<&str> = held.listed.iter().flatten().map(String::as_str).collect();
        let is_linked = |name: &str| listed.contains(name) && !held.elsewhere.iter().any(|elsewhere| elsewhere == name);
        if files.iter().all(|file| file.file_name.as_deref().is_some_and(is_linked)) {
            return Ok(Going::Version { package, version });
        }
        let Some(counted_on) = self.named_by_indexes(&version, &files, cancel).await? else { return Ok(Going::Nothing) };
        files.retain(|file| file.file_name.as_deref().is_some_and(|name| is_linked(name) && !counted_on.contains(name)));
        Ok(if files.is_empty() { Going::Nothing } else { Going::Files { package, files } })
    }

    /// Takes it away. Gone already is a success.
    pub(super) async fn take_away(&self, going: Going, cancel: &CancellationToken) -> Result<(), ForgeError> {
        match going {
            Going::Nothing => Ok(()),
            Going::Version { package, version } => self.remove_package(&version.id(), &package.to_string(), cancel).await,
            Going::Files { package, files } => {
                for file in files {
                    self.remove_package_file(package, &file, cancel).await?;
                }
                Ok(())
            }
        }
    }

    /// Names of the files that indexes of a version name; `None` when one of them cannot be told.
    async fn named_by_indexes(
        &self,
        version: &PackageVersion,
        files: &[PackageFile],
        cancel: &CancellationToken,
    ) -> Result<Option<BTreeSet<String>>, ForgeError> {
        let indexes: BTreeSet<&str> =
            files.iter().filter_map(|file| file.file_name.as_deref()).filter(|name| is_index_file(name)).collect();
        if indexes.len() > MOST_INDEXES {
            return Ok(None);
        }
        let mut named = BTreeSet::new();
        for name in indexes {
            let answer = self.api.send(&self.api.request(Method::GET, self.file_url(version, name)), cancel).await?;
            if !answer.status.is_success() {
                return Err(self.refused(&format!("read {name} of package {} of {}", version.id(), self.place), &answer));
            }
            // One that a later version of ours wrote, or somebody else.
            let Some(index) = Index::read(&answer.body) else { return Ok(None) };
            named.extend(index.files.into_iter().map(|file| file.name));
        }
        Ok(Some(named))
    }

    async fn remove_package_file(&self, package: u64, file: &PackageFile, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let url = self.url(&["packages", &package.to_string(), "package_files", &file.id.to_string()], &[]);
        let answer = self.api.send(&self.api.request(Method::DELETE, url), cancel).await?;
        self.gone(&format!("remove {} from {}", file.file_name.as_deref().unwrap_or_default(), self.place), &answer)
    }
}
