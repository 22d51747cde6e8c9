//! Byte ranges: the `Range` of a blob read (RFC 9110 §14) and the `Content-Range` of a chunk (distribution specification, "Pushing a blob in chunks").

/// What a `Range` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Everything: no range, several, or one we do not understand.
    Whole,
    /// `first..=last`.
    Part {
        /// First byte.
        first: u64,
        /// Last byte, inclusive.
        last: u64,
    },
    /// No byte of the content, or a last byte before the first: 416.
    Nothing,
}

/// Reads `bytes=a-b`, `bytes=a-`, `bytes=-n` for content of `size` bytes.
pub fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else { return Wanted::Whole };
    let Some((first, last)) = spec.trim().split_once('-').filter(|_| !spec.contains(',')) else { return Wanted::Whole };
    match (number(first), number(last)) {
        (Some(first), _) if first >= size => Wanted::Nothing,
        (Some(first), Some(last)) if last < first => Wanted::Nothing,
        (Some(first), Some(last)) => Wanted::Part { first, last: last.min(size - 1) },
        (Some(first), None) if last.is_empty() => Wanted::Part { first, last: size - 1 },
        (None, Some(0)) if first.is_empty() => Wanted::Nothing,
        (None, Some(_)) if first.is_empty() && size == 0 => Wanted::Nothing,
        (None, Some(suffix)) if first.is_empty() => Wanted::Part { first: size.saturating_sub(suffix), last: size - 1 },
        _ => Wanted::Whole,
    }
}

/// Reads a chunk's `Content-Range`: `0-1023`; `bytes 0-1023/…` is understood too.
pub fn chunk(header: &str) -> Option<(u64, u64)> {
    let text = header.trim();
    let text = text.strip_prefix("bytes").map_or(text, |rest| rest.trim_start_matches(['=', ' ']));
    let text = text.split('/').next()?;
    let (first, last) = text.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    // A last byte of u64::MAX has no length.
    (first <= last && last < u64::MAX).then_some((first, last))
}

fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_ask_for() {
        let part = |first, last| Wanted::Part { first, last };
        for (text, expected) in [
            ("bytes=0-9", part(0, 9)),
            ("bytes=5-", part(5, 99)),
            ("bytes=-10", part(90, 99)),
            ("bytes=-1000", part(0, 99)),
            ("bytes=90-1000", part(90, 99)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=9-5", Wanted::Nothing),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("bytes=x-1", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(text), 100), expected, "{text}");
        }
        assert_eq!(wanted(None, 0), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
    }

    #[test]
    fn reads_chunks() {
        assert_eq!(chunk("0-1023"), Some((0, 1023)));
        assert_eq!(chunk("bytes 5-9/100"), Some((5, 9)));
        for bad in ["", "5", "9-5", "a-b", "-5", "0-18446744073709551615", "1-99999999999999999999999"] {
            assert_eq!(chunk(bad), None, "{bad}");
        }
    }
}
