//! Release notes: from merged requests of three forges, and from templates.

use std::collections::HashSet;

use serde_json::{Value, json};
use stagefreight::core::Timestamp;
use stagefreight::forge::notes::{Merged, Requests};
use stagefreight::forge::{Carrier, Place, Provider};
use tokio_util::sync::CancellationToken;

use crate::support::file_release::Publisher;
use crate::support::forge_cli::Workspace;
use crate::support::{Gitea, Reply, Scripted};

const SINCE: &str = "2026-06-01T00:00:00Z";

/// A merged request, newest last, as a forge writes it.
fn entry(provider: Provider, number: u64, commit: &str, merged: bool) -> Value {
    let at = format!("2026-08-{:02}T12:00:00Z", number % 28 + 1);
    let merged_at = if merged { json!(at) } else { Value::Null };
    match provider {
        Provider::Gitlab => json!({
            "iid": number, "id": number + 9000, "title": format!("feat: way {number}"), "author": { "username": "ann", "name": "Ann" },
            "labels": ["ui"], "updated_at": at, "merged_at": merged_at, "merge_commit_sha": null, "squash_commit_sha": null, "sha": commit,
        }),
        _ => json!({
            "number": number, "id": number + 9000, "title": format!("feat: way {number}"), "user": { "login": "ann" },
            "labels": [{ "id": 1, "name": "ui" }], "updated_at": at, "merged_at": merged_at, "merge_commit_sha": commit,
        }),
    }
}

/// A forge whose list of merged requests has these entries, in pages.
fn forge(provider: Provider, entries: Vec<Value>) -> Scripted {
    Scripted::start(move |asked| {
        let (path, expected) = match provider {
            Provider::Github => ("/api/v3/repos/acme/app/pulls?state=closed&sort=updated&direction=desc", "Bearer canary-of-a-forge"),
            Provider::Gitlab => ("/api/v4/projects/acme%2Fapp/merge_requests?state=merged&order_by=updated_at&sort=desc", ""),
            Provider::Gitea | Provider::Forgejo => {
                ("/api/v1/repos/acme/app/pulls?state=closed&sort=recentupdate", "token canary-of-a-forge")
            }
        };
        if !asked.target.starts_with(path) {
            return Reply::status(404);
        }
        if !expected.is_empty() && asked.headers.get("authorization").map(String::as_str) != Some(expected) {
            return Reply::status(401);
        }
        let number = |name: &str| {
            let rest = asked.target.split(name).nth(1).and_then(|rest| rest.split('&').next()).and_then(|text| text.parse::<usize>().ok());
            rest.unwrap_or(1)
        };
        let (page, size) = (number("&page="), if provider == Provider::Gitea { number("&limit=") } else { number("&per_page=") });
        let body: Vec<Value> = entries.iter().skip((page - 1) * size).take(size).cloned().collect();
        Reply::Answer(200, vec![("Content-Type", "application/json".to_owned())], Value::Array(body).to_string().into_bytes())
    })
}

fn requests(provider: Provider, host: &str, token: &str) -> Requests {
    let (below, carrier) = match provider {
        Provider::Github => ("api/v3", Carrier::Bearer),
        Provider::Gitlab => ("api/v4", Carrier::PrivateToken),
        Provider::Gitea | Provider::Forgejo => ("api/v1", Carrier::Token),
    };
    let api = Publisher::new(None).api(&format!("http://{host}/{below}"), token, carrier);
    Requests::new(Place { provider, host: host.to_owned(), project: "acme/app".to_owned() }, api)
}

#[tokio::test]
async fn merged_requests_are_found_by_their_commits() {
    for provider in [Provider::Github, Provider::Gitlab, Provider::Gitea] {
        // 120 of ours, some of others', one that was closed; then one that is older than the release before.
        let mut entries: Vec<Value> = (1..=130).map(|n| entry(provider, n, &format!("c{n}"), n != 7)).collect();
        let mut old = entry(provider, 500, "c500", true);
        old["updated_at"] = json!("2026-05-01T00:00:00Z");
        entries.push(old);
        entries.extend((501..800).map(|n| entry(provider, n, &format!("c{n}"), true)));
        let server = forge(provider, entries);
        let commits: HashSet<String> = (1..=120).chain(501..800).map(|n| format!("c{n}")).collect();
        let since = Timestamp::parse(SINCE).ok();
        let asked = requests(provider, &server.host, "canary-of-a-forge");
        let found = asked.of(&commits, since, &CancellationToken::new()).await.expect("requests");
        let numbers: Vec<u64> = found.requests.iter().map(|request| request.number).collect();
        let expected: Vec<u64> = (1..=120).filter(|n| *n != 7).collect();
        assert_eq!((numbers, found.cut), (expected, false), "{provider:?}");
        assert_eq!(server.asked().len(), 3, "{provider:?}: what is older than the release before ends the list");
        let expected = Merged { number: 1, title: "feat: way 1".into(), author: "ann".into(), labels: vec!["ui".into()] };
        assert_eq!(found.requests[0], expected, "{provider:?}");
    }
}

#[tokio::test]
async fn a_real_gitea_tells_its_merged_requests() {
    let gitea = Gitea::get();
    let repository = gitea.repository().await;
    let project = &repository.project;
    let mut merges = Vec::new();
    for (branch, title) in [("one", "feat: the first"), ("two", "fix: the second"), ("three", "feat: never merged")] {
        let file = json!({ "content": "eA==", "message": title, "branch": "main", "new_branch": branch });
        let (status, said) = gitea.call("POST", &format!("repos/{project}/contents/{branch}"), Some(file)).await;
        assert_eq!(status, 201, "{said}");
        let (status, made) =
            gitea.call("POST", &format!("repos/{project}/pulls"), Some(json!({ "head": branch, "base": "main", "title": title }))).await;
        assert_eq!(status, 201, "{made}");
        let number = made["number"].as_u64().expect("a number");
        if branch == "three" {
            let (status, said) = gitea.call("PATCH", &format!("repos/{project}/pulls/{number}"), Some(json!({ "state": "closed" }))).await;
            assert_eq!(status, 201, "{said}");
            continue;
        }
        let style = if branch == "one" { "merge" } else { "squash" };
        let merge = format!("repos/{project}/pulls/{number}/merge");
        // It looks whether the branches can be merged, and says "try again" until it knows.
        let mut tries = 0;
        while gitea.call("POST", &merge, Some(json!({ "Do": style }))).await.0 != 200 {
            tries += 1;
            assert!(tries < 200, "{branch} is not merged");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let (_, merged) = gitea.call("GET", &format!("repos/{project}/pulls/{number}"), None).await;
        merges.push(merged["merge_commit_sha"].as_str().unwrap_or_else(|| panic!("no merge in {merged}")).to_owned());
    }
    let host = gitea.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let api = Publisher::new(None).api(&format!("{}api/v1", gitea.url), &gitea.token, Carrier::Token);
    let asked = Requests::new(Place { provider: Provider::Gitea, host, project: project.clone() }, api);
    let told = async |commits: &[String]| {
        let found = asked.of(&commits.iter().cloned().collect(), None, &CancellationToken::new()).await.expect("requests");
        found.requests.into_iter().map(|request| (request.title, request.author)).collect::<Vec<_>>()
    };
    let of = |title: &str| (title.to_owned(), "acme".to_owned());
    assert_eq!(told(&merges).await, [of("feat: the first"), of("fix: the second")]);
    assert_eq!(told(&merges[1..]).await, [of("fix: the second")]);
    assert_eq!(told(&["0".repeat(40)]).await, []);
}

#[test]
fn notes_of_merged_requests_from_the_command_line() {
    let workspace = Workspace::new().env("HUB_TOKEN", "canary-of-a-forge").env("DEPLOY_TOKEN", "canary-of-a-job-4711");
    let head = workspace.commit();
    let mut secret = entry(Provider::Github, 9, &head, true);
    secret["title"] = json!("fix: log at http://ci.acme.internal/1 with canary-of-a-job-4711 by @all");
    let server =
        forge(Provider::Github, vec![secret, entry(Provider::Github, 8, "elsewhere", true), entry(Provider::Github, 3, &head, true)]);
    let places = format!(
        "forges: {{ hub: {{ provider: github, url: \"http://{}\", credentials: HUB }} }}\n\
         repos: {{ home: {{ forge: hub, project: acme/app }}, mirror: {{ forge: hub, project: acme/mirror, roles: mirror }} }}\n",
        server.host
    );
    workspace.config(&places, "  release: { kind: release, repos: home, archives: pack, notes: { from: requests } }\n");
    let preview = workspace.run(&["notes", "preview"], 0);
    let expected =
        "### Features\n\n- way 3 (#3, ann)\n\n### Bug Fixes\n\n- log at (internal address) with *** by @\u{200b}all (#9, ann)\n\nBy ann.\n";
    assert_eq!(preview.stdout(), expected);
    assert!(preview.stderr().contains("2 merged requests since v1.3.0"), "{}", preview.stderr());
    // A number names nothing at a mirror.
    workspace.config(&places, "  release: { kind: release, repos: mirror, archives: pack, notes: { from: requests, group_by: none } }\n");
    let mirrored = workspace.run(&["notes", "preview"], 0).stdout();
    assert!(mirrored.starts_with("### Changes\n\n- feat: way 3 (ann)\n"), "{mirrored}");
    // A token the forge does not accept.
    let workspace = workspace.env("HUB_TOKEN", "canary-of-nobody");
    let refused = workspace.run(&["notes", "preview"], 3).stderr();
    assert!(refused.contains("list merged requests") && refused.contains("401"), "{refused}");
}

#[test]
fn a_template_makes_the_notes_that_are_published() {
    let workspace = Workspace::new();
    let embedded = "forges: { hub: { provider: embedded } }\nrepos: { home: { forge: hub, project: acme/app } }\n";
    workspace.config(embedded, "  release: { kind: release, repos: home, archives: pack, notes: { template: notes.md.j2 } }\n");
    let missing = workspace.run(&["notes", "preview"], 2).stderr();
    assert!(missing.contains("notes.md.j2") && missing.contains("notes.template"), "{missing}");
    workspace.sf.write("notes.md.j2", "{{ versoin }}");
    let wrong = workspace.run(&["notes", "preview"], 2).stderr();
    assert!(wrong.contains("notes.md.j2:1") && wrong.contains("undefined value"), "{wrong}");
    let template = "{{ project }} {{ version }} after {{ previous }}\n\n{% for change in changes if change.kind == 'feat' %}\n* {{ change.text }}\n\
                    {% endfor %}\nThanks to {{ authors | join(', ') }}.\n";
    workspace.sf.write("notes.md.j2", template);
    let expected = "acme/app 1.4.0 after v1.3.0\n\n* a new way\nThanks to t.\n";
    assert_eq!(workspace.run(&["notes", "preview"], 0).stdout(), expected);
    let plan = workspace.run(&["release", "plan", "--output", "json"], 0).json().to_string();
    assert!(plan.contains("acme/app 1.4.0 after v1.3.0"), "{plan}");
    // A template that needs the requests: those of the forge that is rehearsed with are told by the history.
    workspace.sf.write("notes.md.j2", "{% for request in requests %}{{ request.title }}{% endfor %}nothing");
    assert_eq!(workspace.run(&["notes", "preview"], 0).stdout(), "nothing\n");
}

/// What lies where only we can go is told only where only we can look.
#[test]
fn places_inside_a_network_are_named_only_inside() {
    let told = |url: &str| {
        let workspace = crate::support::forge_cli::Workspace::new();
        let places = format!("forges: {{ hub: {{ provider: embedded{url} }} }}\nrepos: {{ home: {{ forge: hub, project: acme/app }} }}\n");
        let publish = "  release: { kind: release, repos: home, archives: [pack] }\n  files: { kind: files, url: \"http://nexus.corp/raw\", archives: [pack] }\n  public: { kind: files, url: \"https://files.example.com/raw\", archives: [pack] }\n";
        workspace.config(&places, publish);
        workspace.run(&["perform"], 0);
        let destinations: serde_json::Value =
            serde_json::from_str(&workspace.sf.read(".stagefreight/destinations.json")).expect("destinations");
        let release = destinations["destinations"].as_array().expect("destinations").iter().find(|one| one["kind"] == "release");
        release.expect("a release")["settings"].to_string()
    };
    let inside = told("");
    assert!(inside.contains("nexus.corp") && inside.contains("files.example.com"), "{inside}");
    let outside = told(", url: \"https://hub.example.com\"");
    assert!(!outside.contains("nexus.corp") && outside.contains("https://files.example.com/raw/1.4.0/"), "{outside}");
}
