//! Retention: the time after which sessions expire.

use jiff::Timestamp;

use crate::table::item::Item;
use crate::table::keys::{SessionKey, string_attribute};
use crate::table::rows::session::Session;
use crate::table::rows::time::parse_known;
use crate::table::schema::EXPIRES;

/// The attribute with the end of a session, by which it expires.
pub(crate) const ENDED: &str = "ended";

/// Seconds of a day.
const DAY: i64 = 86_400;
/// The granularity of [`oldest_heeded`], in seconds.
const STEP: i64 = 365 * DAY;
/// Number of steps before the current one to which [`oldest_heeded`] goes back.
const STEPS: i64 = 3;

/// Returns the earliest expiry that is written at this time: 3 to 4 years ago. DynamoDB always ignores
/// an expiry more than five years ago. The result is the same for a year, so that applying a retention
/// again changes nothing. An expiry written by then is still honoured for another year.
fn oldest_heeded(now: i64) -> i64 {
    (now.div_euclid(STEP) - STEPS) * STEP
}

/// Number of days for which sessions are kept after their end, before DynamoDB may delete them. 0:
/// forever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention(u32);

impl Retention {
    /// Returns a retention of this number of days; 0: forever.
    pub fn days(days: u32) -> Self {
        Retention(days)
    }

    /// Returns when a session expires, in UNIX seconds: counted from its end, or from its beginning if the
    /// end is unknown or earlier. `None`: never.
    ///
    /// If that is so long ago that DynamoDB would ignore it and keep the session, returns a later time in
    /// the past.
    pub fn expires(self, created: Timestamp, ended: Option<Timestamp>) -> Option<i64> {
        self.expires_seen_at(created.max(ended.unwrap_or(created)), Timestamp::now().as_second())
    }

    fn expires_seen_at(self, ended: Timestamp, now: i64) -> Option<i64> {
        let expires = || ended.as_second() + i64::from(self.0) * DAY;
        (self.0 > 0).then(|| expires().max(oldest_heeded(now)))
    }

    /// Returns when a session [expires](Self::expires).
    pub(crate) fn of_session(self, session: &Session) -> Option<i64> {
        self.expires(session.created, session.ended)
    }

    /// Returns when a stored session [expires](Self::expires). `Some(None)`: never; `None`: neither its
    /// end nor its beginning is known.
    pub(crate) fn of_row(self, item: &Item) -> Option<Option<i64>> {
        if self.0 == 0 {
            return Some(None);
        }
        let ended = string_attribute(item, ENDED).and_then(parse_known);
        let created = SessionKey::of_item(item).and_then(|key| parse_known(key.created()));
        Some(self.expires(created.or(ended)?, ended))
    }
}

/// When a stored row expires, in UNIX seconds. `None`: never.
pub fn expires(item: &Item) -> Option<i64> {
    item.get(EXPIRES)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_expires_days_after_its_end() {
        let mut session =
            Session::new("room01", "x", "2026-11-22T10:00:00Z".parse().expect("a time"));
        let days = |days| Retention::days(days).of_session(&session);
        assert_eq!((days(0), days(1)), (None, Some(1_795_341_600 + 86_400)));
        session.ended = Some("2026-11-22T11:00:00.9Z".parse().expect("a time"));
        let of_session = |days| Retention::days(days).of_session(&session);
        assert_eq!(of_session(30), Some(1_795_345_200 + 30 * 86_400));
        assert!(of_session(u32::MAX).is_some());
        for impossible in ["2026-11-22T09:00:00Z", "0001-01-01T00:00:00-05:00"] {
            session.ended = Some(impossible.parse().expect("a time"));
            let days = Retention::days(1).of_session(&session);
            assert_eq!(days, Some(1_795_341_600 + 86_400), "{impossible}");
        }
        assert_eq!(Retention::default().of_session(&session), None);
    }

    #[test]
    fn expiry_is_recent_enough_for_dynamodb() {
        let second = |text: &str| text.parse::<Timestamp>().expect("a time").as_second();
        let written = |ended: &str, now: &str| {
            let ended = ended.parse().expect("a time");
            Retention::days(30).expires_seen_at(ended, second(now)).expect("it expires")
        };
        for year in 2024..2060 {
            for day in ["01-01T00:00:00Z", "02-28T23:59:59Z", "07-01T00:00:00Z", "12-31T23:59:59Z"]
            {
                let now = format!("{year}-{day}");
                // Five years before, but for a year in which DynamoDB has time to come by.
                let heeded = second(&format!("{}-{day}", year - 4));
                let recent = second(&format!("{}-{day}", year - 3));
                for ended in ["1970-01-01T00:00:00Z", "2001-09-09T01:46:40Z"] {
                    let expires = written(ended, &now);
                    assert!((heeded..=recent).contains(&expires), "{now}: {expires}");
                    assert_eq!(expires, written("1999-12-31T00:00:00Z", &now));
                }
                let ended = format!("{}-{day}", year - 2);
                assert_eq!(written(&ended, &now), second(&ended) + 2_592_000);
            }
        }
        // Doing it again a day later changes nothing.
        let on = |now| written("2012-01-01T00:00:00Z", now);
        assert_eq!(on("2026-11-25T10:00:00Z"), on("2026-11-26T10:00:00Z"));
    }

    #[test]
    fn row_expires_as_its_session() {
        let row = |sort_key: &str, ended: &str| {
            let mut row = crate::RowKey::new("room01", sort_key).into_item();
            row.insert(ENDED.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(ended.into()));
            row
        };
        let (day, created) = (Retention::days(1), "2026-11-22T10:00:00.000Z#x");
        let ended = row(created, "2026-11-22T11:00:00.000Z");
        assert_eq!(day.of_row(&ended), Some(Some(1_795_345_200 + 86_400)));
        for unknown in ["", "soon", "0001-01-01T00:00:00.000Z", "2026-11-22T09:00:00.000Z"] {
            assert_eq!(day.of_row(&row(created, unknown)), Some(Some(1_795_341_600 + 86_400)));
        }
        for undated in ["", "soon", "0001-01-01T00:00:00.000Z"] {
            for key in ["20261122#x", "0001-01-01T00:00:00.000Z#x"] {
                assert_eq!(day.of_row(&row(key, undated)), None, "{key} {undated}");
            }
        }
        assert_eq!(Retention::days(0).of_row(&row("20261122#x", "")), Some(None));
    }
}
