//! `.stagefreight.yml`: as written, with places (`written`), and resolved (`Config`), with diagnostics that show the
//! line. Pure: the text arrives as a value, the commands read the file. May use `core`, `names` and `error`; must not
//! do I/O, read a clock, or know how templates are rendered and conditions judged (that is `plan`).

mod assume;
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

pub use assume::{assume, is_dockerfile};
pub use problem::{ConfigErrors, Located, Warning};
pub use resolved::{
    BaseImagePattern, Build, Condition, Config, DockerBuild, Git, NoLineage, Publish, Registry, RegistryProvider, RegistryPublish,
    Requirements, Security, TagPolicy, TagTemplate, VersionRule,
};
pub use schema::schema;
pub use show::{Shown, yaml_of};
pub use yaml::MAX_BYTES;

use problem::Problem;

/// Reads and checks the text of a config file. `file_name` is used in messages only. All problems that can be found
/// in one go are reported together.
pub fn load(text: &str, file_name: &str) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    let mut cx = decode::Cx::default();
    let config = read(text, &mut cx);
    let decode::Cx { mut problems, warnings, .. } = cx;
    let locate = |problem: &Problem| Located::new(problem, file_name, text);
    let warnings = warnings.iter().map(locate).collect();
    if problems.is_empty()
        && let Some(config) = config
    {
        return Ok((config, warnings));
    }
    problems.sort_by_key(|problem| problem.span.map_or(0, |span| span.start));
    problems.dedup();
    Err(ConfigErrors { problems: problems.iter().map(locate).collect(), warnings })
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
            Err(ConfigErrors { problems: vec![Located::new(&problem, file_name, "")], warnings: Vec::new() })
        }
    }
}

#[cfg(test)]
mod tests;
