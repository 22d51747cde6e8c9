//! `copy`, `pull`, `mirror`, `diff` and `ls`: between registries, layouts and archives, with other people's clients as
//! second readers.

use std::path::Path;
use std::process::Command;

use stagefreight::core::Digest;
use stagefreight::core::oci::{Descriptor, media_type};
use stagefreight::rehearse::fault::{Cut, Fault, FaultPlan};
use stagefreight::store::{Layout, LayoutWriter};

use crate::support::release::Registries;
use crate::support::{Image, Registry, Sf, assert_satisfies, component};

const PLATFORMS: &[&str] = &["linux/amd64", "linux/arm64"];

fn image(version: &str) -> Image<'_> {
    Image {
        version,
        revision: "0123456789abcdef",
        layers: vec![vec![7; 300_000], version.as_bytes().to_vec(), Vec::new()],
        platforms: PLATFORMS,
    }
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("the client runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn crane(args: &[&str]) -> String {
    output(Command::new(component("crane", "crane")).args(args).arg("--insecure"))
}

/// Adds a signature-like artifact that refers to a digest of a layout.
fn refer(layout: &Path, subject: &Digest, kind: &str) -> Digest {
    let opened = Layout::open(layout).expect("layout");
    let about = opened.read_manifest(subject).expect("subject").descriptor();
    let roots = opened.entries().expect("entries");
    let writer = LayoutWriter::create(layout).expect("layout");
    let empty = writer.put_bytes(media_type::OCI_EMPTY, b"{}").expect("config");
    let layer = writer.put_bytes("application/vnd.example+json", kind.as_bytes()).expect("layer");
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": format!("application/vnd.example.{kind}"),
        "config": empty, "layers": [layer], "subject": about, "annotations": {"kind": kind},
    });
    let manifest = writer.put_bytes(media_type::OCI_MANIFEST, manifest.to_string().as_bytes()).expect("manifest");
    let all: Vec<Descriptor> = roots.into_iter().chain([manifest.clone()]).collect();
    writer.finish_with(&all).expect("layout");
    manifest.digest
}

#[test]
fn from_registry_to_registries_nothing_changes_and_nothing_is_sent_twice() {
    let sf = Sf::new();
    let layout = sf.outside().join("image");
    let digest = image("1.4.0").write(&layout).to_string();
    let (v3, olareg, v2) = (Registry::v3(false), Registry::olareg(), Registry::v2(false));
    let source = format!("{}/acme/app:1.4.0", v3.host);
    sf.run(&["copy", &layout.display().to_string(), &source]).code(0);
    let to: Vec<String> =
        [format!("{}/acme/app:1.4.0", olareg.host), format!("{}/acme/app:latest", olareg.host), format!("{}/other/app:1.4.0", v2.host)]
            .into();
    let command = ["copy", &source, &to[0], &to[1], &to[2], "--output", "json"];
    let first = sf.run(&command).code(0).json();
    assert_satisfies("command-copy", &first);
    assert_eq!(first["digest"], digest.as_str());
    assert_eq!(first["destinations"].as_array().map(Vec::len), Some(3));
    assert_eq!(first["destinations"][1]["writes"], 1, "a second tag is one manifest: {first}");
    for name in &to {
        assert_eq!(crane(&["digest", name]), digest);
        // Layers of these images are no tar files: only that all of them are there.
        crane(&["validate", "--fast", "--remote", name]);
    }
    let again = sf.run(&command).code(0).json();
    assert_eq!((&again["writes"], &again["sent"]), (&0.into(), &0.into()), "{again}");
}

#[test]
fn a_host_lends_itself_what_it_has() {
    let registries = Registries::start(vec![FaultPlan::default()]);
    let host = registries.servers[0].host();
    let sf = Sf::new();
    let layout = sf.outside().join("image");
    let digest = image("1.4.0").write(&layout).to_string();
    sf.run(&["copy", &layout.display().to_string(), &format!("{host}/acme/app:1.4.0")]).code(0);
    registries.clear_logs();
    sf.run(&["copy", &format!("{host}/acme/app:1.4.0"), &format!("{host}/stable/app:1.4.0")]).code(0);
    assert_eq!(registries.digest(0, "stable/app", "1.4.0"), Some(digest));
    let entries = registries.servers[0].log().entries();
    let bodies: Vec<_> =
        entries.iter().filter(|entry| entry.path.contains("/blobs/") && matches!(entry.method.as_str(), "PUT" | "PATCH" | "GET")).collect();
    assert!(bodies.is_empty(), "{bodies:?}");
}

#[test]
fn through_layouts_and_archives_and_back() {
    let sf = Sf::new();
    let layout = sf.outside().join("image");
    let digest = image("1.4.0").write(&layout).to_string();
    let registry = Registry::v2(false);
    let name = format!("{}/acme/app:1.4.0", registry.host);
    sf.run(&["copy", &layout.display().to_string(), "./image.tar"]).code(0);
    sf.run(&["copy", &layout.display().to_string(), "./again.tar"]).code(0);
    let archive = std::fs::read(sf.path().join("image.tar")).expect("archive");
    assert!(archive == std::fs::read(sf.path().join("again.tar")).expect("archive"), "the same content is the same file");
    sf.run(&["copy", "./image.tar", &name]).code(0);
    assert_eq!(crane(&["digest", &name]), digest);
    sf.run(&["pull", &name, "pulled"]).code(0);
    sf.run(&["pull", &name, "pulled.tar"]).code(0);
    assert!(archive == std::fs::read(sf.path().join("pulled.tar")).expect("archive"));
    sf.run(&["copy", "./pulled", &format!("{}/acme/back:1", registry.host)]).code(0);
    assert_eq!(crane(&["digest", &format!("{}/acme/back:1", registry.host)]), digest);
    let path = sf.path().join("image.tar").display().to_string();
    let raw =
        Command::new(component("skopeo", "skopeo")).args(["inspect", "--raw", &format!("oci-archive:{path}")]).output().expect("skopeo");
    assert_eq!(Digest::of(&raw.stdout).to_string(), digest, "{}", String::from_utf8_lossy(&raw.stderr));
    // One platform of it.
    let one = sf.run(&["pull", &name, "arm", "--platform", "linux/arm64", "--output", "json"]).code(0).json();
    let index: serde_json::Value = serde_json::from_str(&crane(&["manifest", &name])).expect("index");
    assert_eq!(one["digest"], index["manifests"][1]["digest"]);
    let run = sf.run(&["pull", &name, "riscv", "--platform", "linux/riscv64"]).code(1);
    assert!(run.stderr().contains("it has linux/amd64, linux/arm64"), "{}", run.stderr());
}

#[test]
fn referrers_go_along_to_registries_with_and_without_the_api() {
    let sf = Sf::new();
    let layout = sf.outside().join("image");
    let digest = image("1.4.0").write(&layout);
    let signature = refer(&layout, &digest, "signature");
    let countersignature = refer(&layout, &signature, "countersignature");
    let (olareg, v3) = (Registry::olareg(), Registry::v3(false));
    let (one, other) = (format!("{}/acme/app:1.4.0", olareg.host), format!("{}/acme/app:1.4.0", v3.host));
    let shown = sf.run(&["copy", "--referrers", &layout.display().to_string(), &one]).code(0);
    assert!(shown.stdout().contains("2 referrers"), "{}", shown.stdout());
    sf.run(&["copy", "--referrers", &one, &other]).code(0);
    let again = sf.run(&["copy", "--referrers", &one, &other, "--output", "json"]).code(0).json();
    assert_eq!(again["sent"], 0, "{again}");
    for (name, api) in [(&one, true), (&other, false)] {
        let listed = sf.run(&["ls", name, "--output", "json"]).code(0).json();
        assert_satisfies("command-ls", &listed);
        assert_eq!(listed["image"]["referrers"][0]["digest"], signature.as_str(), "{listed}");
        assert_eq!(listed["image"]["referrers"][0]["artifact_type"], "application/vnd.example.signature");
        assert_eq!(listed["image"]["referrers_api"], api);
        let repository = name.rsplit_once(':').expect("tag").0;
        let further = sf.run(&["ls", &format!("{repository}@{signature}"), "--output", "json"]).code(0).json();
        assert_eq!(further["image"]["referrers"][0]["digest"], countersignature.as_str());
    }
    // Others see them, too.
    let mut oras = Command::new(component("oras", "oras"));
    oras.args(["discover", "--plain-http", "-o", "json", &other]);
    assert!(output(&mut oras).contains(signature.as_str()));
    sf.run(&["pull", "--referrers", &other, "with"]).code(0);
    let layout = Layout::open(&sf.path().join("with")).expect("layout");
    assert_eq!(layout.entries().expect("entries").len(), 3);
    layout.closure(&countersignature).expect("whole");
    // Without asking they stay where they are.
    sf.run(&["pull", &other, "without"]).code(0);
    assert_eq!(Layout::open(&sf.path().join("without")).expect("layout").entries().expect("entries").len(), 1);
}

#[test]
fn signatures_under_tags_of_their_own_go_along() {
    let sf = Sf::new();
    let (layout, other) = (sf.outside().join("image"), sf.outside().join("signature"));
    let digest = image("1.4.0").write(&layout);
    let signature = Image { version: "", revision: "", layers: vec![b"sig".to_vec()], platforms: &["linux/amd64"] }.write(&other);
    let (v2, v3) = (Registry::v2(false), Registry::v3(false));
    let tag = format!("sha256-{}.sig", digest.hex());
    sf.run(&["copy", &layout.display().to_string(), &format!("{}/acme/app:1", v2.host)]).code(0);
    sf.run(&["copy", &other.display().to_string(), &format!("{}/acme/app:{tag}", v2.host)]).code(0);
    sf.run(&["copy", "--referrers", &format!("{}/acme/app:1", v2.host), &format!("{}/acme/app:1", v3.host)]).code(0);
    assert_eq!(crane(&["digest", &format!("{}/acme/app:{tag}", v3.host)]), signature.to_string());
}

#[test]
fn what_is_cut_goes_on_where_it_ended() {
    let cut = FaultPlan::default().first("GET", "/v2/*/blobs/*", 3, Fault::Cut(Cut::ResponseBody(100_000)));
    let registries = Registries::start(vec![cut, FaultPlan::default()]);
    let (from, to) = (registries.servers[0].host(), registries.servers[1].host());
    let sf = Sf::new();
    let layout = sf.outside().join("image");
    let digest = image("1.4.0").write(&layout).to_string();
    sf.run(&["copy", &layout.display().to_string(), &format!("{from}/acme/app:1")]).code(0);
    sf.run(&["copy", &format!("{from}/acme/app:1"), &format!("{to}/acme/app:1")]).code(0);
    assert_eq!(registries.digest(1, "acme/app", "1"), Some(digest.clone()));
    // A pull that was ended: what arrived is taken, what is missing is asked for.
    sf.run(&["pull", &format!("{from}/acme/app:1"), "pulled"]).code(0);
    std::fs::remove_file(sf.path().join("pulled/index.json")).expect("index");
    let missing = Digest::of(b"1.4.0");
    std::fs::remove_file(sf.path().join("pulled/blobs/sha256").join(missing.hex())).expect("blob");
    registries.clear_logs();
    sf.run(&["pull", &format!("{from}/acme/app:1"), "pulled"]).code(0);
    let fetched: Vec<String> = registries.servers[0]
        .log()
        .entries()
        .iter()
        .filter(|entry| entry.path.contains("/blobs/"))
        .map(|entry| entry.path.clone())
        .collect();
    assert_eq!(fetched, [format!("/v2/acme/app/blobs/{missing}")]);
    Layout::open(&sf.path().join("pulled")).expect("layout").closure(&digest.parse().expect("digest")).expect("whole");
    let run = sf.run(&["pull", &format!("{from}/acme/app:1"), "pulled"]).code(2);
    assert!(run.stderr().contains("exists"), "{}", run.stderr());
}

#[test]
fn bytes_that_are_not_what_they_were_never_arrive() {
    let (from, to) = (Registry::v2(false), Registry::v3(false));
    let sf = Sf::new();
    let layout = sf.outside().join("image");
    image("1.4.0").write(&layout);
    sf.run(&["copy", &layout.display().to_string(), &format!("{}/acme/app:1", from.host)]).code(0);
    let layer = Digest::of(&vec![7; 300_000]);
    let file = from.data().join("data/docker/registry/v2/blobs/sha256").join(&layer.hex()[..2]).join(layer.hex()).join("data");
    std::fs::write(&file, vec![8; 300_000]).expect("damage");
    let run = sf.run(&["copy", &format!("{}/acme/app:1", from.host), &format!("{}/acme/app:1", to.host)]).code(7);
    assert!(run.stderr().contains(&from.host) && run.stderr().contains(layer.as_str()), "{}", run.stderr());
    let missing = Command::new(component("crane", "crane")).args(["digest", "--insecure", &format!("{}/acme/app:1", to.host)]).output();
    assert!(!missing.expect("crane").status.success(), "no tag stands for what is not whole");
    sf.run(&["pull", &format!("{}/acme/app:1", from.host), "pulled"]).code(7);
    assert!(!sf.path().join("pulled/index.json").exists());
}

/// A tar of these entries.
fn tar(path: &Path, entries: &[(&str, tar::EntryType, &[u8])]) {
    let mut builder = tar::Builder::new(std::fs::File::create(path).expect("archive"));
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").expect("link");
        }
        header.set_cksum();
        builder.append(&header, *content).expect("entry");
    }
    builder.finish().expect("archive");
}

#[test]
fn archives_and_directories_that_are_none_are_refused() {
    use tar::EntryType::{Regular, Symlink};
    type Entries<'a> = &'a [(&'a str, tar::EntryType, &'a [u8])];
    let sf = Sf::new();
    let blob = format!("blobs/sha256/{}", "a".repeat(64));
    let cases: [(&str, Entries<'_>, &str); 6] = [
        ("link", &[("index.json", Symlink, b"")], "is not a regular file"),
        ("up", &[("../evil", Regular, b"x")], "is not a regular file of a layout"),
        ("lying", &[(&blob, Regular, b"x")], "is not what its name says"),
        ("odd", &[("etc/passwd/x", Regular, b"x")], "is no part of an OCI layout"),
        ("empty", &[], "it is not an OCI archive"),
        ("nonsense", &[("index.json", Regular, b"nonsense")], "index.json"),
    ];
    for (name, entries, said) in cases {
        let file = sf.path().join(format!("{name}.tar"));
        tar(&file, entries);
        let run = sf.run(&["copy", &format!("./{name}.tar"), "127.0.0.1:1/acme/app:1"]);
        assert!(run.output.status.code().is_some_and(|code| code != 0), "{name}");
        assert!(run.stderr().contains(said), "{name}: {}", run.stderr());
    }
    assert!(!sf.outside().join("evil").exists() && !sf.path().join("evil").exists());
    sf.write("plain/file", "x");
    for (args, code, said) in [
        (vec!["copy", "./plain", "127.0.0.1:1/a:1"], 7, "oci-layout"),
        (vec!["copy", "./nowhere", "127.0.0.1:1/a:1"], 3, "there is no OCI layout or archive"),
        (vec!["copy", "127.0.0.1:1/a:1", "./plain"], 2, "exists"),
        (vec!["copy", "not a name", "127.0.0.1:1/a:1"], 2, "not a name"),
        (vec!["pull", "127.0.0.1:1/a:1", "host/a:1"], 2, "is not a path"),
        (vec!["mirror", "127.0.0.1:1/a:1", "127.0.0.1:1/b"], 2, "names one image"),
        (vec!["mirror", "127.0.0.1:1/a", "127.0.0.1:1/b", "--tag", "a["], 2, "is not a pattern"),
        (vec!["ls", "UPPER/x y"], 2, "UPPER/x y"),
        (vec!["diff", "127.0.0.1:1/a:1", "also not"], 2, "also not"),
    ] {
        let run = sf.run(&args);
        let (found, text) = (run.output.status.code(), run.stderr());
        assert!(text.contains(said), "{args:?}: {text}");
        // Plain readers of damaged input say 1 or 7; words that cannot be right say 2.
        assert!(found == Some(code) || (code == 7 && found == Some(1)), "{args:?} ended with {found:?}: {text}");
    }
}

#[test]
fn mirrors_converge_and_name_what_they_could_not_do() {
    let down = FaultPlan::default().every("PUT", "/v2/*/manifests/broken", Fault::status(403));
    let mut registries = Registries::start(vec![FaultPlan::default(), down]);
    let (from, to) = (registries.servers[0].host(), registries.servers[1].host());
    let sf = Sf::new();
    for (path, tag) in [("acme/app", "1.0.0"), ("acme/app", "1.1.0"), ("acme/app", "broken"), ("acme/web", "1.0.0"), ("other/x", "1.0.0")] {
        let layout = sf.outside().join(format!("{}-{tag}", path.replace('/', "-")));
        Image { layers: vec![path.as_bytes().to_vec(), tag.as_bytes().to_vec()], ..image(tag) }.write(&layout);
        sf.run(&["copy", &layout.display().to_string(), &format!("{from}/{path}:{tag}")]).code(0);
    }
    let command = ["mirror", &format!("{from}/acme/*"), &format!("{to}/copies"), "--exclude", "1.1.*"];
    let json = |extra: &[&str], code: i32| sf.run(&[&command[..], extra, &["--output", "json"]].concat()).code(code).json();
    let dry = json(&["--dry-run"], 0);
    assert_satisfies("command-mirror", &dry);
    assert_eq!(dry["tags"].as_array().map(Vec::len), Some(3), "{dry}");
    assert_eq!(registries.servers[1].log().writes().len(), 0);
    let first = json(&[], 5);
    assert_eq!((&first["copied"], &first["failed"]), (&2.into(), &1.into()), "{first}");
    assert!(first["tags"].as_array().expect("tags").iter().any(|tag| tag["error"].as_str().is_some_and(|text| text.contains("forbids"))));
    assert_eq!(registries.digest(1, "copies/acme/web", "1.0.0"), registries.digest(0, "acme/web", "1.0.0"));
    assert_eq!(registries.digest(1, "copies/acme/app", "1.1.0"), None);
    registries.restart(1, FaultPlan::default());
    let second = json(&[], 0);
    assert_eq!((&second["copied"], &second["complete"]), (&1.into(), &2.into()), "{second}");
    registries.clear_logs();
    let third = json(&[], 0);
    assert_eq!((&third["copied"], &third["complete"]), (&0.into(), &3.into()), "{third}");
    assert_eq!(registries.writes(), 0);
    let none = sf.run(&["mirror", &format!("{from}/nothing/*"), &to]).code(1);
    assert!(none.stderr().contains("nothing matches"), "{}", none.stderr());
}

#[test]
fn differences_are_named_by_platform_and_place() {
    let registry = Registry::v2(false);
    let sf = Sf::new();
    let name = |tag: &str| format!("{}/acme/app:{tag}", registry.host);
    for (tag, made) in [("a", image("1.0.0")), ("b", image("1.1.0")), ("c", Image { platforms: &["linux/amd64"], ..image("1.0.0") })] {
        let layout = sf.outside().join(tag);
        made.write(&layout);
        sf.run(&["copy", &layout.display().to_string(), &name(tag)]).code(0);
    }
    let same = sf.run(&["diff", &name("a"), &name("a"), "--output", "json"]).code(0).json();
    assert_satisfies("command-diff", &same);
    assert_eq!(same["equal"], true);
    let run = sf.run(&["diff", &name("a"), &name("b")]).code(1);
    let text = run.stdout();
    for part in ["linux/arm64  config.Labels.org.opencontainers.image.version\n  - 1.0.0\n  + 1.1.0\n", "linux/amd64  layers[1]\n"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("layers[0]"), "{text}");
    let other = sf.run(&["diff", &name("a"), &name("c"), "--output", "json"]).code(1).json();
    assert!(other["differences"].as_array().is_some_and(|list| !list.is_empty()), "{other}");
    sf.run(&["diff", &name("a"), &name("nowhere")]).code(1);
}

#[test]
fn tags_are_listed_page_by_page() {
    let server = crate::support::Scripted::start(move |request| {
        use crate::support::Reply;
        if !request.target.contains("/tags/list") {
            return Reply::status(404);
        }
        let link = ("Link", "</v2/acme/app/tags/list?n=2&last=c>; rel=\"next\"".to_owned());
        if request.target.contains("last=") {
            Reply::Answer(200, Vec::new(), br#"{"name":"acme/app","tags":["d","a"]}"#.to_vec())
        } else {
            Reply::Answer(200, vec![link], br#"{"name":"acme/app","tags":["c","b"]}"#.to_vec())
        }
    });
    let sf = Sf::new();
    let run = sf.run(&["ls", &format!("{}/acme/app", server.host)]).code(0);
    assert_eq!(run.stdout(), "a\nb\nc\nd\n");
    let none =
        sf.run(&["ls", &format!("{}/acme/none", crate::support::Scripted::start(|_| crate::support::Reply::status(404)).host)]).code(1);
    assert!(none.stderr().contains("has no tags"), "{}", none.stderr());
}
