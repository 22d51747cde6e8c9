//! Strings of the decoder: what is not text becomes U+FFFD, one per bad byte or unpaired surrogate.

use std::borrow::Cow;

use super::decoder::{Decoder, Fault};

impl<'a> Decoder<'a> {
    /// Consumes a string; the next byte is its opening quote.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.at += 1;
        let start = self.at;
        let length = self.text[start..].iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f));
        let Some(length) = length else {
            self.at = self.text.len();
            return Err(self.fault("a string does not end"));
        };
        let plain = &self.text[start..start + length];
        self.at = start + length;
        if self.text[self.at] == b'"' {
            self.at += 1;
            return Ok(match std::str::from_utf8(plain) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(replaced(plain)),
            });
        }
        let mut text = Vec::with_capacity(length + 16);
        text.extend_from_slice(plain);
        self.rest_of_string(&mut text)?;
        Ok(Cow::Owned(String::from_utf8(text).unwrap_or_else(|error| replaced(error.as_bytes()))))
    }

    fn rest_of_string(&mut self, text: &mut Vec<u8>) -> Result<(), Fault> {
        loop {
            match self.text.get(self.at) {
                None => return Err(self.fault("a string does not end")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(0..=0x1f) => return Err(self.fault("a raw control character in a string; write it as an escape")),
                Some(byte) => {
                    text.push(*byte);
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let Some(byte) = self.text.get(self.at) else { return Err(self.fault("a string does not end")) };
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4(self.at).ok_or_else(|| self.fault("expected four hex digits after \\u"))?;
                self.at += 4;
                self.code_point(first)
            }
            _ => return Err(self.fault_at(self.at - 1, "no such escape in JSON")),
        })
    }

    fn code_point(&mut self, first: u32) -> char {
        if let Some(c) = char::from_u32(first) {
            return c;
        }
        // A high surrogate counts only with its low one right behind it.
        let follows = self.text.get(self.at..self.at + 2) == Some(b"\\u");
        if let (0xd800..0xdc00, true, Some(second @ 0xdc00..0xe000)) = (first, follows, self.hex4(self.at + 2)) {
            self.at += 6;
            return char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        char::REPLACEMENT_CHARACTER
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 4)?;
        digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
    }
}

/// Text with every byte that is not UTF-8 replaced by its own U+FFFD (`from_utf8_lossy` would merge some).
fn replaced(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 8);
    loop {
        match std::str::from_utf8(bytes) {
            Ok(rest) => {
                text.push_str(rest);
                return text;
            }
            Err(error) => {
                let (good, bad) = bytes.split_at(error.valid_up_to());
                text.push_str(std::str::from_utf8(good).unwrap_or_default());
                text.push(char::REPLACEMENT_CHARACTER);
                bytes = &bad[1..];
            }
        }
    }
}
