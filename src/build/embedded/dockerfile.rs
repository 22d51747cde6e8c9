//! A Dockerfile as the embedded builder reads it: stages and instructions with their lines. Nothing is expanded yet.

use std::ops::Range;

use parse_dockerfile::{Command as Form, HealthcheckArguments, Instruction, JsonOrStringArray, Source as Src};

use super::expand::{Lexer, Variables};
use super::heredoc;

/// The most a Dockerfile may weigh: 1 MiB.
pub const MAX_DOCKERFILE: u64 = 1 << 20;
/// The most instructions one may have. (Images hold at most 127 layers anyway.)
const MAX_INSTRUCTIONS: usize = 4096;

/// Why `RUN` is not for this builder.
pub const RUN_IS_FOREIGN: &str = "runs a command, which needs BuildKit";

/// Why a text is not a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DockerfileError {
    /// Line, from 1.
    pub line: usize,
    /// One fragment.
    pub message: String,
}

/// A whole Dockerfile.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    /// The `# syntax=` directive.
    pub syntax: Option<String>,
    /// Reads its words.
    pub lexer: Lexer,
    /// `ARG` before the first `FROM`, with lines.
    pub global_args: Vec<(usize, String)>,
    /// Stages in order; at least one.
    pub stages: Vec<Stage>,
}

/// `FROM` and what follows.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Line of `FROM`.
    pub line: usize,
    /// `AS name`, as written.
    pub name: Option<String>,
    /// Image or stage, with variables.
    pub image: String,
    /// `--platform`, with variables.
    pub platform: Option<String>,
    /// The instructions.
    pub steps: Vec<Step>,
}

/// One instruction.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its line.
    pub line: usize,
    /// As written, on one line; for the history and for messages.
    pub text: String,
    /// What it says.
    pub instruction: Verb,
}

/// What an instruction says. Texts hold variables unless it says otherwise.
#[derive(Debug, Clone)]
pub enum Verb {
    /// `ARG`, everything after it.
    Arg(String),
    /// `ENV`, everything after it.
    Env(String),
    /// `LABEL`, everything after it.
    Label(String),
    /// `COPY` and `ADD`.
    Copy(CopyStep),
    /// `WORKDIR`.
    Workdir(String),
    /// `USER`.
    User(String),
    /// `EXPOSE`, word by word.
    Expose(Vec<String>),
    /// `VOLUME`, word by word.
    Volume(Vec<String>),
    /// `ENTRYPOINT`. Not expanded.
    Entrypoint(Command),
    /// `CMD`. Not expanded.
    Cmd(Command),
    /// `SHELL`. Not expanded.
    Shell(Vec<String>),
    /// `STOPSIGNAL`.
    StopSignal(String),
    /// `HEALTHCHECK`; the command is not expanded. `None` for `NONE`.
    Healthcheck(Vec<(String, String)>, Option<Command>),
    /// `MAINTAINER`. Not expanded.
    Maintainer(String),
    /// `RUN`.
    Run(RunStep),
    /// Something only BuildKit can do: the instruction's name, and why.
    Foreign(&'static str, &'static str),
}

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `["a", "b"]`.
    Exec(Vec<String>),
    /// A line for the shell.
    Shell(String),
}

/// `COPY` or `ADD`.
#[derive(Debug, Clone)]
pub struct CopyStep {
    /// `ADD` unpacks archives.
    pub add: bool,
    /// Options by name; a repeated one (`--exclude`) stands repeatedly.
    pub options: Vec<(String, Option<String>)>,
    /// Sources.
    pub sources: Vec<Source>,
    /// Destination.
    pub dest: String,
}

impl CopyStep {
    /// The value of an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(key, _)| key == name).and_then(|(_, value)| value.as_deref())
    }

    /// Is a switch on? `--parents`, `--parents=true`.
    pub fn switch(&self, name: &str) -> bool {
        self.options.iter().any(|(key, value)| key == name && value.as_deref().is_none_or(|v| v == "true"))
    }
}

/// `RUN`.
#[derive(Debug, Clone)]
pub struct RunStep {
    /// Options by name (`--mount`).
    pub options: Vec<(String, Option<String>)>,
    /// What is run. Of a shell line, with its here-documents: the line, then theirs with the closing delimiters.
    pub command: Command,
}

/// Where `COPY` copies from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A path, perhaps with wildcards.
    Path(String),
    /// A here-document: name of the file, text, whether variables are expanded.
    HereDoc(String, String, bool),
}

impl Dockerfile {
    /// Reads a Dockerfile.
    pub fn parse(text: &str) -> Result<Self, DockerfileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lifted = heredoc::lift(text);
        let parsed = parse_dockerfile::parse(&lifted.text).map_err(|error| {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            DockerfileError { line: error.line(), message }
        })?;
        if parsed.instructions.len() > MAX_INSTRUCTIONS {
            return Err(DockerfileError { line: 1, message: format!("more than {MAX_INSTRUCTIONS} instructions") });
        }
        let escape = parsed.parser_directives.escape.as_ref().map_or('\\', |directive| directive.value.value);
        let reader = Reader { text, escape, documents: &lifted.documents };
        let global_args = parsed.global_args().map(|arg| (reader.line(arg.arg.span.start), arg.arguments.value.to_string())).collect();
        let mut stages = Vec::new();
        for stage in parsed.stages() {
            let line = reader.line(stage.from.from.span.start);
            let mut platform = None;
            for flag in &stage.from.options {
                match (&*flag.name.value, &flag.value) {
                    ("platform", Some(value)) => platform = Some(value.value.to_string()),
                    (other, _) => return Err(DockerfileError { line, message: format!("FROM has no option --{other}") }),
                }
            }
            let steps = stage.instructions.iter().map(|i| reader.step(i)).collect::<Result<_, _>>()?;
            let name = stage.from.as_.as_ref().map(|(_, name)| name.value.to_string());
            stages.push(Stage { line, name, image: stage.from.image.value.to_string(), platform, steps });
        }
        let syntax = parsed.parser_directives.syntax.as_ref().map(|directive| directive.value.value.to_owned());
        Ok(Self { syntax, lexer: Lexer::new(escape), global_args, stages })
    }

    /// Index of the stage a name or number means; names are compared without case, as in Docker.
    pub fn stage(&self, name: &str) -> Option<usize> {
        let by_name = self.stages.iter().rposition(|stage| stage.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(name)));
        by_name.or_else(|| name.parse().ok().filter(|index| *index < self.stages.len()))
    }

    /// Index of the stage to build.
    pub fn target(&self, target: Option<&str>) -> Option<usize> {
        match target {
            Some(name) if !name.is_empty() => self.stage(name),
            _ => self.stages.len().checked_sub(1),
        }
    }

    /// The earlier stage an image name means for the stage at `at`.
    pub fn earlier(&self, at: usize, image: &str) -> Option<usize> {
        self.stages[..at].iter().rposition(|stage| stage.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(image)))
    }

    /// Which stages the target needs, itself included. `globals` expand the names in `FROM`.
    pub fn needed(&self, target: usize, globals: &Variables) -> Vec<bool> {
        let mut needed = vec![false; self.stages.len()];
        let mut pending = vec![target];
        while let Some(at) = pending.pop() {
            if std::mem::replace(&mut needed[at], true) {
                continue;
            }
            let image = self.lexer.word(&self.stages[at].image, globals).unwrap_or_default();
            pending.extend(self.earlier(at, &image));
            for step in &self.stages[at].steps {
                match &step.instruction {
                    Verb::Copy(copy) => pending.extend(copy.option("from").and_then(|from| self.copied_from(at, from))),
                    Verb::Run(_) => pending.extend(mounted(&step.text).filter_map(|from| self.copied_from(at, from))),
                    _ => {}
                }
            }
        }
        needed
    }

    /// The earlier stage that `COPY --from` means, by name or number.
    pub fn copied_from(&self, at: usize, from: &str) -> Option<usize> {
        self.earlier(at, from).or_else(|| from.parse().ok().filter(|index| *index < at))
    }

    /// Global arguments with their defaults and without anything passed in, enough to find stages by name.
    fn default_globals(&self) -> Variables {
        let mut globals = Variables::new();
        for (_, text) in &self.global_args {
            for word in self.lexer.split(text) {
                if let Some((name, value)) = word.split_once('=')
                    && let Ok(value) = self.lexer.word(value, &globals)
                {
                    globals.insert(name.to_owned(), value);
                }
            }
        }
        globals
    }
}

/// Stages and images that a `RUN --mount=…,from=NAME` names.
fn mounted(run: &str) -> impl Iterator<Item = &str> {
    let mounts = run.split_whitespace().filter_map(|word| word.strip_prefix("--mount="));
    mounts.flat_map(|mount| mount.split(',')).filter_map(|field| field.strip_prefix("from="))
}

/// The first thing in a Dockerfile that only BuildKit can do, as line and reason; `None` when the embedded builder can
/// build it. Stages that `target` does not need are not looked at.
pub fn needs_buildkit(text: &str, target: Option<&str>) -> Option<(usize, String)> {
    let dockerfile = match Dockerfile::parse(text) {
        Ok(dockerfile) => dockerfile,
        Err(error) => return Some((error.line, format!("the embedded builder cannot read it: {error}"))),
    };
    if let Some(syntax) = &dockerfile.syntax
        && !is_standard(syntax)
    {
        return Some((1, format!("it selects another frontend, {syntax}")));
    }
    let needed = dockerfile.needed(dockerfile.target(target)?, &dockerfile.default_globals());
    for (stage, _) in dockerfile.stages.iter().zip(&needed).filter(|(_, needed)| **needed) {
        for step in &stage.steps {
            match &step.instruction {
                Verb::Foreign(name, why) => return Some((step.line, format!("{name} {why}"))),
                Verb::Run(_) => return Some((step.line, format!("RUN {RUN_IS_FOREIGN}"))),
                Verb::Copy(copy) => {
                    if let Some(why) = foreign_copy(copy) {
                        return Some((step.line, why.to_owned()));
                    }
                }
                _ => {}
            }
        }
    }
    None
}

/// Names of the arguments a Dockerfile declares, in order, each once.
pub fn declared_args(text: &str) -> Vec<String> {
    let Ok(dockerfile) = Dockerfile::parse(text) else { return Vec::new() };
    let in_stages = dockerfile.stages.iter().flat_map(|stage| &stage.steps).filter_map(|step| match &step.instruction {
        Verb::Arg(text) => Some(text.as_str()),
        _ => None,
    });
    let mut names: Vec<String> = Vec::new();
    for text in dockerfile.global_args.iter().map(|(_, text)| text.as_str()).chain(in_stages) {
        for word in dockerfile.lexer.split(text) {
            let name = word.split('=').next().unwrap_or_default().to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Is it Docker's own Dockerfile syntax, whose subset we read?
pub fn is_standard(syntax: &str) -> bool {
    let name = syntax.split(['@', ' ']).next().unwrap_or_default();
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    name == "docker/dockerfile" || name.starts_with("docker/dockerfile:")
}

/// Why a `COPY` or `ADD` is BuildKit's, when it is.
pub fn foreign_copy(copy: &CopyStep) -> Option<&'static str> {
    for (name, _) in &copy.options {
        match name.as_str() {
            "chown" | "chmod" | "link" | "exclude" => {}
            "from" | "parents" if !copy.add => {}
            "checksum" | "keep-git-dir" | "unpack" => return Some("this ADD option works on downloads, which are BuildKit's"),
            _ => return Some("the embedded builder does not know one of its options"),
        }
    }
    let remote = |text: &str| {
        let scheme = ["http://", "https://", "git://", "ssh://", "git@"].iter().any(|prefix| text.starts_with(prefix));
        scheme || (text.starts_with("github.com/") && text.contains(".git"))
    };
    let downloads = copy.add && copy.sources.iter().any(|source| matches!(source, Source::Path(path) if remote(path)));
    downloads.then_some("ADD downloads a remote source")
}

fn flags(options: &[parse_dockerfile::Flag<'_>]) -> Vec<(String, Option<String>)> {
    options.iter().map(|flag| (flag.name.value.to_string(), flag.value.as_ref().map(|v| v.value.to_string()))).collect()
}

/// The rest of an instruction's lines as one: continuations joined, comments between them dropped.
pub fn joined(text: &str, escape: char) -> String {
    let mut out = String::new();
    for (index, line) in text.lines().enumerate() {
        if index > 0 && (line.trim_start().starts_with('#') || line.trim().is_empty()) {
            continue;
        }
        let Some(line) = line.trim_end().strip_suffix(escape) else {
            out.push_str(line);
            break;
        };
        out.push_str(line);
    }
    out
}

struct Reader<'a> {
    text: &'a str,
    escape: char,
    documents: &'a [(usize, Range<usize>)],
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    fn joined(&self, text: &str) -> String {
        joined(text, self.escape)
    }

    fn command(&self, form: &Form<'_>) -> Command {
        match form {
            Form::Exec(words) => Command::Exec(words.value.iter().map(|word| word.value.to_string()).collect()),
            Form::Shell(text) => Command::Shell(self.joined(text.value).trim().to_owned()),
            _ => Command::Shell(String::new()),
        }
    }

    fn run(&self, run: &parse_dockerfile::RunInstruction<'_>) -> RunStep {
        let options = flags(&run.options);
        let command = match &run.arguments {
            // The text as it is written: where it was parsed, marks of here-documents were masked.
            Form::Shell(line) => {
                let mut script = self.joined(self.text.get(line.span.clone()).unwrap_or(line.value)).trim().to_owned();
                let own = |(at, _): &&(usize, Range<usize>)| self.line(*at) == self.line(run.run.span.start);
                if let Some(documents) = self.documents.iter().find(own).and_then(|(_, range)| self.text.get(range.clone())) {
                    script.push('\n');
                    script.push_str(documents);
                }
                Command::Shell(script)
            }
            other => self.command(other),
        };
        RunStep { options, command }
    }

    fn copy(
        &self,
        add: bool,
        at: &parse_dockerfile::Keyword,
        options: &[parse_dockerfile::Flag<'_>],
        sources: &[Src<'_>],
        dest: &str,
    ) -> CopyStep {
        let options = flags(options);
        // A here-document's file is called like its delimiter.
        let line = self.joined(&self.text[at.span.start.min(self.text.len())..]);
        let delimiter = |word: &str| word.strip_prefix("<<").map(|w| w.trim_start_matches('-').replace(['"', '\'', '\\'], ""));
        let mut names = line.split_whitespace().filter_map(delimiter);
        let sources = sources
            .iter()
            .filter_map(|source| match source {
                Src::Path(path) => Some(Source::Path(path.value.to_string())),
                Src::HereDoc(doc) => Some(Source::HereDoc(names.next().unwrap_or_default(), doc.value.to_string(), doc.expand)),
                _ => None,
            })
            .collect();
        CopyStep { add, options, sources, dest: dest.to_owned() }
    }

    fn step(&self, instruction: &Instruction<'_>) -> Result<Step, DockerfileError> {
        let words = |list: &[parse_dockerfile::UnescapedString<'_>]| list.iter().map(|word| word.value.to_string()).collect::<Vec<_>>();
        let (at, verb) = match instruction {
            Instruction::Arg(i) => (&i.arg, Verb::Arg(i.arguments.value.to_string())),
            Instruction::Env(i) => (&i.env, Verb::Env(i.arguments.value.to_string())),
            Instruction::Label(i) => (&i.label, Verb::Label(i.arguments.value.to_string())),
            Instruction::Copy(i) => (&i.copy, Verb::Copy(self.copy(false, &i.copy, &i.options, &i.src, &i.dest.value))),
            Instruction::Add(i) => (&i.add, Verb::Copy(self.copy(true, &i.add, &i.options, &i.src, &i.dest.value))),
            Instruction::Workdir(i) => (&i.workdir, Verb::Workdir(i.arguments.value.to_string())),
            Instruction::User(i) => (&i.user, Verb::User(i.arguments.value.to_string())),
            Instruction::Expose(i) => (&i.expose, Verb::Expose(words(&i.arguments))),
            Instruction::Volume(i) => {
                let list = match &i.arguments {
                    JsonOrStringArray::Json(list) => words(&list.value),
                    JsonOrStringArray::String(list) => words(list),
                };
                (&i.volume, Verb::Volume(list))
            }
            Instruction::Entrypoint(i) => (&i.entrypoint, Verb::Entrypoint(self.command(&i.arguments))),
            Instruction::Cmd(i) => (&i.cmd, Verb::Cmd(self.command(&i.arguments))),
            Instruction::Shell(i) => (&i.shell, Verb::Shell(words(&i.arguments))),
            Instruction::Stopsignal(i) => (&i.stopsignal, Verb::StopSignal(i.arguments.value.to_string())),
            Instruction::Maintainer(i) => (&i.maintainer, Verb::Maintainer(i.name.value.to_string())),
            Instruction::Healthcheck(i) => {
                let options = i
                    .options
                    .iter()
                    .map(|flag| (flag.name.value.to_string(), flag.value.as_ref().map(|v| v.value.to_string()).unwrap_or_default()));
                let command = match &i.arguments {
                    HealthcheckArguments::Cmd { arguments, .. } => Some(self.command(arguments)),
                    _ => None,
                };
                (&i.healthcheck, Verb::Healthcheck(options.collect(), command))
            }
            Instruction::Run(i) => (&i.run, Verb::Run(self.run(i))),
            Instruction::Onbuild(i) => (&i.onbuild, Verb::Foreign("ONBUILD", "is BuildKit's")),
            _ => return Err(DockerfileError { line: 1, message: "an instruction the embedded builder does not know".to_owned() }),
        };
        let start = at.span.start.min(self.text.len());
        let text = self.joined(&self.text[start..]).split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Step { line: self.line(start), text, instruction: verb })
    }
}

#[cfg(test)]
mod tests;
