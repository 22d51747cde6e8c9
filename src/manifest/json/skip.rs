//! Passing over a value nobody asked for: its syntax is checked like everything else, without recursion, so that depth
//! costs heap and not stack.

use std::collections::HashSet;

use super::decoder::{Decoder, Fault};

/// What is open around the current position.
enum Open {
    List,
    /// With the keys seen so far.
    Object(HashSet<String>),
}

impl Decoder<'_> {
    /// Consumes any one value.
    pub fn skip_value(&mut self) -> Result<(), Fault> {
        let mut open = Vec::new();
        loop {
            let begun = self.begin_value()?;
            match begun {
                Some(Open::Object(mut keys)) if self.peek()? != b'}' => {
                    self.skip_key(&mut keys)?;
                    open.push(Open::Object(keys));
                    continue;
                }
                Some(Open::List) if self.peek()? != b']' => {
                    open.push(Open::List);
                    continue;
                }
                Some(_) => {
                    self.depth -= 1;
                    self.at += 1;
                }
                None => {}
            }
            // A value is complete: so may be what surrounds it.
            loop {
                let Some(innermost) = open.last_mut() else { return Ok(()) };
                let close = if matches!(innermost, Open::List) { b']' } else { b'}' };
                let next = self.peek()?;
                if next == b',' {
                    self.at += 1;
                    if let Open::Object(keys) = innermost {
                        self.skip_key(keys)?;
                    }
                    break;
                }
                if next != close {
                    return Err(self.fault(format!("expected `,` or `{}`", char::from(close))));
                }
                self.depth -= 1;
                self.at += 1;
                open.pop();
            }
        }
    }

    /// Consumes a simple value, or the opening of a list or object.
    fn begin_value(&mut self) -> Result<Option<Open>, Fault> {
        match self.peek()? {
            b'{' => self.enter().map(|()| Some(Open::Object(HashSet::new()))),
            b'[' => self.enter().map(|()| Some(Open::List)),
            b'"' => self.string().map(|_| None),
            b'-' | b'0'..=b'9' => self.number().map(|()| None),
            b't' => self.literal("true").map(|()| None),
            b'f' => self.literal("false").map(|()| None),
            b'n' => self.literal("null").map(|()| None),
            _ => Err(self.fault("expected a JSON value")),
        }
    }

    fn skip_key(&mut self, keys: &mut HashSet<String>) -> Result<(), Fault> {
        if self.peek()? != b'"' {
            return Err(self.fault("expected a key in quotes"));
        }
        let start = self.at;
        let key = self.string()?.into_owned();
        if !keys.insert(key) {
            return Err(self.fault_at(start, "a key is repeated"));
        }
        self.expect(b':')
    }
}
