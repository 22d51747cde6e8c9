//! What our adapters do with releases: versions stay what they are, the latest is the latest, sidecars travel, and bytes that
//! are not the announced ones never get in. Every case at a directory, a bucket and a registry.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use stagefreight::core::Digest;

use super::bucket::Bucket;
use super::judged::ours;
use crate::support::Registry;

/// An adapter with a place behind it.
struct Place {
    adapter: &'static str,
    config: Value,
    env: Vec<(&'static str, &'static str)>,
    dir: tempfile::TempDir,
    _bucket: Option<Bucket>,
    _registry: Option<Registry>,
}

impl Place {
    fn directory() -> Self {
        let dir = tempfile::tempdir().expect("directory");
        let config = json!({"root": dir.path().join("releases")});
        Self { adapter: "fs", config, env: Vec::new(), dir, _bucket: None, _registry: None }
    }

    fn bucket() -> Self {
        let bucket = Bucket::start("releases");
        let config = json!({"bucket": "releases", "region": "us-east-1", "endpoint": bucket.url()});
        let dir = tempfile::tempdir().expect("directory");
        Self { adapter: "s3", config, env: Bucket::KEYS.to_vec(), dir, _bucket: Some(bucket), _registry: None }
    }

    fn registry(registry: Registry) -> Self {
        let config = json!({"repository": format!("{}/acme/releases", registry.host)});
        let dir = tempfile::tempdir().expect("directory");
        Self { adapter: "oci", config, env: Vec::new(), dir, _bucket: None, _registry: Some(registry) }
    }

    fn all() -> Vec<Self> {
        vec![Self::directory(), Self::bucket(), Self::registry(Registry::v3(false))]
    }

    /// Asks one command and gives the answer.
    fn ask(&self, command: &str, request: &Value) -> Value {
        let mut whole = json!({"type": command, "protocol_version": 1, "request_id": "r", "config": self.config});
        whole.as_object_mut().expect("object").extend(request.as_object().expect("object").clone());
        let mut child = Command::new(ours(self.adapter));
        child.arg(command).env_clear().envs(self.env.iter().copied()).env("HOME", self.dir.path()).current_dir(self.dir.path());
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("the adapter runs");
        child.stdin.take().expect("stdin").write_all(whole.to_string().as_bytes()).expect("request");
        let output = child.wait_with_output().expect("output");
        let answer = serde_json::from_slice(&output.stdout);
        answer.unwrap_or_else(|error| {
            panic!("{error}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        })
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).expect("file");
        path
    }

    fn prepare(&self, name: &str, bytes: &[u8], more: &Value) -> Value {
        let path = self.file(name, bytes);
        let digest = Digest::of(bytes).to_string();
        let mut request = json!({
            "remote": "r", "target": {"workspace": "w", "stream": "s"},
            "pack": {"path": path, "digest": digest, "file_digest": digest, "size_bytes": bytes.len(), "name": name},
        });
        request.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
        self.ask("push.prepare", &request)
    }

    fn finalize(&self, prepared: &Value, bytes: &[u8]) -> Value {
        let pack = json!({"path": "/gone", "digest": Digest::of(bytes).to_string(), "size_bytes": bytes.len()});
        let target = json!({"workspace": "w", "stream": "s"});
        self.ask("push.finalize", &json!({"remote": "r", "target": target, "pack": pack, "finalize_token": prepared["finalize_token"]}))
    }

    /// The whole push.
    fn push(&self, name: &str, bytes: &[u8], more: &Value) -> Value {
        let prepared = self.prepare(name, bytes, more);
        if prepared["ok"] != true {
            return prepared;
        }
        assert!(self.send(&prepared["upload"], bytes), "{prepared}");
        self.finalize(&prepared, bytes)
    }

    /// Sends bytes where the adapter said. `false`: the place refused them.
    fn send(&self, upload: &Value, bytes: &[u8]) -> bool {
        let url = upload["url"].as_str().unwrap_or_default();
        if upload["method"] == "skip" {
            return true;
        }
        if let Some(path) = url.strip_prefix("file://") {
            std::fs::write(path, bytes).expect("upload");
            return true;
        }
        let file = self.file("upload", bytes);
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "--data-binary"]).arg(format!("@{}", file.display()));
        curl.args(["-H", "Content-Type:", "-H", "Expect:"]);
        for (name, value) in upload["headers"].as_object().expect("headers") {
            curl.arg("-H").arg(format!("{name}: {}", value.as_str().expect("text")));
        }
        let output = curl.arg(url).output().expect("curl is installed");
        String::from_utf8_lossy(&output.stdout).starts_with('2')
    }

    fn pull(&self, wanted: &Value) -> Value {
        self.ask("pull.prepare", &json!({"remote": "r", "target": {"workspace": "w"}, "ref": wanted}))
    }
}

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or("none")
}

#[test]
fn a_version_stays_what_it_is_and_the_same_push_is_the_same_release() {
    for place in Place::all() {
        let version = json!({"release": {"version": "1.0.0", "labels": ["a"]}});
        let first = place.push("app.tar", b"one", &version);
        assert_eq!(first["ok"], true, "{}: {first}", place.adapter);
        let again = place.push("app.tar", b"one", &version);
        assert_eq!(again["release"], first["release"], "{}", place.adapter);
        let other = place.prepare("app.tar", b"two", &version);
        assert_eq!(code(&other), "conflict", "{}: {other}", place.adapter);
        assert!(other["error"]["message"].as_str().is_some_and(|text| text.contains("version 1.0.0 of app.tar")), "{other}");
        // Another file of the same version is no conflict, but then the version alone does not name one.
        let second = place.push("app.zip", b"three", &version);
        assert_eq!(second["ok"], true, "{}: {second}", place.adapter);
        let both = place.pull(&json!({"version": "1.0.0"}));
        assert!(both["error"]["message"].as_str().is_some_and(|text| text.contains("app.tar") && text.contains("app.zip")), "{both}");
        let one = place.pull(&json!({"release_id": first["release"]["release_id"]}));
        assert_eq!(one["pack"]["digest"], Digest::of(b"one").to_string(), "{}", place.adapter);
        assert_eq!((&one["pack"]["version"], &one["pack"]["labels"]), (&json!("1.0.0"), &json!(["a"])));
    }
}

#[test]
fn the_latest_is_the_newest_that_is_no_pre_release() {
    for place in Place::all() {
        assert_eq!(code(&place.pull(&json!({"latest": true}))), "not_found", "{}", place.adapter);
        for (version, pre) in [("1.0.0", false), ("1.1.0", false), ("2.0.0-rc.1", true)] {
            let release = json!({"release": {"version": version, "prerelease": pre}});
            assert_eq!(place.push("app", version.as_bytes(), &release)["ok"], true, "{} {version}", place.adapter);
        }
        assert_eq!(place.pull(&json!({"latest": true}))["pack"]["version"], "1.1.0", "{}", place.adapter);
        assert_eq!(place.pull(&json!({"version": "2.0.0-rc.1"}))["pack"]["version"], "2.0.0-rc.1", "{}", place.adapter);
    }
}

#[test]
fn sidecars_travel_and_are_never_dropped_silently() {
    for place in Place::all() {
        let sums = place.file("SUMS", b"sums");
        let sidecar = |digest: &str| {
            let one = json!({"name": "SUMS", "role": "checksums", "path": sums, "file_digest": digest, "size_bytes": 4});
            json!({"release": {"version": "1.0.0"}, "sidecars": [one]})
        };
        let digest = Digest::of(b"sums").to_string();
        let prepared = place.prepare("app", b"bytes", &sidecar(&digest));
        assert_eq!(prepared["ok"], true, "{}: {prepared}", place.adapter);
        assert!(place.send(&prepared["upload"], b"bytes"));
        if place.adapter != "oci" {
            // The file arrived, its sidecar did not: there is no release yet.
            assert_eq!(code(&place.finalize(&prepared, b"bytes")), "not_found", "{}", place.adapter);
            assert!(place.send(&prepared["sidecar_uploads"]["SUMS"], b"sums"));
        }
        assert_eq!(place.finalize(&prepared, b"bytes")["ok"], true, "{}", place.adapter);
        let other = place.prepare("app", b"bytes", &sidecar(&Digest::of(b"othr").to_string()));
        assert_eq!(code(&other), "conflict", "{}: {other}", place.adapter);
    }
}

#[test]
fn bytes_that_are_not_the_announced_ones_do_not_get_in() {
    let place = Place::bucket();
    let prepared = place.prepare("app", b"right", &json!({}));
    // The signature covers the hash: the bucket itself refuses.
    assert!(!place.send(&prepared["upload"], b"wrong"));
    assert_eq!(code(&place.finalize(&prepared, b"right")), "not_found");
    assert!(place.send(&prepared["upload"], b"right"));
    assert_eq!(place.finalize(&prepared, b"right")["ok"], true);

    let mut place = Place::directory();
    place.config["verify"] = "digest".into();
    let prepared = place.prepare("app", b"right", &json!({}));
    assert!(place.send(&prepared["upload"], b"wrong"));
    assert_eq!(code(&place.finalize(&prepared, b"right")), "not_found");
    assert!(place.send(&prepared["upload"], b"right"));
    assert_eq!(place.finalize(&prepared, b"right")["ok"], true);
    let stored = Path::new(place.config["root"].as_str().expect("root")).join("blobs/sha256").join(Digest::of(b"right").hex());
    assert_eq!(std::fs::read(stored).expect("the file"), b"right");

    let place = Place::registry(Registry::olareg());
    let path = place.file("app", b"wrong");
    let digest = Digest::of(b"right").to_string();
    let pack = json!({"path": path, "digest": digest, "file_digest": digest, "size_bytes": 5});
    let refused = place.ask("push.prepare", &json!({"target": {}, "pack": pack}));
    assert_eq!(refused["ok"], false, "{refused}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_do() {
    let place = Place::directory();
    for (request, part) in [
        (json!({"config": {"rot": "/x"}}), "config.rot is not known; known are root, verify"),
        (json!({"config": {"root": 7}}), "config.root is not a text"),
        (json!({"config": {"root": "relative"}}), "not an absolute path"),
        (json!({"config": {}}), "set `root` in the remote's config, or the variable REMOTE_FS_ROOT"),
        (json!({"pack": {"path": "/x", "digest": "sha256:1", "size_bytes": -1}}), "open /x"),
        (json!({"pack": {"digest": "d"}}), "path"),
        (json!({"protocol_version": 2}), "version 2"),
    ] {
        let mut whole = json!({"target": {}, "pack": {"path": "/x", "digest": Digest::of(b"").to_string(), "file_digest": Digest::of(b"").to_string(), "size_bytes": 0}});
        whole.as_object_mut().expect("object").extend(request.as_object().expect("object").clone());
        let answer = place.ask("push.prepare", &whole);
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(answer["ok"] == false && message.contains(part), "{request}: {answer}");
    }
    let s3 = Place { adapter: "s3", config: json!({"bucket": "releases"}), ..Place::directory() };
    assert_eq!(code(&s3.pull(&json!({"latest": true}))), "auth_required");
    let s3 = Place {
        adapter: "s3",
        config: json!({"bucket": "releases", "endpoint": "http://example.com"}),
        env: Bucket::KEYS.to_vec(),
        ..Place::directory()
    };
    assert!(s3.pull(&json!({"latest": true}))["error"]["message"].as_str().is_some_and(|text| text.contains("neither https nor")));
}
