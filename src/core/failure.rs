//! What a failed build step left behind, as plain values: screens, annotations and files are made from them.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// One error that a compiler, a package manager or BuildKit printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// Who said it: `go`, `rustc`, `tsc`, `docker`, …, or `generic` where nobody is known to speak this way.
    pub tool: &'static str,
    /// The file it is about: below the workspace with `/` where such a file is there, else as it was printed.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, from 1.
    pub column: Option<u32>,
    /// What is wrong, one line.
    pub message: String,
}

/// `[tool] file:line[:col]: message`, `[tool] message`, or the bare line where nobody is known to speak this way.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (None, _) if self.tool == Self::GENERIC => f.write_str(&self.message),
            (None, _) => write!(f, "[{}] {}", self.tool, self.message),
            (Some(file), None) => write!(f, "[{}] {file}: {}", self.tool, self.message),
            (Some(file), Some(line)) => {
                write!(f, "[{}] {file}:{line}", self.tool)?;
                self.column.map_or(Ok(()), |column| write!(f, ":{column}"))?;
                write!(f, ": {}", self.message)
            }
        }
    }
}

impl Problem {
    /// The tool of a line that looks like an error and is nobody's.
    pub const GENERIC: &'static str = "generic";

    /// An error without a place.
    pub fn new(tool: &'static str, message: impl Into<String>) -> Self {
        Self { tool, message: message.into(), ..Self::default() }
    }

    /// The same error at a place.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: Option<u32>, column: Option<u32>) -> Self {
        self.file = Some(file.into());
        (self.line, self.column) = (line, column);
        self
    }
}

/// A build that failed. Every text is redacted before it comes here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// Id of the build.
    pub build: String,
    /// The step that failed, as BuildKit names it; empty when it failed outside any step.
    pub step: String,
    /// The command that failed: of the step, or of the builder where no step ran one.
    pub command: String,
    /// Its exit code; 1 where it has none.
    pub exit_code: i32,
    /// Why, one sentence.
    pub reason: String,
    /// Last lines of output.
    pub output: Vec<String>,
    /// The instruction of the Dockerfile it failed at: path below the workspace, line.
    pub dockerfile: Option<(String, u32)>,
    /// Errors found in the output, at most 15.
    pub problems: Vec<Problem>,
}
