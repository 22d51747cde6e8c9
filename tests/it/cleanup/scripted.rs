//! Engines on bad days: things that come into use, change their names or vanish between the list and the removal, an
//! engine that goes away, and one that refuses.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::engine::workspace;
use crate::support::{Asked, Reply, Scripted, Sf};

const RULES: &str = "    prune: { images: { unreferenced: { older_than: 1h } }, containers: { exited: { older_than: never } }, \
                     build_cache: { older_than: never }, networks: { unused: false } }\n";

fn id(n: usize) -> String {
    format!("sha256:{n:064x}")
}

fn answer(status: u16, body: &Value) -> Reply {
    Reply::Answer(status, vec![("content-type", "application/json".to_owned())], body.to_string().into_bytes())
}

/// An engine with three old images, whose answers a test may replace. `deleted` counts removals that were asked for.
fn engine(special: impl Fn(&Asked, usize) -> Option<Reply> + Send + 'static) -> Scripted {
    let deleted = Mutex::new(0);
    Scripted::start(move |asked| {
        let path = asked.target.split('?').next().unwrap_or_default();
        let path = path.strip_prefix("/v1.").map_or(path, |rest| &rest[rest.find('/').unwrap_or(0)..]).to_owned();
        let so_far = {
            let mut deleted = deleted.lock().expect("count");
            *deleted += usize::from(asked.method == "DELETE");
            *deleted
        };
        if let Some(reply) = special(&Asked { target: path.clone(), ..asked.clone() }, so_far) {
            return reply;
        }
        let name = |path: &str| path.trim_start_matches("/images/").trim_end_matches("/json").to_owned();
        match (asked.method.as_str(), path.as_str()) {
            ("GET", "/version") => {
                answer(200, &json!({"Version": "99.0", "ApiVersion": "1.45", "MinAPIVersion": "1.24", "Components": []}))
            }
            ("GET", "/info") => answer(200, &json!({"DriverStatus": [], "SecurityOptions": []})),
            ("GET", "/containers/json") => answer(200, &json!([])),
            ("GET", "/images/json") => {
                let image = |n: usize| {
                    json!({"Id": id(n), "ParentId": "", "RepoTags": [format!("acme/app:{n}")], "RepoDigests": [], "Created": 1_600_000_000,
                           "Size": 1000, "SharedSize": 0, "Labels": {}, "Containers": -1})
                };
                answer(200, &json!([image(1), image(2), image(3)]))
            }
            ("GET", "/system/df") => answer(200, &json!({"LayersSize": 5000 - 1000 * so_far, "BuildCache": []})),
            ("GET", path) if path.starts_with("/images/sha256:") => {
                let n = usize::from_str_radix(&name(path)[7..], 16).expect("an id");
                answer(200, &json!({"Id": id(n), "RepoTags": [format!("acme/app:{n}")], "RepoDigests": []}))
            }
            ("DELETE", path) => answer(200, &json!([{"Deleted": name(path)}])),
            _ => answer(404, &json!({"message": format!("no such page: {path}")})),
        }
    })
}

fn sf(engine: &Scripted, rules: &str) -> Sf {
    workspace(&format!("tcp://{}", engine.host), rules)
}

fn states(document: &Value) -> Vec<String> {
    let word = |item: &Value| match item["detail"].as_str() {
        Some(detail) => format!("{}: {detail}", item["state"].as_str().unwrap_or_default()),
        None => item["state"].as_str().unwrap_or_default().to_owned(),
    };
    document["removals"].as_array().expect("removals").iter().map(word).collect()
}

#[test]
fn removals_are_by_full_id_and_never_by_force() {
    let engine = engine(|_, _| None);
    let done = sf(&engine, RULES).run(&["cleanup", "--output", "json"]).code(0).json();
    assert_eq!(states(&done), ["removed", "removed", "removed"]);
    assert_eq!(done["reclaimed"], 3000);
    let deletes: Vec<String> = engine.lines().into_iter().filter(|line| line.starts_with("DELETE")).collect();
    assert_eq!(deletes.len(), 3);
    for (n, line) in deletes.iter().enumerate() {
        assert!(
            line.contains(&format!("/images/{}?", id(n + 1))) && line.contains("noprune=true") && !line.contains("force=true"),
            "{line}"
        );
    }
}

#[test]
fn what_comes_into_use_after_the_list_is_left_alone() {
    // The second is used by a container when it is its turn; of the third the engine says so itself; 409.
    let engine = engine(|asked, deleted| match (asked.method.as_str(), asked.target.as_str()) {
        ("GET", "/containers/json") if deleted == 1 => {
            Some(answer(200, &json!([{"Id": "c", "Names": ["/busy"], "Image": "acme/app:2", "ImageID": id(2), "State": "running"}])))
        }
        ("DELETE", path) if path.contains(&id(3)) => Some(answer(409, &json!({"message": "conflict: image is being used by c"}))),
        _ => None,
    });
    let run = sf(&engine, &format!("    enforcement: required\n{RULES}")).run(&["cleanup", "--output", "json"]).code(0);
    assert_eq!(states(&run.json()), ["removed", "kept: container busy uses it now", "kept: conflict: image is being used by c"]);
    assert_eq!((&run.json()["removed"], &run.json()["skipped"], &run.json()["failed"]), (&1.into(), &2.into(), &0.into()));
}

#[test]
fn what_is_gone_or_got_another_name_meanwhile_is_no_failure() {
    let asked_for_names = Arc::new(Mutex::new(0));
    let engine = engine(move |asked, _| match (asked.method.as_str(), asked.target.as_str()) {
        ("DELETE", path) if path.contains(&id(1)) => Some(answer(404, &json!({"message": "no such image"}))),
        ("GET", path) if path == format!("/images/{}/json", id(2)) => {
            // First for the list, then before it is removed.
            let mut times = asked_for_names.lock().expect("count");
            *times += 1;
            (*times > 1).then(|| answer(200, &json!({"Id": id(2), "RepoTags": ["acme/app:2", "acme/release:1"], "RepoDigests": []})))
        }
        _ => None,
    });
    let done = sf(&engine, RULES).run(&["cleanup", "--output", "json"]).code(0).json();
    assert_eq!(states(&done), ["gone", "kept: it was named acme/release:1 meanwhile", "removed"]);
}

#[test]
fn a_failure_ends_what_is_required_and_is_a_warning_else() {
    let broken = |asked: &Asked, _: usize| {
        (asked.method == "DELETE" && asked.target.contains(&id(2))).then(|| answer(500, &json!({"message": "disk on fire\nlong story"})))
    };
    let engine = engine(broken);
    let run = sf(&engine, RULES).run(&["cleanup", "--output", "json"]).code(0);
    assert_eq!(states(&run.json()), ["removed", "failed: HTTP 500: disk on fire", "removed"]);
    assert!(
        run.stderr()
            .contains("warning: host cleanup failed (enforcement: best_effort): 1 of 3 stay; image acme/app:2: HTTP 500: disk on fire"),
        "{}",
        run.stderr()
    );

    let engine = self::engine(broken);
    let run = sf(&engine, &format!("    enforcement: required\n{RULES}")).run(&["cleanup", "--output", "json"]).code(1);
    assert_eq!(states(&run.json()), ["removed", "failed: HTTP 500: disk on fire", "not_tried"]);
    assert!(run.stderr().contains("error: host cleanup failed (enforcement: required): 2 of 3 stay"), "{}", run.stderr());

    // Before a build it is the same.
    let engine = self::engine(broken);
    let sf_required = sf(&engine, &format!("    enforcement: required\n{RULES}"));
    let told = sf_required.run(&["perform"]).code(1).stderr();
    assert!(told.contains("host cleanup failed (enforcement: required)") && !told.contains("building app"), "{told}");
}

#[test]
fn an_engine_that_goes_away_midway_ends_it() {
    for enforcement in ["required", "best_effort"] {
        let engine = engine(|_, deleted| (deleted >= 2).then_some(Reply::Cut));
        let code = i32::from(enforcement == "required");
        let run = sf(&engine, &format!("    enforcement: {enforcement}\n{RULES}")).run(&["cleanup", "--output", "json"]).code(code);
        let states = states(&run.json());
        assert_eq!(states[0], "removed");
        assert!(states[1].starts_with("failed: the engine does not answer any more: "), "{states:?}");
        assert_eq!(states[2], "not_tried");
        assert_eq!(run.json()["reclaimed"], Value::Null, "nobody measured");
    }
}

#[test]
fn nothing_is_removed_where_nobody_answers_or_nothing_is_enabled() {
    let missing = workspace("unix:///nonexistent/docker.sock", RULES);
    let told = missing.run(&["cleanup", "--dry-run"]).code(3).stderr();
    assert!(told.contains("there is no container engine to clean up: ") && told.contains("hint: start the engine"), "{told}");
    let told = missing.run(&["perform"]).code(0).stderr();
    assert!(told.contains("warning: nothing was cleaned up: there is no container engine"), "{told}");

    let engine = engine(|_, _| None);
    let sf = sf(&engine, RULES);
    sf.write(".stagefreight.yml", "version: 1\nbuilds:\n  app: { kind: docker, builder: embedded }\n");
    let told = sf.run(&["cleanup"]).code(2).stderr();
    assert!(told.contains("cleanup is not enabled") && engine.lines().is_empty(), "{told}");
    let told = sf.run(&["cleanup", "--dry-run"]).code(0).stdout();
    assert!(told.contains("would remove nothing"), "{told}");
}

#[test]
fn answers_that_are_no_answers_are_refused() {
    let engine = engine(|asked, _| (asked.target == "/images/json").then(|| Reply::Answer(200, Vec::new(), b"<html>".to_vec())));
    let told = sf(&engine, RULES).run(&["cleanup", "--dry-run"]).code(1).stderr();
    assert!(told.contains("cannot read the images of docker 99.0") && told.contains("its answer cannot be read"), "{told}");
}
