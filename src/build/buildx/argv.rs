//! The argument vector of one build: a pure function, the same for the same step.

use std::path::Path;

use crate::error::{Error, Result};
use crate::plan::BuildStep;

use crate::build::solve::context::Context;
use crate::build::solve::{Progress, Solve};

/// Everything beside the step.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// `--builder`: always named, so that nobody's `buildx use` decides.
    pub builder: &'a str,
    /// Progress format.
    pub progress: Progress,
    /// Context and Dockerfile.
    pub context: &'a Context,
    /// Where the digest is written.
    pub metadata: &'a Path,
}

/// Arguments after `buildx`.
pub fn build_args(solve: &Solve<'_>, invocation: &Invocation<'_>) -> Result<Vec<String>> {
    let step = solve.step;
    let mut args: Vec<String> = vec!["build".into(), "--builder".into(), invocation.builder.into()];
    args.push(invocation.progress.flag().into());
    let mut flag = |name: &str, value: String| {
        args.push(name.to_owned());
        args.push(value);
    };
    flag("--file", invocation.context.dockerfile.display().to_string());
    if let Some(target) = &step.target {
        flag("--target", target.clone());
    }
    if !solve.platforms.is_empty() {
        flag("--platform", solve.platforms.join(","));
    }
    for (key, value) in &step.args {
        flag("--build-arg", format!("{key}={value}"));
    }
    if !step.args.contains_key(EPOCH) {
        // buildx hands its own environment's value on since 0.10; said explicitly it holds for every version.
        flag("--build-arg", format!("{EPOCH}={}", step.source_date_epoch));
    }
    for (key, value) in &step.labels {
        flag("--label", format!("{key}={value}"));
    }
    args.push(format!("--provenance={}", provenance(step)?));
    args.push(format!("--sbom={}", step.sbom));
    args.push("--metadata-file".into());
    args.push(invocation.metadata.display().to_string());
    args.push("--output".into());
    let dest = csv_field(&format!("dest={}", solve.layout.display()));
    args.push(format!("type=oci,tar=false,{dest},rewrite-timestamp=true"));
    args.push(invocation.context.dir.display().to_string());
    Ok(args)
}

/// The variable and build argument BuildKit takes its time stamps from (reproducible-builds.org).
pub const EPOCH: &str = crate::names::env::SOURCE_DATE_EPOCH;

fn provenance(step: &BuildStep) -> Result<&'static str> {
    match step.provenance.as_deref() {
        None | Some("false") => Ok("false"),
        Some("min") => Ok("mode=min"),
        Some("max") => Ok("mode=max"),
        Some(other) => Err(Error::usage(format!("build {}: provenance `{other}` is not known", step.id)).hint("use false, min or max")),
    }
}

// buildx reads `--output` as one line of CSV: a path may hold commas and quotes.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;
    use crate::build::solve::tests::{node, step};

    fn args_of(step: &BuildStep, layout: &str) -> Result<Vec<String>> {
        let context = Context { dir: "/ws".into(), dockerfile: "/private/Dockerfile".into() };
        let (node, contexts, metadata) = (node(), BTreeMap::new(), PathBuf::from("/private/metadata.json"));
        let solve = Solve { step, platforms: &step.platforms, node: &node, contexts: &contexts, layout: layout.into() };
        let invocation = Invocation { builder: &node.builder, progress: Progress::RawJson, context: &context, metadata: &metadata };
        build_args(&solve, &invocation)
    }

    #[test]
    fn is_sorted_and_explicit() {
        let mut step = step();
        step.target = Some("run".into());
        step.platforms.push("linux/arm64".into());
        step.args = [("Z", "1"), ("A", "x y")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        step.labels = [("b", "2"), ("a", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        step.provenance = Some("max".into());
        step.sbom = true;
        let args = args_of(&step, "/scratch/layout").expect("args");
        assert_eq!(
            args.join(" "),
            "build --builder default --progress=rawjson --file /private/Dockerfile --target run --platform linux/amd64,linux/arm64 \
             --build-arg A=x y --build-arg Z=1 --build-arg SOURCE_DATE_EPOCH=1700000000 --label a=1 --label b=2 \
             --provenance=mode=max --sbom=true --metadata-file /private/metadata.json \
             --output type=oci,tar=false,dest=/scratch/layout,rewrite-timestamp=true /ws"
        );
    }

    #[test]
    fn the_default_attests_nothing_and_says_so() {
        let args = args_of(&step(), "/scratch/layout").expect("args");
        assert!(args.contains(&"--provenance=false".to_owned()) && args.contains(&"--sbom=false".to_owned()), "{args:?}");
    }

    #[test]
    fn the_steps_own_epoch_argument_stands_alone() {
        let mut step = step();
        step.args.insert(EPOCH.into(), "5".into());
        let args = args_of(&step, "/l").expect("args");
        assert_eq!(args.iter().filter(|arg| arg.starts_with(EPOCH)).collect::<Vec<_>>(), ["SOURCE_DATE_EPOCH=5"]);
    }

    #[test]
    fn quotes_a_difficult_path_and_refuses_an_unknown_mode() {
        let args = args_of(&step(), r#"/a,b"c"#).expect("args");
        assert!(args.contains(&r#"type=oci,tar=false,"dest=/a,b""c",rewrite-timestamp=true"#.to_owned()), "{args:?}");
        let mut step = step();
        step.provenance = Some("lots".into());
        assert_eq!(args_of(&step, "/l").expect_err("refused").message(), "build app: provenance `lots` is not known");
    }
}
