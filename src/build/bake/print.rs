//! Asks buildx what a bake file means.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::build::backend::{Programs, Session};
use crate::error::{Error, Result};
use crate::fs;
use crate::world::World;

/// Reading files and nothing else.
const DEADLINE: Duration = Duration::from_secs(60);

/// The resolved target of a bake file, and its name. No daemon is asked. Of the environment the file's variables see what
/// `variables` names (`vars_from_env` of the config) and nothing else.
///
/// # Errors
/// `Missing` without buildx or without the file, `Usage` when the file or the target is not as it should be.
pub async fn print(
    world: &World,
    workspace: &Path,
    file: &str,
    target: &str,
    variables: &[String],
    cancel: &CancellationToken,
) -> Result<Value> {
    let path = workspace.join(file);
    if !fs::is_present(&path)? {
        return Err(Error::missing(format!("the bake file is not there: {file}")).hint("check `bake` in the config"));
    }
    let programs = Programs::find(world);
    let Some(program) = &programs.buildx else {
        return Err(Error::missing(format!("reading {file} needs buildx: {}", programs.why_no_buildx))
            .hint("install docker with its buildx plugin, or buildx"));
    };
    let session = Session::reaching(world, workspace, program, &[])?;
    let child = program.tool.buildx(world, &session).args(["bake", "--file", &path.display().to_string(), "--print", target]);
    let child = variables.iter().fold(child, |child, name| child.pass(world, name));
    let done = child.cwd(workspace).deadline(DEADLINE).run(cancel).await?;
    if !done.success() {
        let said = done.tail(1);
        let reason = said.strip_prefix("ERROR: ").unwrap_or(&said);
        return Err(Error::usage(format!("{file}, target `{target}`: {reason}"))
            .hint(format!("`docker buildx bake --file {file} --print {target}` shows the same")));
    }
    let printed: Value =
        serde_json::from_str(&done.stdout).map_err(|error| Error::failed(format!("buildx printed no JSON for {file}")).because(&error))?;
    let targets = printed.get("target");
    if let Some(found) = targets.and_then(|targets| targets.get(target)) {
        return Ok(found.clone());
    }
    let names: Vec<&str> = targets.and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    Err(Error::usage(format!("`{target}` in {file} is several targets: {}", names.join(", ")))
        .hint("make a build of each and name one target in it"))
}
