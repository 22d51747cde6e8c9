//! Shell text taken apart into simple commands: as much of the POSIX shell grammar (XCU 2.10) as it takes to know where
//! a command begins and ends. Nothing is run, nothing is refused: what does not make sense becomes words.

/// Nesting of substitutions beyond which a text is not read further.
const MAX_DEPTH: usize = 16;
/// Commands of one script; more than any Dockerfile has.
const MAX_COMMANDS: usize = 20_000;

/// A simple command: words as they are written, quotes included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simple {
    /// Its words; redirections are left out.
    pub words: Vec<String>,
    /// Here-documents it reads: text, and whether the shell replaces variables in it.
    pub documents: Vec<(String, bool)>,
}

/// The simple commands of a script in their order, those of substitutions (`$(…)`) after the command they stand in.
pub fn commands(script: &str) -> Vec<Simple> {
    let mut out = Vec::new();
    scan(script, 0, &mut out);
    out
}

fn scan(script: &str, depth: usize, out: &mut Vec<Simple>) {
    if depth > MAX_DEPTH {
        return;
    }
    let mut scanner = Scanner { text: script, at: 0, current: Simple::default(), waiting: Vec::new(), nested: Vec::new(), out };
    scanner.run();
    let nested = std::mem::take(&mut scanner.nested);
    for script in nested {
        scan(&script, depth + 1, out);
    }
}

/// A here-document that begins at the next line: delimiter, tabs stripped, variables replaced, which command reads it.
struct Waiting {
    name: String,
    tabs: bool,
    expand: bool,
    command: usize,
}

struct Scanner<'a, 'o> {
    text: &'a str,
    at: usize,
    current: Simple,
    waiting: Vec<Waiting>,
    nested: Vec<String>,
    out: &'o mut Vec<Simple>,
}

impl Scanner<'_, '_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn end_command(&mut self) {
        if self.out.len() < MAX_COMMANDS && self.current != Simple::default() {
            self.out.push(std::mem::take(&mut self.current));
        }
        self.current = Simple::default();
    }

    fn run(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                '\n' => {
                    self.at += 1;
                    // A document belongs to a command that ends here, or ended before on this line.
                    self.mark_waiting();
                    self.end_command();
                    self.read_documents();
                }
                ';' | '&' | '|' | '(' | ')' => {
                    self.at += 1;
                    // `&>` is a redirection.
                    if c == '&' && self.peek() == Some('>') {
                        continue;
                    }
                    self.mark_waiting();
                    self.end_command();
                }
                '<' | '>' => self.redirection(),
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                c if c.is_whitespace() => self.at += c.len_utf8(),
                _ => self.word_or_descriptor(),
            }
        }
        self.mark_waiting();
        self.end_command();
    }

    fn word_or_descriptor(&mut self) {
        let word = self.word();
        // `2>x`: the number belongs to the redirection.
        let descriptor = word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit());
        let redirects = descriptor && self.rest().starts_with(['<', '>']);
        if !word.is_empty() && !redirects {
            self.current.words.push(word);
        }
    }

    // Documents seen so far without an owner belong to the command that is being read.
    fn mark_waiting(&mut self) {
        let index = self.out.len();
        if self.current == Simple::default() && self.waiting.iter().any(|document| document.command == usize::MAX) {
            // `RUN <<EOF`: a document and no words. Kept as a command of its own.
            self.current.documents.push((String::new(), true));
        }
        for document in self.waiting.iter_mut().filter(|document| document.command == usize::MAX) {
            document.command = index;
        }
    }

    fn redirection(&mut self) {
        let operator = self.rest().len() - self.rest().trim_start_matches(['<', '>']).len();
        let document = self.rest().starts_with("<<") && operator == 2;
        // `<(…)` and `>(…)` are words; their commands are read like any others.
        self.at += operator;
        let tabs = document && self.peek() == Some('-');
        if tabs || matches!(self.peek(), Some('&' | '|')) {
            self.at += 1;
        }
        while self.peek().is_some_and(|c| c == ' ' || c == '\t') {
            self.at += 1;
        }
        let target = self.word();
        if document && !target.is_empty() {
            let expand = !target.contains(['"', '\'', '\\']);
            self.waiting.push(Waiting { name: target.replace(['"', '\'', '\\'], ""), tabs, expand, command: usize::MAX });
        }
    }

    fn read_documents(&mut self) {
        for document in std::mem::take(&mut self.waiting) {
            let mut body = String::new();
            while self.at < self.text.len() {
                let length = self.rest().find('\n').map_or(self.rest().len(), |end| end + 1);
                let line = self.rest()[..length].to_owned();
                self.at += length;
                let line = if document.tabs { line.trim_start_matches('\t') } else { &line };
                if line.trim_end_matches(['\n', '\r']) == document.name {
                    break;
                }
                body.push_str(line);
            }
            if let Some(command) = self.out.get_mut(document.command) {
                command.documents.retain(|(text, _)| !text.is_empty());
                command.documents.push((body, document.expand));
            }
        }
    }

    /// Reads one word. Ends at white space, an operator, or the end of the text.
    fn word(&mut self) -> String {
        let start = self.at;
        let mut word = String::new();
        while let Some(c) = self.peek() {
            match c {
                ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                c if c.is_whitespace() => break,
                '\\' => {
                    self.at += 1;
                    match self.bump() {
                        Some('\n') => {}
                        Some(next) => word.extend([c, next]),
                        None => word.push(c),
                    }
                }
                '\'' => {
                    self.at += 1;
                    let inner = self.rest().find('\'').map_or(self.rest().len(), |end| end + 1);
                    word.push(c);
                    word.push_str(&self.text[self.at..self.at + inner]);
                    self.at += inner;
                }
                '"' => self.double_quoted(&mut word),
                '`' => self.backquoted(&mut word),
                '$' => self.dollar(&mut word),
                c => {
                    word.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        // Every turn of `run` must move on.
        if self.at == start {
            self.bump();
        }
        word
    }

    fn double_quoted(&mut self, word: &mut String) {
        word.extend(self.bump());
        while let Some(c) = self.peek() {
            match c {
                '$' => self.dollar(word),
                '`' => self.backquoted(word),
                '\\' => {
                    self.at += 1;
                    match self.bump() {
                        Some('\n') => {}
                        Some(next) => word.extend([c, next]),
                        None => word.push(c),
                    }
                }
                c => {
                    word.push(c);
                    self.at += c.len_utf8();
                    if c == '"' {
                        return;
                    }
                }
            }
        }
    }

    fn backquoted(&mut self, word: &mut String) {
        let inner_start = self.at + 1;
        let inner = self.text.get(inner_start..).and_then(|rest| rest.find('`'));
        let end = inner.map_or(self.text.len(), |length| inner_start + length);
        self.nested.push(self.text[inner_start.min(end)..end].to_owned());
        let after = (end + 1).min(self.text.len());
        word.push_str(&self.text[self.at..after]);
        self.at = after;
    }

    fn dollar(&mut self, word: &mut String) {
        let start = self.at;
        self.at += 1;
        let (open, close) = match self.peek() {
            Some('(') => ('(', ')'),
            Some('{') => ('{', '}'),
            _ => {
                word.push('$');
                return;
            }
        };
        let mut depth = 0_usize;
        let mut quote = None;
        while let Some(c) = self.bump() {
            match (c, quote) {
                ('\\', q) if q != Some('\'') => {
                    self.bump();
                }
                (c, Some(q)) if c == q => quote = None,
                ('\'' | '"', None) => quote = Some(c),
                (c, None) if c == open => depth += 1,
                (c, None) if c == close => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        let whole = &self.text[start..self.at];
        if open == '(' && !whole.starts_with("$((") {
            let inner = whole.strip_prefix("$(").unwrap_or_default();
            self.nested.push(inner.strip_suffix(')').unwrap_or(inner).to_owned());
        }
        word.push_str(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<String> {
        commands(script).iter().map(|command| command.words.join(" ")).collect()
    }

    #[test]
    fn splits_at_operators_outside_quotes() {
        for (script, expected) in [
            ("a b && c || d; e | f & g", &["a b", "c", "d", "e", "f", "g"][..]),
            ("echo 'a && b' \"c; d\" && e", &["echo 'a && b' \"c; d\"", "e"]),
            ("a \\\n  b\nc", &["a b", "c"]),
            ("a # b && c\nd", &["a", "d"]),
            ("a#b", &["a#b"]),
            ("a >x 2>&1 <y b", &["a b"]),
            ("a &>/dev/null && b", &["a", "b"]),
            ("a 2>/dev/null b", &["a b"]),
            ("(a; b) && { c; }", &["a", "b", "{ c", "}"]),
            ("x=$(a | b) c", &["x=$(a | b) c", "a", "b"]),
            ("x=`a b` c", &["x=`a b` c", "a b"]),
            ("echo \"$(a \"b c\")\"", &["echo \"$(a \"b c\")\"", "a \"b c\""]),
            ("echo $((1 + 2)) ${a:-b c}", &["echo $((1 + 2)) ${a:-b c}"]),
            ("echo 'never closed && b", &["echo 'never closed && b"]),
            ("echo $(never closed", &["echo $(never closed", "never closed"]),
            ("a;;b", &["a", "b"]),
            ("", &[]),
            ("(((", &[]),
            (">", &[]),
        ] {
            assert_eq!(words(script), expected, "{script}");
        }
    }

    #[test]
    fn documents_are_no_commands_of_their_own() {
        let found = commands("cat <<E >/x && b\napt-get install no\nE\nc\n");
        assert_eq!(words("cat <<E >/x && b\napt-get install no\nE\nc\n"), ["cat", "b", "c"]);
        assert_eq!(found[0].documents, [("apt-get install no\n".to_owned(), true)]);
        let bare = commands("<<'E'\na $b\nE\n");
        assert_eq!((bare[0].words.len(), &bare[0].documents), (0, &vec![("a $b\n".to_owned(), false)]));
        let two = commands("a <<-A b <<B\n\tx\n\tA\ny\nB\nz");
        assert_eq!(two[0].documents, [("x\n".to_owned(), true), ("y\n".to_owned(), true)]);
        assert_eq!(two[1].words, ["z"]);
    }

    #[test]
    fn ends_on_anything() {
        for text in ["`", "\\", "$", "${", "\"", "'", "<<", "<<E", "a <<", "\"`", "$(`", "&>", "<(", "a\u{a0}b"] {
            commands(text);
            commands(&text.repeat(50));
        }
    }
}
