//! Points in time as values. Nothing here reads a clock: `World` does.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A UTC instant with millisecond resolution. Displays as RFC 3339 in whole seconds, `2026-07-01T12:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp {
    millis: i64,
}

/// The text is not an RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as 2026-07-01T12:00:00Z")]
pub struct TimestampError(String);

impl Timestamp {
    /// From seconds since 1970-01-01T00:00:00Z, the unit of `SOURCE_DATE_EPOCH`.
    pub fn from_unix(seconds: i64) -> Self {
        Self::from_unix_millis(seconds.saturating_mul(1000))
    }

    /// From milliseconds since 1970-01-01T00:00:00Z. Clamped to the years 0001 to 9999, which RFC 3339 can write.
    pub fn from_unix_millis(millis: i64) -> Self {
        Self { millis: millis.clamp(-62_135_596_800_000, 253_402_300_799_999) }
    }

    /// Seconds since 1970-01-01T00:00:00Z, rounded down.
    pub fn unix(self) -> i64 {
        self.millis.div_euclid(1000)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_millis(self) -> i64 {
        self.millis
    }

    /// How long after `earlier` this is; zero when it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.millis - earlier.millis).unwrap_or(0))
    }

    /// `HH:MM:SS` in UTC, for log lines.
    pub fn time_of_day(self) -> String {
        let text = self.to_string();
        text[11..19].to_owned()
    }

    /// RFC 3339 with milliseconds, for journals: `2026-07-01T12:00:00.123Z`.
    pub fn precise(self) -> String {
        let text = self.to_string();
        format!("{}.{:03}Z", &text[..19], self.millis.rem_euclid(1000))
    }

    /// Reads RFC 3339.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| TimestampError(text.chars().take(60).collect()))?;
        Ok(Self::from_unix_millis(parsed.as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.unix()) {
            Ok(stamp) => write!(f, "{stamp}"),
            Err(_) => write!(f, "0001-01-01T00:00:00Z"),
        }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, TimestampError> {
        Self::parse(&text)
    }
}

impl From<Timestamp> for String {
    fn from(stamp: Timestamp) -> Self {
        stamp.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_whole_seconds_and_milliseconds() {
        let stamp = Timestamp::from_unix_millis(1_782_907_200_123);
        assert_eq!(stamp.to_string(), "2026-07-01T12:00:00Z");
        assert_eq!(stamp.precise(), "2026-07-01T12:00:00.123Z");
        assert_eq!(stamp.time_of_day(), "12:00:00");
        assert_eq!(Timestamp::parse("2026-07-01T14:00:00+02:00").map(Timestamp::unix), Ok(1_782_907_200));
    }

    #[test]
    fn never_leaves_what_rfc_3339_can_write() {
        for extreme in [i64::MIN, i64::MAX] {
            assert_eq!(Timestamp::from_unix(extreme).to_string().len(), 20);
        }
    }
}
