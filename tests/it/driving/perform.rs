//! The whole command on a real BuildKit.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::buildx::bench::{Buildkitd, names};
use crate::support::{Sf, component, docker, path_with_components};

const BUSYBOX: &str = "FROM scratch\nCOPY busybox /bin/busybox\nSHELL [\"/bin/busybox\", \"sh\", \"-c\"]\n";

/// A workspace with a busybox, this Dockerfile and these builds.
fn workspace(dockerfile: &str, builds: &str) -> Sf {
    let path = path_with_components().into_string().expect("PATH is text");
    let busybox = std::fs::read("/bin/busybox").expect("a static busybox: scripts/components install busybox");
    let sf = Sf::new()
        .env("PATH", &path)
        .file("busybox", busybox)
        .file("Dockerfile", format!("{BUSYBOX}{dockerfile}"))
        .file(".gitignore", ".stagefreight/\n")
        .file(".stagefreight.yml", format!("version: 1\nbuilds:\n{builds}"));
    std::fs::set_permissions(sf.path().join("busybox"), std::fs::Permissions::from_mode(0o755)).expect("mode");
    sf
}

/// What lies in `.stagefreight` beside finished files.
fn leftovers(sf: &Sf) -> Vec<String> {
    names(&sf.path().join(".stagefreight")).into_iter().filter(|name| name.starts_with(".sf-")).collect()
}

fn processes_of(sf: &Sf) -> Vec<String> {
    let root = sf.outside().display().to_string();
    let lines = std::fs::read_dir("/proc").expect("proc").filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(&root)).collect()
}

#[test]
fn one_build_starts_from_another_without_any_registry() {
    docker();
    let sf = workspace(
        "RUN echo base >/base\n",
        "  base: { kind: docker, builder: buildx }\n  \
         app: { kind: docker, builder: buildx, dockerfile: app.Dockerfile, build_contexts: { parent: \"build:base\" } }\n\
         security: { base_images: [\"none/*\"] }\n",
    )
    .file("app.Dockerfile", "FROM parent\nRUN cat /base >/copy\n")
    .git();
    sf.run(&["perform"]).code(0);
    let outputs: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/outputs.json")).expect("outputs");
    let digest = |at: usize| outputs["artifacts"][at]["digest"].as_str().expect("digest").to_owned();
    let builds: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/builds.json")).expect("builds");
    let app = builds["builds"].as_array().expect("builds").iter().find(|build| build["artifact"] == "docker:app").expect("app");
    let base = outputs["artifacts"].as_array().expect("artifacts").iter().position(|artifact| artifact["name"] == "base").expect("base");
    assert_eq!(app["bases"], serde_json::json!([{ "reference": "build:base", "digest": digest(base) }]));
    sf.run(&["review"]).code(0);
    assert_eq!(leftovers(&sf), Vec::<String>::new());
}

#[test]
fn a_secret_that_is_missing_is_named_before_anything_is_built() {
    docker();
    let sf = workspace(
        "RUN true\n",
        "  first: { kind: docker, builder: buildx }\n  \
         app: { kind: docker, builder: buildx, secrets: [{ id: npmrc, env: NPM_TOKEN }] }\n",
    )
    .git();
    let run = sf.run(&["perform"]).code(3);
    let told = run.stderr();
    assert!(told.contains("build app: secret `npmrc` is to come from the variable NPM_TOKEN, which is not set"), "{told}");
    assert!(!sf.path().join(".stagefreight/objects").exists() && !told.contains("building first"), "{told}");

    let sf = sf.env("NPM_TOKEN", "npm_0123456789");
    sf.run(&["perform"]).code(0);
    for file in ["plan.json", "builds.json", "outputs.json"] {
        assert!(!sf.read(&format!(".stagefreight/{file}")).contains("npm_0123456789"), "{file}");
    }
}

#[test]
fn a_termination_leaves_no_child_no_directory_and_no_output() {
    docker();
    let sf = workspace("RUN echo begun; sleep 100\n", "  app: { kind: docker, builder: buildx }\n").git();
    let mut run = sf.command(&["perform", "-v"]).start();
    run.wait_until(|run| run.stderr().lines().any(|line| line.ends_with("begun") && !line.contains("RUN")));
    let asked = Instant::now();
    run.terminate();
    let status = run.wait();
    assert!(asked.elapsed() < Duration::from_secs(60), "{:?}", asked.elapsed());
    let told = run.stderr();
    assert_eq!(status.code(), Some(143), "{told}");
    assert_eq!(processes_of(&sf), Vec::<String>::new());
    assert_eq!(leftovers(&sf), Vec::<String>::new());
    assert!(!sf.path().join(".stagefreight/objects").exists() && !sf.path().join(".stagefreight/outputs.json").exists(), "{told}");
}

#[test]
fn a_disk_that_is_full_is_named_and_cleaned_up() {
    docker();
    let sf = workspace("RUN dd if=/dev/urandom of=/big bs=1M count=24 2>/dev/null\n", "  app: { kind: docker, builder: buildx }\n").git();
    std::fs::create_dir(sf.path().join(".stagefreight")).expect("dir");
    // A small file system of this process alone.
    let script =
        "mount -t tmpfs -o size=8m tmpfs .stagefreight && \"$@\"; code=$?; ls -A .stagefreight | sed 's/^/left: /' >&2; exit $code";
    let output = sf.command(&["perform"]).under("unshare", &["--map-root-user", "--mount", "sh", "-c", script, "sh"]).output();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("no space left on device"), "{told}");
    assert!(told.contains("hint: ") && told.contains("disk"), "{told}");
    let left: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("left: ")).filter(|name| name.starts_with(".sf-")).collect();
    assert_eq!(left, Vec::<&str>::new(), "{told}");
}

#[test]
fn a_large_context_streams() {
    let daemon = Buildkitd::start();
    let bin = tempfile::tempdir().expect("dir");
    std::os::unix::fs::symlink(component("buildx", "buildkit"), bin.path().join("buildx")).expect("link");
    std::os::unix::fs::symlink("/usr/bin/git", bin.path().join("git")).expect("link");
    let sf =
        workspace("RUN --mount=type=bind,target=/context stat -c %s /context/large >/size\n", "  app: { kind: docker, builder: buildx }\n")
            .file(".gitignore", ".stagefreight/\nlarge\n")
            .git()
            .env("PATH", &bin.path().display().to_string())
            .env("BUILDKIT_HOST", &daemon.address);
    let large = std::fs::File::create(sf.path().join("large")).expect("file");
    large.set_len(2 << 30).expect("a sparse file of 2 GiB");
    let mut child = sf.command(&["perform"]).start();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))
        {
            peak = line.split_whitespace().next().expect("a number").parse::<u64>().expect("kilobytes");
        }
        if let Some(ended) = child.try_wait() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(ended.success(), "{}", child.stderr());
    assert!(peak > 0 && peak < 64 * 1024, "{peak} KiB for a context of 2 GiB");
}

#[test]
fn a_bake_file_defines_a_build() {
    docker();
    let bake = r#"
variable "GREETING" { default = "hello" }
target "common" { args = { FROM_BAKE = "${GREETING} {there}" } }
target "app" {
  inherits = ["common"]
  context = "src"
  dockerfile = "app.Dockerfile"
  target = "run"
  labels = { kind = "baked" }
  tags = ["never/pushed:1"]
  output = ["type=registry"]
}
group "both" { targets = ["app", "common"] }
"#;
    let sf = workspace("RUN true\n", "  app: { kind: docker, bake: docker-bake.hcl, target: app }\n")
        .file("docker-bake.hcl", bake)
        .file("src/file", "of the context")
        .file("src/app.Dockerfile", "FROM scratch AS run\nARG FROM_BAKE\nCOPY file /file\nLABEL said=$FROM_BAKE\nFROM scratch\n")
        .git();
    let plan = sf.run(&["plan", "--output", "json"]).code(0).json();
    let build = &plan["builds"][0];
    assert_eq!(build["dockerfile"], "src/app.Dockerfile");
    assert_eq!((&build["context"], &build["target"]), (&serde_json::json!("src"), &serde_json::json!("run")));
    assert_eq!(build["args"]["FROM_BAKE"], "hello {there}");
    sf.run(&["perform"]).code(0);
    let outputs: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/outputs.json")).expect("outputs");
    assert_eq!(outputs["artifacts"][0]["docker"]["dockerfile"], "src/app.Dockerfile");

    sf.write(".stagefreight.yml", "version: 1\nbuilds:\n  app: { kind: docker, bake: docker-bake.hcl, target: both }\n");
    let told = sf.run(&["plan"]).code(2).stderr();
    assert!(told.contains("`both` in docker-bake.hcl is several targets: app, common"), "{told}");
    sf.write(".stagefreight.yml", "version: 1\nbuilds:\n  app: { kind: docker, bake: docker-bake.hcl, target: gone }\n");
    let told = sf.run(&["plan"]).code(2).stderr();
    assert!(told.contains("docker-bake.hcl, target `gone`: failed to find target gone"), "{told}");
}

#[test]
fn an_image_is_loaded_into_the_engine_as_the_bytes_of_the_store() {
    let docker = docker();
    let id = format!("app{}", std::process::id());
    let sf = workspace(
        &format!("RUN echo {id} >/id\nENTRYPOINT [\"/bin/busybox\", \"cat\", \"/id\"]\n"),
        &format!("  {id}: {{ kind: docker, builder: buildx, load: true }}\n  other: {{ kind: docker, builder: buildx }}\n"),
    )
    .git();
    let told = sf.run(&["perform"]).code(0).stderr();
    let name = format!("stagefreight-{id}:dev");
    assert!(told.contains(&format!("loaded {id} into the local engine as {name}")), "{told}");
    let run = Command::new(&docker).args(["run", "--rm", &name]).output().expect("docker runs");
    let inspected = Command::new(&docker).args(["image", "inspect", "--format", "{{.Id}}", &name]).output().expect("docker runs");
    let removed = Command::new(&docker).args(["image", "rm", "-f", &name]).output().expect("docker runs");
    assert!(removed.status.success());
    assert_eq!(String::from_utf8_lossy(&run.stdout).trim(), id, "{}", String::from_utf8_lossy(&run.stderr));
    let outputs: serde_json::Value = serde_json::from_str(&sf.read(".stagefreight/outputs.json")).expect("outputs");
    let ours = outputs["artifacts"].as_array().expect("artifacts").iter().find(|artifact| artifact["name"] == id.as_str()).expect("ours");
    // The containerd image store calls an image by its root, so this says that the bytes are the same.
    assert_eq!(String::from_utf8_lossy(&inspected.stdout).trim(), ours["digest"].as_str().expect("digest"));
}
