//! Contexts that are other builds of the plan.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::build::BuildCx;
use crate::core::Digest;
use crate::error::{Error, Result};
use crate::plan::BuildStep;

/// How the config writes them.
const BUILD: &str = "build:";

/// Where the images lie that the step's contexts name by build: context name → layout and root.
///
/// # Errors
/// Kind `Usage` for a build that was not made before this one.
pub fn resolve(cx: &BuildCx, step: &BuildStep) -> Result<BTreeMap<String, (PathBuf, Digest)>> {
    let named = step.buildkit.contexts.iter().filter_map(|(name, value)| Some((name, value.strip_prefix(BUILD)?)));
    let found = |(name, build): (&String, &str)| match cx.made.get(build) {
        Some(made) => Ok((name.clone(), made.clone())),
        None => Err(Error::usage(format!("build {} has the context {name} = {BUILD}{build}, and there is no such image yet", step.id))
            .hint(format!("add {build} to its `depends_on`; a build that failed and is not required gives no image either"))),
    };
    named.map(found).collect()
}
