//! A Dockerfile for one platform: stages in order, each instruction changing its stage, changes becoming layers.

mod layers;
mod pairs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use self::pairs::pairs;
use super::base::Base;
use super::context;
use super::copy::{Copy, CopyError, Target};
use super::dockerfile::{CopyStep, Dockerfile, RUN_IS_FOREIGN, Source, Step, Verb, foreign_copy};
use super::expand::{Lexer, Variables};
use super::ignore::Ignore;
use super::layer::Changes;
use super::layer_source::{LayerSource, check, is_archive};
use super::mode::Mode;
use super::pack::Codec;
use super::stage::{Layer, Origin, Stage};
use super::tree::{Content, Node, NodeKind, Tree, normal};
use crate::build::BuildCx;
use crate::core::oci::Descriptor;
use crate::core::{Digest, Platform, Timestamp};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, StepState};
use crate::plan::BuildStep;

/// Images cannot have more layers than this (overlayfs, and Docker's own limit).
const MAX_LAYERS: usize = 127;

/// What all platforms of one build share.
#[derive(Debug)]
pub struct Build<'a> {
    /// Workspace, scratch, cancellation, events.
    pub cx: &'a BuildCx,
    /// What to build.
    pub step: &'a BuildStep,
    /// The Dockerfile.
    pub dockerfile: &'a Dockerfile,
    /// Index of the stage to build.
    pub target: usize,
    /// The context's directory.
    pub context_root: PathBuf,
    /// What stays out of the context.
    pub ignore: &'a Ignore,
    /// Layer compression.
    pub codec: Codec,
    /// Compression threads.
    pub threads: usize,
    context: Option<Arc<Tree>>,
    made: BTreeMap<Digest, (Descriptor, Digest, PathBuf)>,
    sequence: usize,
}

/// Base images by name and platform.
pub type Bases = BTreeMap<(String, String), Arc<Base>>;

/// A base image that a build needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Line that wants it.
    pub line: usize,
    /// As the Dockerfile names it, expanded.
    pub image: String,
    /// For which platform.
    pub platform: String,
}

impl<'a> Build<'a> {
    /// A build that has not begun.
    pub fn new(
        cx: &'a BuildCx,
        step: &'a BuildStep,
        dockerfile: &'a Dockerfile,
        target: usize,
        ignore: &'a Ignore,
        codec: Codec,
        threads: usize,
    ) -> Self {
        let context_root = cx.workspace.join(&step.context);
        Self { cx, step, dockerfile, target, context_root, ignore, codec, threads, context: None, made: BTreeMap::new(), sequence: 0 }
    }

    /// Variables of the first lines: platform arguments and `ARG`s before the first `FROM`.
    pub fn globals(&self, platform: &Platform) -> Result<Variables> {
        let host = Platform::host();
        let mut globals = Variables::new();
        for (prefix, p) in [("BUILD", &host), ("TARGET", platform)] {
            globals.insert(format!("{prefix}PLATFORM"), p.to_string());
            globals.insert(format!("{prefix}OS"), p.os.clone());
            globals.insert(format!("{prefix}ARCH"), p.arch.clone());
            globals.insert(format!("{prefix}VARIANT"), p.variant.clone().unwrap_or_default());
        }
        globals
            .insert("TARGETSTAGE".to_owned(), self.step.target.clone().filter(|t| !t.is_empty()).unwrap_or_else(|| "default".to_owned()));
        globals.insert("SOURCE_DATE_EPOCH".to_owned(), self.step.source_date_epoch.to_string());
        for (name, value) in &self.step.args {
            if globals.contains_key(name) {
                globals.insert(name.clone(), value.clone());
            }
        }
        for (line, text) in &self.dockerfile.global_args {
            for (name, default) in self.arguments(*line, text, &globals)? {
                if let Some(value) = self.step.args.get(&name).cloned().or(default) {
                    globals.insert(name, value);
                }
            }
        }
        Ok(globals)
    }

    /// Base images the needed stages ask for.
    pub fn wanted(&self, platform: &Platform) -> Result<Vec<Wanted>> {
        let globals = self.globals(platform)?;
        let mut wanted = Vec::new();
        for (at, stage) in self.needed_stages(&globals) {
            let (image, own) = self.from(at, &globals, platform)?;
            if image != "scratch" && self.dockerfile.earlier(at, &image).is_none() {
                wanted.push(Wanted { line: stage.line, image, platform: own.to_string() });
            }
            for step in &stage.steps {
                if let Verb::Copy(copy) = &step.instruction
                    && let Some(from) = copy.option("from")
                    && self.dockerfile.copied_from(at, from).is_none()
                {
                    wanted.push(Wanted { line: step.line, image: from.to_owned(), platform: platform.to_string() });
                }
            }
        }
        wanted.sort();
        wanted.dedup_by(|a, b| (&a.image, &a.platform) == (&b.image, &b.platform));
        Ok(wanted)
    }

    fn needed_stages(&self, globals: &Variables) -> impl Iterator<Item = (usize, &'a super::dockerfile::Stage)> + use<'a> {
        let needed = self.dockerfile.needed(self.target, globals);
        self.dockerfile.stages.iter().enumerate().filter(move |(at, _)| needed[*at])
    }

    // Image and platform of a stage.
    fn from(&self, at: usize, globals: &Variables, platform: &Platform) -> Result<(String, Platform)> {
        let stage = &self.dockerfile.stages[at];
        let expand = |text: &str| self.dockerfile.lexer.word(text, globals).map_err(|e| self.error(stage.line, e.to_string()));
        let image = expand(&stage.image)?;
        if image.is_empty() {
            let hint =
                format!("give the argument a default: `ARG NAME=image` before the first FROM, or set it in builds.{}.args", self.step.id);
            return Err(self.error(stage.line, format!("FROM {} names no image: it expands to nothing", stage.image)).hint(hint));
        }
        let own = match &stage.platform {
            Some(text) => expand(text)?.parse().map_err(|e| self.error(stage.line, "FROM --platform".to_owned()).because(&e))?,
            None => platform.clone(),
        };
        Ok((image, own))
    }

    /// Evaluates everything the target needs and gives the target.
    pub fn run(&mut self, platform: &Platform, bases: &Bases) -> Result<Stage> {
        let globals = self.globals(platform)?;
        let mut done: BTreeMap<usize, Stage> = BTreeMap::new();
        let stages: Vec<_> = self.needed_stages(&globals).collect();
        // Only stages the target is built on become layers; from others, files are copied.
        let mut kept = vec![self.target];
        while let Some(below) = kept.last().and_then(|at| {
            let (image, _) = self.from(*at, &globals, platform).ok()?;
            self.dockerfile.earlier(*at, &image)
        }) {
            kept.push(below);
        }
        for (at, written) in stages {
            check(&self.cx.cancel)?;
            let (image, own) = self.from(at, &globals, platform)?;
            let mut stage = if image == "scratch" {
                Stage::scratch(&own)
            } else if let Some(below) = self.dockerfile.earlier(at, &image).and_then(|below| done.get(&below)) {
                Stage { cmd_set: false, ..below.clone() }
            } else {
                let base = bases.get(&(image.clone(), own.to_string()));
                Stage::of_base(base.ok_or_else(|| self.error(written.line, format!("base image {image} was not fetched")))?)
            };
            for step in &written.steps {
                check(&self.cx.cancel)?;
                self.instruction(
                    at,
                    step,
                    &mut stage,
                    &Scope { globals: &globals, done: &done, bases, platform, kept: kept.contains(&at) },
                )
                .map_err(|error| self.locate(step, error))?;
                if stage.layers.len() > MAX_LAYERS {
                    return Err(self
                        .error(step.line, format!("the image has more than {MAX_LAYERS} layers"))
                        .hint("join COPY instructions"));
                }
            }
            done.insert(at, stage);
        }
        done.remove(&self.target).ok_or_else(|| Error::failed("the target stage was not built"))
    }

    fn error(&self, line: usize, message: impl Into<String>) -> Error {
        Error::failed(format!("{}:{line}: {}", self.step.dockerfile, message.into()))
    }

    fn locate(&self, step: &Step, error: Error) -> Error {
        if matches!(error.kind(), Kind::Interrupted | Kind::Terminated) {
            return error;
        }
        let shown: String = step.text.chars().take(120).collect();
        error.context(format!("{}:{}: {shown}", self.step.dockerfile, step.line))
    }

    // `ARG` words: names, and defaults expanded with what came before.
    fn arguments(&self, line: usize, text: &str, variables: &Variables) -> Result<Vec<(String, Option<String>)>> {
        let lexer = self.dockerfile.lexer;
        let mut scope = variables.clone();
        let mut out = Vec::new();
        for word in lexer.split(text) {
            let (name, default) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word.as_str(), None),
            };
            let default = default.map(|value| lexer.word(value, &scope)).transpose().map_err(|e| self.error(line, e.to_string()))?;
            if let Some(value) = self.step.args.get(name).or(default.as_ref()) {
                scope.insert(name.to_owned(), value.clone());
            }
            out.push((name.to_owned(), default));
        }
        Ok(out)
    }

    fn instruction(&mut self, at: usize, step: &Step, stage: &mut Stage, scope: &Scope<'_>) -> Result<()> {
        let variables = stage.variables();
        let lexer = self.dockerfile.lexer;
        let word = |text: &str| lexer.word(text, &variables).map_err(|e| Error::failed(e.to_string()));
        let mut changes = Changes::new();
        let began = Instant::now();
        match &step.instruction {
            Verb::Arg(text) => {
                for (name, default) in self.arguments(step.line, text, &variables)? {
                    let value = self.step.args.get(&name).cloned().or(default).or_else(|| scope.globals.get(&name).cloned());
                    if let Some(value) = value {
                        stage.args.insert(name, value);
                    }
                }
            }
            Verb::Env(text) => {
                for (name, value) in pairs(lexer, text)? {
                    stage.config.set_env(&word(&name)?, &word(&value)?);
                }
            }
            Verb::Label(text) => {
                for (name, value) in pairs(lexer, text)? {
                    stage.config.insert("Labels", &word(&name)?, json!(word(&value)?));
                }
            }
            Verb::Workdir(path) => {
                let path = normal(Path::new(&stage.absolute(&word(path)?)));
                stage.config.set("WorkingDir", json!(format!("/{}", path.display())));
                self.make_workdir(stage, &path, &mut changes)?;
            }
            Verb::User(user) => stage.config.set("User", json!(word(user)?)),
            Verb::Expose(ports) => {
                for port in ports {
                    for port in word(port)?.split_whitespace() {
                        stage.expose(port).map_err(Error::failed)?;
                    }
                }
            }
            Verb::Volume(paths) => {
                for path in paths {
                    stage.config.insert("Volumes", &word(path)?, json!({}));
                }
            }
            Verb::Entrypoint(command) => stage.set_entrypoint(command),
            Verb::Cmd(command) => stage.set_cmd(command),
            Verb::Shell(words) => stage.config.set("Shell", json!(words)),
            Verb::StopSignal(signal) => stage.config.set("StopSignal", json!(word(signal)?)),
            Verb::Healthcheck(options, command) => stage.set_healthcheck(options, command.as_ref()).map_err(Error::failed)?,
            Verb::Maintainer(name) => stage.config.set_author(name),
            Verb::Copy(copy) => {
                self.event(at, step, StepState::Started, None);
                self.copy(at, copy, stage, scope, &mut changes)?;
            }
            Verb::Run(_) => return Err(Error::usage(format!("RUN {RUN_IS_FOREIGN}")).hint(super::GET_BUILDKIT)),
            Verb::Foreign(name, why) => {
                return Err(Error::usage(format!("{name} {why}")).hint(super::GET_BUILDKIT));
            }
        }
        let mut cached = false;
        let layer = if changes.is_empty() || !scope.kept {
            None
        } else {
            let (descriptor, diff_id, path, again) = self.layer(&changes)?;
            cached = again;
            stage.layers.push(Layer { descriptor, origin: Origin::Made(path) });
            Some(diff_id)
        };
        if matches!(step.instruction, Verb::Copy(_)) {
            self.event(at, step, if cached { StepState::Cached } else { StepState::Done }, Some(began));
        }
        let text = if layer.is_some() { format!("{} # stagefreight", step.text) } else { step.text.clone() };
        stage.config.record(&text, layer.as_ref(), Timestamp::from_unix(self.step.source_date_epoch));
        Ok(())
    }

    fn event(&self, at: usize, step: &Step, state: StepState, began: Option<Instant>) {
        let stage = &self.dockerfile.stages[at];
        let name = stage.name.clone().unwrap_or_else(|| format!("stage {at}"));
        let name = format!("[{name}] {}", step.text);
        self.cx.events.emit(Event::Step { build: self.step.id.clone(), name, state, elapsed: began.map(|began| began.elapsed()) });
    }

    fn make_workdir(&self, stage: &mut Stage, path: &Path, changes: &mut Changes) -> Result<()> {
        self.open_tree(stage)?;
        let user = stage.config.text("User").to_owned();
        let known = stage
            .tree
            .as_ref()
            .and_then(|tree| tree.resolve(path))
            .is_some_and(|real| stage.tree.as_ref().is_some_and(|t| t.is_dir(&real)));
        if known {
            return Ok(());
        }
        let owner = if user.is_empty() { (0, 0) } else { stage.owner(&user)? };
        let Some(tree) = stage.tree.as_mut() else { return Ok(()) };
        let Some(real) = tree.resolve(path) else {
            return Err(Error::failed(format!("/{} leads through a loop of links", path.display())));
        };
        Target { tree, changes }.make_dirs(&real, owner, self.step.source_date_epoch).map_err(as_error)
    }

    fn open_tree(&self, stage: &mut Stage) -> Result<()> {
        if stage.tree.is_none() {
            let base = stage.base.as_ref().ok_or_else(|| Error::failed("a stage without a base has no files"))?;
            stage.tree = Some(Tree::clone(&*base.tree(&self.cx.scratch, &self.cx.cancel)?));
        }
        Ok(())
    }

    fn copy(&mut self, at: usize, copy: &CopyStep, stage: &mut Stage, scope: &Scope<'_>, changes: &mut Changes) -> Result<()> {
        if let Some(why) = foreign_copy(copy) {
            return Err(Error::usage(why).hint(super::GET_BUILDKIT));
        }
        let variables = stage.variables();
        let lexer = self.dockerfile.lexer;
        let word = |text: &str| lexer.word(text, &variables).map_err(|e| Error::failed(e.to_string()));
        self.open_tree(stage)?;
        let owner = copy.option("chown").map(|text| stage.owner(&word(text)?)).transpose()?;
        let mode = match copy.option("chmod") {
            Some(text) => {
                let text = word(text)?;
                let bad =
                    || Error::failed(format!("--chmod={text} is not a mode")).hint("octal such as 0755, or symbolic such as u=rwX,go=rX");
                Some(Mode::parse(&text).ok_or_else(bad)?)
            }
            None => None,
        };
        let excluded = copy.options.iter().filter(|(name, _)| name == "exclude").filter_map(|(_, value)| value.as_deref());
        let excluded = excluded.map(word).collect::<Result<Vec<_>>>()?.join("\n");
        let exclude = Ignore::parse(&excluded).map_err(|e| Error::failed("--exclude").because(&e))?;
        let dest = stage.absolute(&word(&copy.dest)?);
        if copy.sources.len() > 1 && !dest.ends_with('/') {
            return Err(Error::failed(format!("with several sources, the destination {dest} must be a directory")).hint("end it with `/`"));
        }
        let (from, from_name) = self.source(at, copy, scope)?;
        let mut tree = stage.tree.take().unwrap_or_default();
        let mut target = Target { tree: &mut tree, changes };
        for source in &copy.sources {
            let ready = Copy {
                from: &from,
                from_name: &from_name,
                dest: &dest,
                owner,
                mode: mode.as_ref(),
                epoch: self.step.source_date_epoch,
                exclude: &exclude,
                parents: copy.switch("parents"),
            };
            match source {
                Source::Path(path) => {
                    for path in ready.matches(&word(path)?).map_err(as_error)? {
                        if copy.add && self.unpack(&ready, &path, &mut target)? {
                            continue;
                        }
                        ready.copy(&path, &mut target).map_err(as_error)?;
                    }
                }
                Source::HereDoc(name, text, expand) => {
                    let body = Lexer { raw: true, ..lexer };
                    let text = if *expand { body.word(text, &variables).map_err(|e| Error::failed(e.to_string()))? } else { text.clone() };
                    let kind = NodeKind::File(Content::Inline(text.into_bytes().into()));
                    let mut alone = Tree::default();
                    alone.put(Path::new(name), Node { kind, mode: 0o644, ..Node::dir((0, 0), self.step.source_date_epoch) });
                    Copy { from: &alone, ..ready }.copy(Path::new(name), &mut target).map_err(as_error)?;
                }
            }
        }
        stage.tree = Some(tree);
        Ok(())
    }

    // What is copied from: another stage, an image, or the context, which is listed once.
    fn source<'s>(&mut self, at: usize, copy: &CopyStep, scope: &'s Scope<'_>) -> Result<(Shared<'s>, String)> {
        let Some(from) = copy.option("from") else {
            let tree = match &self.context {
                Some(tree) => tree.clone(),
                None => self.context.insert(Arc::new(context::list(&self.context_root, self.ignore)?)).clone(),
            };
            return Ok((Shared::Counted(tree), "the build context".to_owned()));
        };
        if let Some(stage) = self.dockerfile.copied_from(at, from).and_then(|index| scope.done.get(&index)) {
            let name = format!("stage {from}");
            return match (&stage.tree, &stage.base) {
                (Some(tree), _) => Ok((Shared::Borrowed(tree), name)),
                (None, Some(base)) => Ok((Shared::Counted(base.tree(&self.cx.scratch, &self.cx.cancel)?), name)),
                (None, None) => Ok((Shared::Counted(Arc::default()), name)),
            };
        }
        let base = scope.bases.get(&(from.to_owned(), scope.platform.to_string()));
        let base = base.ok_or_else(|| Error::failed(format!("--from={from} is neither an earlier stage nor an image that was fetched")))?;
        Ok((Shared::Counted(base.tree(&self.cx.scratch, &self.cx.cancel)?), format!("image {from}")))
    }

    // `ADD` of an archive: its contents land in the destination, with the archive's owners and modes.
    fn unpack(&self, copy: &Copy<'_>, source: &Path, target: &mut Target<'_>) -> Result<bool> {
        let real = copy.from.resolve(source).unwrap_or_default();
        let Some(Node { kind: NodeKind::File(Content::Disk { path, .. }), .. }) = copy.from.get(&real) else { return Ok(false) };
        if !is_archive(path)? {
            return Ok(false);
        }
        let dest = copy.destination(target).map_err(as_error)?;
        target.make_dirs(&dest, copy.owner.unwrap_or((0, 0)), copy.epoch).map_err(as_error)?;
        let archive = Arc::new(LayerSource::new(path, &self.cx.scratch));
        for touched in archive.apply(target.tree, &dest, false, &self.cx.cancel)? {
            if let Some(node) = target.tree.get(&touched) {
                let mut node = node.clone();
                node.mtime = node.mtime.min(copy.epoch);
                target.changes.insert(touched, node);
            }
        }
        Ok(true)
    }
}

struct Scope<'a> {
    globals: &'a Variables,
    done: &'a BTreeMap<usize, Stage>,
    bases: &'a Bases,
    platform: &'a Platform,
    kept: bool,
}

// A tree that is only read.
enum Shared<'a> {
    Borrowed(&'a Tree),
    Counted(Arc<Tree>),
}

impl std::ops::Deref for Shared<'_> {
    type Target = Tree;

    fn deref(&self) -> &Tree {
        match self {
            Self::Borrowed(tree) => tree,
            Self::Counted(tree) => tree,
        }
    }
}

fn as_error(error: CopyError) -> Error {
    let failed = Error::failed(error.message);
    match error.hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
