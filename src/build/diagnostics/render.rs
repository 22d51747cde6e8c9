//! The rows a failed build is told in (spec/build.md M).

use super::text::plain;
use crate::core::Problem;

/// Lines of output below the errors.
const CONTEXT: usize = 5;

/// Lines of output where no error was recognised.
const RAW: usize = 10;

/// Rows for the screen: one per problem, an empty one, and the last five lines that say something; without problems the
/// last ten lines, after a row that says how many are not shown. The bare output is never left out.
pub fn render<'a>(problems: &[Problem], output: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let lines: Vec<_> = output.into_iter().map(plain).filter(|line| !line.trim().is_empty()).collect();
    let mut rows: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let shown = if problems.is_empty() { RAW } else { CONTEXT };
    let hidden = lines.len().saturating_sub(shown);
    if problems.is_empty() && hidden > 0 {
        rows.push(format!("... ({hidden} lines truncated)"));
    } else if !problems.is_empty() && !lines.is_empty() {
        rows.push(String::new());
    }
    rows.extend(lines[hidden..].iter().map(|line| format!("| {line}")));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_then_the_last_five_lines() {
        let problems = [Problem::new("go", "undefined: x").at("a.go", Some(3), Some(5)), Problem::new("docker", "failed to solve")];
        let output = ["1", "2", "", "3", "4", "5", "   ", "6"];
        assert_eq!(
            render(&problems, output),
            ["[go] a.go:3:5: undefined: x", "[docker] failed to solve", "", "| 2", "| 3", "| 4", "| 5", "| 6"]
        );
        assert_eq!(render(&problems[1..], []), ["[docker] failed to solve"]);
    }

    #[test]
    fn without_problems_the_last_ten_lines_and_how_many_are_missing() {
        let lines: Vec<String> = (1..=13).map(|n| n.to_string()).collect();
        let rows = render(&[], lines.iter().map(String::as_str));
        assert_eq!(rows.len(), 11);
        assert_eq!((rows[0].as_str(), rows[1].as_str(), rows[10].as_str()), ("... (3 lines truncated)", "| 4", "| 13"));
        assert_eq!(render(&[], ["#3 0.1 only"]), ["| only"]);
        assert_eq!(render(&[], []), Vec::<String>::new());
    }

    #[test]
    fn every_form_of_a_row() {
        let at = |line, column| Problem::new("go", "m").at("f", line, column).to_string();
        assert_eq!(at(Some(1), Some(2)), "[go] f:1:2: m");
        assert_eq!(at(Some(1), None), "[go] f:1: m");
        assert_eq!(at(None, None), "[go] f: m");
        assert_eq!(Problem::new("go", "m").to_string(), "[go] m");
        assert_eq!(Problem::new(Problem::GENERIC, "m").to_string(), "m");
    }
}
