//! Times as histories write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What a time must look like, for messages.
pub const EXPECTED: &str =
    "RFC 3339 (2026-11-22T10:00:00Z), a MySQL datetime (2026-11-22 10:00:00) or UNIX seconds";

/// MySQL's way to write that there is no time.
const MYSQL_ZERO: &str = "0000-00-00";

/// Reads a time; a MySQL datetime is one of `zone`. `Ok(None)`: there is none.
pub fn parse(text: &str, zone: &TimeZone) -> Result<Option<Timestamp>, String> {
    let text = text.trim();
    if text.is_empty() || text.starts_with(MYSQL_ZERO) {
        return Ok(None);
    }
    let wrong = || format!("{text:?} is no time: expected {EXPECTED}");
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return unix_seconds(text).map(Some).ok_or_else(wrong);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Some(time));
    }
    let time: DateTime = text.parse().map_err(|_| wrong())?;
    let time = zone.to_ambiguous_timestamp(time).compatible();
    time.map(Some).map_err(|_| wrong())
}

fn unix_seconds(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Timestamp::new(seconds.parse().ok()?, nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, zone: &str) -> Option<String> {
        let zone = TimeZone::get(zone).expect("a zone");
        parse(text, &zone).expect("a time").map(|time| time.to_string())
    }

    #[test]
    fn every_form_is_read() {
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
    fn a_datetime_is_of_the_time_zone() {
        assert_eq!(
            parsed("2026-07-01 10:00:00", "Europe/Berlin").as_deref(),
            Some("2026-07-01T08:00:00Z")
        );
        assert_eq!(
            parsed("2026-11-22 10:00:00", "Europe/Berlin").as_deref(),
            Some("2026-11-22T09:00:00Z")
        );
        // A time with its own offset is not.
        assert_eq!(
            parsed("2026-07-01T10:00:00Z", "Europe/Berlin").as_deref(),
            Some("2026-07-01T10:00:00Z")
        );
    }

    #[test]
    fn no_time_is_none_and_nonsense_an_error() {
        for text in ["", " ", "0000-00-00 00:00:00", "0000-00-00"] {
            assert_eq!(parsed(text, "UTC"), None);
        }
        for text in
            ["yesterday", "2026-13-01 00:00:00", "2026-11-22 25:00:00", "1.2.3", "99999999999999"]
        {
            assert!(parse(text, &TimeZone::UTC).is_err(), "{text}");
        }
    }
}
