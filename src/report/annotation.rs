//! Messages that a CI host shows beside the line they are about: workflow commands of GitHub, Gitea and Forgejo, logging
//! commands of Azure Pipelines. What is in them came from a build, so nothing in it may end the command or begin another.

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something failed.
    Error,
    /// Somebody should know.
    Warning,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Where and what.
#[derive(Debug, Clone, Copy)]
pub struct Annotation<'a> {
    /// How much it matters.
    pub severity: Severity,
    /// Path below the repository's root.
    pub file: Option<&'a str>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, from 1.
    pub column: Option<u32>,
    /// Heading.
    pub title: &'a str,
    /// Text; may have several lines.
    pub message: &'a str,
}

/// `::error file=main.go,line=3,col=5,title=…::…` (GitHub: workflow commands). Its own escapes: `%`, CR and LF
/// everywhere, `:` and `,` in properties.
pub fn actions(annotation: &Annotation<'_>) -> String {
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let mut properties = Vec::new();
    if let Some(file) = annotation.file {
        properties.push(format!("file={}", property(file)));
        properties.extend(annotation.line.map(|line| format!("line={line}")));
        properties.extend(annotation.column.map(|column| format!("col={column}")));
    }
    properties.push(format!("title={}", property(annotation.title)));
    format!("::{} {}::{}\n", annotation.severity.word(), properties.join(","), data(annotation.message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// `##vso[task.logissue type=error;sourcepath=main.go;linenumber=3;columnnumber=5]…` (Azure Pipelines: logging
/// commands). Its own escapes: CR and LF everywhere, `;` and `]` in properties, and the percent sign as `%AZP25`.
pub fn azure(annotation: &Annotation<'_>) -> String {
    let data = |text: &str| text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A");
    let mut properties = format!("type={}", annotation.severity.word());
    if let Some(file) = annotation.file {
        properties.push_str(&format!(";sourcepath={}", data(file).replace(';', "%3B").replace(']', "%5D")));
        annotation.line.into_iter().for_each(|line| properties.push_str(&format!(";linenumber={line}")));
        annotation.column.into_iter().for_each(|column| properties.push_str(&format!(";columnnumber={column}")));
    }
    format!("##vso[task.logissue {properties}]{}: {}\n", data(annotation.title), data(annotation.message))
}

/// `error: main.go:3:5: …`, for hosts without annotations.
pub fn line(annotation: &Annotation<'_>) -> String {
    let mut place = annotation.file.map(str::to_owned).unwrap_or_default();
    if !place.is_empty() {
        annotation.line.into_iter().for_each(|line| place.push_str(&format!(":{line}")));
        annotation.column.into_iter().for_each(|column| place.push_str(&format!(":{column}")));
        place.push_str(": ");
    }
    format!("{}: {place}{}", annotation.severity.word(), annotation.message.replace(['\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> Annotation<'static> {
        Annotation {
            severity: Severity::Error,
            file: Some("src/a,b:c;d]%\n::error::x.c"),
            line: Some(3),
            column: Some(5),
            title: "build a,b: 100%",
            message: "50% of it\r\n::set-output name=x::y\n##vso[task.complete result=Succeeded]",
        }
    }

    #[test]
    fn nothing_in_it_ends_a_workflow_command() {
        assert_eq!(
            actions(&hostile()),
            "::error file=src/a%2Cb%3Ac;d]%25%0A%3A%3Aerror%3A%3Ax.c,line=3,col=5,title=build a%2Cb%3A 100%25::\
             50%25 of it%0D%0A::set-output name=x::y%0A##vso[task.complete result=Succeeded]\n"
        );
        let bare = Annotation { file: None, severity: Severity::Warning, title: "t", message: "m", ..hostile() };
        assert_eq!(actions(&bare), "::warning title=t::m\n");
    }

    #[test]
    fn nothing_in_it_ends_a_logging_command() {
        assert_eq!(
            azure(&hostile()),
            "##vso[task.logissue type=error;sourcepath=src/a,b:c%3Bd%5D%AZP25%0A::error::x.c;linenumber=3;columnnumber=5]\
             build a,b: 100%AZP25: 50%AZP25 of it%0D%0A::set-output name=x::y%0A##vso[task.complete result=Succeeded]\n"
        );
        let bare = Annotation { file: None, severity: Severity::Warning, title: "t", message: "m", ..hostile() };
        assert_eq!(azure(&bare), "##vso[task.logissue type=warning]t: m\n");
    }

    #[test]
    fn elsewhere_it_is_one_line() {
        let plain = Annotation { file: Some("a.c"), message: "x\ny", ..hostile() };
        assert_eq!(line(&plain), "error: a.c:3:5: x y");
        assert_eq!(line(&Annotation { file: None, ..plain }), "error: x y");
    }
}
