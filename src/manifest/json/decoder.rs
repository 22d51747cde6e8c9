//! Reading: keys match without case, nulls count as absent, unknown keys are passed over and remembered, repeated
//! keys are refused. Bounded in depth; the caller bounds the size.

use std::borrow::Cow;
use std::collections::HashSet;

/// Lists and objects within each other (spec/manifest.md §3.4).
pub(super) const MAX_DEPTH: usize = 10_000;
/// How many unknown keys are remembered by name.
const MAX_UNKNOWN: usize = 5;

/// Why a text is not what we expected, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `artifacts[3].docker.dockerfile`; empty at the top.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

enum Step {
    Key(&'static str),
    Index(usize),
}

/// A reader over one text.
pub struct Decoder<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) depth: usize,
    path: Vec<Step>,
    unknown: Vec<String>,
    unknown_count: usize,
}

impl<'a> Decoder<'a> {
    /// Begins at the start of a text.
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0, path: Vec::new(), unknown: Vec::new(), unknown_count: 0 }
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.fault("text after the end of the document")) }
    }

    /// Unknown keys met so far, the first few by their path.
    pub fn unknown(self) -> Unknown {
        Unknown { paths: self.unknown, count: self.unknown_count }
    }

    /// Consumes `null` if it is next.
    pub fn take_null(&mut self) -> Result<bool, Fault> {
        if self.peek()? != b'n' {
            return Ok(false);
        }
        self.literal("null")?;
        Ok(true)
    }

    /// Consumes `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, Fault> {
        match self.peek()? {
            b't' => self.literal("true").map(|()| true),
            b'f' => self.literal("false").map(|()| false),
            _ => Err(self.fault("expected true or false")),
        }
    }

    /// Consumes a whole number that fits 64 bits with sign. No fraction, no exponent, not even `-0.0`.
    pub fn integer(&mut self) -> Result<i64, Fault> {
        if !matches!(self.peek()?, b'-' | b'0'..=b'9') {
            return Err(self.fault("expected a whole number"));
        }
        let start = self.at;
        self.number()?;
        let digits = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        digits.parse().map_err(|_| self.fault_at(start, format!("expected a whole number of at most 64 bits, found {digits}")))
    }

    /// Consumes a string.
    pub fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        if self.peek()? != b'"' {
            return Err(self.fault("expected a string"));
        }
        self.string()
    }

    /// Consumes an object. `member` is called for every key among `keys`, and must consume the value.
    pub fn object(
        &mut self,
        keys: &[&'static str],
        mut member: impl FnMut(&mut Self, &'static str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.peek()? != b'{' {
            return Err(self.fault("expected an object"));
        }
        self.enter()?;
        let mut seen = 0_u64;
        let mut others = HashSet::new();
        let mut guess = 0;
        if self.peek()? == b'}' {
            self.leave();
            return Ok(());
        }
        loop {
            if self.peek()? != b'"' {
                return Err(self.fault("expected a key in quotes"));
            }
            let start = self.at;
            let key = self.string()?;
            match find(keys, &key, guess) {
                Some(index) => {
                    if seen & (1 << index) != 0 {
                        return Err(self.fault_at(start, format!("the key `{}` is repeated", keys[index])));
                    }
                    seen |= 1 << index;
                    guess = index + 1;
                    self.expect(b':')?;
                    self.path.push(Step::Key(keys[index]));
                    member(self, keys[index])?;
                    self.path.pop();
                }
                None => self.pass_over(start, key.into_owned(), &mut others)?,
            }
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.leave();
                    return Ok(());
                }
                _ => return Err(self.fault("expected `,` or `}`")),
            }
        }
    }

    /// Consumes a list. `item` is called before every element and must consume it.
    pub fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.peek()? != b'[' {
            return Err(self.fault("expected a list"));
        }
        self.enter()?;
        if self.peek()? == b']' {
            self.leave();
            return Ok(());
        }
        for index in 0.. {
            self.path.push(Step::Index(index));
            item(self)?;
            self.path.pop();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(self.fault("expected `,` or `]`")),
            }
        }
        self.leave();
        Ok(())
    }

    fn pass_over(&mut self, start: usize, key: String, others: &mut HashSet<String>) -> Result<(), Fault> {
        self.unknown_count += 1;
        if self.unknown.len() < MAX_UNKNOWN {
            let mut path = self.path_text();
            if !path.is_empty() {
                path.push('.');
            }
            path.extend(key.chars().take(60));
            self.unknown.push(path);
        }
        if others.contains(&key) {
            let shown: String = key.chars().take(60).collect();
            return Err(self.fault_at(start, format!("the key `{}` is repeated", shown.escape_debug())));
        }
        others.insert(key);
        self.expect(b':')?;
        self.skip_value()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is not white space.
    pub(super) fn peek(&mut self) -> Result<u8, Fault> {
        self.skip_space();
        self.text.get(self.at).copied().ok_or_else(|| self.fault("the document ends too early"))
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek()? != byte {
            return Err(self.fault(format!("expected `{}`", char::from(byte))));
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn enter(&mut self) -> Result<(), Fault> {
        if self.depth >= MAX_DEPTH {
            return Err(self.fault(format!("nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    pub(super) fn literal(&mut self, word: &str) -> Result<(), Fault> {
        if !self.text[self.at..].starts_with(word.as_bytes()) {
            return Err(self.fault("expected a JSON value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Consumes a number by RFC 8259's grammar.
    pub(super) fn number(&mut self) -> Result<(), Fault> {
        if self.text[self.at] == b'-' {
            self.at += 1;
        }
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.fault("expected a digit")),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.digits();
        if self.at == start { Err(self.fault("expected a digit")) } else { Ok(()) }
    }

    pub(super) fn fault(&self, problem: impl Into<String>) -> Fault {
        self.fault_at(self.at, problem)
    }

    pub(super) fn fault_at(&self, at: usize, problem: impl Into<String>) -> Fault {
        let before = &self.text[..at.min(self.text.len())];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |position| position + 1);
        let line = before.split(|b| *b == b'\n').count();
        Fault { path: self.path_text(), line, column: before.len() - line_start + 1, problem: problem.into() }
    }

    fn path_text(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) if text.is_empty() => text.push_str(key),
                Step::Key(key) => text.push_str(&format!(".{key}")),
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

/// Keys a document held that we do not know. They are not covered by its checksum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unknown {
    /// Paths of the first few.
    pub paths: Vec<String>,
    /// How many there were.
    pub count: usize,
}

/// Exact match first (trying the one that canonically comes next), then by simple case folding.
fn find(keys: &[&'static str], key: &str, guess: usize) -> Option<usize> {
    if keys.get(guess) == Some(&key) {
        return Some(guess);
    }
    keys.iter().position(|known| *known == key).or_else(|| keys.iter().position(|known| same_folded(known, key)))
}

/// ASCII letters fold, and the two characters that fold onto ASCII: U+017F to s, U+212A to k.
fn same_folded(known: &str, key: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(known.chars().map(|c| c.to_ascii_lowercase()))
}
