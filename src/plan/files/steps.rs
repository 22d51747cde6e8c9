//! From the config's builds to steps.

use std::collections::{BTreeMap, HashMap};

use super::archives::archives;
use super::local::Local;
use super::types::{CommandStep, FileStep, PlannedOutput, PlannedWorkplace, ProgramStep, StepWork};
use crate::config::{BinaryBuild, CommandBuild, CommandLine, FileBuild, FileWork, OutputKind, Toolchain, Workplace};
use crate::core::{Platform, Timestamp, portable_path};
use crate::error::{Error, Result};
use crate::names;
use crate::plan::Inputs;
use crate::plan::template::Scope;

/// What every build is expanded with.
pub(super) struct Expanding<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) scope: &'a Scope<'a>,
    pub(super) source_date: Timestamp,
    /// Steps so far: an archive packs what they make.
    pub(super) steps: Vec<FileStep>,
}

/// The steps of these builds, which come in an order where what is needed comes first.
///
/// # Errors
/// Kind `Usage` for templates without a value, names that not every system can hold, and two files at one place.
pub fn steps<'a>(inputs: &'a Inputs<'a>, scope: &'a Scope<'a>, source_date: Timestamp, order: &[&'a FileBuild]) -> Result<Vec<FileStep>> {
    let mut expanding = Expanding { inputs, scope, source_date, steps: Vec::new() };
    for build in order {
        let made = expanding.expand(build).map_err(|error| error.context(format!("build `{}`", build.id)))?;
        expanding.steps.extend(made);
    }
    refuse_shared_places(&expanding.steps)?;
    Ok(expanding.steps)
}

impl Expanding<'_> {
    fn expand(&self, build: &FileBuild) -> Result<Vec<FileStep>> {
        match &build.work {
            FileWork::Binary(binary) => self.programs(build, binary),
            FileWork::Command(command) => Ok(vec![self.command(build, command)?]),
            FileWork::Archive(archive) => archives(self, build, archive),
        }
    }

    fn programs(&self, build: &FileBuild, binary: &BinaryBuild) -> Result<Vec<FileStep>> {
        let BinaryBuild { toolchain, command, from, output, platforms, args, at, libc } = binary;
        let host = [self.inputs.surroundings.host_platform.clone()];
        let platforms = if platforms.is_empty() { host.as_slice() } else { platforms };
        let mut steps = Vec::with_capacity(platforms.len());
        for platform in platforms {
            let local = Local { platform: Some(platform), name: Some(output), output: true };
            let render = |template: &String| local.text(self.scope, template);
            let file = match (platform.os.as_str(), platform.arch.as_str()) {
                ("windows", _) => format!("{output}.exe"),
                (_, "wasm") => format!("{output}.wasm"),
                _ => output.clone(),
            };
            let place = platform_word(platform);
            let work = ProgramStep {
                toolchain: *toolchain,
                platform: platform.to_string(),
                command: command.as_ref().map(|line| rendered(line, &render)).transpose()?,
                from: if *toolchain == Toolchain::Command { from.as_ref().map(render).transpose()? } else { from.clone() },
                args: args.iter().map(render).collect::<Result<_>>()?,
                libc: libc.filter(|_| platform.os == "linux"),
                at: workplace(at, &render)?,
                path: format!("{}/{}/{place}/{file}", names::path::DIST, build.id),
                file,
            };
            steps.push(self.step(build, format!("{}-{place}", build.id), self.needs(build), StepWork::Binary(work)));
        }
        Ok(steps)
    }

    fn command(&self, build: &FileBuild, command: &CommandBuild) -> Result<FileStep> {
        let CommandBuild { command, at, outputs } = command;
        let render = |template: &String| self.scope.text(template);
        let mut planned = Vec::with_capacity(outputs.len());
        for output in outputs {
            let source = render(&output.source)?;
            portable_or(&source, "output")?;
            let base = source.rsplit('/').next().unwrap_or(&source).to_owned();
            let host = &self.inputs.surroundings.host_platform;
            let platform = (output.kind == OutputKind::Binary).then(|| output.platform.as_ref().unwrap_or(host));
            let (name, path) = match (output.kind, platform) {
                (OutputKind::Binary, Some(platform)) => {
                    let place = platform_word(platform);
                    (Some(format!("{base}-{place}")), format!("{}/{}/{place}/{base}", names::path::DIST, build.id))
                }
                (OutputKind::File, _) => (Some(base.clone()), format!("{}/{base}", names::path::DIST)),
                _ => (None, source.clone()),
            };
            planned.push(PlannedOutput { kind: output.kind, source, name, platform: platform.map(ToString::to_string), path });
        }
        let work = CommandStep { command: rendered(command, &render)?, at: workplace(at, &render)?, outputs: planned };
        Ok(self.step(build, build.id.clone(), self.needs(build), StepWork::Command(work)))
    }

    pub(super) fn step(&self, build: &FileBuild, name: String, needs: Vec<String>, work: StepWork) -> FileStep {
        FileStep { name, build: build.id.clone(), required: build.required, needs, source_date_epoch: self.source_date.unix(), work }
    }

    /// Every step of the builds that come first.
    fn needs(&self, build: &FileBuild) -> Vec<String> {
        build.depends_on.iter().flat_map(|id| self.of_build(id)).collect()
    }

    /// Ids of the steps of a build of any kind.
    pub(super) fn of_build(&self, id: &str) -> Vec<String> {
        if self.inputs.config.builds.contains_key(id) {
            return vec![format!("docker:{id}")];
        }
        self.steps.iter().filter(|step| step.build == id).map(FileStep::id).collect()
    }
}

/// `linux-arm-v7`: a platform as part of a name.
pub(super) fn platform_word(platform: &Platform) -> String {
    let variant = platform.variant.as_ref().map(|variant| format!("-{variant}")).unwrap_or_default();
    format!("{}-{}{variant}", platform.os, platform.arch)
}

/// Refuses a path that not every system can hold.
pub(super) fn portable_or(path: &str, what: &str) -> Result<()> {
    portable_path(path).map_err(|why| {
        Error::usage(format!("{what} `{}`: {why}", path.escape_debug()))
            .hint("use letters, digits, `.`, `_`, `-` and `+`: what is released is unpacked on every system")
    })
}

fn rendered(line: &CommandLine, render: &dyn Fn(&String) -> Result<String>) -> Result<CommandLine> {
    Ok(match line {
        CommandLine::Shell(text) => CommandLine::Shell(render(text)?),
        CommandLine::Arguments(parts) => CommandLine::Arguments(parts.iter().map(render).collect::<Result<_>>()?),
    })
}

fn workplace(at: &Workplace, render: &dyn Fn(&String) -> Result<String>) -> Result<PlannedWorkplace> {
    let Workplace { dir, env, pass_env, image } = at;
    let mut rendered = BTreeMap::new();
    for (name, value) in env {
        rendered.insert(name.clone(), render(value).map_err(|error| error.context(format!("variable `{name}`")))?);
    }
    Ok(PlannedWorkplace { dir: dir.clone(), env: rendered, pass_env: pass_env.clone(), image: image.clone() })
}

// Two files at one place, or a file where another needs a directory. Without regard to case: some systems have none.
fn refuse_shared_places(steps: &[FileStep]) -> Result<()> {
    let mut known: HashMap<String, &str> = HashMap::from([(names::path::SUMS.to_lowercase(), "SHA256SUMS")]);
    let mut ids: HashMap<String, &str> = HashMap::new();
    let both = |place: &str, first: &str, second: &str| {
        let text = if first == second {
            format!("build `{first}` makes two files of the same name: {place}")
        } else {
            format!("`{first}` and `{second}` both land on {place}")
        };
        Error::usage(text).hint("give each a name of its own: `output` of a program, `name` of an archive, with {os} and {arch} in it")
    };
    for step in steps {
        let paths: Vec<&String> = match &step.work {
            StepWork::Binary(program) => vec![&program.path],
            StepWork::Archive(archive) => vec![&archive.path],
            StepWork::Command(command) => command.outputs.iter().map(|output| &output.path).collect(),
        };
        for path in paths {
            if let Some(other) = known.insert(path.to_lowercase(), &step.build) {
                return Err(both(path, other, &step.build));
            }
        }
        for id in step.artifacts() {
            if let Some(other) = ids.insert(id.clone(), &step.build) {
                return Err(both(&id, other, &step.build));
            }
        }
    }
    for (path, build) in &known {
        let above = std::iter::successors(path.rsplit_once('/').map(|(dir, _)| dir), |dir| dir.rsplit_once('/').map(|(dir, _)| dir));
        for dir in above {
            if let Some(other) = known.get(dir) {
                return Err(both(dir, other, build));
            }
        }
    }
    Ok(())
}
