//! `stagefreight store put|get|exists|ls|rm|gc|verify`, and handing the content store over.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::servers::{S3_USER, Server};
use crate::support::release::Registries;
use crate::support::{Sf, assert_satisfies};

const CONFIG: &str =
    "version: 1\nstore:\n  local: { kind: file, dir: artifacts }\n  frozen: { kind: file, dir: frozen, write_once: true, fsync: false }\n";

fn workspace() -> Sf {
    Sf::new().file(".stagefreight.yml", CONFIG).file("data", "the data").file("manifest", "{\"about\":\"the data\"}")
}

#[track_caller]
fn document(sf: &Sf, code: i32, schema: &str, command: &[&str]) -> Value {
    let document = sf.run(&[command, &["--output", "json"]].concat()).code(code).json();
    assert_satisfies(schema, &document);
    document
}

const PUT: [&str; 8] = ["store", "put", "local", "acme/app/1.4.0", "--data", "data", "--manifest", "manifest"];

#[test]
fn a_pair_goes_in_and_comes_out() {
    let sf = workspace();
    let put = document(&sf, 0, "command-store-put", &PUT);
    assert_eq!((&put["data"]["size"], &put["manifest"]["size"]), (&Value::from(8), &Value::from(20)));
    sf.run(&PUT).code(0);
    let got = document(&sf, 0, "command-store-get", &["store", "get", "local", "acme/app/1.4.0", "--data", "back", "--manifest", "said"]);
    assert_eq!(got["data"]["digest"], put["data"]["digest"]);
    assert_eq!((sf.read("back").as_str(), sf.read("said").as_str()), ("the data", "{\"about\":\"the data\"}"));
    assert_eq!(sf.run(&["store", "get", "local", "acme/app/1.4.0", "--data", "-"]).code(0).stdout(), "the data");
    assert_eq!(sf.run(&["store", "get", "local", "acme/app/1.4.0", "--manifest", "-"]).code(0).stdout(), "{\"about\":\"the data\"}");
    assert_eq!(document(&sf, 0, "command-store-exists", &["store", "exists", "local", "acme/app/1.4.0"])["exists"], true);
    assert_eq!(sf.run(&["store", "exists", "local", "acme/app"]).code(0).stdout(), "false\n");
    let listed = document(&sf, 0, "command-store-ls", &["store", "ls", "local", "--long"]);
    assert_eq!(listed["references"][0]["data"]["digest"], put["data"]["digest"]);
    assert_eq!(sf.run(&["store", "ls", "local", "acme"]).code(0).stdout(), "acme/app/1.4.0\n");
    assert_eq!(sf.run(&["store", "ls", "local", "other"]).code(0).stdout(), "");
    let verified = document(&sf, 0, "command-store-verify", &["store", "verify", "local"]);
    assert_eq!((&verified["references"], &verified["bytes"]), (&Value::from(1), &Value::from(28)));
    let removed = document(&sf, 0, "command-store-rm", &["store", "rm", "local", "acme/app/1.4.0", "acme/none"]);
    assert_eq!((&removed["removed"][0], &removed["absent"][0]), (&Value::from("acme/app/1.4.0"), &Value::from("acme/none")));
    let spared = document(&sf, 0, "command-store-gc", &["store", "gc", "local"]);
    assert_eq!((&spared["removed"], &spared["spared"]), (&Value::from(0), &Value::from(2)));
    let swept = document(&sf, 0, "command-store-gc", &["store", "gc", "local", "--grace", "0s"]);
    assert_eq!((&swept["removed"], &swept["bytes"]), (&Value::from(2), &Value::from(28)));
    // Nothing of ours stays behind.
    let left: Vec<_> =
        std::fs::read_dir(sf.path().join(".stagefreight")).map(|dir| dir.flatten().map(|e| e.file_name()).collect()).unwrap_or_default();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn standard_input_is_data_too() {
    let sf = workspace();
    let mut child = sf.command(&["store", "put", "local", "piped", "--data", "-"]).stdin(Stdio::piped()).start();
    child.stdin().write_all(&vec![7; 3_000_000]).expect("written");
    assert!(child.wait().success());
    sf.run(&["store", "get", "local", "piped", "--data", "back"]).code(0);
    assert_eq!(std::fs::read(sf.path().join("back")).expect("back"), vec![7; 3_000_000]);
}

#[test]
fn what_goes_wrong_has_its_own_exit_code_and_a_way_out() {
    let sf = workspace();
    sf.run(&PUT).code(0);
    for bad in ["../up", "a//b", "CON", "-x", ".hidden", &"s".repeat(300), "a b", ""] {
        for command in [["get", "--data"], ["put", "--data"]] {
            let run = sf.run(&["store", command[0], "local", bad, command[1], "data"]).code(2);
            assert!(run.stderr().contains("is not a reference"), "{bad}: {}", run.stderr());
        }
        let run = sf.run(&["store", "exists", "local", bad]).code(2);
        assert!(run.stderr().contains("is not a reference"), "{bad}: {}", run.stderr());
    }
    let absent = sf.run(&["store", "get", "local", "acme/none", "--data", "back"]).code(3).stderr();
    assert!(absent.contains("store local holds nothing under acme/none"), "{absent}");
    assert!(!sf.path().join("back").exists());
    let unknown = sf.run(&["store", "ls", "lokal"]).code(2).stderr();
    assert!(unknown.contains("no artifact store is called `lokal`") && unknown.contains("stores here: frozen, local"), "{unknown}");
    // Write-once.
    sf.run(&["store", "put", "frozen", "a", "--data", "data"]).code(0);
    sf.run(&["store", "put", "frozen", "a", "--data", "data"]).code(0);
    let conflict = sf.run(&["store", "put", "frozen", "a", "--data", "manifest"]).code(4).stderr();
    assert!(conflict.contains("write-once and holds another pair"), "{conflict}");
    // Damage.
    let pointer: Value = serde_json::from_str(&sf.read("artifacts/refs/acme/app/1.4.0@")).expect("pointer");
    let hex = pointer["data"]["digest"].as_str().expect("digest").trim_start_matches("sha256:").to_owned();
    sf.write(&format!("artifacts/blobs/sha256/{}/{hex}", &hex[..2]), "THE data");
    let damaged = sf.run(&["store", "get", "local", "acme/app/1.4.0", "--data", "back"]).code(7).stderr();
    assert!(damaged.contains("acme/app/1.4.0 is damaged"), "{damaged}");
    assert!(!sf.path().join("back").exists(), "damaged bytes appeared");
    let verified = document(&sf, 7, "command-store-verify", &["store", "verify", "local"]);
    assert_eq!(verified["damaged"][0]["reference"], "acme/app/1.4.0");
    sf.run(&["store", "put", "local", "b", "--data", "none"]).code(3);
    sf.run(&["store", "gc", "local", "--grace", "soon"]).code(2);
}

/// `ulimit -f` stands for a full disk: a write that goes on fails.
#[test]
fn a_full_disk_leaves_what_was_there() {
    let sf = workspace().file("large", vec![1; 3 << 20]);
    sf.run(&["store", "put", "local", "a", "--data", "data", "--manifest", "manifest"]).code(0);
    let put = sf.command(&["store", "put", "local", "a", "--data", "large", "--manifest", "manifest"]);
    // The signal is ignored, so that the write fails as on a full disk. In blocks of 512 or 1024 bytes.
    let script = "trap '' XFSZ; ulimit -f 1024; exec \"$@\"";
    let output = put.under("sh", &["-c", script, "sh"]).output();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write") && said.contains("make room on that disk"), "{said}");
    assert_eq!(sf.run(&["store", "get", "local", "a", "--data", "-"]).code(0).stdout(), "the data");
    let leftovers = std::fs::read_dir(sf.path().join("artifacts/tmp")).expect("tmp").count();
    assert_eq!(leftovers, 0);
}

#[test]
fn a_bucket_by_the_config_and_what_is_missing_for_it() {
    let server = Server::s3();
    let config = format!(
        "version: 1\nstore:\n  bucket: {{ kind: s3, bucket: test, prefix: acme, endpoint: \"http://{}\", credentials: rel }}\n",
        server.host
    );
    let sf = Sf::new().file(".stagefreight.yml", config).file("data", "the data");
    let put = ["store", "put", "bucket", "a/b", "--data", "data"];
    let missing = sf.run(&put).code(3).stderr();
    assert!(missing.contains("no credentials for s3://test/acme: REL_ACCESS_KEY_ID and REL_SECRET_ACCESS_KEY not set"), "{missing}");
    let sf = sf.env("REL_ACCESS_KEY_ID", S3_USER.0).env("REL_SECRET_ACCESS_KEY", "a-wrong-secret");
    let refused = sf.run(&put).code(3).stderr();
    assert!(refused.contains("does not accept REL_ACCESS_KEY_ID and REL_SECRET_ACCESS_KEY"), "{refused}");
    assert!(!refused.contains("a-wrong-secret"), "{refused}");
    let sf = sf.env("REL_SECRET_ACCESS_KEY", S3_USER.1);
    sf.run(&put).code(0);
    assert_eq!(sf.run(&["store", "get", "bucket", "a/b", "--data", "-"]).code(0).stdout(), "the data");
    assert_eq!(sf.run(&["store", "ls", "bucket"]).code(0).stdout(), "a/b\n");
    sf.run(&["store", "verify", "bucket"]).code(0);
    sf.run(&["store", "gc", "bucket"]).code(0);
}

#[test]
fn the_content_store_is_handed_over_through_an_artifact_store() {
    let registries = Registries::two();
    let sf = Sf::releasing_to(&registries);
    let shared = sf.outside().join("shared").to_string_lossy().into_owned();
    let config = format!("{}store: {{ jobs: {{ kind: file, dir: \"{shared}\" }} }}\n", sf.read(".stagefreight.yml"));
    sf.write(".stagefreight.yml", &config);
    sf.run(&["perform"]).code(0);
    let packed = document(&sf, 0, "command-store-pack", &["store", "pack", "--to", "jobs", "pipelines/17"]);
    let other = Sf::new().file(".stagefreight.yml", config);
    let unpacked = document(&other, 0, "command-store-unpack", &["store", "unpack", "--from", "jobs", "pipelines/17"]);
    assert_eq!((&unpacked["images"], &unpacked["bytes"]), (&packed["images"], &packed["bytes"]));
    let listed = document(&other, 0, "command-store-ls", &["store", "ls"]);
    assert_eq!(listed["images"][0]["digest"], sf.artifact_digest().as_str());
}

#[test]
fn stores_of_the_config_are_checked() {
    let check = |text: &str| Sf::new().file(".stagefreight.yml", format!("version: 1\nstore:\n  a: {text}\n")).run(&["config", "check"]);
    for good in [
        "{ kind: file, dir: /srv/artifacts }",
        "{ kind: memory }",
        "{ kind: s3, bucket: acme-releases, region: eu-central-1, prefix: a/b, write_once: true }",
        "{ kind: gcs, bucket: acme, credentials: REL }",
        "{ kind: azure, account: acme, container: releases, endpoint: \"https://acme.blob.core.windows.net\" }",
    ] {
        check(good).code(0);
    }
    for (bad, said) in [
        ("{ kind: fiel, dir: x }", "kind `fiel`"),
        ("{ kind: file }", "has no `dir`"),
        ("{ kind: file, dir: \"~/x\" }", "nothing expands"),
        ("{ kind: s3, bucket: \"a/b\" }", "is not a name"),
        ("{ kind: s3, bucket: a, prefix: \"../x\" }", "is not a prefix of keys"),
        ("{ kind: s3, bucket: a, endpoint: \"http://me:hunter22@h\" }", "without user, password and query"),
        ("{ kind: s3, bucket: a, credentials: \"ghp_hunter22!\" }", "is not a prefix of variable names"),
        ("{ kind: oci, registry: none, path: a/b }", "registry `none` is not defined"),
        ("{ kind: s3, bucket: a, fsync: true }", "unknown key `fsync`"),
    ] {
        let said_so = check(bad).code(2).stderr();
        assert!(said_so.contains(said), "{bad}: {said_so}");
        assert!(!said_so.contains("hunter22"), "{said_so}");
    }
    let shown = Sf::new()
        .file(
            ".stagefreight.yml",
            "version: 1\nregistries: { r: { url: r.example } }\nstore: { a: { kind: oci, registry: r, path: acme/x } }\n",
        )
        .run(&["config", "show"])
        .code(0)
        .stdout();
    assert!(shown.contains("registry: r\n") && shown.contains("path: acme/x\n"), "{shown}");
}
