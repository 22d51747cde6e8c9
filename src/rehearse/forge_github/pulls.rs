//! Pull requests (REST API, "List pull requests").

use serde_json::{Value, json};

use super::data::Repo;
use super::options::Repository;
use super::refusal::not_permitted;
use super::releases::page;
use super::render::{At, repository, user};
use crate::rehearse::api::{Answer, Asked};
use crate::rehearse::request::{End, Request};

/// `GET pulls`.
pub fn list(at: At<'_>, repo: &Repo, rules: &Repository, asked: &Asked) -> Answer {
    if rules.requests_hidden {
        return not_permitted("pull_requests=read");
    }
    let state = asked.query("state").unwrap_or("open");
    let mut found: Vec<&Request> = repo.requests.iter().filter(|one| state == "all" || state_of(one) == state).collect();
    let by_change = asked.query("sort") == Some("updated");
    // They were made in the order of their numbers.
    found.sort_by_key(|one| (by_change.then_some(one.updated), one.number));
    // "Default: desc when sort is created or sort is not specified, otherwise asc."
    let descends = asked.query("direction").map_or(!by_change, |direction| direction == "desc");
    if descends {
        found.reverse();
    }
    let all: Vec<Value> = found.into_iter().map(|one| pull(at, one)).collect();
    page(at, asked, "/pulls", &all)
}

fn state_of(request: &Request) -> &'static str {
    if request.end == End::Open { "open" } else { "closed" }
}

fn pull(at: At<'_>, one: &Request) -> Value {
    let (number, time) = (one.number, one.updated.to_string());
    let (api, web) = (at.api(&format!("/pulls/{number}")), at.web(&format!("/pull/{number}")));
    let issue = at.api(&format!("/issues/{number}"));
    let owner = at.repository.split('/').next().unwrap_or_default();
    let branch = |name: &str, sha: String| json!({ "label": format!("{owner}:{name}"), "ref": name, "sha": sha, "user": user(at.origin, owner), "repo": repository(at, true) });
    let closed = if one.end == End::Open { Value::Null } else { json!(time) };
    let merged = if one.is_merged() { json!(time) } else { Value::Null };
    // One that is open, or was closed, may have a commit that tried whether it could be merged.
    let commit = match &one.end {
        End::Merged(commit) | End::Squashed(commit) | End::Rebased(commit) => json!(commit),
        End::Open | End::Closed => Value::Null,
    };
    let labels = one.labels.iter().enumerate().map(|(nth, name)| {
        json!({ "id": nth + 1, "node_id": "LA_1", "url": at.api(&format!("/labels/{nth}")), "name": name, "description": "", "color": "ededed", "default": false })
    });
    let link = |href: &str| json!({ "href": href });
    let (statuses, comments) = (at.api(&format!("/statuses/{}", one.head())), format!("{issue}/comments"));
    json!({
        "url": api, "id": 9_000 + number, "node_id": format!("PR_{number}"), "html_url": web, "diff_url": format!("{web}.diff"),
        "patch_url": format!("{web}.patch"), "issue_url": issue, "commits_url": format!("{api}/commits"),
        "review_comments_url": format!("{api}/comments"), "review_comment_url": at.api("/pulls/comments{/number}"),
        "comments_url": comments, "statuses_url": statuses, "number": number, "state": state_of(one), "locked": false,
        "title": one.title, "user": user(at.origin, &one.author), "body": Value::Null, "labels": labels.collect::<Vec<_>>(),
        "milestone": Value::Null, "created_at": time, "updated_at": time, "closed_at": closed, "merged_at": merged,
        "merge_commit_sha": commit, "assignee": Value::Null, "assignees": [], "requested_reviewers": [], "requested_teams": [],
        "head": branch(&format!("request-{number}"), one.head()), "base": branch("main", "0".repeat(40)),
        "_links": {
            "self": link(&api), "html": link(&web), "issue": link(&issue), "comments": link(&comments),
            "review_comments": link(&format!("{api}/comments")), "review_comment": link(&at.api("/pulls/comments{/number}")),
            "commits": link(&format!("{api}/commits")), "statuses": link(&statuses),
        },
        "author_association": "CONTRIBUTOR", "auto_merge": Value::Null, "draft": false,
    })
}
