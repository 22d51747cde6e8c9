//! Byte counts for people: binary units, as the rest of the container world prints them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes. Displays as `112 MiB`; parses `512`, `64KiB`, `1.5 GiB`, `15GB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// The text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: expected a number with B, KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024)")]
pub struct SizeError(String);

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let error = || SizeError(text.chars().take(40).collect());
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let factor: u64 = match unit.trim() {
            "" | "B" => 1,
            "KB" | "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return Err(error()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str| !s.is_empty() && s.len() <= 15 && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(error());
        }
        let whole: u128 = whole.parse().map_err(|_| error())?;
        let scale = 10u128.pow(u32::try_from(fraction.len()).map_err(|_| error())?);
        let fraction: u128 = fraction.parse().map_err(|_| error())?;
        let bytes = (whole * scale + fraction) * u128::from(factor) / scale;
        u64::try_from(bytes).map(Self).map_err(|_| error())
    }
}

impl ByteSize {
    /// Reads a size the way the reference's cache and cleanup settings mean it (spec/build.md F): a whole number, then
    /// `KB`, `MB`, `GB` or `TB`, with or without `i`, all powers of 1024, in any case; a bare number is bytes. Fractions
    /// and trailing text are refused, where the reference read their beginning (W.17).
    pub fn parse_binary(text: &str) -> Result<Self, BinarySizeError> {
        let error = || BinarySizeError(text.chars().take(40).collect());
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "kb" | "kib" => 10,
            "mb" | "mib" => 20,
            "gb" | "gib" => 30,
            "tb" | "tib" => 40,
            _ => return Err(error()),
        };
        let number: u64 = number.parse().map_err(|_| error())?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(error)
    }
}

/// Text that is not a whole size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: expected a whole number with KB, MB, GB or TB (powers of 1024), such as 15GB")]
pub struct BinarySizeError(String);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        // Three significant places are enough to compare two sizes by eye.
        if value < 99.95 { write!(f, "{value:.1} {}", UNITS[unit]) } else { write!(f, "{value:.0} {}", UNITS[unit]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_sizes_are_whole_and_binary() {
        for (text, bytes) in [("15GB", 15 << 30), ("15gib", 15 << 30), ("512", 512), ("20 MB", 20 << 20), ("0", 0)] {
            assert_eq!(ByteSize::parse_binary(text), Ok(ByteSize(bytes)), "{text}");
        }
        for bad in ["15.9GB", "12abc", "", "GB", "-1", "99999999TB", "1 GB x"] {
            assert!(ByteSize::parse_binary(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_and_prints() {
        for (text, bytes) in [("512", 512), ("64KiB", 65_536), ("1.5 GiB", 1_610_612_736), ("15.9GB", 15_900_000_000)] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
        }
        for bad in ["12abc", "", "GB", "1.2.3MB", "-1", "99999999999TiB"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
        for (bytes, text) in [(0, "0 B"), (1024, "1.0 KiB"), (40_055_603, "38.2 MiB"), (117_440_512, "112 MiB"), (1_073_741_823, "1.0 GiB")]
        {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }
}
