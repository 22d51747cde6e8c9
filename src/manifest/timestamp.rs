//! The timestamp grammar (spec/manifest.md §4). Times stay text: re-writing them would change bytes.

/// Is this a timestamp of the contract? Not quite RFC 3339: one-digit hours, comma fractions and offsets up to +24:60
/// are accepted; second 60 and lower-case `t` and `z` are not.
pub(super) fn is_timestamp(text: &str) -> bool {
    parse(text.as_bytes()).is_some()
}

fn parse(text: &[u8]) -> Option<()> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(after(rest, b"-")?, 2)?;
    let (day, rest) = number(after(rest, b"-")?, 2)?;
    let rest = after(rest, b"T")?;
    let (hour, rest) = number(rest, 2).or_else(|| number(rest, 1))?;
    let (minute, rest) = number(after(rest, b":")?, 2)?;
    let (second, rest) = number(after(rest, b":")?, 2)?;
    let in_range = (1..=12).contains(&month) && day >= 1 && day <= days(year, month) && hour <= 23 && minute <= 59 && second <= 59;
    let rest = fraction(rest)?;
    (in_range && offset(rest)).then_some(())
}

fn fraction(text: &[u8]) -> Option<&[u8]> {
    let Some(rest) = after(text, b".,") else { return Some(text) };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    (digits > 0).then(|| &rest[digits..])
}

fn offset(text: &[u8]) -> bool {
    if text == b"Z" {
        return true;
    }
    let fields = || {
        let (hours, rest) = number(after(text, b"+-")?, 2)?;
        let (minutes, rest) = number(after(rest, b":")?, 2)?;
        Some(rest.is_empty() && hours <= 24 && minutes <= 60)
    };
    fields() == Some(true)
}

/// The rest behind one of these bytes.
fn after<'a>(text: &'a [u8], any_of: &[u8]) -> Option<&'a [u8]> {
    let (first, rest) = text.split_first()?;
    any_of.contains(first).then_some(rest)
}

/// A number of exactly so many digits, and the rest.
fn number(text: &[u8], digits: usize) -> Option<(u32, &[u8])> {
    let (field, rest) = text.split_at_checked(digits)?;
    let value = field.iter().try_fold(0, |value, b| b.is_ascii_digit().then(|| value * 10 + u32::from(b - b'0')))?;
    Some((value, rest))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_golden_table_accepts() {
        let table: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/manifest/table-timestamps.json")).expect("vectors");
        let rows = table["rows"].as_array().expect("rows");
        assert!(rows.len() > 40);
        for row in rows {
            let text = row["text"].as_str().expect("text");
            assert_eq!(Some(is_timestamp(text)), row["accepted"].as_bool(), "{text:?}");
        }
    }

    #[test]
    fn accepts_what_the_writer_fills_in() {
        assert!(is_timestamp(&crate::core::Timestamp::from_unix(1_782_907_200).to_string()));
    }
}
