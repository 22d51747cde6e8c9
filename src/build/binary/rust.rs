//! `cargo build --release`. Which file it made is what cargo itself says.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::FileCx;
use super::compile::unknown_target;
use super::run::{Call, run};
use super::toolbox::on_path;
use crate::config::{Libc, Toolchain};
use crate::core::Platform;
use crate::error::{Error, Result};
use crate::fs;
use crate::plan::{FileStep, ProgramStep};

/// Largest cargo configuration that is looked at, in bytes.
const MAX_CONFIG: u64 = 1 << 20;

/// Builds and gives the program's path.
pub async fn build(cx: &FileCx<'_>, step: &FileStep, work: &ProgramStep, platform: &Platform) -> Result<PathBuf> {
    let of = |error: Error| error.context(format!("build {}", step.name));
    let triple = triple(platform, work.libc.unwrap_or(Libc::Gnu)).ok_or_else(|| of(unknown_target(Toolchain::Rust, platform)))?;
    check_target(cx, step, work, &triple).await?;
    let dir = cx.workspace.join(&work.at.dir);
    // A workspace has one lock file, above its packages.
    let locked = dir.ancestors().take_while(|dir| dir.starts_with(cx.workspace)).any(|dir| fs::is_file(&dir.join("Cargo.lock")));
    let mut call = call(work, &triple, locked);
    let variable = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"));
    let decided = work.at.env.contains_key(&variable) || work.at.pass_env.contains(&variable) || configures(&dir, &triple);
    if !decided && let Some(linker) = linker(cx, platform, &triple).map_err(of)? {
        call = call.env(&variable, linker);
    }
    let said = run(cx, step, &work.at, call, "").await?;
    executable(&said, work).map_err(of)
}

fn call(work: &ProgramStep, triple: &str, locked: bool) -> Call {
    let mut args: Vec<String> =
        ["build", "--release", "--message-format=json-render-diagnostics", "--target", triple].map(str::to_owned).to_vec();
    // What is released is what was tested: the lock file decides, and is not rewritten.
    args.extend(locked.then(|| "--locked".to_owned()));
    args.extend(work.from.iter().flat_map(|from| ["--bin".to_owned(), from.clone()]));
    args.extend(work.args.iter().cloned());
    Call { quiet: true, ..Call::new("cargo", args) }
}

/// In a container nobody reads what cargo says: the program is where cargo puts programs, in a directory of its own.
pub fn contained_call(work: &ProgramStep, triple: &str, output: &str) -> Call {
    let stem = work.file.trim_end_matches(".exe").trim_end_matches(".wasm");
    let name = work.file.replacen(stem, work.from.as_deref().unwrap_or(stem), 1);
    let line = format!("cargo \"$@\" && cp \"/target/{triple}/release/{name}\" \"{output}\"");
    let mut args = vec!["-c".to_owned(), line, "cargo".to_owned()];
    args.extend(call(work, triple, false).args);
    Call::new("sh", args).env("CARGO_TARGET_DIR", "/target")
}

/// Rust's name of a platform.
pub fn triple(platform: &Platform, libc: Libc) -> Option<String> {
    let libc = libc.name();
    Some(match (platform.os.as_str(), platform.arch.as_str(), platform.variant.as_deref()) {
        ("linux", "amd64", None) => format!("x86_64-unknown-linux-{libc}"),
        ("linux", "arm64", None) => format!("aarch64-unknown-linux-{libc}"),
        ("linux", "386", None) => format!("i686-unknown-linux-{libc}"),
        ("linux", "arm", None | Some("v7")) => format!("armv7-unknown-linux-{libc}eabihf"),
        ("linux", "arm", Some("v6")) => format!("arm-unknown-linux-{libc}eabihf"),
        ("linux", "riscv64", None) => format!("riscv64gc-unknown-linux-{libc}"),
        ("linux", "ppc64le", None) => format!("powerpc64le-unknown-linux-{libc}"),
        ("linux", "s390x", None) => format!("s390x-unknown-linux-{libc}"),
        ("windows", "amd64", None) => "x86_64-pc-windows-gnu".to_owned(),
        ("windows", "arm64", None) => "aarch64-pc-windows-gnullvm".to_owned(),
        ("darwin", "amd64", None) => "x86_64-apple-darwin".to_owned(),
        ("darwin", "arm64", None) => "aarch64-apple-darwin".to_owned(),
        ("freebsd", "amd64", None) => "x86_64-unknown-freebsd".to_owned(),
        ("wasip1", "wasm", None) => "wasm32-wasip1".to_owned(),
        _ => return None,
    })
}

async fn check_target(cx: &FileCx<'_>, step: &FileStep, work: &ProgramStep, triple: &str) -> Result<()> {
    let call = Call { quiet: true, ..Call::new("rustc", ["--print", "target-libdir", "--target", triple]) };
    let said = run(cx, step, &work.at, call, "").await?;
    if fs::is_dir(Path::new(said.trim())) {
        return Ok(());
    }
    Err(Error::missing(format!("build {} needs Rust's standard library for {triple}, which is not installed", step.name))
        .hint(format!("run `rustup target add {triple}`")))
}

// Does the project say itself how to link for this target?
fn configures(dir: &Path, triple: &str) -> bool {
    dir.ancestors().any(|dir| {
        ["config.toml", "config"].iter().any(|name| {
            let text = fs::read_bounded(&dir.join(".cargo").join(name), MAX_CONFIG);
            text.is_ok_and(|text| String::from_utf8_lossy(&text).contains(&format!("target.{triple}")))
        })
    })
}

/// A linker for another architecture: the distribution's cross compiler, or for musl, whose parts Rust brings along, its
/// own. None where the usual one does.
fn linker(cx: &FileCx<'_>, platform: &Platform, triple: &str) -> Result<Option<String>> {
    let foreign = platform.normalized().arch != Platform::host().arch;
    if !foreign || platform.os != "linux" {
        return Ok(None);
    }
    let parts: Vec<&str> = triple.split('-').collect();
    let (arch, abi) = (parts[0], parts.last().copied().unwrap_or_default());
    let arch = match arch {
        "armv7" | "arm" => "arm",
        "riscv64gc" => "riscv64",
        other => other,
    };
    let gcc = format!("{arch}-linux-{abi}-gcc");
    if on_path(cx.world, &gcc).is_some() {
        return Ok(Some(gcc));
    }
    if abi.starts_with("musl") {
        return Ok(Some("rust-lld".to_owned()));
    }
    Err(Error::missing(format!("linking for {platform} needs `{gcc}`, which is not installed or not on PATH"))
        .hint(format!("install it (Debian: gcc-{}-linux-{abi}), or set `libc: musl`, which needs none", arch.replace('_', "-"))))
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    executable: Option<PathBuf>,
    #[serde(default)]
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

// One program, or of several the one that `output` names.
fn executable(said: &str, work: &ProgramStep) -> Result<PathBuf> {
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let made: Vec<(String, PathBuf)> = messages
        .filter(|message| message.reason == "compiler-artifact")
        .filter_map(|message| Some((message.target?.name, message.executable?)))
        .collect();
    let stem = work.file.trim_end_matches(".exe").trim_end_matches(".wasm");
    let wanted = work.from.as_deref().unwrap_or(stem);
    match (made.as_slice(), made.iter().find(|(name, _)| name == wanted)) {
        (_, Some((_, path))) | ([(_, path)], None) => Ok(path.clone()),
        ([], None) => Err(Error::failed("cargo made no program").hint("a library alone is none: give the package a `[[bin]]`")),
        (several, None) => {
            let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
            Err(Error::usage(format!("cargo made several programs and none is called `{wanted}`: {}", names.join(", ")))
                .hint("name the one that is meant: `from: NAME`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PlannedWorkplace;

    fn work(from: Option<&str>) -> ProgramStep {
        ProgramStep {
            toolchain: Toolchain::Rust,
            platform: "linux/amd64".into(),
            command: None,
            from: from.map(str::to_owned),
            args: vec!["--features=x".into()],
            libc: None,
            at: PlannedWorkplace::default(),
            file: "tool".into(),
            path: "p".into(),
        }
    }

    #[test]
    fn targets_have_rusts_names() {
        for (platform, libc, expected) in [
            ("linux/amd64", Libc::Gnu, Some("x86_64-unknown-linux-gnu")),
            ("linux/arm64", Libc::Musl, Some("aarch64-unknown-linux-musl")),
            ("linux/arm/v7", Libc::Musl, Some("armv7-unknown-linux-musleabihf")),
            ("linux/arm/v6", Libc::Gnu, Some("arm-unknown-linux-gnueabihf")),
            ("windows/amd64", Libc::Gnu, Some("x86_64-pc-windows-gnu")),
            ("darwin/arm64", Libc::Gnu, Some("aarch64-apple-darwin")),
            ("plan9/amd64", Libc::Gnu, None),
        ] {
            assert_eq!(triple(&platform.parse().expect("platform"), libc).as_deref(), expected, "{platform}");
        }
        let call = call(&work(Some("tool")), "t", true);
        assert_eq!(
            call.args.join(" "),
            "build --release --message-format=json-render-diagnostics --target t --locked --bin tool --features=x"
        );
    }

    #[test]
    fn cargo_says_what_it_made() {
        let line = |name: &str, path: &str| {
            format!(r#"{{"reason":"compiler-artifact","target":{{"name":"{name}","kind":["bin"]}},"executable":"{path}"}}"#)
        };
        let library = r#"{"reason":"compiler-artifact","target":{"name":"lib"},"executable":null}"#;
        let finished = r#"{"reason":"build-finished","success":true}"#;
        let one = format!("{library}\n{}\n{finished}\n", line("other", "/t/other"));
        assert_eq!(executable(&one, &work(None)).expect("one"), PathBuf::from("/t/other"));
        let two = format!("{one}{}\n", line("tool", "/t/tool"));
        assert_eq!(executable(&two, &work(None)).expect("named"), PathBuf::from("/t/tool"));
        let others = format!("{one}{}\n", line("third", "/t/third"));
        assert!(executable(&others, &work(None)).is_err_and(|error| error.message().contains("other, third")));
        assert!(executable(library, &work(None)).is_err());
    }
}
