//! Pull and merge requests that a release brings: those whose merge is among its commits. A forge lists merged requests by
//! the time they changed; what is older than the release before ends the list, and the commits decide.

use std::collections::HashSet;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Merged;
use crate::core::Timestamp;
use crate::forge::api::{Api, Page};
use crate::forge::credentials::Carrier;
use crate::forge::error::{ForgeError, ForgeErrorKind};
use crate::forge::port::{Place, Provider};
use crate::http::Url;

/// Entries of one page; Gitea gives 50 at most.
const PAGE: usize = 50;

/// Pages that are read: two thousand requests that changed since the release before.
const MOST_PAGES: usize = 40;

/// The requests of one project.
pub struct Requests {
    place: Place,
    api: Api,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In the order of their numbers.
    pub requests: Vec<Merged>,
    /// There were more to look at than are looked at.
    pub cut: bool,
}

impl Requests {
    /// `api` is the forge's, as its adapter has it.
    pub fn new(place: Place, api: Api) -> Self {
        Self { place, api }
    }

    /// Which project where.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Those merged by one of `commits`, all of which are younger than `since`.
    ///
    /// # Errors
    /// What the forge answers; kind `Denied` also when it has no such project or does not show it.
    pub async fn of(&self, commits: &HashSet<String>, since: Option<Timestamp>, cancel: &CancellationToken) -> Result<Found, ForgeError> {
        let mut found = Found { requests: Vec::new(), cut: false };
        for number in 1..=MOST_PAGES {
            let page = self.api.page("list merged requests", self.page(number), PAGE, cancel).await;
            let page: Page<Wire> = page.map_err(|error| self.explained(error))?;
            let mut old = false;
            for request in page.entries {
                // Sorted by change: nothing behind it was merged later.
                old = matches!((since, request.changed()), (Some(since), Some(changed)) if changed < since);
                if old {
                    break;
                }
                if request.commits().any(|id| commits.contains(id)) {
                    found.requests.extend(request.merged());
                }
            }
            if old || !page.more {
                found.requests.sort_by_key(|request| request.number);
                found.requests.dedup_by_key(|request| request.number);
                return Ok(found);
            }
        }
        found.requests.sort_by_key(|request| request.number);
        found.requests.dedup_by_key(|request| request.number);
        Ok(Found { cut: true, ..found })
    }

    /// Reading requests wants a permission of its own, which a token that may release need not have.
    fn explained(&self, error: ForgeError) -> ForgeError {
        use ForgeErrorKind as F;
        let is_job = self.api.token().is_some_and(|token| token.carrier == Carrier::JobToken);
        if !(matches!(error.kind, F::Denied | F::NotFound) || is_job && error.kind == F::Unauthorized) {
            return error;
        }
        let wants = match self.place.provider {
            Provider::Github => "the token must be able to read pull requests: give the job `permissions: pull-requests: read`",
            Provider::Gitlab if is_job => {
                "a job's own token may not read merge requests: name one of scope `read_api` (`credentials` of the forge)"
            }
            Provider::Gitlab => "the token must be able to read merge requests: scope `read_api`",
            Provider::Gitea | Provider::Forgejo => "the token must be able to read pull requests: `read:repository`",
        };
        let hint = format!("{wants}; or take the notes from elsewhere: `notes: {{ from: commits }}`");
        // What a token may not see is not there.
        ForgeError { kind: F::Denied, ..error }.hint(hint)
    }

    fn page(&self, number: usize) -> Url {
        let (number, size) = (number.to_string(), PAGE.to_string());
        let parts: Vec<&str> = self.place.project.split('/').collect();
        match self.place.provider {
            // GitHub REST API, "List pull requests".
            Provider::Github => {
                let query = [("state", "closed"), ("sort", "updated"), ("direction", "desc"), ("per_page", &size), ("page", &number)];
                self.api.url(&[&["repos"], &parts[..], &["pulls"]].concat(), &query)
            }
            // GitLab REST API, "List project merge requests".
            Provider::Gitlab => {
                let query = [("state", "merged"), ("order_by", "updated_at"), ("sort", "desc"), ("per_page", &size), ("page", &number)];
                self.api.url(&["projects", &self.place.project, "merge_requests"], &query)
            }
            // Gitea API, "List a repo's pull requests".
            Provider::Gitea | Provider::Forgejo => {
                let query = [("state", "closed"), ("sort", "recentupdate"), ("limit", &size), ("page", &number)];
                self.api.url(&[&["repos"], &parts[..], &["pulls"]].concat(), &query)
            }
        }
    }
}

/// A request as the three forges write it; each says a part of this.
#[derive(Debug, Deserialize)]
struct Wire {
    number: Option<u64>,
    iid: Option<u64>,
    title: String,
    user: Option<Person>,
    author: Option<Person>,
    #[serde(default)]
    labels: Option<Vec<Label>>,
    updated_at: Option<String>,
    merged_at: Option<String>,
    merge_commit_sha: Option<String>,
    squash_commit_sha: Option<String>,
    // The head that was merged: GitLab's fast-forward merges have nothing else.
    sha: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Person {
    login: Option<String>,
    username: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Label {
    Name(String),
    Object { name: String },
}

impl Wire {
    fn changed(&self) -> Option<Timestamp> {
        Timestamp::parse(self.updated_at.as_deref()?).ok()
    }

    fn commits(&self) -> impl Iterator<Item = &String> {
        [&self.merge_commit_sha, &self.squash_commit_sha, &self.sha].into_iter().flatten()
    }

    /// `None` for one that was closed without being merged.
    fn merged(self) -> Option<Merged> {
        self.merged_at.as_ref()?;
        let author = self.user.or(self.author).and_then(|person| person.login.or(person.username)).unwrap_or_default();
        let name = |label| match label {
            Label::Name(name) | Label::Object { name } => name,
        };
        Some(Merged {
            number: self.number.or(self.iid)?,
            title: self.title,
            author,
            labels: self.labels.unwrap_or_default().into_iter().map(name).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Merged> {
        serde_json::from_str::<Wire>(text).expect("a request").merged()
    }

    #[test]
    fn every_forge_says_it_in_its_own_words() {
        let github = r#"{"number": 7, "title": "feat: x", "user": {"login": "ann"}, "labels": [{"name": "ui", "id": 1}],
            "updated_at": "2026-07-01T12:00:00Z", "merged_at": "2026-07-01T12:00:00Z", "merge_commit_sha": "abc"}"#;
        let gitlab = r#"{"iid": 7, "id": 90, "title": "feat: x", "author": {"username": "ann", "name": "Ann"}, "labels": ["ui"],
            "merged_at": "2026-07-01T12:00:00.000+02:00", "merge_commit_sha": null, "squash_commit_sha": null, "sha": "abc"}"#;
        let expected = Merged { number: 7, title: "feat: x".into(), author: "ann".into(), labels: vec!["ui".into()] };
        assert_eq!(read(github).as_ref(), Some(&expected));
        assert_eq!(read(gitlab).as_ref(), Some(&expected));
        let closed = r#"{"number": 8, "title": "no", "user": null, "labels": null, "merged_at": null, "merge_commit_sha": "abc"}"#;
        assert_eq!(read(closed), None);
    }
}
