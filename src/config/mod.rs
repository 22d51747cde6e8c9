//! `.stagefreight.yml`: as written, with places (`written`), and resolved (`Config`), with diagnostics that show the
//! line. Pure: the text arrives as a value, the commands read the file. May use `core`, `names` and `error`; must not
//! do I/O, read a clock, or know how templates are rendered and conditions judged (that is `plan`).

mod assume;
mod component;
mod decode;
mod excerpt;
mod node;
mod problem;
mod resolve;
mod resolved;
mod schema;
mod show;
mod span;
mod suggest;
pub mod template_tokens;
mod vars;
pub mod written;
mod yaml;

pub use assume::{assume, build_id, is_dockerfile};
pub use component::{COMPONENT_DIR, component_name, component_spec};
pub use problem::{ConfigErrors, Located, Warning};
pub use resolved::{
    ArchiveBuild, ArchiveFormat, ArtifactStore, Backend, BaseImagePattern, BinaryBuild, Bucket, Build, BuildCache, BuilderKeep,
    BuilderSettings, BuildkitOptions, CacheExport, CacheKeep, CacheMode, CachePlace, Cleanup, CommandBuild, CommandLine, CommandOutput,
    ComponentPublish, Condition, Config, DockerBuild, Driver, ExternalCache, FileBuild, FileWork, FilesPlace, FilesPublish, Forge,
    ForgeProvider, Git, Libc, LocalCache, NoLineage, Node, NotesSource, OutputKind, PrimaryTurn, Publish, PublishKind, Registry,
    RegistryProvider, RegistryPublish, ReleaseDefaults, ReleasePublish, ReleaseRetention, ReleaseType, Remote, RemotePublish, Repo,
    Requirements, SecretSource, Security, Stage, StorePublish, TagPolicy, TagTemplate, Toolchain, VersionRule, Workplace,
};
pub use schema::schema;
pub use show::{Shown, yaml_of};
pub use yaml::MAX_BYTES;

use problem::Problem;

/// Most problems that are kept with their excerpts; the others are counted.
const MAX_PROBLEMS: usize = 100;

/// Reads and checks the text of a config file. `file_name` is used in messages only. All problems that can be found
/// in one go are reported together.
pub fn load(text: &str, file_name: &str) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    let mut cx = decode::Cx::default();
    let config = read(text, &mut cx);
    let decode::Cx { mut problems, warnings, .. } = cx;
    hide_lines_with_secrets(&mut problems, text);
    let shown = excerpt::mask_userinfo(text);
    let locate = |problem: &Problem| Located::new(problem, file_name, &shown);
    let warnings = warnings.iter().take(MAX_PROBLEMS).map(locate).collect();
    if problems.is_empty()
        && let Some(config) = config
    {
        return Ok((config, warnings));
    }
    problems.sort_by_key(|problem| problem.span.map_or(0, |span| span.start));
    problems.dedup();
    let omitted = problems.len().saturating_sub(MAX_PROBLEMS);
    Err(ConfigErrors { problems: problems.iter().take(MAX_PROBLEMS).map(locate).collect(), omitted, warnings })
}

/// Where one problem may not show its line, the others of that line may not either.
fn hide_lines_with_secrets(problems: &mut [Problem], text: &str) {
    let line = |problem: &Problem| problem.span.map(|span| problem::position(text, span.start).0);
    let hidden: Vec<_> = problems.iter().filter(|problem| problem.secret).map(line).collect();
    for problem in problems.iter_mut().filter(|_| !hidden.is_empty()) {
        problem.secret |= hidden.contains(&line(problem));
    }
}

fn read(text: &str, cx: &mut decode::Cx) -> Option<Config> {
    let mut root = match yaml::parse(text) {
        Ok(root) => root,
        Err(problem) => {
            cx.report(problem);
            return None;
        }
    };
    vars::expand(&mut root, cx);
    let document = written::Document::read(&root, cx)?;
    Some(resolve::resolve(document, cx))
}

/// Like [`load`], for bytes as they come from a file: text that is not UTF-8 is one problem that names the byte.
pub fn load_bytes(bytes: &[u8], file_name: &str) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    match std::str::from_utf8(bytes) {
        Ok(text) => load(text.strip_prefix('\u{feff}').unwrap_or(text), file_name),
        Err(error) => {
            let at = error.valid_up_to();
            let line = bytes[..at].split(|byte| *byte == b'\n').count();
            let problem = Problem::new(format!("line {line} is not UTF-8 text (byte {at})"), None).hint("save the file as UTF-8");
            Err(ConfigErrors { problems: vec![Located::new(&problem, file_name, "")], omitted: 0, warnings: Vec::new() })
        }
    }
}

#[cfg(test)]
mod tests;
