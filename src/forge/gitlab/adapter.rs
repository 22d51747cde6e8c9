//! The adapter: one call of the port, one call of the API.

use tokio_util::sync::CancellationToken;

use super::links::{leads_into, link, link_beside};
use super::package::PackageVersion;
use super::wire::{Changes, Link, NewAssets, NewLink, NewRelease, NewTag, PackageFile, Project, Release, Tag};
use crate::core::{BoxFuture, NameRules};
use crate::forge::api::{Answer, Api};
use crate::forge::asset::{AssetSource, StoredAsset};
use crate::forge::credentials::Carrier;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::{Flow, Forge, Place, Rules, TagTarget};
use crate::forge::refs::Refs;
use crate::forge::release::{Container, ReleaseSpec, StoredRelease, Visibility};
use crate::forge::release_links::ReleaseLink;
use crate::http::{Method, Replay, Request, StatusCode, Url, header};
use crate::publish::{Inquiry, Preflight};

/// `generic_packages_max_file_size` of gitlab.com; self-managed ones choose.
const LARGEST_FILE: u64 = 5 << 30;

/// Access that may make releases and packages.
const DEVELOPER: u32 = 30;

/// One project on one GitLab.
#[derive(Debug)]
pub struct Gitlab {
    pub(super) place: Place,
    rules: Rules,
    pub(super) api: Api,
    refs: Refs,
}

impl Gitlab {
    /// `api` is at `…/api/v4`; `instance` is what people open in a browser.
    pub fn new(place: Place, api: Api, instance: &Url) -> Self {
        let mut repository = instance.clone();
        if let Ok(mut path) = repository.path_segments_mut() {
            path.pop_if_empty().extend(format!("{}.git", place.project).split('/'));
        }
        let login = api.token().map(|token| match token.carrier {
            Carrier::JobToken => ("gitlab-ci-token", token.secret.clone()),
            _ => ("oauth2", token.secret.clone()),
        });
        let refs = Refs::new(api.http().clone(), repository, login);
        let rules = Rules {
            flow: Flow::PackageFirst,
            largest_asset: Some(LARGEST_FILE),
            most_assets: None,
            tells_digests: true,
            marks_prereleases: false,
            // Whether an instance keeps a file without bytes depends on where it stores them.
            empty_assets: false,
            longest_notes: Some(1_000_000),
            names: NameRules::GITLAB,
            uploads_at_a_time: 1,
        };
        Self { place, rules, api, refs }
    }

    fn is_job(&self) -> bool {
        self.api.token().is_some_and(|token| token.carrier == Carrier::JobToken)
    }

    pub(super) fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut all = vec!["projects", self.place.project.as_str()];
        all.extend(segments);
        self.api.url(&all, query)
    }

    pub(super) fn file_url(&self, package: &PackageVersion, file: &str) -> Url {
        self.url(&["packages", "generic", &package.name, &package.version, file], &[])
    }

    /// All pages of a list.
    pub(super) async fn list<T: serde::de::DeserializeOwned>(
        &self,
        doing: &str,
        segments: &[&str],
        query: &[(&str, &str)],
        cancel: &CancellationToken,
    ) -> Result<Vec<T>, ForgeError> {
        let page = |number: usize| {
            let number = number.to_string();
            let mut query = query.to_vec();
            query.extend([("per_page", "100"), ("page", number.as_str())]);
            self.url(segments, &query)
        };
        self.api.list(doing, page, 100, cancel).await
    }

    fn stored(&self, release: Release) -> StoredRelease {
        let package = PackageVersion::of_tag(&self.place.project, &release.tag_name);
        let page = release.pages.and_then(|pages| pages.page).and_then(|page| Url::parse(&page).ok());
        StoredRelease {
            container: Container { id: package.id(), upload: None },
            title: release.name.unwrap_or_else(|| release.tag_name.clone()),
            notes: release.description.unwrap_or_default(),
            visibility: Visibility::Published,
            prerelease: false,
            target: release.commit.map(|commit| commit.id).unwrap_or_default(),
            created: release.created_at,
            page,
            elsewhere: release.assets.links.iter().filter(|link| !leads_into(&package, link)).map(|link| link.name.clone()).collect(),
            addresses: release.assets.links.iter().map(|link| link.url.clone()).collect(),
            listed: Some(release.assets.links.into_iter().map(|link| link.name).collect()),
            files: Vec::new(),
            tag: release.tag_name,
        }
    }

    /// A refusal in GitLab's words.
    pub(super) fn refused(&self, doing: &str, answer: &Answer) -> ForgeError {
        let said = self.api.said(answer).unwrap_or_default();
        let error = self.api.refused(doing, answer);
        let kind = |kind: ForgeErrorKind| ForgeError { kind, ..error.clone() };
        match answer.status.as_u16() {
            400 if said.contains("too large") => {
                kind(ForgeErrorKind::TooLarge).hint("raise `generic_packages_max_file_size` of the instance, or split the file")
            }
            // The first file of a version makes it; another job sends one at the same time.
            400 if said.contains("already been taken") || said.contains("already exists") => kind(ForgeErrorKind::Exists),
            403 if said.contains("Duplicate") => kind(ForgeErrorKind::Exists),
            403 if said.contains("allowlist") => error.hint("add this project to the other's CI/CD settings, \"Job token permissions\""),
            422 if said.contains("Ref is not specified") => {
                kind(ForgeErrorKind::NotFound).hint("push the git tag before the release, or let publish make it with `tag:`")
            }
            401 | 403 | 404 if self.is_job() => error.hint(
                "a job's token may use releases and packages of its own project; is the tag protected, or the token of another project?",
            ),
            _ => error,
        }
    }

    /// The links a release shall have: to these files, and to what is published beside them.
    fn links(&self, package: &PackageVersion, assets: &[StoredAsset], further: &[ReleaseLink]) -> Vec<NewLink> {
        let files = assets.iter().map(|asset| link(&asset.name, &self.file_url(package, &asset.name)));
        files.chain(further.iter().map(link_beside)).collect()
    }

    /// The release was made, or is there: at our commit?
    fn at_our_commit(&self, spec: &ReleaseSpec, release: &Release) -> Result<(), ForgeError> {
        let Some(commit) = &release.commit else { return Ok(()) };
        if commit.id == spec.commit {
            return Ok(());
        }
        let text = format!("tag {} of {} names {}, and the release is of {}", spec.tag, self.place, commit.id, spec.commit);
        Err(ForgeError::new(ForgeErrorKind::Conflict, text).hint("a released tag names one commit for ever: release another version"))
    }

    async fn checked(&self, cancel: &CancellationToken) -> Result<String, ForgeError> {
        let doing = format!("use {}", self.place);
        if self.is_job() {
            // The project itself is not shown to a job's token, and its role only shows when it writes.
            let url = self.url(&["releases"], &[("per_page", "1")]);
            let answer = self.api.send(&self.api.request(Method::GET, url), cancel).await?;
            if !answer.status.is_success() {
                return Err(self.refused(&doing, &answer));
            }
            return Ok(format!("the job's token may read releases of {}", self.place));
        }
        let answer = self.api.send(&self.api.request(Method::GET, self.url(&[], &[])), cancel).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&doing, &answer));
        }
        // A public project is shown to everybody.
        if self.api.token().is_none() {
            return Err(ForgeError::new(ForgeErrorKind::Missing, format!("no token for {}", self.place))
                .hint("run it in a job of the project, whose CI_JOB_TOKEN is enough; elsewhere set GITLAB_TOKEN (scope api)"));
        }
        let project: Project = answer.json()?;
        if project.archived {
            return Err(ForgeError::new(ForgeErrorKind::Rejected, format!("{} is archived", self.place)).hint("unarchive it"));
        }
        let level = project.permissions.map(|found| {
            let of = |access: Option<super::wire::Access>| access.map_or(0, |access| access.access_level);
            of(found.project_access).max(of(found.group_access))
        });
        match level {
            Some(level) if level < DEVELOPER => {
                let text = format!("the token's owner has access level {level} in {}, and releases need 30 (Developer)", self.place);
                Err(ForgeError::new(ForgeErrorKind::Denied, text).hint("make it a Developer of the project, with scope api"))
            }
            _ => Ok(format!("may use {}", self.place)),
        }
    }
}

impl Forge for Gitlab {
    fn place(&self) -> &Place {
        &self.place
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }

    fn preflight<'a>(&'a self, _: Inquiry, cancel: &'a CancellationToken) -> BoxFuture<'a, Preflight> {
        Box::pin(async move { self.checked(cancel).await.map(|checked| vec![checked]).into() })
    }

    fn releases_of<'a>(&'a self, tag: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<StoredRelease>, ForgeError>> {
        Box::pin(async move {
            let doing = format!("look for release {tag} of {}", self.place);
            let answer = self.api.send(&self.api.request(Method::GET, self.url(&["releases", tag], &[])), cancel).await?;
            if answer.status == StatusCode::NOT_FOUND {
                // A project that is not shown answers the same, in other words.
                if self.api.said(&answer).is_some_and(|said| said.contains("Project")) {
                    return Err(self.refused(&doing, &answer));
                }
                return Ok(Vec::new());
            }
            if !answer.status.is_success() {
                return Err(self.refused(&doing, &answer));
            }
            Ok(vec![self.stored(answer.json()?)])
        })
    }

    fn open<'a>(&'a self, spec: &'a ReleaseSpec, _: &'a CancellationToken) -> BoxFuture<'a, Result<StoredRelease, ForgeError>> {
        let text = format!("{} has no drafts, so release {} cannot begin as one", self.place, spec.tag);
        Box::pin(async move { Err(ForgeError::new(ForgeErrorKind::Rejected, text)) })
    }

    fn container_of(&self, tag: &str) -> Option<Container> {
        Some(Container { id: PackageVersion::of_tag(&self.place.project, tag).id(), upload: None })
    }

    fn assets<'a>(
        &'a self,
        container: &'a Container,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Vec<StoredAsset>, ForgeError>> {
        Box::pin(async move {
            let version = PackageVersion::of_id(&container.id);
            let Some(package) = self.find_package(&version, cancel).await? else { return Ok(Vec::new()) };
            self.package_files(&version, package.id, cancel).await
        })
    }

    fn upload(&self, container: &Container, asset: &AssetSource) -> Result<Request, ForgeError> {
        let mut url = self.file_url(&PackageVersion::of_id(&container.id), &asset.name);
        url.query_pairs_mut().append_pair("select", "package_file");
        let body = asset.body();
        Ok(self.api.request(Method::PUT, url).header(header::CONTENT_TYPE, "application/octet-stream").body(body))
    }

    fn uploaded(&self, asset: &AssetSource, answer: &Answer) -> Result<StoredAsset, ForgeError> {
        if !answer.status.is_success() {
            return Err(self.refused(&format!("upload {} to {}", asset.name, self.place), answer));
        }
        let file: PackageFile = answer.json()?;
        // It is read where it was sent to.
        let mut url = answer.url.expose().clone();
        url.set_query(None);
        Ok(super::packages::of_file(&asset.name, &file, file.package_id.unwrap_or_default(), url))
    }

    fn remove_asset<'a>(
        &'a self,
        _: &'a Container,
        asset: &'a StoredAsset,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let (package, file) = asset.id.split_once('/').unwrap_or(("0", asset.id.as_str()));
            let url = self.url(&["packages", package, "package_files", file], &[]);
            let answer = self.api.send(&self.api.request(Method::DELETE, url), cancel).await?;
            self.gone(&format!("remove {} from {}", asset.name, self.place), &answer)
        })
    }

    fn rename_asset<'a>(
        &'a self,
        _: &'a Container,
        asset: &'a StoredAsset,
        _: &'a str,
        _: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<StoredAsset, ForgeError>> {
        let text = format!("{} does not rename files of packages, so {} keeps its name", self.place, asset.name);
        Box::pin(async move { Err(ForgeError::new(ForgeErrorKind::Rejected, text)) })
    }

    fn unlist<'a>(
        &'a self,
        held: &'a StoredRelease,
        name: &'a str,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let doing = format!("take the link to {name} out of release {} of {}", held.tag, self.place);
            let links: Vec<Link> = self.list(&doing, &["releases", &held.tag, "assets", "links"], &[], cancel).await?;
            let Some(link) = links.into_iter().find(|link| link.name == name) else { return Ok(()) };
            let url = self.url(&["releases", &held.tag, "assets", "links", &link.id.to_string()], &[]);
            let answer = self.api.send(&self.api.request(Method::DELETE, url), cancel).await?;
            self.gone(&doing, &answer)
        })
    }

    fn publish<'a>(
        &'a self,
        spec: &'a ReleaseSpec,
        held: Option<&'a StoredRelease>,
        assets: &'a [StoredAsset],
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<StoredRelease, ForgeError>> {
        Box::pin(async move {
            let package = PackageVersion::of_tag(&self.place.project, &spec.tag);
            let links = self.links(&package, assets, &spec.links);
            let doing = format!("release {} of {}", spec.tag, self.place);
            let Some(held) = held else {
                let document = NewRelease {
                    tag_name: &spec.tag,
                    name: &spec.title,
                    description: &spec.notes,
                    at: spec.may_make_tag.then_some(spec.commit.as_str()),
                    assets: NewAssets { links },
                };
                let url = self.url(&["releases"], &[]);
                // A tag has one release: the second time it exists (409), and looking tells whose it is.
                let answer = self.api.write(Method::POST, url, Some(&document), Replay::Safe, cancel).await?;
                if !answer.status.is_success() {
                    return Err(self.refused(&doing, &answer));
                }
                let release: Release = answer.json()?;
                self.at_our_commit(spec, &release)?;
                return Ok(self.stored(release));
            };
            let listed = held.listed.clone().unwrap_or_default();
            for link in links.iter().filter(|link| !listed.contains(&link.name) && !held.addresses.contains(&link.url)) {
                let url = self.url(&["releases", &spec.tag, "assets", "links"], &[]);
                let answer = self.api.write(Method::POST, url, Some(link), Replay::Safe, cancel).await?;
                // A name that is taken is there: by the answer that was lost, or by another publisher. Versions say it in two forms.
                let said = self.api.said(&answer).unwrap_or_default();
                let is_there = said.contains("Name has already been taken") || said.contains(r#""name":["has already been taken"]"#);
                if !answer.status.is_success() && !is_there {
                    return Err(self.refused(&format!("link {} to release {} of {}", link.name, spec.tag, self.place), &answer));
                }
            }
            if held.title != spec.title || held.notes != spec.notes {
                self.describe(held, spec, cancel).await?;
            }
            let now = self.releases_of(&spec.tag, cancel).await?;
            now.into_iter().next().ok_or_else(|| ForgeError::new(ForgeErrorKind::NotFound, format!("{doing}: it is gone")))
        })
    }

    fn describe<'a>(
        &'a self,
        held: &'a StoredRelease,
        spec: &'a ReleaseSpec,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let changes = Changes { name: &spec.title, description: &spec.notes };
            let url = self.url(&["releases", &held.tag], &[]);
            let answer = self.api.write(Method::PUT, url, Some(&changes), Replay::Safe, cancel).await?;
            if answer.status.is_success() {
                return Ok(());
            }
            Err(self.refused(&format!("describe release {} of {}", held.tag, self.place), &answer))
        })
    }

    fn remove_release<'a>(&'a self, held: &'a StoredRelease, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            // Its links tell which files are its own, so that is found out while it is there.
            let going = self.goes_with(held, cancel).await?;
            let doing = format!("remove release {} of {}", held.tag, self.place);
            let answer = self.api.send(&self.api.request(Method::DELETE, self.url(&["releases", &held.tag], &[])), cancel).await?;
            self.gone(&doing, &answer)?;
            self.take_away(going, cancel).await
        })
    }

    fn releases<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<StoredRelease>, ForgeError>> {
        Box::pin(async move {
            let doing = format!("list the releases of {}", self.place);
            let query = [("order_by", "created_at"), ("sort", "desc")];
            let found: Vec<Release> = self.list(&doing, &["releases"], &query, cancel).await?;
            Ok(found.into_iter().map(|release| self.stored(release)).collect())
        })
    }

    /// GitLab calls the newest one latest, and nobody can choose another.
    fn latest<'a>(&'a self, _: &'a CancellationToken) -> BoxFuture<'a, Result<Option<StoredRelease>, ForgeError>> {
        Box::pin(async { Ok(None) })
    }

    fn make_latest<'a>(&'a self, _: &'a StoredRelease, _: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async { Ok(()) })
    }

    fn tag<'a>(&'a self, name: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<TagTarget>, ForgeError>> {
        Box::pin(async move {
            if self.is_job() {
                let found = self.refs.tag(name, cancel).await?;
                return Ok(found.map(|found| TagTarget { commit: found.commit }));
            }
            let doing = format!("read tag {name} of {}", self.place);
            let found: Option<Tag> = self.api.get(&doing, self.url(&["repository", "tags", name], &[]), cancel).await?;
            Ok(found.map(|tag| TagTarget { commit: tag.commit.map_or(tag.target, |commit| commit.id) }))
        })
    }

    fn make_tag<'a>(&'a self, name: &'a str, commit: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            if self.is_job() {
                let text = format!("cannot make tag {name} of {}: a job's token may not", self.place);
                return Err(ForgeError::new(ForgeErrorKind::Denied, text).hint("push the tag with git, or set GITLAB_TOKEN (scope api)"));
            }
            let document = NewTag { tag_name: name, at: commit };
            let url = self.url(&["repository", "tags"], &[]);
            let answer = self.api.write(Method::POST, url, Some(&document), Replay::Once, cancel).await?;
            if answer.status.is_success() {
                return Ok(());
            }
            Err(self.refused(&format!("make tag {name} of {}", self.place), &answer))
        })
    }

    fn move_tag<'a>(&'a self, name: &'a str, commit: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            match self.refs.tag(name, cancel).await? {
                Some(found) if found.object == commit => Ok(()),
                Some(found) => self.refs.move_tag(name, &found.object, commit, cancel).await,
                None => self.make_tag(name, commit, cancel).await,
            }
        })
    }

    fn remove_tag<'a>(&'a self, name: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let url = self.url(&["repository", "tags", name], &[]);
            let answer = self.api.send(&self.api.request(Method::DELETE, url), cancel).await?;
            self.gone(&format!("remove tag {name} of {}", self.place), &answer)
        })
    }

    fn download(&self, asset: &StoredAsset) -> Result<Request, ForgeError> {
        let Some(url) = &asset.download else {
            return Err(ForgeError::new(ForgeErrorKind::Protocol, format!("{} tells no address of {}", self.place, asset.name)));
        };
        Ok(self.api.request(Method::GET, url.clone()))
    }
}

impl Gitlab {
    /// What was to be gone is gone, whoever did it.
    pub(super) fn gone(&self, doing: &str, answer: &Answer) -> Result<(), ForgeError> {
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(self.refused(doing, answer))
    }
}
