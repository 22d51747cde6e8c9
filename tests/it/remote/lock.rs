//! Pinning adapters, and which may run.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;
use stagefreight::core::Digest;

use super::{Lab, write_adapter};
use crate::support::tls::Authority;
use crate::support::{Gitea, Registry, Sf, component};

#[test]
fn only_what_is_pinned_runs_and_ci_makes_no_exception() {
    let lab = Lab::unpinned("");
    let refused = lab.push(&[]).code(3);
    assert!(refused.stderr().contains("is not pinned") && refused.stderr().contains("remote lock lab"), "{}", refused.stderr());
    lab.push(&["--insecure-allow-unpinned"]).code(0);
    assert_eq!(lab.receipt()["adapter"]["verified"], json!(false));
    let sf = &lab.sf;
    let in_ci = |args: &[&str]| sf.command(args).env("CI", "true").output().status.code();
    let push = ["remote", "push", "lab", "app.epack"];
    assert_eq!(in_ci(&[&push[..], &["--insecure-allow-unpinned"]].concat()), Some(2));
    assert_eq!(in_ci(&push), Some(3));
    sf.run(&["remote", "lock"]).code(0);
    assert_eq!(in_ci(&push), Some(0));
    let strict = sf.command(&[&push[..], &["--no-frozen", "--insecure-allow-unpinned"]].concat()).env("STAGEFREIGHT_STRICT", "1").output();
    assert_eq!(strict.status.code(), Some(2));
}

#[test]
fn how_adapters_stand_and_how_they_are_pinned_anew() {
    let lab = Lab::unpinned("  gone:\n    adapter: gone\n");
    let status = |name: &str| {
        let listing = lab.sf.run(&["remote", "list", "--output", "json"]).code(0).json();
        let remotes = listing["remotes"].as_array().expect("remotes").clone();
        remotes.into_iter().find(|remote| remote["name"] == name).expect("listed")["status"].clone()
    };
    assert_eq!((status("lab"), status("gone")), (json!("unverified"), json!("not_found")));
    lab.sf.run(&["remote", "lock", "lab"]).code(0);
    assert_eq!(status("lab"), json!("verified"));
    let again = lab.sf.run(&["remote", "lock", "lab", "--output", "json"]).code(0).json();
    assert_eq!(again["changed"], json!(false));
    let path = lab.sf.path().join("epack-remote-lab");
    let text = lab.sf.read("epack-remote-lab");
    std::fs::write(&path, format!("{text}\n# changed\n")).expect("changed");
    assert_eq!(status("lab"), json!("changed"));
    lab.sf.run(&["remote", "verify", "lab"]).code(7);
    let updated = lab.sf.run(&["remote", "update", "lab", "--output", "json"]).code(0).json();
    assert!(updated["adapters"][0]["was"].is_string(), "{updated}");
    lab.sf.run(&["remote", "verify", "lab"]).code(0);
    lab.sf.run(&["remote", "lock"]).code(3);
    let probed = lab.sf.run(&["remote", "list", "--probe", "--output", "json"]).code(0).json();
    assert_eq!(probed["remotes"][0]["version"], json!("1.2.3"));
    std::fs::remove_file(&path).expect("removed");
    assert_eq!(status("lab"), json!("managed"));
}

#[test]
fn an_adapter_is_found_by_its_name() {
    let sf = Sf::new().file(".stagefreight.yml", "version: 1\nremotes:\n  lab:\n    adapter: lab\n").file("f", "x");
    let state = sf.outside().join("state");
    std::fs::create_dir(&state).expect("state");
    sf.run(&["remote", "lock"]).code(3);
    std::fs::create_dir_all(sf.path().join(".stagefreight/bin")).expect("directory");
    write_adapter(&sf.path().join(".stagefreight/bin/epack-remote-lab"), &state);
    sf.run(&["remote", "lock"]).code(0);
    sf.run(&["remote", "whoami", "lab"]).code(0);
}

#[test]
fn an_adapter_at_an_address_is_fetched_and_must_have_its_digest() {
    let sf = Sf::new();
    let server = TcpListener::bind("127.0.0.1:0").expect("server");
    let address = server.local_addr().expect("address");
    let script = "#!/bin/sh\nexit 0\n";
    let digest = Digest::of(script.as_bytes());
    let thread = std::thread::spawn(move || {
        let (mut connection, _) = server.accept().expect("a request");
        let mut request = [0; 4096];
        let _some = connection.read(&mut request).expect("request");
        write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{script}", script.len()).expect("answer");
    });
    // The config only takes https; the port behind it is tested with plain http on loopback.
    sf.write(".stagefreight.yml", "version: 1\nremotes:\n  far:\n    source: https://127.0.0.1:1/epack-remote-far\n");
    let refused = sf.run(&["remote", "list"]).code(2);
    assert!(refused.stderr().contains("needs a `digest`"), "{}", refused.stderr());
    sf.write(
        ".stagefreight.yml",
        format!("version: 1\nremotes:\n  far:\n    source: https://127.0.0.1:1/epack-remote-far\n    digest: {digest}\n"),
    );
    let unreachable = sf.run(&["remote", "lock"]).code(3);
    assert!(unreachable.stderr().contains("cannot fetch the adapter"), "{}", unreachable.stderr());
    let source = fetched(&format!("http://{address}/{{os}}/epack-remote-far"), &sf.path().join("adapter"));
    assert_eq!(source, script);
    thread.join().expect("served");
}

/// A server whose certificate a company gave itself: only with that authority, and only the bytes the config names.
#[test]
fn an_adapter_comes_over_https_is_pinned_and_runs() {
    let Lab { mut sf } = Lab::unpinned("");
    let text = sf.read("epack-remote-lab");
    let authority = Authority::new();
    let front = authority.front(authority.identity("localhost", 2099), serving(text.clone()), false);
    let port = front.rsplit(':').next().expect("a port");
    let config = sf.read(".stagefreight.yml");
    let from = |digest: &Digest| {
        let source = format!("source: https://localhost:{port}/{{os}}/{{arch}}/epack-remote-lab\n    digest: {digest}");
        config.replace("source: ./epack-remote-lab", &source)
    };
    sf.write(".stagefreight.yml", from(&Digest::of(text.as_bytes())));
    let unknown = sf.run(&["remote", "lock"]).code(3).stderr();
    assert!(unknown.contains("certificate"), "{unknown}");
    let file = authority.file(sf.outside());
    sf = sf.env("SSL_CERT_FILE", &file.to_string_lossy());
    sf.run(&["remote", "lock"]).code(0);
    let lab = Lab { sf };
    lab.push(&[]).code(0);
    assert_eq!(lab.receipt()["adapter"]["verified"], json!(true));
    // Other bytes than the config wants are not kept.
    lab.sf.write(".stagefreight.yml", from(&Digest::of(b"another adapter")));
    let before = files_below(&lab.sf.path().join(".stagefreight/adapters"));
    let refused = lab.sf.run(&["remote", "update"]).code(7).stderr();
    assert!(refused.contains("and the config wants"), "{refused}");
    assert_eq!(files_below(&lab.sf.path().join(".stagefreight/adapters")), before);
    // And those that are here and pinned do not run any more.
    let stale = lab.push(&["--again"]).code(7).stderr();
    assert!(stale.contains("the config wants") && stale.contains("remote update lab"), "{stale}");
    lab.sf.run(&["remote", "verify", "lab"]).code(7);
}

/// Answers every request with a text, and closes.
fn serving(text: String) -> String {
    let server = TcpListener::bind("127.0.0.1:0").expect("server");
    let address = server.local_addr().expect("address").to_string();
    std::thread::spawn(move || {
        for mut connection in server.incoming().flatten() {
            let mut request = [0; 4096];
            let Ok(1..) = connection.read(&mut request) else { continue };
            let _gone = write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len());
        }
    });
    address
}

fn files_below(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let files = stagefreight::fs::walk(dir, &|_| true).expect("a directory");
    files.into_iter().filter(|entry| entry.kind == stagefreight::fs::EntryKind::File).map(|entry| entry.relative).collect()
}

fn fetched(address: &str, into: &std::path::Path) -> String {
    use stagefreight::remote::{AdapterSource as _, UrlSource};
    let world = stagefreight::world::World::of_process().expect("world");
    let events = stagefreight::event::Events::none();
    let client = stagefreight::http::Client::new(&world, events, &stagefreight::http::Options::default()).expect("client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let cancel = tokio_util::sync::CancellationToken::new();
    let platform = stagefreight::core::Platform::host();
    runtime.block_on(UrlSource::new(client).fetch(address, &platform, into, &cancel)).expect("fetched");
    std::fs::read_to_string(into).expect("text")
}

#[test]
fn a_remote_is_added_and_pinned_and_the_config_stays_readable() {
    let lab = Lab::unpinned("");
    let added = lab.sf.run(&["remote", "add", "second", "./epack-remote-lab", "--set", "bucket=b", "--secret", "LAB_TOKEN"]).code(0);
    assert!(added.stdout().contains("pinned"), "{}", added.stdout());
    lab.sf.run(&["remote", "verify", "second"]).code(0);
    let shown = lab.sf.run(&["config", "show", "--output", "json"]).code(0).json();
    let second = &shown["config"]["remotes"]["second"];
    assert_eq!((&second["config"]["bucket"], &second["secrets"]), (&json!("b"), &json!(["LAB_TOKEN"])), "{shown}");
    lab.sf.run(&["remote", "add", "second", "./epack-remote-lab"]).code(2);
    lab.sf.run(&["remote", "add", "Bad", "./epack-remote-lab"]).code(2);
}

#[test]
fn an_environment_changes_what_it_says_and_nothing_else() {
    let more = "    config: { bucket: one, region: r }\n    secrets: [A_TOKEN]\nenvironments:\n  staging:\n    remotes:\n      lab: { config: { bucket: two }, runs: { sync: false } }\n  empty: {}\n";
    let lab = Lab::with(more);
    lab.push(&["--env", "staging"]).code(0);
    assert_eq!(lab.asked("push.prepare")["config"], json!({ "bucket": "two", "region": "r" }));
    assert_eq!(lab.receipt()["environment"], json!("staging"));
    // Another place is another release.
    lab.push(&["--env", "empty"]).code(0);
    assert_eq!((lab.asked("push.prepare")["config"]["bucket"].clone(), lab.releases()), (json!("one"), 2));
    lab.push(&["--env", "nowhere"]).code(2);
}

/// Pushed with ORAS into a real registry, fetched and pinned from there; what the tag names later is another adapter.
#[test]
fn an_adapter_comes_from_a_registry_and_stays_what_was_pinned() {
    let registry = Registry::v2(false);
    let lab = Lab::unpinned("");
    let release = |text: &str| {
        lab.sf.write("pushed/epack-remote-lab", text);
        let mut oras = std::process::Command::new(component("oras", "oras"));
        oras.args(["push", "--plain-http", &format!("{}/acme/epack-remote-lab:1", registry.host), "epack-remote-lab"]);
        let output = oras.current_dir(lab.sf.path().join("pushed")).env("HOME", lab.sf.outside()).output().expect("oras runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let text = lab.sf.read("epack-remote-lab");
    release(&text);
    let config = lab.sf.read(".stagefreight.yml");
    let source = format!("source: oci://{}/acme/epack-remote-lab:1", registry.host);
    lab.sf.write(".stagefreight.yml", config.replace("source: ./epack-remote-lab", &source));
    lab.sf.run(&["remote", "lock"]).code(0);
    assert!(lab.sf.read("stagefreight.lock.yaml").contains("resolved: sha256:"));
    lab.push(&[]).code(0);
    // The tag moves: what is pinned and here goes on, what has to be fetched again is refused.
    release(&format!("{text}\n# another\n"));
    lab.sf.run(&["remote", "lock"]).code(0);
    std::fs::remove_dir_all(lab.sf.path().join(".stagefreight/adapters")).expect("removed");
    lab.push(&["--again"]).code(3);
    let refused = lab.sf.run(&["remote", "lock"]).code(7);
    assert!(refused.stderr().contains("is pinned"), "{}", refused.stderr());
    lab.sf.run(&["remote", "update"]).code(0);
    lab.push(&["--again"]).code(0);
}

/// From a release at a real Gitea, by the file for this platform; what the release holds later is another adapter.
#[test]
fn an_adapter_comes_from_a_release_of_a_forge() {
    let (gitea, runtime) = (Gitea::get(), tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime"));
    let (project, release) = runtime.block_on(async {
        let repository = gitea.repository().await;
        let path = format!("repos/{}/releases", repository.project);
        let (status, made) = gitea.call("POST", &path, Some(json!({ "tag_name": "v1.4.0", "name": "first" }))).await;
        assert_eq!(status, 201, "{made}");
        (repository.project, made["id"].to_string())
    });
    let lab = Lab::unpinned("");
    let text = lab.sf.read("epack-remote-lab");
    let attach = |name: &str, text: &str| {
        let file = lab.sf.outside().join(name);
        std::fs::write(&file, text).expect("file");
        // curl reads what it must not show from a file.
        let header = lab.sf.outside().join("header");
        std::fs::write(&header, format!("Authorization: token {}", gitea.token)).expect("header");
        let mut curl = std::process::Command::new("curl");
        curl.args(["--fail", "--silent", "--show-error", "--header"]).arg(format!("@{}", header.display()));
        curl.arg("--form").arg(format!("attachment=@{}", file.display()));
        curl.arg(format!("{}api/v1/repos/{project}/releases/{release}/assets?name={name}", gitea.url));
        let output = curl.output().expect("curl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let platform = stagefreight::core::Platform::host().to_string().replace('/', "-");
    let ours = format!("epack-remote-lab-{platform}");
    attach("epack-remote-lab-linux-riscv64", "of another machine");
    attach("SHA256SUMS", "");
    let before = lab.sf.read(".stagefreight.yml");
    let from = |place: &str| {
        let source = format!("source: {place}\n    adapter: lab");
        let forges =
            format!("forges: {{ code: {{ provider: gitea, url: \"{}\", credentials: CODE }} }}\n", gitea.url.trim_end_matches('/'));
        lab.sf.write(".stagefreight.yml", before.replace("source: ./epack-remote-lab", &source) + &forges);
    };
    let pin = |command: &str, code: i32| {
        let output = lab.sf.command(&["remote", command]).env("CODE_TOKEN", &gitea.token).output();
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    from(&format!("nowhere:{project}@v1.4.0"));
    assert!(pin("lock", 3).contains("forge `nowhere` is not defined"));
    from(&format!("code:{project}@v9"));
    assert!(pin("lock", 3).contains("has no release v9"));
    from(&format!("code:{project}@v1.4.0"));
    assert!(pin("lock", 3).contains("has no adapter for"));
    attach(&ours, &text);
    pin("lock", 0);
    assert!(lab.sf.read("stagefreight.lock.yaml").contains(&format!("resolved: {ours}")));
    lab.push(&[]).code(0);
    // Another file under that version, and a machine that has nothing yet.
    attach("epack-remote-lab-special", &format!("{text}\n# special\n"));
    from(&format!("code:{project}@v1.4.0#epack-remote-lab-special"));
    lab.push(&["--again"]).code(3);
    pin("update", 0);
    lab.push(&["--again"]).code(0);
}
