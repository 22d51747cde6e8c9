//! Foreign clients, each doing what it can against one registry. The registry's log shows which endpoints each used.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stagefreight::core::{Digest, Secret};
use stagefreight::rehearse::fault::{Fault, FaultPlan};
use stagefreight::rehearse::registry::{Auth, EndId, Login};

use super::rig::{MANIFEST, Registry, generated};

/// A workbench: programs, a private home, some files.
struct Bench {
    registry: Registry,
    home: PathBuf,
}

impl Bench {
    fn new(registry: Registry) -> Self {
        let home = registry.dir.path().join("home");
        std::fs::create_dir_all(home.join("layer/etc")).expect("home");
        std::fs::write(home.join("layer/etc/motd"), "hello\n".repeat(2_000)).expect("file");
        std::fs::write(home.join("note.txt"), "a note\n").expect("file");
        std::fs::write(home.join("blob.bin"), [42; 5_000]).expect("file");
        std::fs::write(home.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).expect("file");
        let bench = Self { registry, home };
        bench.run("tar", &["-C", "layer", "-cf", "layer.tar", "etc"]);
        bench
    }

    fn host(&self) -> String {
        self.registry.host()
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        self.run_with(program, args, b"")
    }

    #[track_caller]
    fn run_with(&self, program: &str, args: &[&str], stdin: &[u8]) -> String {
        let (done, text) = self.attempt(program, args, stdin);
        assert!(done, "{program} {args:?} failed:\n{text}");
        text
    }

    fn attempt(&self, program: &str, args: &[&str], stdin: &[u8]) -> (bool, String) {
        let mut command = Command::new(component(program));
        command.args(args).current_dir(&self.home).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &self.home).env("DOCKER_CONFIG", self.home.join("docker"));
        command.env("REGISTRY_AUTH_FILE", self.home.join("auth.json")).env("REGCTL_CONFIG", self.home.join("regctl.json"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the client starts");
        child.stdin.take().expect("stdin").write_all(stdin).ok();
        let output = child.wait_with_output().expect("the client ends");
        if output.status.success() {
            (true, String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            (false, format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
        }
    }
}

fn component(name: &str) -> PathBuf {
    let cache = std::env::var_os("SF_COMPONENTS").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache/stagefreight/components")));
    let dirs = cache.map(|cache| cache.join("bin")).into_iter();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = dirs.chain(std::env::split_paths(&path)).map(|dir| dir.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed: scripts/components install clients"))
}

fn crane(b: &Bench) {
    let host = b.host();
    let at = |name: &str| format!("{host}/crane/{name}");
    let crane = |args: &[&str]| b.run("crane", &[&["--insecure"], args].concat());
    crane(&["append", "--oci-empty-base", "-f", "layer.tar", "-t", &at("a:1")]);
    crane(&["append", "-b", &at("a:1"), "-f", "layer.tar", "-t", &at("a:2")]);
    let digest = crane(&["digest", &at("a:1")]).trim().to_owned();
    let raw = crane(&["manifest", &at("a:1")]);
    assert_eq!(Digest::of(raw.trim_end().as_bytes()).to_string(), digest);
    crane(&["pull", &at("a:1"), "image.tar"]);
    crane(&["push", "image.tar", &at("pushed:1")]);
    crane(&["pull", "--format", "oci", &at("a:2"), "layout"]);
    crane(&["push", "layout", &at("pushed:2")]);
    crane(&["copy", &at("a:1"), &at("copy:1")]);
    assert_eq!(crane(&["digest", &at("copy:1")]).trim(), digest);
    crane(&["tag", &at("a:1"), "three"]);
    assert_eq!(crane(&["ls", &at("a")]), "1\n2\nthree\n");
    assert!(crane(&["catalog", &host]).contains("crane/copy"));
    crane(&["mutate", "--annotation", "k=v", "-t", &at("a:mutated"), &at("a:1")]);
    crane(&["flatten", "-t", &at("a:flat"), &at("a:2")]);
    crane(&["index", "append", "-m", &at("a:1"), "-m", &at("a:2"), "-t", &at("a:index")]);
    for image in ["a:1", "a:2", "a:mutated", "a:flat", "a:index", "copy:1", "pushed:1", "pushed:2"] {
        crane(&["validate", "--remote", &at(image)]);
    }
    crane(&["config", &at("a:1")]);
    crane(&["export", &at("a:1"), "files.tar"]);
    let layer = serde_json::from_str::<serde_json::Value>(&raw).expect("a manifest")["layers"][0]["digest"].to_string();
    crane(&["blob", &at(&format!("a@{}", layer.trim_matches('"')))]);
    crane(&["delete", &at("a:flat")]);
    crane(&["delete", &at(&format!("copy@{digest}"))]);
    assert_eq!(crane(&["ls", &at("copy")]), "");
}

fn regctl(b: &Bench) {
    let host = b.host();
    let at = |name: &str| format!("{host}/regctl/{name}");
    let regctl = |args: &[&str]| b.run("regctl", args);
    regctl(&["registry", "set", &host, "--tls", "disabled", "--blob-max", "1000", "--blob-chunk", "2000"]);
    let blob = std::fs::read(b.home.join("blob.bin")).expect("blob");
    let digest = b.run_with("regctl", &["blob", "put", &at("a")], &blob).trim().to_owned();
    assert_eq!(digest, Digest::of(&blob).to_string());
    regctl(&["blob", "head", &at("a"), &digest]);
    regctl(&["blob", "get", &at("a"), &digest]);
    regctl(&["blob", "copy", &at("a"), &at("mounted"), &digest]);
    regctl(&["blob", "delete", &at("a"), &digest]);
    regctl(&["image", "copy", &format!("{host}/crane/a:index"), &at("image:1")]);
    regctl(&["image", "copy", &at("image:1"), "ocidir://regctl-layout:1"]);
    regctl(&["image", "copy", "ocidir://regctl-layout:1", &at("again:1")]);
    regctl(&["image", "mod", &at("again:1"), "--create", &at("again:mod"), "--annotation", "k=v"]);
    regctl(&["image", "export", &at("image:1"), "regctl.tar"]);
    regctl(&["image", "import", &at("imported:1"), "regctl.tar"]);
    let manifest = regctl(&["manifest", "get", "--format", "raw-body", &format!("{host}/crane/a:1")]);
    regctl(&["image", "copy", &format!("{host}/crane/a:1"), &at("put:0")]);
    b.run_with("regctl", &["manifest", "put", "-t", MANIFEST, &at("put:1")], manifest.as_bytes());
    regctl(&["manifest", "head", &at("put:1")]);
    let artifact =
        |kind: &str| b.run_with("regctl", &["artifact", "put", "--artifact-type", kind, "--subject", &at("put:1")], b"a signature");
    artifact("application/x.signature");
    artifact("application/x.sbom");
    let list = regctl(&["artifact", "list", "--format", "{{jsonPretty .Manifest}}", &at("put:1")]);
    assert!(list.contains("x.signature") && list.contains("x.sbom"), "{list}");
    let list = regctl(&["artifact", "list", "--filter-artifact-type", "application/x.sbom", &at("put:1")]);
    assert!(list.contains("x.sbom") && !list.contains("x.signature"), "{list}");
    regctl(&["artifact", "tree", &at("put:1")]);
    assert_eq!(regctl(&["tag", "ls", "--limit", "1", "--last", "0", &at("put")]), "1\n");
    regctl(&["repo", "ls", &host]);
    regctl(&["tag", "delete", &at("put:0")]);
    let digest = regctl(&["manifest", "digest", &at("again:1")]);
    regctl(&["manifest", "delete", &format!("{}@{}", at("again"), digest.trim())]);
    // The plan refuses a chunk, and later a whole upload: the client asks how far it came, and cancels.
    b.run_with("regctl", &["blob", "put", &at("resumed")], &blob);
    let (done, text) = b.attempt("regctl", &["blob", "put", &at("refused")], &blob);
    assert!(!done, "{text}");
}

fn skopeo(b: &Bench) {
    let host = b.host();
    let at = |name: &str| format!("docker://{host}/skopeo/{name}");
    let skopeo = |args: &[&str]| b.run("skopeo", &[&["--policy", "policy.json"], args].concat());
    let copy = |from: &str, to: &str| {
        let quiet = ["copy", "--quiet", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
        skopeo(&[&quiet[..], &[from, to]].concat());
    };
    let source = format!("docker://{host}/crane/a:1");
    copy(&source, "oci:skopeo-layout:1");
    copy("oci:skopeo-layout:1", &at("a:1"));
    copy(&at("a:1"), "dir:skopeo-dir");
    copy("dir:skopeo-dir", &at("dir:1"));
    copy(&at("a:1"), &at("copy:1"));
    copy(&format!("docker://{host}/crane/a:index"), &at("index:1"));
    skopeo(&["copy", "--quiet", "--format", "v2s2", "--src-tls-verify=false", "--dest-tls-verify=false", &at("a:1"), &at("docker:1")]);
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &at("a:1")]);
    assert_eq!(raw, skopeo(&["inspect", "--raw", "--tls-verify=false", &source]));
    skopeo(&["inspect", "--tls-verify=false", &at("a:1")]);
    assert!(skopeo(&["list-tags", "--tls-verify=false", &at("a")]).contains("\"1\""));
    skopeo(&["delete", "--tls-verify=false", &at("copy:1")]);
}

fn oras(b: &Bench) {
    let host = b.host();
    let at = |name: &str| format!("{host}/oras/{name}");
    let oras = |command: &[&str], args: &[&str]| b.run("oras", &[command, &["--plain-http"], args].concat());
    oras(&["push"], &["--artifact-type", "application/x.note", &at("a:1,second"), "note.txt", "blob.bin"]);
    oras(&["pull"], &["-o", "pulled", &at("a:1")]);
    assert_eq!(std::fs::read(b.home.join("pulled/note.txt")).expect("pulled"), b"a note\n");
    oras(&["attach"], &["--artifact-type", "application/x.sbom", &at("a:1"), "note.txt"]);
    oras(&["attach"], &["--artifact-type", "application/x.signature", &at("a:1"), "blob.bin"]);
    let all = oras(&["discover"], &["--format", "json", &at("a:1")]);
    assert!(all.contains("x.sbom") && all.contains("x.signature"), "{all}");
    let some = oras(&["discover"], &["--format", "json", "--artifact-type", "application/x.sbom", &at("a:1")]);
    assert!(some.contains("x.sbom") && !some.contains("x.signature"), "{some}");
    b.run("oras", &["cp", "-r", "--from-plain-http", "--to-plain-http", &at("a:1"), &at("copy:1")]);
    oras(&["tag"], &[&at("a:1"), "third", "fourth"]);
    let digest = oras(&["resolve"], &[&at("a:1")]).trim().to_owned();
    assert_eq!(oras(&["repo", "tags"], &["--last", "fourth", &at("a")]), "second\nthird\n");
    oras(&["repo", "tags"], &[&at("a")]);
    assert!(oras(&["repo", "ls"], &[&host]).contains("oras/copy"));
    oras(&["manifest", "fetch"], &[&at("a:1"), "-o", "manifest.json"]);
    oras(&["manifest", "fetch-config"], &[&at("a:1")]);
    oras(&["manifest", "push"], &[&at("a:pushed"), "manifest.json"]);
    let blob = Digest::of(&std::fs::read(b.home.join("note.txt")).expect("note")).to_string();
    oras(&["blob", "push"], &[&at("blobs"), "note.txt"]);
    assert_eq!(oras(&["blob", "fetch"], &["-o", "-", &at(&format!("blobs@{blob}"))]), "a note\n");
    oras(&["blob", "delete"], &["--force", &at(&format!("blobs@{blob}"))]);
    oras(&["manifest", "delete"], &["--force", &at(&format!("copy@{digest}"))]);
    oras(&["login"], &["-u", "anyone", "-p", "anything", &host]);
}

/// What the four have no command for, by hand: a blob in one POST, tags as parameters, sessions looked at and cancelled.
fn curl(b: &Bench) {
    let url = |path: &str| format!("http://{}{path}", b.host());
    let curl = |args: &[&str]| b.run("curl", &[&["--fail", "--silent", "--show-error"], args].concat());
    let blob = std::fs::read(b.home.join("blob.bin")).expect("blob");
    let digest = Digest::of(&blob).to_string();
    curl(&["-X", "POST", "--data-binary", "@blob.bin", &url(&format!("/v2/curl/a/blobs/uploads/?digest={digest}"))]);
    let raw = b.registry.manifest_of("curl/a", "x", "");
    std::fs::write(b.home.join("raw.json"), &raw).expect("file");
    let put = url(&format!("/v2/curl/a/manifests/{}?tag=one&tag=two", Digest::of(&raw)));
    curl(&["-X", "PUT", "-H", &format!("Content-Type: {MANIFEST}"), "--data-binary", "@raw.json", &put]);
    let head = curl(&["-X", "POST", "-D", "-", &url("/v2/curl/a/blobs/uploads/")]);
    let location = head.lines().find_map(|line| line.strip_prefix("location: ")).expect("a session").trim().to_owned();
    curl(&["-X", "PATCH", "-T", "note.txt", &url(&location)]);
    assert!(curl(&["-i", &url(&location)]).contains("range: 0-6"));
    curl(&["-X", "DELETE", &url(&location)]);
    assert_eq!(curl(&["-r", "0-9", &url(&format!("/v2/curl/a/blobs/{digest}"))]).as_bytes(), &blob[..10]);
}

/// Which endpoints each client is known to use. A client that stops using one, or begins to, is worth a look.
const SUPPORTED: [(&str, &str); 5] = [
    ("crane", "1 2 3 4a 5 6 7a 8b 9 11"),
    ("regctl", "1 2 3 4a 5 6 7a 8b 9 10 11 12a 12b 13 14"),
    ("skopeo", "1 2 3 4a 5 6 7a 8a 9 11"),
    ("oras", "1 2 3 4a 6 7a 8a 8b 9 10 11 12a 12b"),
    ("curl", "2 4a 4b 5 7b 13 14"),
];

#[test]
fn each_does_all_it_supports_and_together_they_use_every_endpoint() {
    let refused = Fault::status(500);
    let b = Bench::new(Registry::with(|options| {
        options.faults = FaultPlan::default().nth("PATCH", "/v2/regctl/resumed/*", 2, Fault::status(416)).every(
            "PATCH",
            "/v2/regctl/refused/*",
            refused,
        );
    }));
    crane(&b);
    regctl(&b);
    skopeo(&b);
    oras(&b);
    curl(&b);
    let mut seen: BTreeMap<&str, BTreeSet<EndId>> = BTreeMap::new();
    for entry in b.registry.running().log().entries() {
        let agents = [("crane", "crane/"), ("regctl", "regclient/"), ("skopeo", "skopeo/"), ("oras", "oras/"), ("curl", "curl/")];
        if let (Some(end), Some((client, _))) = (entry.end, agents.iter().find(|(_, agent)| entry.user_agent.contains(agent))) {
            seen.entry(client).or_default().insert(end);
        }
    }
    let found: Vec<(&str, String)> = SUPPORTED
        .iter()
        .map(|(client, _)| {
            let ends = seen.get(client).into_iter().flatten().map(|end| end.name().trim_start_matches("end-"));
            (*client, ends.collect::<Vec<_>>().join(" "))
        })
        .collect();
    let expected: Vec<(&str, String)> = SUPPORTED.iter().map(|(client, ends)| (*client, (*ends).to_owned())).collect();
    assert_eq!(found, expected);
    let mut table =
        format!("| endpoint | {} |\n|---|{}\n", SUPPORTED.map(|(client, _)| client).join(" | "), ":-:|".repeat(SUPPORTED.len()));
    for end in EndId::ALL {
        let cells = SUPPORTED.map(|(client, _)| if seen.get(client).is_some_and(|ends| ends.contains(&end)) { "●" } else { " " });
        assert!(cells.contains(&"●"), "no client used {}", end.name());
        table.push_str(&format!("| {} | {} |\n", end.name(), cells.join(" | ")));
    }
    generated("docs/embedded-registry.md", "clients", &table);
}

#[test]
fn each_logs_in() {
    let login = || Login { user: "someone".to_owned(), password: Secret::new("p4ssw0rd") };
    for auth in [Auth::Basic(login()), Auth::Token { login: login(), anonymous_pull: false, lifetime: std::time::Duration::from_secs(60) }]
    {
        let b = Bench::new(Registry::with(|options| options.auth = auth));
        let host = b.host();
        let image = |client: &str| format!("{host}/{client}/a:1");
        assert!(!b.attempt("crane", &["--insecure", "ls", &format!("{host}/crane/a")], b"").0);
        b.run_with("crane", &["auth", "login", &host, "-u", "someone", "--password-stdin"], b"p4ssw0rd");
        b.run("crane", &["--insecure", "append", "--oci-empty-base", "-f", "layer.tar", "-t", &image("crane")]);
        b.run("crane", &["--insecure", "copy", &image("crane"), &format!("{host}/crane/b:1")]);
        b.run("crane", &["--insecure", "delete", &format!("{host}/crane/b:1")]);

        b.run("regctl", &["registry", "set", &host, "--tls", "disabled", "--skip-check"]);
        b.run_with("regctl", &["registry", "login", &host, "-u", "someone", "--pass-stdin"], b"p4ssw0rd");
        b.run("regctl", &["image", "copy", &image("crane"), &image("regctl")]);
        b.run("regctl", &["tag", "delete", &image("regctl")]);

        b.run_with("skopeo", &["login", "--tls-verify=false", "-u", "someone", "--password-stdin", &host], b"p4ssw0rd");
        let (from, to) = (format!("docker://{}", image("crane")), format!("docker://{}", image("skopeo")));
        let insecure = ["copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"];
        b.run("skopeo", &[&["--policy", "policy.json"], &insecure[..], &[&from, &to]].concat());
        b.run("skopeo", &["delete", "--tls-verify=false", &to]);

        b.run_with("oras", &["login", "--plain-http", "-u", "someone", "--password-stdin", &host], b"p4ssw0rd");
        b.run("oras", &["push", "--plain-http", &image("oras"), "note.txt"]);
        b.run("oras", &["manifest", "delete", "--plain-http", "--force", &image("oras")]);
        let refused = b.attempt("oras", &["login", "--plain-http", "-u", "someone", "--password-stdin", &host], b"wrong");
        assert!(!refused.0, "{}", refused.1);
    }
}
