//! Here-documents of `RUN`, lifted out of the text before it is parsed: `parse-dockerfile` knows them only where they
//! are the first word, and takes the lines of all others for instructions.

use std::ops::Range;

use super::expand::Lexer;

/// A Dockerfile without the here-documents of its `RUN` instructions. Every byte that stays is where it was.
#[derive(Debug)]
pub struct Lifted {
    /// The text; where the documents were, spaces.
    pub text: String,
    /// For each `RUN` with documents: where its instruction begins, and their lines with the closing delimiters.
    pub documents: Vec<(usize, Range<usize>)>,
}

/// Lifts them out. A document that does not end stays, for the parser to report.
pub fn lift(text: &str) -> Lifted {
    let mut documents = Vec::new();
    // Most Dockerfiles have none.
    if !text.contains("<<") {
        return Lifted { text: text.to_owned(), documents };
    }
    let escape = escape_directive(text);
    let mut masked = text.as_bytes().to_vec();
    let mut lines = Lines { text, at: 0 };
    while let Some(first) = lines.next() {
        let line = &text[first.clone()];
        let word = keyword(line);
        if !matches!(word.as_deref(), Some("run" | "copy" | "add")) {
            // Continuation lines of other instructions are not instructions.
            lines.skip_continuations(line, escape);
            continue;
        }
        let end = lines.skip_continuations(line, escape).unwrap_or(first.end);
        let whole = super::dockerfile::joined(&text[first.start..end], escape);
        let marks: Vec<Mark> = Lexer::new(escape).split(&whole).iter().filter_map(|word| Mark::of(word)).collect();
        if marks.is_empty() {
            continue;
        }
        let begin = lines.at;
        let closed = marks.iter().all(|mark| lines.by_ref().any(|line| mark.closes(&text[line])));
        if !closed {
            lines.at = begin;
        } else if word.as_deref() == Some("run") {
            documents.push((first.start, begin..lines.at));
            blank(&mut masked[begin..lines.at], |_| b' ');
            blank(&mut masked[first.start..end], |byte| if byte == b'<' { b'_' } else { byte });
        }
    }
    // Whole lines were blanked, and single ASCII characters: it is UTF-8 still.
    Lifted { text: String::from_utf8(masked).unwrap_or_else(|_| text.to_owned()), documents }
}

fn blank(bytes: &mut [u8], with: impl Fn(u8) -> u8) {
    for byte in bytes.iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
        *byte = with(*byte);
    }
}

fn keyword(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().map(str::to_ascii_lowercase);
    words.next().map(|word| if word == "onbuild" { words.next().unwrap_or_default() } else { word })
}

/// What the `escape` directive says; directives stand before everything else.
fn escape_directive(text: &str) -> char {
    for line in text.lines() {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('=')) else { break };
        if name.trim().eq_ignore_ascii_case("escape") {
            return value.trim().chars().next().unwrap_or('\\');
        }
    }
    '\\'
}

/// Lines with their ends, as ranges.
struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let start = self.at;
        self.at += length;
        Some(start..self.at)
    }
}

impl Lines<'_> {
    /// Skips the lines that continue an instruction; the end of the last one.
    fn skip_continuations(&mut self, first: &str, escape: char) -> Option<usize> {
        let goes_on = |line: &str| line.trim_end().ends_with(escape);
        let mut open = goes_on(first) && !first.trim_start().starts_with('#');
        let mut end = None;
        while open {
            let Some(next) = self.next() else { break };
            end = Some(next.end);
            let line = self.text[next].trim_start();
            open = line.is_empty() || line.starts_with('#') || goes_on(line);
        }
        end
    }
}

/// `<<NAME`, `<<-NAME`, `3<<NAME`, `<<"NAME"`: a word that begins a document.
struct Mark {
    name: String,
    tabs: bool,
}

impl Mark {
    fn of(word: &str) -> Option<Self> {
        let (number, rest) = word.split_once("<<")?;
        let tabs = rest.starts_with('-');
        let name = rest.strip_prefix('-').unwrap_or(rest);
        if !number.bytes().all(|b| b.is_ascii_digit()) || name.contains('<') {
            return None;
        }
        let name = name.replace(['"', '\'', '\\'], "");
        (!name.is_empty()).then_some(Self { name, tabs })
    }

    fn closes(&self, line: &str) -> bool {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        (if self.tabs { line.trim_start_matches('\t') } else { line }) == self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifted(text: &str) -> Vec<&str> {
        let found = lift(text);
        assert_eq!(found.text.len(), text.len());
        assert_eq!(found.text.lines().count(), text.lines().count());
        found.documents.into_iter().map(|(_, range)| text.get(range).expect("whole characters")).collect()
    }

    #[test]
    fn finds_documents_wherever_they_stand() {
        for (text, expected) in [
            ("RUN <<EOF\na\nEOF\nRUN b\n", &["a\nEOF\n"][..]),
            ("RUN cat <<EOF >/x && b\nRUN no\nEOF\n", &["RUN no\nEOF\n"]),
            ("run <<-'E' sh \\\n  -e\n\ta\n\tE\n", &["\ta\n\tE\n"]),
            ("RUN 3<<A cat <<B\nä\nA\nb\nB", &["ä\nA\nb\nB"]),
            ("COPY <<EOF /x\nRUN <<E\nEOF\nRUN <<E\nx\nE\n", &["x\nE\n"]),
            ("ONBUILD RUN <<E\nx\nE\n", &["x\nE\n"]),
            ("RUN cat <<<word\nRUN a\n", &[]),
            ("RUN <<EOF\nnever closed\n", &[]),
            ("RUN echo \"<<EOF\"\n", &[]),
            ("LABEL a=b \\\nrun <<E\nRUN <<E\nx\nE\n", &["x\nE\n"]),
            ("# escape=`\nRUN dir c:\\\nRUN <<E\nx\nE\n", &["x\nE\n"]),
        ] {
            assert_eq!(lifted(text), expected, "{text}");
        }
    }
}
