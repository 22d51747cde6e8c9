//! Merge requests (docs: "Merge requests API", "List project merge requests").

use serde_json::{Value, json};

use super::page::page;
use super::render::Renderer;
use super::reply::Reply;
use super::world::Held;
use crate::rehearse::api::Asked;
use crate::rehearse::request::{End, Request};

pub(super) fn list(project: &Held, render: &Renderer<'_>, asked: &Asked, most: usize) -> Reply {
    let state = asked.query("state").unwrap_or("all");
    let mut found: Vec<&Request> = project.requests.iter().filter(|one| state == "all" || state_of(one) == state).collect();
    // They were made in the order of their numbers.
    let by_change = asked.query("order_by") == Some("updated_at");
    found.sort_by_key(|one| (by_change.then_some(one.updated), one.number));
    if asked.query("sort") != Some("asc") {
        found.reverse();
    }
    page(asked, most, render.base, found.into_iter().map(|one| merge_request(project, render, one)).collect())
}

fn state_of(request: &Request) -> &'static str {
    match request.end {
        End::Open => "opened",
        End::Closed => "closed",
        End::Merged(_) | End::Squashed(_) | End::Rebased(_) => "merged",
    }
}

fn merge_request(project: &Held, render: &Renderer<'_>, one: &Request) -> Value {
    let (number, time) = (one.number, one.updated.precise());
    let person = |name: &str| json!({ "id": 1, "username": name, "name": name, "state": "active", "avatar_url": null, "web_url": format!("{}/{name}", render.base) });
    // A squashed one that was merged by fast-forward has no commit of its own beside.
    let (merge, squash) = match &one.end {
        End::Merged(commit) => (json!(commit), Value::Null),
        End::Squashed(commit) => (Value::Null, json!(commit)),
        End::Rebased(_) | End::Open | End::Closed => (Value::Null, Value::Null),
    };
    let merged = one.is_merged();
    let when = |so: bool| if so { json!(time) } else { Value::Null };
    let mut document = json!({
        "id": 9_000 + number, "iid": number, "project_id": project.id, "title": one.title, "description": null, "state": state_of(one),
        "created_at": time, "updated_at": time, "merged_at": when(merged), "closed_at": when(one.end == End::Closed),
        "merged_by": if merged { person("maintainer") } else { Value::Null }, "closed_by": null,
        "target_branch": "main", "source_branch": format!("request-{number}"), "upvotes": 0, "downvotes": 0,
        "author": person(&one.author), "assignee": null, "assignees": [], "reviewers": [],
        "source_project_id": project.id, "target_project_id": project.id, "labels": one.labels, "draft": false, "work_in_progress": false,
        "milestone": null,
    });
    let rest = json!({
        "merge_when_pipeline_succeeds": false, "merge_status": "can_be_merged", "detailed_merge_status": "not_open",
        "sha": one.head(), "merge_commit_sha": merge, "squash_commit_sha": squash, "user_notes_count": 0, "discussion_locked": null,
        "should_remove_source_branch": null, "force_remove_source_branch": false, "squash": matches!(one.end, End::Squashed(_)),
        "web_url": format!("{}/{}/-/merge_requests/{number}", render.base, project.path),
        "references": { "short": format!("!{number}"), "relative": format!("!{number}"), "full": format!("{}!{number}", project.path) },
        "has_conflicts": false, "blocking_discussions_resolved": true,
    });
    if let (Some(fields), Value::Object(rest)) = (document.as_object_mut(), rest) {
        fields.extend(rest);
    }
    document
}
