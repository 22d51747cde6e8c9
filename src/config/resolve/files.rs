//! Builds that make files: programs, archives, commands. What one may say only with another is checked here, and that
//! every path stays inside the repository.

use std::collections::HashMap;

use super::builds::{Needs, depends_on, parse_platforms, values};
use super::templates::{self, Use};
use super::{Scope, check_reference, is_secret_name, paths};
use crate::config::decode::{Cx, NameMap, OneOrMany, Scalar};
use crate::config::problem::Problem;
use crate::config::resolved::{
    ArchiveBuild, ArchiveFormat, BinaryBuild, CommandBuild, CommandLine, CommandOutput, FileBuild, FileWork, Libc, OutputKind, Stage,
    Toolchain, Workplace,
};
use crate::config::span::{Span, Spanned, Text};
use crate::config::template_tokens;
use crate::config::written::{self, ArchiveFormatWord, LibcWord, OutputWord, ToolchainWord};
use crate::core::{Platform, Reference};

/// Begins an image that the config builds itself.
const OF_BUILD: &str = "build:";

/// Tokens of a build's own platform.
const PLATFORM: [&str; 3] = ["os", "arch", "variant"];

/// Tokens a program's arguments and environment may use beside the common ones.
const OF_PROGRAM: [&str; 4] = ["os", "arch", "variant", "output"];

/// Tokens an archive's name may use beside the common ones.
const OF_ARCHIVE: [&str; 4] = ["os", "arch", "variant", "name"];

/// A program.
pub fn binary(
    (id, key): (&str, Span),
    build: written::BinaryBuild,
    (ids, images): (&[String], &[String]),
    scope: &Scope<'_>,
    cx: &mut Cx,
) -> (FileBuild, Needs) {
    let written::BinaryBuild {
        builder,
        command,
        from,
        dir,
        output,
        platforms,
        args,
        env,
        pass_env,
        libc,
        depends_on: needs,
        required,
        image,
        // Reported as not supported yet when they were read.
        compress: _,
        crucible: _,
        build_mode: _,
        select_tags: _,
    } = build;
    let toolchain = toolchain(builder);
    let span = command.as_ref().map(|command| command.span);
    let command = command.and_then(|command| command_line(command, &OF_PROGRAM, scope, cx));
    match (toolchain, &command, &from) {
        (Toolchain::Command, None, _) if span.is_none() => {
            let message = format!("build `{id}` has `builder: command` and no `command`");
            cx.report(Problem::at(key, message).hint("give one: `command: [make, \"OUT={output}\"]`"));
        }
        (Toolchain::Command, Some(line), None) if !mentions(line, "output") => {
            let message = format!("build `{id}`: nothing says which file the command makes");
            cx.report(Problem::new(message, span).hint("use `{output}` in the command, or name the file: `from: path/of/program`"));
        }
        (Toolchain::Zig | Toolchain::Node | Toolchain::Deno | Toolchain::Bun, _, None) => {
            let message = format!("build `{id}` has `builder: {}` and no `from`", toolchain.name());
            cx.report(Problem::at(key, message).hint("name the source file: `from: src/main.…`"));
        }
        (other, Some(_), _) if other != Toolchain::Command => {
            cx.report(
                Problem::new(format!("`command` is not for `builder: {}`", other.name()), span).hint("use `args`, or `builder: command`"),
            );
        }
        _ => {}
    }
    if let (Some(image), Toolchain::Node) = (&image, toolchain) {
        cx.report(Problem::at(image.span, "`image` is not for `builder: node`").hint("run the job itself in an image of node"));
    }
    if let (Some(image), Toolchain::Command, Some(_)) = (&image, toolchain, &from) {
        cx.report(Problem::at(image.span, "with `image` the command writes `{output}`").hint("leave `from` out"));
    }
    if let (Some(_), false) = (libc, matches!(toolchain, Toolchain::Rust | Toolchain::Zig)) {
        cx.report(Problem::at(key, format!("build `{id}`: `libc` is for `builder: rust` and `zig`")).hint("leave it out"));
    }
    let output = match output {
        Some(output) => program_name(&output, cx),
        None => default_output(id, toolchain, from.as_ref()),
    };
    let from = from.and_then(|from| from_path(&from, toolchain, scope, cx));
    let mut needs = depends_on(id, needs, ids, cx);
    image_needed(image.as_ref(), images, &mut needs, cx);
    let at = workplace((dir, env, pass_env, image), scope, cx);
    let work = BinaryBuild {
        toolchain,
        command,
        from,
        output,
        platforms: platforms.map(|platforms| parse_platforms(platforms, "for this machine's platform", cx)).unwrap_or_default(),
        args: templates_of(args.unwrap_or_default(), &OF_PROGRAM, scope, cx),
        at,
        libc: libc.map(|libc| match libc {
            LibcWord::Gnu => Libc::Gnu,
            LibcWord::Musl => Libc::Musl,
        }),
    };
    finish(id, required, needs, FileWork::Binary(work))
}

/// An archive.
pub fn archive(id: &str, build: written::ArchiveBuild, ids: &[String], scope: &Scope<'_>, cx: &mut Cx) -> (FileBuild, Needs) {
    let written::ArchiveBuild { depends_on: needs, format, name, prefix, include, checksums, required } = build;
    for text in [&name, &prefix].into_iter().flatten() {
        check_template(text, &OF_ARCHIVE, scope, cx);
    }
    let format = format.and_then(|format| match format {
        ArchiveFormatWord::Auto => None,
        ArchiveFormatWord::TarGz => Some(ArchiveFormat::TarGz),
        ArchiveFormatWord::TarZst => Some(ArchiveFormat::TarZst),
        ArchiveFormatWord::Zip => Some(ArchiveFormat::Zip),
        ArchiveFormatWord::Raw => Some(ArchiveFormat::Raw),
    });
    let include = include.unwrap_or_default();
    if let (Some(ArchiveFormat::Raw), Some(extra)) = (format, prefix.as_ref().or(include.first())) {
        cx.report(Problem::at(extra.span, "an archive of format raw is one file and holds nothing else").hint("use tar.gz or zip"));
    }
    let work = ArchiveBuild {
        format,
        name: name.map(|name| name.value),
        prefix: prefix.map(|prefix| prefix.value),
        include: include.into_iter().filter_map(|path| paths::inside(&path, "include", cx)).collect(),
        checksums: checksums.unwrap_or(true),
    };
    finish(id, required, depends_on(id, Some(needs), ids, cx), FileWork::Archive(work))
}

/// A command.
pub fn command(
    id: &str,
    build: written::CommandBuild,
    (ids, images): (&[String], &[String]),
    scope: &Scope<'_>,
    cx: &mut Cx,
) -> (FileBuild, Needs) {
    let written::CommandBuild { command, dir, outputs, env, pass_env, depends_on: needs, required, image } = build;
    let command = command_line(command, &[], scope, cx).unwrap_or(CommandLine::Arguments(Vec::new()));
    if outputs.value.is_empty() {
        cx.report(Problem::at(outputs.span, "`outputs` is empty").hint("name what the command makes: `[{ type: file, source: out.txt }]`"));
    }
    let outputs = outputs.value.into_iter().filter_map(|output| command_output(output, scope, cx)).collect();
    let mut needs = depends_on(id, needs, ids, cx);
    image_needed(image.as_ref(), images, &mut needs, cx);
    let at = workplace((dir, env, pass_env, image), scope, cx);
    finish(id, required, needs, FileWork::Command(CommandBuild { command, at, outputs }))
}

/// Built files that are put into the context of an image.
pub fn stages(stage: Option<OneOrMany<written::Stage>>, ids: &[String], needs: &mut Needs, scope: &Scope<'_>, cx: &mut Cx) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for written::Stage { from, r#as } in stage.map(|many| many.items).unwrap_or_default() {
        if !check_reference(&from, "build", ids, cx) {
            continue;
        }
        check_template(&r#as, &PLATFORM, scope, cx);
        let Some(path) = paths::inside(&r#as, "as", cx) else { continue };
        if path == "." || stages.iter().any(|known| known.path == path) {
            let message = if path == "." { "`as` names no file" } else { "two builds are put at the same path" };
            cx.report(Problem::at(r#as.span, message).hint("give each file a path of its own in the context"));
            continue;
        }
        needs.push((from.value.clone(), from.span));
        stages.push(Stage { from: from.value, path });
    }
    stages
}

/// Two builds whose outputs are the same path of the repository would each take the other's.
pub fn report_shared_outputs<'b>(builds: impl Iterator<Item = (&'b FileBuild, Span)>, cx: &mut Cx) {
    let mut known: HashMap<String, String> = HashMap::new();
    for (build, span) in builds {
        let sources: Vec<&str> = match &build.work {
            FileWork::Command(command) => command.outputs.iter().map(|output| output.source.as_str()).collect(),
            FileWork::Binary(binary) if binary.toolchain == Toolchain::Command => binary.from.as_deref().into_iter().collect(),
            FileWork::Binary(_) | FileWork::Archive(_) => Vec::new(),
        };
        for source in sources {
            if let Some(other) = known.insert(source.to_owned(), build.id.clone()) {
                let message = if other == build.id {
                    format!("build `{other}` names the output {source} twice")
                } else {
                    format!("builds `{other}` and `{}` both make {source}", build.id)
                };
                cx.report(Problem::at(span, message).hint("give each output a path of its own"));
            }
        }
    }
}

/// An image that the config builds comes first.
fn image_needed(image: Option<&Text>, images: &[String], needs: &mut Needs, cx: &mut Cx) {
    if let Some((id, span)) = image.and_then(|image| Some((image.value.strip_prefix(OF_BUILD)?.to_owned(), image.span))) {
        let reference = Spanned { value: id, span };
        if check_reference(&reference, "build", images, cx) {
            needs.push((reference.value, span));
        }
    }
}

fn finish(id: &str, required: Option<bool>, needs: Needs, work: FileWork) -> (FileBuild, Needs) {
    let mut ids: Vec<String> = Vec::new();
    for (need, _) in &needs {
        if !ids.contains(need) {
            ids.push(need.clone());
        }
    }
    (FileBuild { id: id.to_owned(), required: required.unwrap_or(true), depends_on: ids, work }, needs)
}

fn toolchain(word: ToolchainWord) -> Toolchain {
    match word {
        ToolchainWord::Go => Toolchain::Go,
        ToolchainWord::Rust => Toolchain::Rust,
        ToolchainWord::Zig => Toolchain::Zig,
        ToolchainWord::Node => Toolchain::Node,
        ToolchainWord::Deno => Toolchain::Deno,
        ToolchainWord::Bun => Toolchain::Bun,
        ToolchainWord::Command => Toolchain::Command,
    }
}

// Of `builder: rust` a name of a binary, of all others a path.
fn from_path(from: &Text, toolchain: Toolchain, scope: &Scope<'_>, cx: &mut Cx) -> Option<String> {
    match toolchain {
        Toolchain::Rust => Some(program_name(from, cx)),
        Toolchain::Command => {
            check_template(from, &PLATFORM, scope, cx);
            paths::inside(from, "from", cx)
        }
        _ => paths::inside(from, "from", cx),
    }
}

// `./cmd/tool` and `src/tool.ts` are `tool`.
fn default_output(id: &str, toolchain: Toolchain, from: Option<&Text>) -> String {
    let named = match toolchain {
        Toolchain::Command => None,
        _ => from.map(|from| from.value.trim_start_matches("./")).filter(|from| !from.is_empty() && *from != "."),
    };
    let last = named.and_then(|from| from.rsplit('/').next()).unwrap_or(id);
    let stem = [".go", ".rs", ".c", ".cc", ".cpp", ".js", ".mjs", ".cjs", ".ts", ".mts"].iter().find_map(|end| last.strip_suffix(end));
    let stem = stem.unwrap_or(last);
    // A name such as `main` says nothing about the program.
    if matches!(stem, "main" | "index" | "") { id.to_owned() } else { stem.to_owned() }
}

fn program_name(text: &Text, cx: &mut Cx) -> String {
    let name = &text.value;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    if name.is_empty() || name.starts_with(['.', '-']) || name.ends_with('.') || !name.chars().all(plain) {
        cx.report(
            Problem::at(text.span, format!("`{}` is not the name of a program", name.escape_debug()))
                .hint("letters, digits, `.`, `_`, `-` and `+`, beginning with a letter or digit"),
        );
    }
    name.clone()
}

fn command_output(output: written::BuildOutput, scope: &Scope<'_>, cx: &mut Cx) -> Option<CommandOutput> {
    let written::BuildOutput { r#type, source, platform, worktree: _ } = output;
    let kind = match r#type {
        OutputWord::Tree => OutputKind::Tree,
        OutputWord::File => OutputKind::File,
        OutputWord::Binary => OutputKind::Binary,
    };
    check_template(&source, &[], scope, cx);
    if let (Some(platform), true) = (&platform, kind != OutputKind::Binary) {
        cx.report(Problem::at(platform.span, "`platform` is for outputs of type binary").hint("leave it out"));
    }
    let platform = platform.and_then(|text| match text.value.parse::<Platform>() {
        Ok(platform) => Some(platform),
        Err(error) => {
            cx.report(Problem::at(text.span, error.to_string()));
            None
        }
    });
    let path = paths::inside(&source, "source", cx)?;
    if path == "." || path.split('/').next() == Some(crate::names::path::ROOT) {
        let hint = "name a path of its own in the repository";
        cx.report(Problem::at(source.span, format!("`{path}` is not something a command makes")).hint(hint));
        return None;
    }
    Some(CommandOutput { kind, source: path, platform })
}

/// `dir`, `env`, `pass_env` and `image`.
type WrittenWorkplace = (Option<Text>, Option<NameMap<Spanned<Scalar>>>, Option<Vec<Text>>, Option<Text>);

fn workplace((dir, env, pass_env, image): WrittenWorkplace, scope: &Scope<'_>, cx: &mut Cx) -> Workplace {
    for (key, value) in env.iter().flat_map(|env| &env.entries) {
        if is_secret_name(&key.text) {
            let message = format!("`{}` holds a secret by its name, and the config is no place for one", key.text);
            cx.report(Problem::at(value.span, message).hint(format!("set it for the job and pass it on: `pass_env: [{}]`", key.text)));
        }
    }
    let mut names = Vec::new();
    for name in pass_env.unwrap_or_default() {
        let mut bytes = name.value.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        if first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            names.push(name.value);
        } else {
            cx.report(Problem::at(name.span, format!("`{}` is not the name of an environment variable", name.value.escape_debug())));
        }
    }
    if let Some(image) = &image {
        if !image.value.starts_with(OF_BUILD)
            && let Err(error) = image.value.parse::<Reference>()
        {
            cx.report(Problem::at(image.span, error.to_string()).hint("such as `image: golang:1.26`, best with its digest"));
        }
        if !names.is_empty() {
            cx.report(Problem::at(image.span, "`pass_env` and `image` exclude each other for now").hint("run the command without `image`"));
        }
    }
    Workplace {
        dir: dir.and_then(|dir| paths::inside(&dir, "dir", cx)).unwrap_or_else(|| ".".to_owned()),
        env: values_of(env, scope, cx),
        pass_env: names,
        image: image.map(|image| image.value),
    }
}

// Values of variables may use the tokens of programs; what is checked is the rest.
fn values_of(env: Option<NameMap<Spanned<Scalar>>>, scope: &Scope<'_>, cx: &mut Cx) -> indexmap::IndexMap<String, String> {
    let as_written: Vec<(String, String)> =
        env.iter().flat_map(|env| &env.entries).map(|(key, value)| (key.text.clone(), value.value.0.clone())).collect();
    let plain = env.map(|mut env| {
        for (_, value) in &mut env.entries {
            value.value.0 = without(&value.value.0, &OF_PROGRAM);
        }
        env
    });
    let checked = values(plain, "variable", scope, cx);
    as_written.into_iter().filter(|(key, _)| checked.contains_key(key)).collect()
}

fn command_line(command: OneOrMany<Text>, own: &[&str], scope: &Scope<'_>, cx: &mut Cx) -> Option<CommandLine> {
    let OneOrMany { items, span, is_list } = command;
    if items.is_empty() || items.first().is_some_and(|first| first.value.trim().is_empty()) {
        cx.report(Problem::at(span, "`command` is empty").hint("such as `command: make build`, or `[make, build]`"));
        return None;
    }
    let mut items = templates_of(items, own, scope, cx);
    Some(if is_list { CommandLine::Arguments(items) } else { CommandLine::Shell(items.remove(0)) })
}

fn templates_of(items: Vec<Text>, own: &[&str], scope: &Scope<'_>, cx: &mut Cx) -> Vec<String> {
    items
        .into_iter()
        .map(|item| {
            check_template(&item, own, scope, cx);
            item.value
        })
        .collect()
}

/// Checks a template that may also use the tokens in `own`.
fn check_template(text: &Text, own: &[&str], scope: &Scope<'_>, cx: &mut Cx) {
    let plain = Spanned { value: without(&text.value, own), span: text.span };
    templates::check(&plain, Use::Value, scope, cx);
}

// The template without these tokens; what cannot be read stays, for its own message.
fn without(template: &str, own: &[&str]) -> String {
    own.iter().fold(template.to_owned(), |text, name| text.replace(&format!("{{{name}}}"), ""))
}

fn mentions(line: &CommandLine, token: &str) -> bool {
    let parts: Vec<&str> = match line {
        CommandLine::Shell(text) => vec![text],
        CommandLine::Arguments(all) => all.iter().map(String::as_str).collect(),
    };
    parts.iter().any(|part| templates::token_names(part).contains(&token) || template_tokens::scan(part).is_err())
}
