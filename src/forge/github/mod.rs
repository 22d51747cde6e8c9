//! GitHub and GitHub Enterprise Server: the REST API's releases, files of releases and git tags.

mod refusal;
mod wire;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::api::{Answer, Api};
use super::asset::{AssetSource, StoredAsset};
use super::error::{ForgeError, ForgeErrorKind};
use super::port::{Flow, Forge, Place, Rules, TagTarget};
use super::release::{Container, ReleaseSpec, StoredRelease};
use crate::core::{BoxFuture, NameRules};
use crate::error::Kind;
use crate::http::header::{self, HeaderName};
use crate::http::{Method, Replay, Request, StatusCode, Url};
use crate::publish::{Inquiry, Preflight, Problem};
use wire::{WireAsset, WireObject, WireRef, WireRelease, WireReleaseWithFiles, WireRepository};

/// Entries of a page, at most.
const PAGE: usize = 100;

/// The version of the API that is spoken (`X-GitHub-Api-Version`).
const API_VERSION: &str = "2022-11-28";

/// Annotated tags may name annotated tags; so many are followed.
const MOST_TAG_OBJECTS: usize = 5;

/// A repository on GitHub.
#[derive(Debug)]
pub struct GitHub {
    place: Place,
    rules: Rules,
    api: Api,
    uploads: Url,
    owner: String,
    name: String,
}

/// Where the API and the uploads of a GitHub are: `https://github.com` has hosts of their own for both, a GHE.com tenant
/// too, a server paths.
pub fn addresses(url: &Url) -> (Url, Url) {
    let with_host = |host: &str| {
        let mut changed = url.clone();
        // A host made of a host is one.
        let _valid = changed.set_host(Some(host));
        changed.set_path("/");
        changed
    };
    match url.host_str().unwrap_or_default() {
        "github.com" => (with_host("api.github.com"), with_host("uploads.github.com")),
        host if host.ends_with(".ghe.com") => (with_host(&format!("api.{host}")), with_host(&format!("uploads.{host}"))),
        _ => (below(url, &["api", "v3"]), below(url, &["api", "uploads"])),
    }
}

fn below(url: &Url, segments: &[&str]) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty();
        path.extend(segments);
    }
    url
}

impl GitHub {
    /// A repository; `api` is at the API's address of [`addresses`], `uploads` at that of uploads.
    ///
    /// # Errors
    /// Kind `Rejected` when the project is not `owner/name`.
    pub fn new(place: Place, api: Api, uploads: Url) -> Result<Self, ForgeError> {
        let parts = place.project.split_once('/').filter(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'));
        let Some((owner, name)) = parts else {
            let text = format!("`{}` is not a repository of GitHub", place.project);
            return Err(ForgeError::new(ForgeErrorKind::Rejected, text).hint("write `project: owner/name`"));
        };
        let (owner, name) = (owner.to_owned(), name.to_owned());
        let api = api
            .paged_by_link()
            .header(header::ACCEPT, "application/vnd.github+json")
            .header(HeaderName::from_static("x-github-api-version"), API_VERSION);
        // REST API, "Upload a release asset"; "About releases": under 2 GiB each, up to 1 000 of them. The length of notes is
        // what the database takes.
        let rules = Rules {
            flow: Flow::Draft,
            largest_asset: Some((2 << 30) - 1),
            most_assets: Some(1000),
            tells_digests: true,
            marks_prereleases: true,
            empty_assets: false,
            longest_notes: Some(125_000),
            names: NameRules::GITHUB,
            uploads_at_a_time: 4,
        };
        Ok(Self { place, rules, api, uploads, owner, name })
    }

    fn url(&self, rest: &[&str], query: &[(&str, &str)]) -> Url {
        let mut segments = vec!["repos", self.owner.as_str(), self.name.as_str()];
        segments.extend_from_slice(rest);
        self.api.url(&segments, query)
    }

    fn refused(&self, doing: &str, answer: &Answer) -> ForgeError {
        refusal::refused(&self.api, &self.place, doing, answer)
    }

    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        doing: &str,
        url: Url,
        cancel: &CancellationToken,
    ) -> Result<Option<T>, ForgeError> {
        let answer = self.api.send(&self.api.request(Method::GET, url), cancel).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => answer.json().map(Some),
            _ => Err(self.refused(doing, &answer)),
        }
    }

    async fn patch_release(
        &self,
        id: &str,
        doing: &str,
        change: &serde_json::Value,
        cancel: &CancellationToken,
    ) -> Result<StoredRelease, ForgeError> {
        // Saying twice what a release shall be is the same as saying it once.
        let answer = self.api.write(Method::PATCH, self.url(&["releases", id], &[]), Some(change), Replay::Safe, cancel).await?;
        if !answer.status.is_success() {
            return Err(self.refused(doing, &answer));
        }
        Ok(answer.json::<WireRelease>()?.into())
    }

    async fn delete(&self, rest: &[&str], doing: &str, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let answer = self.api.write(Method::DELETE, self.url(rest, &[]), None::<&()>, Replay::Safe, cancel).await?;
        let gone = answer.status == StatusCode::NOT_FOUND || refusal::says(&answer, "Reference does not exist");
        if answer.status.is_success() || gone { Ok(()) } else { Err(self.refused(doing, &answer)) }
    }

    async fn all_releases(&self, cancel: &CancellationToken) -> Result<Vec<StoredRelease>, ForgeError> {
        let doing = format!("list the releases of {}", self.place);
        let page = |number: usize| self.url(&["releases"], &[("per_page", &PAGE.to_string()), ("page", &number.to_string())]);
        let all: Vec<WireRelease> =
            self.api.list(&doing, page, PAGE, cancel).await.map_err(|error| refusal::explained(&self.place, error))?;
        Ok(all.into_iter().map(StoredRelease::from).collect())
    }

    async fn look(&self, inquiry: Inquiry, cancel: &CancellationToken) -> Result<(String, Vec<String>), ForgeError> {
        let doing = format!("look at {}", self.place);
        let mut remarks = Vec::new();
        let Some(repository) = self.get::<WireRepository>(&doing, self.url(&[], &[]), cancel).await? else {
            return Err(refusal::invisible(&self.place, self.api.token().is_some()));
        };
        if repository.archived {
            let text = format!("{} is archived, and takes no release", self.place);
            return Err(ForgeError::new(ForgeErrorKind::Denied, text).hint("unarchive the repository, or release elsewhere"));
        }
        let from = self.api.token().map_or_else(|| "no token".to_owned(), |token| token.from.clone());
        if inquiry == Inquiry::Login {
            return Ok((format!("may read {} with {from}", self.place), remarks));
        }
        // Making notes asks for the permission a release needs (`contents: write`), and leaves nothing behind.
        let question = json!({ "tag_name": "stagefreight-preflight" });
        let url = self.url(&["releases", "generate-notes"], &[]);
        let answer = self.api.write(Method::POST, url, Some(&question), Replay::Safe, cancel).await?;
        match answer.status.as_u16() {
            200 => {}
            // It may look, and has nothing to say of a repository without commits or of this name.
            422 | 400 => remarks.push(format!("{} did not say whether releases may be made there", self.place)),
            404 => return Err(refusal::not_permitted(&self.place, &answer)),
            _ => return Err(self.refused(&format!("make releases at {}", self.place), &answer)),
        }
        Ok((format!("may make releases at {} with {from}", self.place), remarks))
    }
}

impl Forge for GitHub {
    fn place(&self) -> &Place {
        &self.place
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }

    fn preflight<'a>(&'a self, inquiry: Inquiry, cancel: &'a CancellationToken) -> BoxFuture<'a, Preflight> {
        Box::pin(async move {
            match self.look(inquiry, cancel).await {
                Ok((said, remarks)) => Preflight { checked: vec![said], remarks, ..Preflight::default() },
                Err(error) => {
                    let missing = matches!(error.kind, ForgeErrorKind::Missing | ForgeErrorKind::Unauthorized | ForgeErrorKind::Denied);
                    let kind = if missing { Kind::Missing } else { Kind::Failed };
                    Preflight { problems: vec![Problem { kind, message: error.message, hint: error.hint }], ..Preflight::default() }
                }
            }
        })
    }

    fn releases_of<'a>(&'a self, tag: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<StoredRelease>, ForgeError>> {
        Box::pin(async move {
            let doing = format!("look for release {tag} at {}", self.place);
            // Drafts, and for a while what was published just now, are only in the list.
            if let Some(seen) = self.get::<WireReleaseWithFiles>(&doing, self.url(&["releases", "tags", tag], &[]), cancel).await? {
                return Ok(vec![seen.into()]);
            }
            let mut found = self.all_releases(cancel).await?;
            found.retain(|release| release.tag == tag);
            // Numbers grow: the first is the oldest.
            found.sort_by_key(|release| (!release.is_visible(), release.container.id.parse::<u64>().unwrap_or(u64::MAX)));
            Ok(found)
        })
    }

    fn open<'a>(&'a self, spec: &'a ReleaseSpec, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<StoredRelease, ForgeError>> {
        Box::pin(async move {
            let mut document = json!({
                "tag_name": spec.tag, "name": spec.title, "body": spec.notes, "draft": true, "prerelease": spec.prerelease,
            });
            // Where the tag is there already, naming a commit is of no use, and job tokens are refused it when workflow files
            // differ between that commit and the default branch.
            if spec.may_make_tag {
                document["target_commitish"] = json!(spec.commit);
            }
            let answer = self.api.write(Method::POST, self.url(&["releases"], &[]), Some(&document), Replay::Once, cancel).await?;
            if !answer.status.is_success() {
                return Err(self.refused(&format!("make a draft of release {} at {}", spec.tag, self.place), &answer));
            }
            Ok(answer.json::<WireRelease>()?.into())
        })
    }

    fn container_of(&self, _: &str) -> Option<Container> {
        None
    }

    fn assets<'a>(
        &'a self,
        container: &'a Container,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Vec<StoredAsset>, ForgeError>> {
        Box::pin(async move {
            let doing = format!("list the files of a release at {}", self.place);
            let page = |number: usize| {
                let numbers = [("per_page", PAGE.to_string()), ("page", number.to_string())];
                self.url(&["releases", &container.id, "assets"], &numbers.each_ref().map(|(key, value)| (*key, value.as_str())))
            };
            let all: Vec<WireAsset> = self.api.list(&doing, page, PAGE, cancel).await?;
            Ok(all.into_iter().map(StoredAsset::from).collect())
        })
    }

    fn upload(&self, container: &Container, asset: &AssetSource) -> Result<Request, ForgeError> {
        // The release names an address for uploads; the token goes to the one the config implies and to no other.
        let mut url = below(&self.uploads, &["repos", &self.owner, &self.name, "releases", &container.id, "assets"]);
        url.query_pairs_mut().append_pair("name", &asset.name);
        let body = asset.body();
        Ok(self.api.request(Method::POST, url).header(header::CONTENT_TYPE, &asset.media_type).body(body))
    }

    fn uploaded(&self, asset: &AssetSource, answer: &Answer) -> Result<StoredAsset, ForgeError> {
        match answer.status.as_u16() {
            // It is there; should the description be torn, looking tells the rest.
            200..=299 => match answer.json::<WireAsset>() {
                Ok(stored) => Ok(stored.into()),
                Err(error) => Err(ForgeError { kind: ForgeErrorKind::Ambiguous, ..error }),
            },
            // Somebody took the draft away, or our half of the file: what is there decides.
            404 => Err(ForgeError::new(ForgeErrorKind::Ambiguous, format!("{} answered 404 while {} was sent", self.place, asset.name))),
            _ => Err(self.refused(&format!("upload {} to {}", asset.name, self.place), answer)),
        }
    }

    fn remove_asset<'a>(
        &'a self,
        _: &'a Container,
        asset: &'a StoredAsset,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let doing = format!("remove {} at {}", asset.name, self.place);
            self.delete(&["releases", "assets", &asset.id], &doing, cancel).await
        })
    }

    fn rename_asset<'a>(
        &'a self,
        _: &'a Container,
        asset: &'a StoredAsset,
        name: &'a str,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<StoredAsset, ForgeError>> {
        Box::pin(async move {
            let url = self.url(&["releases", "assets", &asset.id], &[]);
            let answer = self.api.write(Method::PATCH, url, Some(&json!({ "name": name })), Replay::Safe, cancel).await?;
            if !answer.status.is_success() {
                return Err(self.refused(&format!("call {} {name} at {}", asset.name, self.place), &answer));
            }
            Ok(answer.json::<WireAsset>()?.into())
        })
    }

    fn publish<'a>(
        &'a self,
        spec: &'a ReleaseSpec,
        held: Option<&'a StoredRelease>,
        _: &'a [StoredAsset],
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<StoredRelease, ForgeError>> {
        Box::pin(async move {
            let Some(held) = held else {
                return Err(ForgeError::new(ForgeErrorKind::NotFound, format!("{} has no draft of {} any more", self.place, spec.tag))
                    .hint("somebody removed it; run publish again"));
            };
            // Which release is the latest is decided when this one stands.
            let mut change = json!({
                "tag_name": spec.tag, "name": spec.title, "body": spec.notes, "draft": false, "prerelease": spec.prerelease,
                "make_latest": "false",
            });
            // The draft may be an earlier run's, of another commit.
            if spec.may_make_tag {
                change["target_commitish"] = json!(spec.commit);
            }
            self.patch_release(&held.container.id, &format!("publish release {} at {}", spec.tag, self.place), &change, cancel).await
        })
    }

    fn describe<'a>(
        &'a self,
        held: &'a StoredRelease,
        spec: &'a ReleaseSpec,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let change = json!({ "name": spec.title, "body": spec.notes, "prerelease": spec.prerelease });
            let doing = format!("change the notes of release {} at {}", spec.tag, self.place);
            self.patch_release(&held.container.id, &doing, &change, cancel).await.map(|_| ())
        })
    }

    fn remove_release<'a>(&'a self, held: &'a StoredRelease, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let doing = format!("remove release {} at {}", held.tag, self.place);
            self.delete(&["releases", &held.container.id], &doing, cancel).await
        })
    }

    fn releases<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<StoredRelease>, ForgeError>> {
        Box::pin(self.all_releases(cancel))
    }

    fn latest<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<StoredRelease>, ForgeError>> {
        Box::pin(async move {
            let doing = format!("look for the latest release of {}", self.place);
            let found = self.get::<WireRelease>(&doing, self.url(&["releases", "latest"], &[]), cancel).await?;
            Ok(found.map(StoredRelease::from))
        })
    }

    fn make_latest<'a>(&'a self, held: &'a StoredRelease, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let doing = format!("make {} the latest release of {}", held.tag, self.place);
            self.patch_release(&held.container.id, &doing, &json!({ "make_latest": "true" }), cancel).await.map(|_| ())
        })
    }

    fn tag<'a>(&'a self, name: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<TagTarget>, ForgeError>> {
        Box::pin(async move {
            let doing = format!("look at tag {name} of {}", self.place);
            let url = self.url(&["git", "ref", &format!("tags/{name}")], &[]);
            let Some(WireRef { object: mut at }) = self.get::<WireRef>(&doing, url, cancel).await? else { return Ok(None) };
            for _ in 0..MOST_TAG_OBJECTS {
                if at.kind != "tag" {
                    return Ok(Some(TagTarget { commit: at.sha }));
                }
                let url = self.url(&["git", "tags", &at.sha], &[]);
                let Some(next) = self.get::<WireRef>(&doing, url, cancel).await? else { return Ok(None) };
                at = next.object;
            }
            let WireObject { sha, .. } = at;
            Err(ForgeError::new(
                ForgeErrorKind::Protocol,
                format!("tag {name} of {} leads through too many tag objects to {sha}", self.place),
            ))
        })
    }

    fn make_tag<'a>(&'a self, name: &'a str, commit: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let document = json!({ "ref": format!("refs/tags/{name}"), "sha": commit });
            // A tag is made once; the second time it exists, and looking tells whose it is.
            let answer = self.api.write(Method::POST, self.url(&["git", "refs"], &[]), Some(&document), Replay::Safe, cancel).await?;
            if answer.status.is_success() { Ok(()) } else { Err(self.refused(&format!("make tag {name} at {}", self.place), &answer)) }
        })
    }

    fn move_tag<'a>(&'a self, name: &'a str, commit: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let document = json!({ "sha": commit, "force": true });
            let url = self.url(&["git", "refs", &format!("tags/{name}")], &[]);
            let answer = self.api.write(Method::PATCH, url, Some(&document), Replay::Safe, cancel).await?;
            if answer.status.is_success() { Ok(()) } else { Err(self.refused(&format!("move tag {name} at {}", self.place), &answer)) }
        })
    }

    fn remove_tag<'a>(&'a self, name: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let doing = format!("remove tag {name} at {}", self.place);
            self.delete(&["git", "refs", &format!("tags/{name}")], &doing, cancel).await
        })
    }

    fn download(&self, asset: &StoredAsset) -> Result<Request, ForgeError> {
        let url = self.url(&["releases", "assets", &asset.id], &[]);
        Ok(self.api.request(Method::GET, url).header(header::ACCEPT, "application/octet-stream"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_github_com_itself_has_hosts_of_its_own() {
        for (url, api, uploads) in [
            ("https://github.com", "https://api.github.com/", "https://uploads.github.com/"),
            ("https://github.company.com", "https://github.company.com/api/v3", "https://github.company.com/api/uploads"),
            ("https://mygithub.com/git/", "https://mygithub.com/git/api/v3", "https://mygithub.com/git/api/uploads"),
            ("https://acme.ghe.com", "https://api.acme.ghe.com/", "https://uploads.acme.ghe.com/"),
        ] {
            let (found, to) = addresses(&Url::parse(url).expect("URL"));
            assert_eq!((found.as_str(), to.as_str()), (api, uploads), "{url}");
        }
    }
}
