//! Dates in templates: `YYYY-MM-DD`, `YYYYMMDD`, `YYYY-MM-DD HH:mm:ss`. All in UTC.

use crate::core::Timestamp;

/// Letters of a layout, longest first where they share a beginning, and where their digits stand in RFC 3339.
const FIELDS: [(&str, std::ops::Range<usize>); 7] =
    [("YYYY", 0..4), ("YY", 2..4), ("MM", 5..7), ("DD", 8..10), ("HH", 11..13), ("mm", 14..16), ("ss", 17..19)];

/// Writes a time in a layout. `None` when the layout holds other letters than those of its fields.
pub(super) fn format(time: Timestamp, layout: &str) -> Option<String> {
    let full = time.to_string();
    let mut out = String::new();
    let mut rest = layout;
    while let Some(next) = rest.chars().next() {
        if let Some((letters, digits)) = FIELDS.iter().find(|(letters, _)| rest.starts_with(letters)) {
            out.push_str(full.get(digits.clone())?);
            rest = &rest[letters.len()..];
        } else if next.is_alphabetic() && next != 'T' && next != 'Z' {
            return None;
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_known_fields_and_refuses_others() {
        let time = Timestamp::from_unix(1_782_907_205);
        for (layout, expected) in [
            ("YYYY-MM-DD", Some("2026-07-01")),
            ("YYYYMMDD", Some("20260701")),
            ("YY.MM", Some("26.07")),
            ("YYYY-MM-DDTHH:mm:ssZ", Some("2026-07-01T12:00:05Z")),
            ("Monday", None),
        ] {
            assert_eq!(format(time, layout).as_deref(), expected, "{layout}");
        }
    }
}
