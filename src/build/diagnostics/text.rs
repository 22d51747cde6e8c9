//! A line of output as its author meant it: without what BuildKit, a terminal or a progress bar put around it.

use std::borrow::Cow;

/// What is beyond this in a line says nothing about an error.
const MAX_LINE: usize = 4096;

/// Without BuildKit's `#12 3.1 ` in front, without terminal control, of a redrawn progress bar the last drawing, and not
/// longer than 4 KiB. Leading white space stays: in some outputs it has a meaning.
pub fn plain(line: &str) -> Cow<'_, str> {
    let line = line.trim_end();
    let line = line.rsplit('\r').next().unwrap_or(line);
    let line = without_stamp(cut(line));
    if line.contains(|c: char| c.is_control() && c != '\t') { Cow::Owned(without_control(line)) } else { Cow::Borrowed(line) }
}

fn cut(line: &str) -> &str {
    if line.len() <= MAX_LINE {
        return line;
    }
    let end = (0..=MAX_LINE).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
    &line[..end]
}

/// `#12 3.145 text`: the number of the step, then seconds since it began, always with a fraction.
fn without_stamp(line: &str) -> &str {
    let inner = || {
        let (number, rest) = line.strip_prefix('#')?.split_once(' ')?;
        let (seconds, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let (whole, part) = seconds.split_once('.')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        (digits(number) && digits(whole) && digits(part)).then_some(rest)
    };
    inner().unwrap_or(line)
}

fn without_control(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            match chars.next() {
                // A control sequence ends at its first letter (ECMA-48 §5.4).
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                // A command to the terminal (a title, a link) ends with BEL or ESC \.
                Some(']') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            }
        } else if !c.is_control() || c == '\t' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_what_is_not_the_tools_own() {
        for (line, expected) in [
            ("#12 3.145 main.go:3:5: undefined: x", "main.go:3:5: undefined: x"),
            ("#12 3.145   indented", "  indented"),
            ("#12 0.1", ""),
            ("#12 DONE 0.1s", "#12 DONE 0.1s"),
            ("# example.com/app", "# example.com/app"),
            ("10%\r50%\rerror: done", "error: done"),
            ("\u{1b}[96ma.ts\u{1b}[0m:1 - \u{1b}[91merror\u{1b}[0m", "a.ts:1 - error"),
            ("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\ end", "link end"),
            ("\u{1b}[", ""),
            ("\u{1b}", ""),
        ] {
            assert_eq!(plain(line), expected, "{line:?}");
        }
        assert_eq!(plain(&"ü".repeat(5000)).len(), 4096);
    }
}
