//! `{var:NAME}`: filled in everywhere in the file before anything else looks at it.

use std::collections::HashMap;

use super::decode::Cx;
use super::node::{Node, Value};
use super::problem::Problem;
use super::span::Span;
use super::suggest;

/// Longest text a variable may grow to.
const MAX_LEN: usize = 16 << 10;

/// Most variables one text may stand on, each counted as often as it is used.
const MAX_USES: usize = 1000;

/// Deepest chain of variables.
const MAX_DEPTH: usize = 32;

/// Fills `{var:NAME}` in every value below `root`, the entries of `vars` included. `{{` is left for templates.
pub fn expand(root: &mut Node, cx: &mut Cx) {
    let Value::Map(sections) = &root.value else { return };
    let mut vars = HashMap::new();
    if let Some((_, Node { value: Value::Map(entries), .. })) = sections.iter().find(|(key, _)| key.text == "vars") {
        for (key, node) in entries {
            if let Some(text) = node.value.scalar() {
                vars.insert(key.text.clone(), Var { text: text.to_owned(), span: node.span });
            }
        }
    }
    let vars = Vars(vars);
    let Value::Map(sections) = &mut root.value else { return };
    for (key, section) in sections {
        // Anchors may hold anything, and their use is expanded where it stands.
        if key.text != "defaults" {
            walk(section, &vars, cx);
        }
    }
}

struct Var {
    text: String,
    span: Span,
}

struct Vars(HashMap<String, Var>);

fn walk(node: &mut Node, vars: &Vars, cx: &mut Cx) {
    match &mut node.value {
        Value::Text(text) if text.contains("{var:") => match vars.fill(text, &mut Vec::new(), &mut 0) {
            Ok(filled) => *text = filled,
            Err(wrong) => {
                let problem = vars.explain(&wrong, node.span);
                // One circle is one problem, however many values lead into it.
                let known = matches!(wrong, Wrong::Cycle(_)) && cx.problems.iter().any(|other| other.message == problem.message);
                if !known {
                    cx.report(problem);
                }
            }
        },
        Value::Text(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::List(items) => items.iter_mut().for_each(|item| walk(item, vars, cx)),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| walk(value, vars, cx)),
    }
}

enum Wrong {
    Unknown(String),
    Cycle(Vec<String>),
    TooLong,
}

impl Vars {
    fn fill(&self, text: &str, under: &mut Vec<String>, uses: &mut usize) -> Result<String, Wrong> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            filled.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                filled.push_str("{{");
                rest = after;
                continue;
            }
            let Some((name, after)) = from.strip_prefix("{var:").and_then(|inner| inner.split_once('}')) else {
                filled.push('{');
                rest = &from[1..];
                continue;
            };
            if under.iter().any(|outer| outer == name) {
                let mut cycle = under.clone();
                cycle.push(name.to_owned());
                return Err(Wrong::Cycle(cycle));
            }
            let var = self.0.get(name).ok_or_else(|| Wrong::Unknown(name.to_owned()))?;
            *uses += 1;
            if under.len() == MAX_DEPTH || *uses > MAX_USES {
                return Err(Wrong::TooLong);
            }
            under.push(name.to_owned());
            filled.push_str(&self.fill(&var.text, under, uses)?);
            under.pop();
            if filled.len() > MAX_LEN {
                return Err(Wrong::TooLong);
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn explain(&self, wrong: &Wrong, span: Span) -> Problem {
        let names = || {
            let mut names: Vec<&str> = self.0.keys().map(String::as_str).collect();
            names.sort_unstable_by_key(|name| self.0[*name].span.start);
            names
        };
        match wrong {
            Wrong::Unknown(name) => {
                let problem = Problem::at(span, format!("variable `{name}` is not defined")).label(suggest::label(name, names()));
                if self.0.is_empty() {
                    problem.hint(format!("define it: `vars: {{ {name}: … }}`"))
                } else {
                    problem.hint(format!("variables defined here: {}", suggest::list(names())))
                }
            }
            Wrong::Cycle(names) => {
                let message = format!("variables refer to each other in a circle: {}", circle(names).join(" → "));
                Problem::at(span, message).hint("give one of them a value of its own")
            }
            Wrong::TooLong => {
                Problem::at(span, format!("the variables of this text stand on too many others, or grow it past {} KiB", MAX_LEN >> 10))
            }
        }
    }
}

/// The circle at the end of a path, from its first name in alphabetical order back to it.
fn circle(path: &[String]) -> Vec<String> {
    let from = path.last().and_then(|last| path.iter().position(|name| name == last)).unwrap_or(0);
    let mut circle = path[from..path.len().saturating_sub(1)].to_vec();
    let least = circle.iter().enumerate().min_by_key(|(_, name)| name.as_str()).map_or(0, |(index, _)| index);
    circle.rotate_left(least);
    circle.extend(circle.first().cloned());
    circle
}
