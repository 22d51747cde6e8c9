//! Entries of kind `gitlab-component`.

use globset::GlobBuilder;

use super::publish::{Lookup, conditions};
use super::{Scope, check_reference, paths};
use crate::config::component::component_name;
use crate::config::decode::Cx;
use crate::config::problem::Problem;
use crate::config::resolved::{ComponentPublish, Publish, PublishKind};
use crate::config::span::{Span, Text};
use crate::config::suggest;
use crate::config::written;

/// Characters that make a path a pattern.
const PATTERN: [char; 4] = ['*', '?', '[', '{'];

/// Resolves an entry; `None` where it cannot be told which project is meant.
pub fn component(
    (id, key): (&str, Span),
    publish: written::ComponentPublish,
    lookup: &Lookup<'_>,
    scope: &mut Scope<'_>,
    cx: &mut Cx,
) -> Option<Publish> {
    let written::ComponentPublish {
        repo,
        spec_files,
        catalog,
        when,
        required,
        // For people.
        description: _,
    } = publish;
    let repo = match repo {
        Some(repo) => named(&repo, lookup, cx),
        None => only(id, key, lookup, cx),
    };
    let mut files = Vec::new();
    if let Some(written) = spec_files {
        if written.items.is_empty() {
            cx.report(
                Problem::at(written.span, format!("publish `{id}` names no component file"))
                    .hint("leave `spec_files` out for all there are"),
            );
        }
        files = written.items.iter().filter_map(|file| spec_file(file, cx)).collect();
    }
    let when = conditions(when, lookup.patterns, scope, cx);
    let kind = ComponentPublish { repo: repo?, spec_files: files, catalog: catalog.unwrap_or(true) };
    Some(Publish { id: id.to_owned(), when, required: required.unwrap_or(true), kind: PublishKind::Component(kind) })
}

fn named(repo: &Text, lookup: &Lookup<'_>, cx: &mut Cx) -> Option<String> {
    if !check_reference(repo, "repo", lookup.repos, cx) {
        return None;
    }
    // One whose forge could not be read has been reported.
    match lookup.homes.get(&repo.value)? {
        home if home.is_gitlab() => Some(repo.value.clone()),
        other => {
            let message = format!("repo `{}` is at {}, and components have their catalog at GitLab", repo.value, other.name());
            cx.report(Problem::at(repo.span, message).hint("name a repository whose forge is `provider: gitlab`"));
            None
        }
    }
}

fn only(id: &str, key: Span, lookup: &Lookup<'_>, cx: &mut Cx) -> Option<String> {
    let at_gitlab: Vec<&str> = lookup.homes.iter().filter(|(_, provider)| provider.is_gitlab()).map(|(id, _)| id.as_str()).collect();
    match at_gitlab.as_slice() {
        [one] => Some((*one).to_owned()),
        // What could not be read may be the one.
        [] if lookup.homes.len() < lookup.repos.len() => None,
        [] => {
            let problem = Problem::at(key, format!("publish `{id}` names no repository, and none of `repos` is at GitLab"));
            cx.report(
                problem.hint(
                    "define it: `forges: { gitlab: { provider: gitlab, url: … } }`, `repos: { home: { forge: gitlab, project: … } }`",
                ),
            );
            None
        }
        several => {
            let problem = Problem::at(key, format!("publish `{id}` does not say which repository it is about"));
            cx.report(problem.hint(format!("add `repo:`; at GitLab are {}", suggest::list(several.iter().copied()))));
            None
        }
    }
}

fn spec_file(file: &Text, cx: &mut Cx) -> Option<String> {
    let path = paths::inside(file, "component file", cx)?;
    if path.contains(PATTERN) {
        if let Err(error) = GlobBuilder::new(&path).literal_separator(true).build() {
            cx.report(
                Problem::at(file.span, format!("`{path}` is not a pattern: {}", error.kind())).hint("see `spec_files` in docs/config.md"),
            );
            return None;
        }
    } else if component_name(&path).is_none() {
        let message = format!("`{path}` is not where GitLab looks for components");
        cx.report(
            Problem::at(file.span, message)
                .hint("a component is `templates/NAME.yml` or `templates/NAME/template.yml`, its name letters, digits, `_` and `-`"),
        );
        return None;
    }
    Some(path)
}
