//! Writing the canonical text (spec/manifest.md §3.1): two spaces, one member per line, our own escapes.

/// A text in the making. Without a final line feed.
#[derive(Debug, Default)]
pub struct Encoder {
    out: String,
    depth: usize,
    /// The innermost open list or object has a member already.
    filled: bool,
}

impl Encoder {
    /// With room for about `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { out: String::with_capacity(capacity), ..Self::default() }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.out
    }

    /// Opens an object or a list with `{` or `[`.
    pub fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.depth += 1;
        self.filled = false;
    }

    /// Closes it with `}` or `]`.
    pub fn close(&mut self, bracket: char) {
        self.depth -= 1;
        if self.filled {
            self.new_line();
        }
        self.out.push(bracket);
        self.filled = true;
    }

    /// Begins a list element.
    pub fn item(&mut self) {
        if self.filled {
            self.out.push(',');
        }
        self.new_line();
        self.filled = true;
    }

    /// Begins an object member. Keys of the contract are plain ASCII.
    pub fn key(&mut self, key: &str) {
        self.item();
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\": ");
    }

    /// Writes a number, `true`, `false` or `null`.
    pub fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Writes a string.
    pub fn text(&mut self, text: &str) {
        self.out.push('"');
        let bytes = text.as_bytes();
        let mut from = 0;
        let mut at = 0;
        while at < bytes.len() {
            // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
            let (escape, length) = match bytes[at] {
                b'"' => (Escape::Short('"'), 1),
                b'\\' => (Escape::Short('\\'), 1),
                0x08 => (Escape::Short('b'), 1),
                0x0c => (Escape::Short('f'), 1),
                b'\n' => (Escape::Short('n'), 1),
                b'\r' => (Escape::Short('r'), 1),
                b'\t' => (Escape::Short('t'), 1),
                byte @ (0..=0x1f | b'<' | b'>' | b'&') => (Escape::Code(u32::from(byte)), 1),
                0xe2 if bytes[at + 1] == 0x80 && bytes[at + 2] & 0xfe == 0xa8 => {
                    (Escape::Code(0x2000 | u32::from(bytes[at + 2] & 0x2f)), 3)
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            self.out.push_str(&text[from..at]);
            match escape {
                Escape::Short(c) => self.out.extend(['\\', c]),
                Escape::Code(code) => self.out.push_str(&format!("\\u{code:04x}")),
            }
            at += length;
            from = at;
        }
        self.out.push_str(&text[from..]);
        self.out.push('"');
    }

    fn new_line(&mut self) {
        const SPACES: &str = "\n                                                                ";
        let wanted = 1 + 2 * self.depth;
        self.out.push_str(&SPACES[..wanted.min(SPACES.len())]);
        for _ in SPACES.len()..wanted {
            self.out.push(' ');
        }
    }
}

enum Escape {
    Short(char),
    Code(u32),
}
