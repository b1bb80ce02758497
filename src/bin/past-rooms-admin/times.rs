//! Times as histories write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use past_rooms::table::rows::time::known_time;

/// Accepted forms of a time, for messages.
pub const EXPECTED: &str = "RFC 3339 (2026-11-22T10:00:00Z), a MySQL datetime \
    (2026-11-22 10:00:00) or UNIX seconds (1795341600)";

/// Zero times that no calendar has: MySQL's zero date, and the year 1 in UNIX seconds.
const ZERO_TIMES: [&str; 2] = ["0000-00-00", "-62135596800"];

/// Reads a time; a MySQL datetime is one of `zone`. Returns `Ok(None)` for an empty text and for a time
/// that [means "unknown"](known_time).
pub fn parse(text: &str, zone: &TimeZone) -> Result<Option<Timestamp>, String> {
    let text = text.trim();
    if text.is_empty() || ZERO_TIMES.iter().any(|zero| text.starts_with(zero)) {
        return Ok(None);
    }
    let wrong = || format!("{text:?} is no time: expected {EXPECTED}");
    let time = if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        unix_seconds(text)?
    } else if let Ok(time) = text.parse::<Timestamp>() {
        Some(time)
    } else if let Ok(time) = text.parse::<Zoned>() {
        // Java's local times with the name of their zone.
        Some(time.timestamp())
    } else {
        let time: DateTime = text.parse().map_err(|_| wrong())?;
        Some(zone.to_ambiguous_timestamp(time).compatible().map_err(|_| wrong())?)
    };
    Ok(time.and_then(known_time))
}

/// Reads UNIX seconds, which have 9 or 10 digits from 1973 until 2286. Other numbers of digits are
/// something else.
fn unix_seconds(text: &str) -> Result<Option<Timestamp>, String> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let what = match seconds.len() {
        // The result of MySQL's UNIX_TIMESTAMP for a zero date.
        1 if text.bytes().all(|byte| matches!(byte, b'0' | b'.')) => return Ok(None),
        8 => " seems to be a date without separators",
        13 => " seems to be UNIX milliseconds: divide them by 1000",
        14 => " seems to be a datetime without separators",
        _ => " is no time",
    };
    let time = match seconds.len() {
        9 | 10 => format!("{fraction:0<9}")
            .get(..9)
            .and_then(|nanoseconds| nanoseconds.parse().ok())
            .zip(seconds.parse().ok())
            .and_then(|(nanoseconds, seconds)| Timestamp::new(seconds, nanoseconds).ok()),
        _ => None,
    };
    time.map(Some).ok_or_else(|| format!("{text:?}{what}: expected {EXPECTED}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, zone: &str) -> Option<String> {
        let zone = TimeZone::get(zone).expect("a zone");
        parse(text, &zone).expect("a time").map(|time| time.to_string())
    }

    #[test]
    fn every_form_of_time_is_read() {
        for text in [
            "2026-11-22T10:00:00Z",
            "2026-11-22T11:00:00+01:00",
            "2026-11-22 10:00:00",
            "2026-11-22 10:00:00.000000",
            " 1795341600 ",
            "1795341600.0",
        ] {
            assert_eq!(parsed(text, "UTC").as_deref(), Some("2026-11-22T10:00:00Z"), "{text}");
        }
        assert_eq!(parsed("1795341600.5", "UTC").as_deref(), Some("2026-11-22T10:00:00.5Z"));
    }

    #[test]
    fn datetime_is_in_the_given_time_zone() {
        assert_eq!(
            parsed("2026-07-01 10:00:00", "Europe/Berlin").as_deref(),
            Some("2026-07-01T08:00:00Z")
        );
        assert_eq!(
            parsed("2026-11-22 10:00:00", "Europe/Berlin").as_deref(),
            Some("2026-11-22T09:00:00Z")
        );
        // A time with its own offset or zone is not.
        for text in ["2026-07-01T10:00:00Z", "2026-07-01T19:00:00[Asia/Tokyo]"] {
            let time = parsed(text, "America/New_York");
            assert_eq!(time.as_deref(), Some("2026-07-01T10:00:00Z"), "{text}");
        }
    }

    #[test]
    fn implausible_seconds_are_rejected() {
        for (text, named) in [
            ("20240101", "a date without separators"),
            ("20240101120000", "a datetime without separators"),
            ("1795341600000", "divide them by 1000"),
            ("2026", "is no time"),
            ("00", "is no time"),
            ("12345678901", "is no time"),
            ("1.2.3", "is no time"),
            ("99999999999999999999", "is no time"),
        ] {
            let error = parse(text, &TimeZone::UTC).expect_err("no seconds");
            assert!(error.contains(named) && error.contains(EXPECTED), "{error}");
        }
        assert_eq!(parsed("946684800", "UTC").as_deref(), Some("2000-01-01T00:00:00Z"));
        assert_eq!(parsed("9999999999", "UTC").as_deref(), Some("2286-11-20T17:46:39Z"));
    }

    #[test]
    fn empty_time_is_none_and_nonsense_an_error() {
        for text in [
            "",
            " ",
            "0000-00-00 00:00:00",
            "0000-00-00",
            "0",
            "0.000000",
            "946684799",
            "-62135596800",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00",
            "0001-01-01 00:00:00.000",
            "0001-01-01",
            "0001-01-02T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "0001-01-01T00:00:00-05:00",
            "1970-01-01T00:00:00Z",
            "1970-01-01 00:00:00",
        ] {
            for zone in ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"] {
                assert_eq!(parsed(text, zone), None, "{text} {zone}");
            }
        }
        for text in ["yesterday", "2026-13-01 00:00:00", "2026-11-22 25:00:00", "-1795341600"] {
            assert!(parse(text, &TimeZone::UTC).is_err(), "{text}");
        }
    }
}
