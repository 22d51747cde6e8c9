//! Generic packages: versions, and their files.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::Gitlab;
use super::package::PackageVersion;
use super::wire::{Package, PackageFile};
use crate::core::Digest;
use crate::forge::asset::{AssetState, StoredAsset};
use crate::forge::error::ForgeError;
use crate::forge::packages::{Held, HeldVersion};
use crate::http::{Method, Url};

impl Gitlab {
    /// The package version, when it is there.
    pub(super) async fn find_package(&self, wanted: &PackageVersion, cancel: &CancellationToken) -> Result<Option<Package>, ForgeError> {
        let doing = format!("look for package {} of {}", wanted.id(), self.place);
        let (name, version) = (wanted.name.as_str(), wanted.version.as_str());
        let query = [("package_type", "generic"), ("package_name", name), ("package_version", version)];
        let found: Vec<Package> = self.list(&doing, &["packages"], &query, cancel).await?;
        // The name is a fuzzy search, and older instances do not look at the version.
        Ok(found.into_iter().find(|package| package.name == name && package.version.as_deref() == Some(version)))
    }

    /// The files of a package version.
    pub(super) async fn package_files(
        &self,
        version: &PackageVersion,
        id: u64,
        cancel: &CancellationToken,
    ) -> Result<Vec<StoredAsset>, ForgeError> {
        // Of several files of one name the newest is what a download gets.
        let mut newest: BTreeMap<String, PackageFile> = BTreeMap::new();
        for file in self.all_package_files(version, id, cancel).await? {
            let Some(name) = file.file_name.clone() else { continue };
            if newest.get(&name).is_none_or(|known| known.id < file.id) {
                newest.insert(name, file);
            }
        }
        Ok(newest.into_iter().map(|(name, file)| of_file(&name, &file, id, self.file_url(version, &name))).collect())
    }

    /// The same with several of one name, as GitLab keeps them.
    pub(super) async fn all_package_files(
        &self,
        version: &PackageVersion,
        id: u64,
        cancel: &CancellationToken,
    ) -> Result<Vec<PackageFile>, ForgeError> {
        let doing = format!("list the files of package {} of {}", version.id(), self.place);
        self.list(&doing, &["packages", &id.to_string(), "package_files"], &[], cancel).await
    }

    /// Every version of a package.
    pub(in crate::forge) async fn package_versions(&self, name: &str, cancel: &CancellationToken) -> Result<Vec<HeldVersion>, ForgeError> {
        let doing = format!("list package {name} of {}", self.place);
        let query = [("package_type", "generic"), ("package_name", name)];
        let packages: Vec<Package> = self.list(&doing, &["packages"], &query, cancel).await?;
        let mut found = Vec::new();
        for package in packages.into_iter().filter(|package| package.name == name) {
            let Some(number) = package.version else { continue };
            let version = PackageVersion { name: package.name, version: number };
            let files = self.package_files(&version, package.id, cancel).await?;
            found.push(HeldVersion {
                id: package.id.to_string(),
                directory: version.id(),
                created: package.created_at,
                files: files.into_iter().map(|file| (file.name, Held { size: file.size, sha256: file.sha256 })).collect(),
            });
        }
        Ok(found)
    }

    /// Takes a version away with all its files. Gone already is a success.
    pub(in crate::forge) async fn remove_package(&self, version: &str, id: &str, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let answer = self.api.send(&self.api.request(Method::DELETE, self.url(&["packages", id], &[])), cancel).await?;
        self.gone(&format!("remove package {version} of {}", self.place), &answer)
    }
}

/// A file of a package as a file of a release.
pub(super) fn of_file(name: &str, file: &PackageFile, package: u64, url: Url) -> StoredAsset {
    let sha256 = file.file_sha256.as_ref().and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok());
    StoredAsset {
        id: format!("{package}/{}", file.id),
        name: name.to_owned(),
        size: file.size,
        sha256,
        state: AssetState::Complete,
        download: Some(url),
        doubles: Vec::new(),
    }
}
