//! GitHub's JSON forms.

use serde_json::{Value, json};

use super::data::{Asset, GitTag, Release};

/// `owner/name` at an origin: where the links of answers lead.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub origin: &'a str,
    pub repository: &'a str,
}

impl At<'_> {
    pub fn api(self, rest: &str) -> String {
        format!("{}/api/v3/repos/{}{rest}", self.origin, self.repository)
    }

    pub fn web(self, rest: &str) -> String {
        format!("{}/{}{rest}", self.origin, self.repository)
    }
}

pub fn release(at: At<'_>, release: &Release) -> Value {
    let path = format!("/releases/{}", release.id);
    let tag = &release.tag_name;
    let archive = |kind: &str| if release.draft { Value::Null } else { json!(at.api(&format!("/{kind}/{tag}"))) };
    let page = if release.draft { format!("/releases/tag/untagged-{:x}", release.id) } else { format!("/releases/tag/{tag}") };
    json!({
        "url": at.api(&path),
        "assets_url": at.api(&format!("{path}/assets")),
        "upload_url": format!("{}/api/uploads/repos/{}{path}/assets{{?name,label}}", at.origin, at.repository),
        "html_url": encoded(&at.web(&page)),
        "tarball_url": archive("tarball"),
        "zipball_url": archive("zipball"),
        "id": release.id,
        "node_id": format!("RE_{}", release.id),
        "tag_name": tag,
        "target_commitish": release.target_commitish,
        "name": release.name,
        "body": release.body,
        "draft": release.draft,
        "prerelease": release.prerelease,
        "immutable": release.immutable,
        "created_at": release.created_at,
        "updated_at": release.created_at,
        "published_at": release.published_at,
        "author": user(at.origin, "octocat"),
        "assets": release.assets.iter().map(|one| asset(at, release, one)).collect::<Vec<_>>(),
    })
}

pub fn asset(at: At<'_>, release: &Release, asset: &Asset) -> Value {
    let tag = if release.draft { format!("untagged-{:x}", release.id) } else { release.tag_name.clone() };
    json!({
        "url": at.api(&format!("/releases/assets/{}", asset.id)),
        "browser_download_url": encoded(&at.web(&format!("/releases/download/{tag}/{}", asset.name))),
        "id": asset.id,
        "node_id": format!("RA_{}", asset.id),
        "name": asset.name,
        "label": Value::Null,
        "state": if asset.uploaded { "uploaded" } else { "starter" },
        "content_type": asset.content_type,
        "size": asset.size,
        "digest": asset.digest.as_ref().map(ToString::to_string),
        "download_count": 0,
        "created_at": asset.created_at,
        "updated_at": asset.created_at,
        "uploader": user(at.origin, "octocat"),
    })
}

pub fn reference(at: At<'_>, name: &str, tag: &GitTag) -> Value {
    let (kind, sha) = match &tag.object {
        Some(object) => ("tag", object),
        None => ("commit", &tag.commit),
    };
    json!({
        "ref": format!("refs/tags/{name}"),
        "node_id": "REF",
        "url": encoded(&at.api(&format!("/git/refs/tags/{name}"))),
        "object": { "type": kind, "sha": sha, "url": at.api(&format!("/git/{kind}s/{sha}")) },
    })
}

pub fn tag_object(at: At<'_>, name: &str, object: &str, commit: &str) -> Value {
    json!({
        "node_id": "TAG",
        "tag": name,
        "sha": object,
        "url": at.api(&format!("/git/tags/{object}")),
        "message": name,
        "tagger": { "date": "2026-01-01T00:00:00Z", "email": "octocat@example.com", "name": "octocat" },
        "object": { "sha": commit, "type": "commit", "url": at.api(&format!("/git/commits/{commit}")) },
    })
}

pub fn repository(at: At<'_>, may_write: bool) -> Value {
    let (owner, name) = at.repository.split_once('/').unwrap_or((at.repository, ""));
    let mut document = json!({
        "id": 1, "node_id": "R_1", "name": name, "full_name": at.repository, "owner": user(at.origin, owner), "private": false,
        "html_url": at.web(""), "description": Value::Null, "fork": false, "url": at.api(""),
        "git_url": format!("git://example.com/{}.git", at.repository), "ssh_url": format!("git@example.com:{}.git", at.repository),
        "clone_url": at.web(".git"), "svn_url": at.web(""), "mirror_url": Value::Null, "homepage": Value::Null, "language": Value::Null,
        "license": Value::Null, "default_branch": "main", "has_issues": true, "has_projects": true, "has_wiki": false,
        "has_pages": false, "has_discussions": false, "has_downloads": true, "archived": false, "disabled": false,
        "pushed_at": "2026-01-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "permissions": { "admin": false, "maintain": false, "push": may_write, "triage": may_write, "pull": true },
    });
    let links = [
        "archive",
        "assignees",
        "blobs",
        "branches",
        "collaborators",
        "comments",
        "commits",
        "compare",
        "contents",
        "contributors",
        "deployments",
        "downloads",
        "events",
        "forks",
        "git_commits",
        "git_refs",
        "git_tags",
        "hooks",
        "issue_comment",
        "issue_events",
        "issues",
        "keys",
        "labels",
        "languages",
        "merges",
        "milestones",
        "notifications",
        "pulls",
        "releases",
        "stargazers",
        "statuses",
        "subscribers",
        "subscription",
        "tags",
        "teams",
        "trees",
    ];
    let counts = [
        "forks_count",
        "stargazers_count",
        "watchers_count",
        "size",
        "open_issues_count",
        "subscribers_count",
        "network_count",
        "forks",
        "open_issues",
        "watchers",
    ];
    if let Some(fields) = document.as_object_mut() {
        fields.extend(links.iter().map(|link| (format!("{link}_url"), json!(at.api(&format!("/{link}"))))));
        fields.extend(counts.iter().map(|count| ((*count).to_owned(), json!(0))));
    }
    document
}

pub fn user(origin: &str, login: &str) -> Value {
    let mut document = json!({
        "login": login, "id": 1, "node_id": "U_1", "gravatar_id": "", "type": "User", "site_admin": false,
        "url": format!("{origin}/api/v3/users/{login}"), "html_url": format!("{origin}/{login}"),
        "avatar_url": format!("{origin}/avatars/{login}"),
    });
    let links = ["events", "followers", "following", "gists", "organizations", "received_events", "repos", "starred", "subscriptions"];
    if let Some(fields) = document.as_object_mut() {
        fields.extend(links.iter().map(|link| (format!("{link}_url"), json!(format!("{origin}/api/v3/users/{login}/{link}")))));
    }
    document
}

fn encoded(text: &str) -> String {
    url::Url::parse(text).map_or_else(|_| text.to_owned(), |url| url.to_string())
}
