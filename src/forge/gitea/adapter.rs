//! The adapter: one call of the port, one call of the API, or the few that Gitea needs for it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::wire::{Attachment, Changes, NewTag, Release, Repository, Shall, Tag};
use crate::core::{BoxFuture, NameRules};
use crate::forge::api::{Answer, Api};
use crate::forge::asset::{AssetSource, AssetState, StoredAsset};
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::{Flow, Forge, Place, Rules, TagTarget};
use crate::forge::refs::Refs;
use crate::forge::release::{Container, ReleaseSpec, StoredRelease, Visibility};
use crate::http::{Method, Replay, Request, StatusCode, Url, header};
use crate::publish::{Inquiry, Preflight};

/// Entries of a page that every Gitea gives (`[api] MAX_RESPONSE_ITEMS`, 50 by default).
const PAGE: usize = 50;

/// After a push a repository counts as empty until a queue was worked off; so often we look again, half a second apart.
const LOOKS_AT_A_NEW_REPOSITORY: u32 = 20;

/// One repository on one Gitea or Forgejo.
#[derive(Debug)]
pub struct Gitea {
    place: Place,
    rules: Rules,
    api: Api,
    refs: Refs,
}

impl Gitea {
    /// `api` is at `…/api/v1`; `instance` is what people open in a browser.
    pub fn new(place: Place, api: Api, instance: &Url) -> Self {
        let mut repository = instance.clone();
        if let Ok(mut path) = repository.path_segments_mut() {
            path.pop_if_empty().extend(format!("{}.git", place.project).split('/'));
        }
        let login = api.token().map(|token| ("stagefreight", token.secret.clone()));
        let refs = Refs::new(api.http().clone(), repository, login);
        let rules = Rules {
            flow: Flow::Draft,
            // `[repository.release] FILE_MAX_SIZE` is told nobody; too large is 413.
            largest_asset: None,
            most_assets: None,
            tells_digests: false,
            marks_prereleases: true,
            empty_assets: true,
            longest_notes: None,
            names: NameRules::GITEA,
            uploads_at_a_time: 4,
        };
        Self { place, rules, api, refs }
    }

    fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let (owner, name) = self.place.project.split_once('/').unwrap_or((self.place.project.as_str(), ""));
        let mut all = vec!["repos", owner, name];
        all.extend(segments);
        self.api.url(&all, query)
    }

    /// Entries of a list, page by page.
    async fn list<T: serde::de::DeserializeOwned>(
        &self,
        doing: &str,
        segments: &[&str],
        query: &[(&str, &str)],
        cancel: &CancellationToken,
    ) -> Result<Vec<T>, ForgeError> {
        let page = |number: usize| {
            let (number, size) = (number.to_string(), PAGE.to_string());
            let mut query = query.to_vec();
            query.extend([("limit", size.as_str()), ("page", number.as_str())]);
            self.url(segments, &query)
        };
        self.api.list(doing, page, PAGE, cancel).await
    }

    fn stored(release: Release) -> StoredRelease {
        StoredRelease {
            container: Container { id: release.id.to_string(), upload: None },
            tag: release.tag_name,
            title: release.name,
            notes: release.body,
            visibility: if release.draft { Visibility::Draft } else { Visibility::Published },
            prerelease: release.prerelease,
            target: release.target_commitish,
            created: release.created_at,
            page: release.html_url.and_then(|page| Url::parse(&page).ok()),
            listed: None,
            elsewhere: Vec::new(),
            addresses: Vec::new(),
            files: Vec::new(),
        }
    }

    fn of_attachment(attachment: Attachment) -> StoredAsset {
        StoredAsset {
            id: attachment.id.to_string(),
            name: attachment.name,
            size: attachment.size,
            sha256: None,
            state: AssetState::Complete,
            download: attachment.browser_download_url.and_then(|url| Url::parse(&url).ok()),
            doubles: Vec::new(),
        }
    }

    /// A refusal in Gitea's words.
    fn refused(&self, doing: &str, answer: &Answer) -> ForgeError {
        let said = self.api.said(answer).unwrap_or_default();
        let error = self.api.refused(doing, answer);
        let kind = |kind: ForgeErrorKind| ForgeError { kind, ..error.clone() };
        match answer.status.as_u16() {
            403 if said.contains("required scope") => {
                let scope = said.rsplit_once('[').map_or("write:repository", |(_, scope)| scope.trim_end_matches(']'));
                error.clone().hint(format!("give the token the scope `{scope}`"))
            }
            413 => error.hint("raise `[repository.release] FILE_MAX_SIZE` of the server, or split the file"),
            // What is refused here is the type, by name.
            400 | 422
                if said.contains("not in the allowed types") || said.contains("file type") || said.contains("ErrFileTypeForbidden") =>
            {
                kind(ForgeErrorKind::Rejected).hint("allow the type in `[repository.release] ALLOWED_TYPES` of the server")
            }
            422 if is_empty_repository(answer, &said) => {
                kind(ForgeErrorKind::Unavailable).hint("push the repository first; if it was pushed just now, run it again")
            }
            422 if said.contains("already exist") => kind(ForgeErrorKind::Exists),
            409 => kind(ForgeErrorKind::Exists),
            423 => kind(ForgeErrorKind::Rejected).hint("the repository is archived or the tag protected"),
            _ => error,
        }
    }

    fn gone(&self, doing: &str, answer: &Answer) -> Result<(), ForgeError> {
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(self.refused(doing, answer))
    }

    /// Everything attached, duplicates too, in the order it came.
    async fn attachments(&self, container: &Container, cancel: &CancellationToken) -> Result<Vec<Attachment>, ForgeError> {
        let doing = format!("list the files of release {} of {}", container.id, self.place);
        // The list is given whole, whatever limit is asked for.
        let url = self.url(&["releases", &container.id, "assets"], &[]);
        let found: Option<Vec<Attachment>> = self.api.get(&doing, url, cancel).await?;
        let mut found = found.unwrap_or_default();
        found.sort_by_key(|attachment| attachment.id);
        Ok(found)
    }

    async fn remove_attachment(&self, release: &str, id: &str, name: &str, cancel: &CancellationToken) -> Result<(), ForgeError> {
        let url = self.url(&["releases", release, "assets", id], &[]);
        let answer = self.api.send(&self.api.request(Method::DELETE, url), cancel).await?;
        self.gone(&format!("remove {name} from {}", self.place), &answer)
    }

    async fn checked(&self, inquiry: Inquiry, cancel: &CancellationToken) -> Result<Vec<String>, ForgeError> {
        let doing = format!("use {}", self.place);
        let answer = self.api.send(&self.api.request(Method::GET, self.url(&[], &[])), cancel).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&doing, &answer));
        }
        // A public repository is shown to everybody.
        if self.api.token().is_none() {
            return Err(ForgeError::new(ForgeErrorKind::Missing, format!("no token for {}", self.place))
                .hint("set GITEA_TOKEN or FORGEJO_TOKEN to a token with `write:repository`"));
        }
        let repository: Repository = answer.json()?;
        let refused = |what: &str, hint: &str| Err(ForgeError::new(ForgeErrorKind::Denied, format!("{} {what}", self.place)).hint(hint));
        if repository.archived {
            return refused("is archived", "unarchive it");
        }
        if !repository.has_releases {
            return refused("has releases switched off", "switch them on in the repository's settings");
        }
        if repository.permissions.is_some_and(|may| !may.push) {
            return refused("may only be read by the token's owner", "give the owner write access");
        }
        let mut checked = vec![format!("may read {}", self.place)];
        if repository.empty {
            checked.push(format!("{} is empty: push it before publish", self.place));
        }
        if inquiry == Inquiry::Write {
            // There is no release 0: a token without the scope is refused, one with it finds nothing.
            let url = self.url(&["releases", "0"], &[]);
            let answer = self.api.write(Method::PATCH, url, Some(&serde_json::json!({})), Replay::Safe, cancel).await?;
            if answer.status != StatusCode::NOT_FOUND {
                return Err(self.refused(&format!("write releases of {}", self.place), &answer));
            }
            checked.push(format!("may write releases of {}", self.place));
        }
        Ok(checked)
    }
}

impl Forge for Gitea {
    fn place(&self) -> &Place {
        &self.place
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }

    fn preflight<'a>(&'a self, inquiry: Inquiry, cancel: &'a CancellationToken) -> BoxFuture<'a, Preflight> {
        Box::pin(async move { self.checked(inquiry, cancel).await.into() })
    }

    fn releases_of<'a>(&'a self, tag: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<StoredRelease>, ForgeError>> {
        Box::pin(async move {
            let doing = format!("look for release {tag} of {}", self.place);
            // With a token this finds drafts as well; there is at most one release of a tag.
            let found: Option<Release> = self.api.get(&doing, self.url(&["releases", "tags", tag], &[]), cancel).await?;
            if let Some(release) = found {
                return Ok(vec![Self::stored(release)]);
            }
            // Not in every version: a draft it does not show by its tag is in the list.
            let drafts: Vec<Release> = self.list(&doing, &["releases"], &[("draft", "true")], cancel).await?;
            Ok(drafts.into_iter().filter(|release| release.tag_name == tag).map(Self::stored).collect())
        })
    }

    fn open<'a>(&'a self, spec: &'a ReleaseSpec, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<StoredRelease, ForgeError>> {
        Box::pin(async move {
            let doing = format!("make a draft of release {} of {}", spec.tag, self.place);
            let document = Shall {
                tag_name: &spec.tag,
                target_commitish: &spec.commit,
                name: &spec.title,
                body: &spec.notes,
                prerelease: spec.prerelease,
                draft: true,
            };
            let mut looks = 0;
            loop {
                let url = self.url(&["releases"], &[]);
                let answer = self.api.write(Method::POST, url, Some(&document), Replay::Once, cancel).await?;
                if answer.status.is_success() {
                    return Ok(Self::stored(answer.json()?));
                }
                looks += 1;
                let said = self.api.said(&answer).unwrap_or_default();
                if !is_empty_repository(&answer, &said) || looks == LOOKS_AT_A_NEW_REPOSITORY {
                    return Err(self.refused(&doing, &answer));
                }
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(500)) => {}
                    () = cancel.cancelled() => return Err(ForgeError::new(ForgeErrorKind::Cancelled, "interrupted")),
                }
            }
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
            let mut seen: Vec<StoredAsset> = Vec::new();
            for attachment in self.attachments(container, cancel).await? {
                // Of several of one name the first is what a download gets.
                match seen.iter_mut().find(|known| known.name == attachment.name) {
                    Some(first) => first.doubles.push(attachment.id.to_string()),
                    None => seen.push(Self::of_attachment(attachment)),
                }
            }
            Ok(seen)
        })
    }

    fn upload(&self, container: &Container, asset: &AssetSource) -> Result<Request, ForgeError> {
        let url = self.url(&["releases", &container.id, "assets"], &[("name", &asset.name)]);
        let body = asset.body();
        Ok(self.api.request(Method::POST, url).header(header::CONTENT_TYPE, "application/octet-stream").body(body))
    }

    fn uploaded(&self, asset: &AssetSource, answer: &Answer) -> Result<StoredAsset, ForgeError> {
        if !answer.status.is_success() {
            return Err(self.refused(&format!("upload {} to {}", asset.name, self.place), answer));
        }
        Ok(Self::of_attachment(answer.json()?))
    }

    fn remove_asset<'a>(
        &'a self,
        container: &'a Container,
        asset: &'a StoredAsset,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            // The first goes last: until then a download gets what it got.
            for id in asset.doubles.iter().chain([&asset.id]) {
                self.remove_attachment(&container.id, id, &asset.name, cancel).await?;
            }
            Ok(())
        })
    }

    fn rename_asset<'a>(
        &'a self,
        container: &'a Container,
        asset: &'a StoredAsset,
        name: &'a str,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<StoredAsset, ForgeError>> {
        Box::pin(async move {
            let url = self.url(&["releases", &container.id, "assets", &asset.id], &[]);
            let change = serde_json::json!({ "name": name });
            let answer = self.api.write(Method::PATCH, url, Some(&change), Replay::Safe, cancel).await?;
            if !answer.status.is_success() {
                return Err(self.refused(&format!("call {} {name} at {}", asset.name, self.place), &answer));
            }
            Ok(Self::of_attachment(answer.json()?))
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
            let doing = format!("publish release {} of {}", spec.tag, self.place);
            let Some(held) = held else {
                return Err(
                    ForgeError::new(ForgeErrorKind::NotFound, format!("cannot {doing}: its draft is gone")).hint("run publish again")
                );
            };
            // Two publishers, or an upload that was sent twice: the first of each name stays.
            let attached = self.attachments(&held.container, cancel).await?;
            let doubles = attached.iter().filter(|one| assets.iter().any(|asset| asset.name == one.name && asset.id != one.id.to_string()));
            for double in doubles {
                self.remove_attachment(&held.container.id, &double.id.to_string(), &double.name, cancel).await?;
            }
            let document = Shall {
                tag_name: &spec.tag,
                target_commitish: &spec.commit,
                name: &spec.title,
                body: &spec.notes,
                prerelease: spec.prerelease,
                draft: false,
            };
            let url = self.url(&["releases", &held.container.id], &[]);
            let answer = self.api.write(Method::PATCH, url, Some(&document), Replay::Safe, cancel).await?;
            if !answer.status.is_success() {
                return Err(self.refused(&doing, &answer));
            }
            Ok(Self::stored(answer.json()?))
        })
    }

    fn describe<'a>(
        &'a self,
        held: &'a StoredRelease,
        spec: &'a ReleaseSpec,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let changes = Changes { name: &spec.title, body: &spec.notes, prerelease: spec.prerelease };
            let url = self.url(&["releases", &held.container.id], &[]);
            let answer = self.api.write(Method::PATCH, url, Some(&changes), Replay::Safe, cancel).await?;
            if answer.status.is_success() {
                return Ok(());
            }
            Err(self.refused(&format!("describe release {} of {}", held.tag, self.place), &answer))
        })
    }

    fn remove_release<'a>(&'a self, held: &'a StoredRelease, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let url = self.url(&["releases", &held.container.id], &[]);
            let answer = self.api.send(&self.api.request(Method::DELETE, url), cancel).await?;
            self.gone(&format!("remove release {} of {}", held.tag, self.place), &answer)
        })
    }

    fn releases<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Vec<StoredRelease>, ForgeError>> {
        Box::pin(async move {
            let doing = format!("list the releases of {}", self.place);
            let found: Vec<Release> = self.list(&doing, &["releases"], &[], cancel).await?;
            Ok(found.into_iter().map(Self::stored).collect())
        })
    }

    /// Gitea calls the newest one latest, and nobody can choose another.
    fn latest<'a>(&'a self, _: &'a CancellationToken) -> BoxFuture<'a, Result<Option<StoredRelease>, ForgeError>> {
        Box::pin(async { Ok(None) })
    }

    fn make_latest<'a>(&'a self, _: &'a StoredRelease, _: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async { Ok(()) })
    }

    fn tag<'a>(&'a self, name: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<TagTarget>, ForgeError>> {
        Box::pin(async move {
            let doing = format!("read tag {name} of {}", self.place);
            let found: Option<Tag> = self.api.get(&doing, self.url(&["tags", name], &[]), cancel).await?;
            Ok(found.map(|tag| TagTarget { commit: tag.commit.sha }))
        })
    }

    fn make_tag<'a>(&'a self, name: &'a str, commit: &'a str, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<(), ForgeError>> {
        Box::pin(async move {
            let document = NewTag { tag_name: name, target: commit };
            let answer = self.api.write(Method::POST, self.url(&["tags"], &[]), Some(&document), Replay::Once, cancel).await?;
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
            let answer = self.api.send(&self.api.request(Method::DELETE, self.url(&["tags", name], &[])), cancel).await?;
            self.gone(&format!("remove tag {name} of {}", self.place), &answer)
        })
    }

    fn download(&self, asset: &StoredAsset) -> Result<Request, ForgeError> {
        let Some(url) = &asset.download else {
            return Err(ForgeError::new(ForgeErrorKind::Protocol, format!("{} tells no address of {}", self.place, asset.name)));
        };
        // The server names itself by its ROOT_URL, which may be another host than the one we know: no token goes there.
        let base = self.api.base();
        let ours =
            (url.scheme(), url.host_str(), url.port_or_known_default()) == (base.scheme(), base.host_str(), base.port_or_known_default());
        Ok(if ours { self.api.request(Method::GET, url.clone()) } else { Request::new(Method::GET, url.clone()) })
    }
}

fn is_empty_repository(answer: &Answer, said: &str) -> bool {
    answer.status == StatusCode::UNPROCESSABLE_ENTITY && said.to_ascii_lowercase().contains("repo is empty")
}
