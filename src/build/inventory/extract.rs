//! The walk: stage by stage, instruction by instruction, with the variables that are known at each.

use std::collections::BTreeMap;

use super::base_image::BaseImage;
use super::managers::{self, Found};
use super::result::{ArgDecl, Inventory, PackageInfo, StageInfo};
use super::shell::{self, Simple};
use super::{download, purl};
use crate::build::embedded::DockerfileError;
use crate::build::embedded::dockerfile::{Command, Dockerfile, Source, Step, Verb};
use crate::build::embedded::expand::{Lexer, Variables};

/// Scripts within scripts (`sh -c 'sh -c …'`) beyond which nothing is read.
const MAX_DEPTH: usize = 4;
/// Packages of one Dockerfile; more is not a Dockerfile.
const MAX_PACKAGES: usize = 100_000;
/// Length of `source_ref`, in characters.
const MAX_QUOTE: usize = 400;

/// What is known beside the Dockerfile.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The stage that is built; without one, the last.
    pub target: Option<String>,
    /// Build arguments that are passed.
    pub args: BTreeMap<String, String>,
}

/// Reads a Dockerfile's inventory.
///
/// # Errors
/// When the text is no Dockerfile, or has no stage called like the target, with the line.
pub fn extract(text: &str, options: &Options) -> Result<Inventory, DockerfileError> {
    let dockerfile = Dockerfile::parse(text)?;
    let target = dockerfile.target(options.target.as_deref()).ok_or_else(|| DockerfileError {
        line: 1,
        message: format!("there is no stage called `{}`", options.target.as_deref().unwrap_or_default()),
    })?;
    let lexer = Lexer { keep_unknown: true, ..dockerfile.lexer };
    let mut walk =
        Walk { dockerfile: &dockerfile, options, lexer, inventory: Inventory::default(), globals: Variables::new(), stages: Vec::new() };
    for (line, text) in &dockerfile.global_args {
        let mut globals = std::mem::take(&mut walk.globals);
        walk.arg(*line, text, None, &mut globals);
        walk.globals = globals;
    }
    for at in 0..dockerfile.stages.len() {
        walk.stage(at);
    }
    walk.mark_final(target);
    let mut inventory = walk.inventory;
    inventory.settle();
    Ok(inventory)
}

/// What later stages need to know of one.
struct Seen {
    /// The earlier stage it starts from.
    parent: Option<usize>,
    /// The image at the end of the chain.
    base: Option<BaseImage>,
    /// Variables at its end.
    scope: Scope,
}

/// Variables of a stage: `ENV` hides `ARG`.
#[derive(Clone, Default)]
struct Scope {
    args: Variables,
    env: Variables,
}

impl Scope {
    fn all(&self) -> Variables {
        let mut all = self.args.clone();
        all.extend(self.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        all
    }
}

struct Walk<'a> {
    dockerfile: &'a Dockerfile,
    options: &'a Options,
    lexer: Lexer,
    inventory: Inventory,
    globals: Variables,
    stages: Vec<Seen>,
}

/// Where something is said.
struct Place<'a> {
    stage: &'a str,
    line: usize,
    distribution: Option<&'a (String, Option<String>)>,
}

impl Walk<'_> {
    fn word(&self, text: &str, variables: &Variables) -> String {
        self.lexer.word(text, variables).unwrap_or_else(|_| text.to_owned())
    }

    fn name_of(&self, at: usize) -> String {
        self.dockerfile.stages.get(at).and_then(|stage| stage.name.clone()).unwrap_or_else(|| at.to_string())
    }

    // `ARG A=1 B C="x y"`; what is passed wins over the default, and a global default over none.
    fn arg(&mut self, line: usize, text: &str, stage: Option<&str>, variables: &mut Variables) {
        for word in self.lexer.split(text) {
            let (name, default) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            let default = default.map(|value| self.word(value, variables));
            let passed = self.options.args.get(name).cloned();
            let global = if stage.is_some() && default.is_none() { self.globals.get(name).cloned() } else { None };
            if let Some(value) = passed.or_else(|| default.clone()).or(global) {
                variables.insert(name.to_owned(), value);
            }
            self.inventory.args.push(ArgDecl { name: name.to_owned(), default, line, stage: stage.map(str::to_owned) });
        }
    }

    fn stage(&mut self, at: usize) {
        let stage = &self.dockerfile.stages[at];
        let from = self.word(&stage.image, &self.globals);
        let parent = self.dockerfile.earlier(at, &from);
        let (base, mut scope) = match parent.and_then(|parent| self.stages.get(parent)) {
            Some(seen) => (seen.base.clone(), seen.scope.clone()),
            None if from == "scratch" => (None, Scope::default()),
            None => (Some(BaseImage::parse(&from)), Scope::default()),
        };
        let name = self.name_of(at);
        if let Some(image) = &base {
            if parent.is_none() {
                let found = image_package(image, "base_image", format!("FROM {from}"), stage.line, &name);
                self.inventory.base_images.push(found);
            }
            if let Some((distribution, version)) = image.lineage() {
                let below =
                    BaseImage { repository: distribution.to_owned(), name: distribution.to_owned(), tag: version.clone(), digest: None };
                self.inventory.lineage.push(PackageInfo {
                    name: distribution.to_owned(),
                    version,
                    source: "base_image",
                    source_ref: format!("FROM {from}"),
                    line: stage.line,
                    manager: "base",
                    confidence: "inferred",
                    stage: name.clone(),
                    purl: purl::of_image(&below),
                    ..PackageInfo::default()
                });
            }
        }
        let distribution = base.as_ref().map(BaseImage::distribution);
        for step in &stage.steps {
            let place = Place { stage: &name, line: step.line, distribution: distribution.as_ref() };
            self.step(at, step, &place, &mut scope);
        }
        self.inventory.stages.push(StageInfo {
            name,
            line: stage.line,
            from,
            base: base.as_ref().map(whole),
            platform: stage.platform.clone(),
            is_final: false,
        });
        self.stages.push(Seen { parent, base, scope });
    }

    fn step(&mut self, at: usize, step: &Step, place: &Place<'_>, scope: &mut Scope) {
        match &step.instruction {
            Verb::Arg(text) => {
                let mut variables = scope.all();
                self.arg(step.line, text, Some(place.stage), &mut variables);
                // Declared here, or known before: what ENV says stays on top.
                scope.args.extend(variables);
            }
            Verb::Env(text) => {
                let variables = scope.all();
                for (name, value) in self.pairs(text, &variables) {
                    scope.env.insert(name, value);
                }
            }
            Verb::Run(run) => {
                let variables = scope.all();
                for (_, value) in run.options.iter().filter(|(name, _)| name == "mount") {
                    let from = value.iter().flat_map(|value| value.split(',')).find_map(|part| part.strip_prefix("from="));
                    self.copied(at, from, place, "RUN --mount=from=", &variables);
                }
                match &run.command {
                    Command::Shell(script) => self.script(script, place, &mut variables.clone(), 0),
                    Command::Exec(words) => self.words(words.clone(), &words.join(" "), &[], place, &mut variables.clone(), 0),
                }
            }
            Verb::Copy(copy) => {
                let variables = scope.all();
                self.copied(at, copy.option("from"), place, "COPY --from=", &variables);
                for source in &copy.sources {
                    let Source::Path(path) = source else { continue };
                    if let Some(mut found) = download::downloaded(path, self.lexer, &variables).filter(|_| copy.add) {
                        found.pinned |= copy.option("checksum").is_some();
                        self.package(found, &format!("ADD {path}"), place);
                    }
                }
            }
            _ => {}
        }
    }

    fn pairs(&self, text: &str, variables: &Variables) -> Vec<(String, String)> {
        let words = self.lexer.split(text);
        match words.first() {
            // The old form: `ENV NAME the rest`.
            Some(name) if !name.contains('=') => {
                let rest = text.trim_start().get(name.len()..).unwrap_or_default().trim();
                vec![(name.clone(), self.word(rest, variables))]
            }
            _ => words
                .iter()
                .filter_map(|word| word.split_once('='))
                .map(|(name, value)| (name.to_owned(), self.word(value, variables)))
                .collect(),
        }
    }

    // `--from` names a stage, or an image whose files end up in this one.
    fn copied(&mut self, at: usize, from: Option<&str>, place: &Place<'_>, instruction: &str, variables: &Variables) {
        let Some(from) = from else { return };
        let from = self.word(from, variables);
        if from.is_empty() || self.dockerfile.copied_from(at, &from).is_some() || from.bytes().all(|b| b.is_ascii_digit()) {
            return;
        }
        let found = image_package(&BaseImage::parse(&from), "copied_image", format!("{instruction}{from}"), place.line, place.stage);
        self.inventory.packages.push(found);
    }

    fn script(&mut self, script: &str, place: &Place<'_>, variables: &mut Variables, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for Simple { words, documents } in shell::commands(script) {
            if words.is_empty() {
                // `RUN <<EOF`: the document is the script.
                for (text, _) in &documents {
                    self.document(text, place, variables, depth);
                }
                continue;
            }
            // The shell splits what a variable outside quotes holds.
            let expanded = words.iter().flat_map(|word| {
                let value = self.word(word, variables);
                let loose = word.contains('$') && !word.contains(['"', '\'', '(']) && value != *word;
                if loose { value.split_whitespace().map(str::to_owned).collect() } else { vec![value] }
            });
            let expanded: Vec<String> = expanded.collect();
            if let Some(found) = self.fetch(&words, &expanded, variables) {
                for found in found {
                    self.package(found, &format!("RUN {}", words.join(" ")), place);
                }
            }
            self.words(expanded, &words.join(" "), &documents, place, variables, depth);
        }
    }

    // A document a shell reads is a script; with `#!` of something else it is not.
    fn document(&mut self, text: &str, place: &Place<'_>, variables: &mut Variables, depth: usize) {
        let interpreter = text.strip_prefix("#!").and_then(|rest| rest.lines().next());
        if interpreter.is_none_or(|line| line.split(['/', ' ']).any(is_shell)) {
            self.script(text, place, variables, depth + 1);
        }
    }

    // Addresses that `curl` and `wget` are given. The command is only recognised by name; its options are many.
    fn fetch(&self, words: &[String], expanded: &[String], variables: &Variables) -> Option<Vec<Found>> {
        let program = |word: &String| matches!(word.rsplit('/').next().unwrap_or(word), "curl" | "wget" | "aria2c");
        expanded.iter().any(program).then(|| words.iter().filter_map(|word| download::downloaded(word, self.lexer, variables)).collect())
    }

    /// One command, its words expanded.
    fn words(
        &mut self,
        mut words: Vec<String>,
        quoted: &str,
        documents: &[(String, bool)],
        place: &Place<'_>,
        variables: &mut Variables,
        depth: usize,
    ) {
        strip_prefixes(&mut words, variables);
        let Some(program) = words.first() else { return };
        let program = program.rsplit('/').next().unwrap_or(program).to_owned();
        if program == "export" || program == "readonly" || program == "local" {
            words.drain(..1);
            assignments(&mut words, variables);
        } else if program == "eval" {
            self.script(&words[1..].join(" "), place, variables, depth + 1);
        } else if is_shell(&program) {
            // `-c`, also among others: `-euxc`.
            let command = words.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'));
            if let Some(script) = command.and_then(|at| words.get(at + 1)).cloned() {
                self.script(&script, place, variables, depth + 1);
            }
            for (text, _) in documents {
                self.document(text, place, variables, depth);
            }
        } else {
            for found in managers::installed(&words) {
                self.package(found, &format!("RUN {quoted}"), place);
            }
        }
    }

    fn package(&mut self, found: Found, source_ref: &str, place: &Place<'_>) {
        if self.inventory.packages.len() >= MAX_PACKAGES {
            return;
        }
        let mut package = PackageInfo {
            confidence: if found.manager == "binary" { "inferred" } else { "declared" },
            name: found.name,
            version: found.version,
            pinned: found.pinned,
            source: "dockerfile",
            source_ref: source_ref.chars().take(MAX_QUOTE).collect(),
            line: place.line,
            manager: found.manager,
            url: found.url,
            stage: place.stage.to_owned(),
            ..PackageInfo::default()
        };
        package.purl = purl::of_package(&package, place.distribution);
        self.inventory.packages.push(package);
    }

    // The target and every stage it starts from are in the image; what is only copied from is not.
    fn mark_final(&mut self, target: usize) {
        let mut next = Some(target);
        while let Some(at) = next {
            next = self.stages.get(at).and_then(|seen| seen.parent);
            let name = self.name_of(at);
            if let Some(stage) = self.inventory.stages.get_mut(at) {
                stage.is_final = true;
            }
            let lists = [&mut self.inventory.base_images, &mut self.inventory.lineage, &mut self.inventory.packages];
            for package in lists.into_iter().flatten().filter(|package| package.stage == name) {
                package.is_final = true;
            }
        }
    }
}

fn whole(image: &BaseImage) -> String {
    let tag = image.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = image.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
    format!("{}{tag}{digest}", image.repository)
}

fn image_package(image: &BaseImage, source: &'static str, source_ref: String, line: usize, stage: &str) -> PackageInfo {
    PackageInfo {
        name: image.name.clone(),
        version: image.version().map(str::to_owned),
        // A tag may be moved, a digest may not.
        pinned: image.digest.as_ref().is_some_and(|digest| !digest.contains('$')),
        digest: image.digest.clone(),
        source,
        source_ref,
        line,
        manager: "base",
        confidence: if source == "base_image" { "inferred" } else { "declared" },
        stage: stage.to_owned(),
        purl: purl::of_image(image),
        ..PackageInfo::default()
    }
}

fn is_shell(word: &str) -> bool {
    matches!(word, "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh" | "busybox")
}

/// Takes away what stands before a command's own name: reserved words, assignments, programs that run another.
fn strip_prefixes(words: &mut Vec<String>, variables: &mut Variables) {
    const RESERVED: [&str; 12] = ["if", "then", "elif", "else", "while", "until", "do", "!", "{", "time", "exec", "command"];
    loop {
        let Some(first) = words.first() else { return };
        let program = first.rsplit('/').next().unwrap_or(first).to_owned();
        if RESERVED.contains(&program.as_str()) {
            words.remove(0);
        } else if is_assignment(first) {
            assignments(words, variables);
        } else if matches!(
            program.as_str(),
            "sudo" | "env" | "nice" | "xargs" | "timeout" | "doas" | "gosu" | "su-exec" | "ionice" | "chroot"
        ) {
            words.remove(0);
            let valued: &[&str] = match program.as_str() {
                "sudo" | "doas" => &["-u", "-g", "-p", "-C", "-h", "-r", "-t", "--user", "--group"],
                "xargs" => &["-n", "-P", "-I", "-L", "-d", "-a", "-s", "-E"],
                "env" => &["-u", "-C", "-S"],
                "nice" | "ionice" => &["-n", "-c", "-p"],
                _ => &["-s", "-k"],
            };
            while let Some(option) = words.first().filter(|word| word.starts_with('-')).cloned() {
                words.remove(0);
                if valued.contains(&option.as_str()) && !words.is_empty() {
                    words.remove(0);
                }
            }
            // A user, a time or a directory comes before the command.
            if matches!(program.as_str(), "timeout" | "gosu" | "su-exec" | "chroot") && !words.is_empty() {
                words.remove(0);
            }
        } else {
            return;
        }
    }
}

fn is_assignment(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or_default().trim_end_matches('+');
    word.contains('=')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Takes the assignments at the front. What a substitution would print is not known.
fn assignments(words: &mut Vec<String>, variables: &mut Variables) {
    while let Some((name, value)) = words.first().filter(|word| is_assignment(word)).and_then(|word| word.split_once('=')) {
        if value.contains(['$', '`']) || name.ends_with('+') {
            variables.remove(name.trim_end_matches('+'));
        } else {
            variables.insert(name.to_owned(), value.to_owned());
        }
        words.remove(0);
    }
}
