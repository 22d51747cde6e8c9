//! Words of a Dockerfile: splitting, quotes, escapes and variables, with the meaning of BuildKit's shell lexer.

use std::collections::BTreeMap;

use super::glob;

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// Nesting of `${a:-${b:-…}}` beyond which a text is not a Dockerfile any more.
const MAX_DEPTH: usize = 32;
/// Length of an expanded word: repeated doubling of a variable ends here.
const MAX_WORD: usize = 1 << 20;

/// Why a word cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A quote or brace is not closed.
    #[error("`{0}` has no closing {1}")]
    Open(String, &'static str),
    /// `${` is followed by something else than a name and a known modifier.
    #[error("`{0}` is not a variable expression that Dockerfiles know")]
    Modifier(String),
    /// `${NAME:?message}` and the variable is not set.
    #[error("variable {0}: {1}")]
    Required(String, String),
    /// Deeper or longer than sense allows.
    #[error("`{0}` expands to more than 1 MiB or nests more than {MAX_DEPTH} deep")]
    TooMuch(String),
}

/// How a text is read.
#[derive(Debug, Clone, Copy)]
pub struct Lexer {
    /// The escape character: `\`, or what the `escape` directive says.
    pub escape: char,
    /// Keep quotes and escapes, expand variables only: the body of a here-document.
    pub raw: bool,
    /// Leave an expression whose variable is not known as it is written, where BuildKit would put nothing: for reading
    /// a text whose variables are only known in part. Defaults (`${a:-b}`) still count.
    pub keep_unknown: bool,
}

impl Lexer {
    /// As BuildKit reads instructions.
    pub fn new(escape: char) -> Self {
        Self { escape, raw: false, keep_unknown: false }
    }

    /// Expands one word: removes quotes and escapes, replaces variables.
    pub fn word(self, text: &str, variables: &Variables) -> Result<String, ExpandError> {
        let mut reader = Reader { lexer: self, chars: text.chars().collect(), at: 0, variables, text, depth: 0, unknown: false };
        reader.until(&[])
    }

    /// Splits at white space outside quotes; the words keep their quotes and escapes.
    pub fn split(self, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut word = String::new();
        let mut quote = None;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if quote.is_none() && c.is_whitespace() {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            word.push(c);
            match (c, quote) {
                (c, q) if c == self.escape && q != Some('\'') => word.extend(chars.next()),
                ('\'' | '"', None) => quote = Some(c),
                (c, Some(q)) if c == q => quote = None,
                _ => {}
            }
        }
        if !word.is_empty() {
            words.push(word);
        }
        words
    }
}

struct Reader<'a> {
    lexer: Lexer,
    chars: Vec<char>,
    at: usize,
    variables: &'a Variables,
    text: &'a str,
    depth: usize,
    /// The expression just read has no value of its own: its variable is not known, and it says no other value.
    unknown: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    fn open(&self, what: &'static str) -> ExpandError {
        ExpandError::Open(self.text.chars().take(120).collect(), what)
    }

    // Reads up to one of `ends`, which is left unread.
    fn until(&mut self, ends: &[char]) -> Result<String, ExpandError> {
        let mut out = String::new();
        while let Some(c) = self.peek() {
            if ends.contains(&c) {
                break;
            }
            match c {
                '\'' if !self.lexer.raw => self.single_quoted(&mut out)?,
                '"' if !self.lexer.raw => self.double_quoted(&mut out)?,
                '$' => self.dollar(&mut out)?,
                c if c == self.lexer.escape => {
                    self.at += 1;
                    let next = self.next();
                    if self.lexer.raw && next != Some('$') {
                        out.push(c);
                    }
                    // A lone escape at the end stays, as in BuildKit.
                    out.push(next.unwrap_or(c));
                }
                c => {
                    self.at += 1;
                    out.push(c);
                }
            }
            if out.len() > MAX_WORD {
                return Err(ExpandError::TooMuch(self.text.chars().take(120).collect()));
            }
        }
        Ok(out)
    }

    fn single_quoted(&mut self, out: &mut String) -> Result<(), ExpandError> {
        self.at += 1;
        loop {
            match self.next() {
                Some('\'') => return Ok(()),
                Some(c) => out.push(c),
                None => return Err(self.open("single quote")),
            }
        }
    }

    fn double_quoted(&mut self, out: &mut String) -> Result<(), ExpandError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('$') => self.dollar(out)?,
                Some(c) if c == self.lexer.escape => {
                    self.at += 1;
                    match self.next() {
                        Some(next) if next == '"' || next == '$' || next == self.lexer.escape => out.push(next),
                        Some(next) => out.extend([c, next]),
                        None => return Err(self.open("double quote")),
                    }
                }
                Some(c) => {
                    self.at += 1;
                    out.push(c);
                }
                None => return Err(self.open("double quote")),
            }
        }
    }

    fn dollar(&mut self, out: &mut String) -> Result<(), ExpandError> {
        let begin = self.at;
        self.at += 1;
        if self.peek() == Some('{') {
            self.at += 1;
            let start = self.at;
            self.unknown = false;
            let value = self.braced(start)?;
            if std::mem::take(&mut self.unknown) && self.lexer.keep_unknown {
                out.extend(&self.chars[begin..self.at]);
            } else {
                out.push_str(&value);
            }
            return Ok(());
        }
        let name = self.name();
        match self.variables.get(&name) {
            Some(value) => out.push_str(value),
            None if name.is_empty() => out.push('$'),
            None if self.lexer.keep_unknown => out.extend(&self.chars[begin..self.at]),
            None => {}
        }
        Ok(())
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if !c.is_ascii_alphanumeric() && c != '_' {
                break;
            }
            self.at += 1;
            name.push(c);
            // `$1` and the like are one digit long, and never set.
            if name.len() == 1 && c.is_ascii_digit() {
                break;
            }
        }
        name
    }

    fn braced(&mut self, start: usize) -> Result<String, ExpandError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ExpandError::TooMuch(self.text.chars().take(120).collect()));
        }
        let name = self.name();
        let bad = |reader: &Self| {
            let shown: String = reader.chars[start..].iter().take_while(|c| **c != '}').take(100).collect();
            ExpandError::Modifier(format!("${{{shown}}}"))
        };
        if name.is_empty() {
            return Err(bad(self));
        }
        let value = self.variables.get(&name).cloned();
        let filled = value.clone().filter(|v| !v.is_empty());
        let result = match self.next().ok_or_else(|| self.open("brace"))? {
            '}' => {
                self.depth -= 1;
                self.unknown = value.is_none();
                return Ok(value.unwrap_or_default());
            }
            ':' => {
                let modifier = self.next();
                let word = self.until(&['}'])?;
                self.unknown = modifier == Some('?') && filled.is_none();
                match modifier {
                    Some('-') => filled.unwrap_or(word),
                    Some('+') => filled.map(|_| word).unwrap_or_default(),
                    Some('?') => self.demanded(filled, &name, &word)?,
                    _ => return Err(bad(self)),
                }
            }
            '-' => {
                let word = self.until(&['}'])?;
                self.unknown = false;
                value.unwrap_or(word)
            }
            '+' => {
                let word = self.until(&['}'])?;
                self.unknown = false;
                value.map(|_| word).unwrap_or_default()
            }
            '?' => {
                let word = self.until(&['}'])?;
                self.unknown = value.is_none();
                self.demanded(value, &name, &word)?
            }
            end @ ('#' | '%') => {
                let longest = self.peek() == Some(end);
                self.at += usize::from(longest);
                let pattern = self.until(&['}'])?;
                self.unknown = value.is_none();
                trim(&value.unwrap_or_default(), &pattern, end == '#', longest)
            }
            '/' => {
                let all = self.peek() == Some('/');
                self.at += usize::from(all);
                let pattern = self.until(&['/', '}'])?;
                let with = if self.peek() == Some('/') {
                    self.at += 1;
                    self.until(&['}'])?
                } else {
                    String::new()
                };
                self.unknown = value.is_none();
                replace(&value.unwrap_or_default(), &pattern, &with, all)
            }
            _ => return Err(bad(self)),
        };
        self.depth -= 1;
        match self.next() {
            Some('}') => Ok(result),
            _ => Err(self.open("brace")),
        }
    }

    // The value of `${NAME:?message}`. Where unknown variables are kept, their absence is no failure.
    fn demanded(&self, value: Option<String>, name: &str, word: &str) -> Result<String, ExpandError> {
        match value {
            Some(value) => Ok(value),
            None if self.lexer.keep_unknown => Ok(String::new()),
            None => Err(required(name, word)),
        }
    }
}

fn required(name: &str, word: &str) -> ExpandError {
    let message = if word.is_empty() { "is not allowed to be unset" } else { word };
    ExpandError::Required(name.to_owned(), message.to_owned())
}

// Patterns of these modifiers are matched as a whole against every stretch; names and versions are short. `*` crosses
// slashes here, so slashes are hidden from the file-name matcher.
fn fits(pattern: &str, stretch: &str) -> bool {
    glob::matches(&pattern.replace('/', "\u{1}"), &stretch.replace('/', "\u{1}"))
}

fn cuts(value: &str) -> Vec<usize> {
    value.char_indices().map(|(at, _)| at).chain([value.len()]).collect()
}

fn trim(value: &str, pattern: &str, front: bool, longest: bool) -> String {
    let mut cuts = cuts(value);
    // From the front the shortest match is the first cut, from the back it is the last.
    if front == longest {
        cuts.reverse();
    }
    for cut in cuts {
        let (head, tail) = value.split_at(cut);
        let (matched, rest) = if front { (head, tail) } else { (tail, head) };
        if fits(pattern, matched) {
            return rest.to_owned();
        }
    }
    value.to_owned()
}

fn replace(value: &str, pattern: &str, with: &str, all: bool) -> String {
    let mut out = String::new();
    let mut rest = value;
    while !rest.is_empty() {
        let longest = cuts(rest).into_iter().rev().find(|cut| *cut > 0 && fits(pattern, &rest[..*cut]));
        if let Some(cut) = longest {
            out.push_str(with);
            rest = &rest[cut..];
            if !all {
                break;
            }
        } else {
            let mut chars = rest.chars();
            out.extend(chars.next());
            rest = chars.as_str();
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEXER: Lexer = Lexer { escape: '\\', raw: false, keep_unknown: false };

    fn variables() -> Variables {
        [("A", "x"), ("EMPTY", ""), ("P", "/usr/local/bin"), ("V", "v1.2.3")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn expands_as_buildkit_does() {
        for (text, expected) in [
            ("a$A", "ax"),
            ("${A}b", "xb"),
            ("$Ab", ""),
            ("$A-$A", "x-x"),
            ("\\$A", "$A"),
            ("'$A'", "$A"),
            ("\"$A b\"", "x b"),
            ("\"\\$A\"", "$A"),
            ("\"\\n\"", "\\n"),
            ("a\\ b", "a b"),
            ("'it''s'", "its"),
            ("${U:-d}", "d"),
            ("${U-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${A:+y}", "y"),
            ("${EMPTY:+y}", ""),
            ("${EMPTY+y}", "y"),
            ("${U:-${A}y}", "xy"),
            ("${U:-${W:-'a b'}}", "a b"),
            ("$", "$"),
            ("a$", "a$"),
            ("$/", "$/"),
            ("$1x", "x"),
            ("${P#*/}", "usr/local/bin"),
            ("${P##*/}", "bin"),
            ("${P%/*}", "/usr/local"),
            ("${P%%/*}", ""),
            ("${V#v}", "1.2.3"),
            ("${V/./-}", "v1-2.3"),
            ("${V//./-}", "v1-2-3"),
            ("\\", "\\"),
        ] {
            assert_eq!(LEXER.word(text, &variables()).as_deref(), Ok(expected), "{text}");
        }
        let windows = Lexer::new('`');
        assert_eq!(windows.word("c:\\x`$A", &variables()).as_deref(), Ok("c:\\x$A"));
        let body = Lexer { raw: true, ..LEXER };
        assert_eq!(body.word("\"$A\" 'b' \\n \\$A", &variables()).as_deref(), Ok("\"x\" 'b' \\n $A"));
    }

    #[test]
    fn keeps_what_it_does_not_know_when_asked() {
        let keeping = Lexer { keep_unknown: true, ..LEXER };
        for (text, expected) in [
            ("a-$U", "a-$U"),
            ("a-${U}-$A", "a-${U}-x"),
            ("${U:-d}${U-e}", "de"),
            ("${U:-${W}}", "${W}"),
            ("${U#v}/${V#v}", "${U#v}/1.2.3"),
            ("${U:?needed}", "${U:?needed}"),
            ("${U:+y}", ""),
            ("'$U' \"$U\" \\$U", "$U $U $U"),
            ("$(uname -m)", "$(uname -m)"),
        ] {
            assert_eq!(keeping.word(text, &variables()).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for bad in ["${A", "'a", "\"a", "${A:", "${A:=x}", "${}", "${A!}", "${U:?}", &"${U:-".repeat(40)] {
            assert!(LEXER.word(bad, &variables()).is_err(), "{bad}");
        }
        let error = LEXER.word("${TOKEN:?set it with --build-arg}", &variables()).expect_err("required");
        assert_eq!(error.to_string(), "variable TOKEN: set it with --build-arg");
    }

    #[test]
    fn splits_at_white_space_outside_quotes() {
        assert_eq!(LEXER.split("a=\"b c\" d='e f'  g=h\\ i"), ["a=\"b c\"", "d='e f'", "g=h\\ i"]);
    }
}
