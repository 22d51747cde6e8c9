//! A Node.js single executable application: the script as a blob, put into a copy of `node` itself.
//! <https://nodejs.org/api/single-executable-applications.html>

use std::path::{Path, PathBuf};

use super::FileCx;
use super::place::place;
use super::run::{Call, missing, run};
use super::toolbox::on_path;
use crate::core::Platform;
use crate::error::{Error, Result};
use crate::fs;
use crate::plan::{FileStep, ProgramStep};

/// What Node.js looks for in itself, as its documentation names it.
const FUSE: &str = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/// Builds and gives the program's path.
pub async fn build(cx: &FileCx<'_>, step: &FileStep, work: &ProgramStep, platform: &Platform, output: &Path) -> Result<PathBuf> {
    let of = |error: Error| error.context(format!("build {}", step.name));
    if platform.normalized() != Platform::host() {
        return Err(of(Error::usage(format!("a program of Node.js is a copy of this machine's node, which is not for {platform}"))
            .hint("build it on a machine of that platform, or use deno or bun, which compile for others")));
    }
    let dir = cx.workspace.join(&work.at.dir);
    let own = dir.join("node_modules/.bin/postject");
    let postject = if fs::is_executable(&own) { Some(own) } else { on_path(cx.world, "postject") };
    let postject = postject.ok_or_else(|| missing(step, "postject"))?;
    let making = output.parent().unwrap_or(Path::new("."));
    let (config, blob) = (making.join("sea.json"), making.join("sea.blob"));
    let settings = serde_json::json!({
        "main": dir.join(work.from.as_deref().unwrap_or_default()).display().to_string(),
        "output": blob.display().to_string(),
        "disableExperimentalSEAWarning": true,
        "useSnapshot": false,
        "useCodeCache": false,
    });
    fs::write_private(&config, settings.to_string().as_bytes())?;
    let mut args = vec!["--experimental-sea-config".to_owned(), config.display().to_string()];
    args.extend(work.args.iter().cloned());
    run(cx, step, &work.at, Call::new("node", args), "").await?;
    let said = run(cx, step, &work.at, Call { quiet: true, ..Call::new("node", ["-p", "process.execPath"]) }, "").await?;
    let name = output.strip_prefix(cx.workspace).map_err(|error| of(Error::failed("the output leaves the workspace").because(&error)))?;
    place(Path::new(said.trim()), cx.workspace, &name.display().to_string(), 0o755).map_err(of)?;
    let args = [
        output.display().to_string(),
        "NODE_SEA_BLOB".to_owned(),
        blob.display().to_string(),
        "--sentinel-fuse".to_owned(),
        FUSE.to_owned(),
    ];
    run(cx, step, &work.at, Call::new(&postject.display().to_string(), args), "").await?;
    Ok(output.to_owned())
}
