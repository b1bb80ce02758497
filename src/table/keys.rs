//! Keys: of a row, of a session, and ranges of them.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::table::calendar::{self, HOUR_BYTES, MONTH_BYTES};
use crate::table::item::Item;
use crate::table::schema::{MONTH_TALLY_PREFIX, PARTITION_KEY, ROOM_TALLY, SORT_KEY};

/// The greatest character: after a prefix, it makes the key above every key in use that starts with
/// that prefix.
const LAST_CHARACTER: char = '\u{10FFFF}';

/// What separates `created` from `room_sid` in a session's sort key.
const SEPARATOR: char = '#';

/// The primary key of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The partition key.
    pub room_id: String,
    /// The sort key.
    pub sort_key: String,
}

impl RowKey {
    /// The key of any row.
    pub fn new(room_id: impl Into<String>, sort_key: impl Into<String>) -> Self {
        RowKey { room_id: room_id.into(), sort_key: sort_key.into() }
    }

    /// The key of a room's tally.
    pub fn room_tally(room_id: impl Into<String>) -> Self {
        RowKey::new(room_id, ROOM_TALLY)
    }

    /// The key of the tally of one month of a room.
    pub fn month_tally(room_id: impl Into<String>, month: &str) -> Self {
        RowKey::new(room_id, format!("{MONTH_TALLY_PREFIX}{month}"))
    }

    /// The key of a row as read. `None`: a part is missing or no string.
    pub fn of_item(item: &Item) -> Option<Self> {
        let part = |attribute| string_attribute(item, attribute).map(str::to_owned);
        Some(RowKey { room_id: part(PARTITION_KEY)?, sort_key: part(SORT_KEY)? })
    }

    /// The sort key, if it is a session's.
    pub fn session_key(&self) -> Option<SessionKey> {
        SessionKey::parse(&*self.sort_key)
    }

    /// The key as requests take it.
    pub fn into_item(self) -> Item {
        Item::from([
            (PARTITION_KEY.to_owned(), AttributeValue::S(self.room_id)),
            (SORT_KEY.to_owned(), AttributeValue::S(self.sort_key)),
        ])
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "room_id={:?} created_sid={:?}", self.room_id, self.sort_key)
    }
}

/// The sort key of a session: `<created>#<room_sid>`, for example
/// `2026-11-22T10:00:00.000Z#SID_x`.
///
/// Other writers may have put sessions under keys of another form. Whatever starts with a digit is
/// a session; only the [month](Self::month) and the [hour](Self::hour) insist on a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(String);

impl SessionKey {
    /// The key of the session `room_sid`, created at the time `created` as the table stores it.
    pub(crate) fn new(created: &str, room_sid: &str) -> Self {
        SessionKey(format!("{created}{SEPARATOR}{room_sid}"))
    }

    /// A sort key, if it is a session's: it starts with a digit. Anything else is bookkeeping.
    pub fn parse(sort_key: impl Into<String>) -> Option<Self> {
        let key = sort_key.into();
        key.starts_with(|first: char| first.is_ascii_digit()).then_some(SessionKey(key))
    }

    /// The sort key of a row as read, if the row is a session.
    pub fn of_item(item: &Item) -> Option<Self> {
        SessionKey::parse(string_attribute(item, SORT_KEY)?)
    }

    /// The time in the key; the whole key where there is no separator.
    pub fn created(&self) -> &str {
        self.0.split_once(SEPARATOR).map_or(&*self.0, |(created, _)| created)
    }

    /// The session's id in the key. `None`: there is no separator.
    pub fn room_sid(&self) -> Option<&str> {
        self.0.split_once(SEPARATOR).map(|(_, room_sid)| room_sid)
    }

    /// The month that it lies in, `2026-11`. `None`: the key does not start with a month.
    pub fn month(&self) -> Option<&str> {
        self.0.get(..MONTH_BYTES).filter(|month| calendar::is_month(month))
    }

    /// The hour that it lies in, `2026-11-22T10`. `None`: the key does not start with an hour.
    pub fn hour(&self) -> Option<&str> {
        self.0.get(..HOUR_BYTES).filter(|hour| calendar::hour_of_month(hour).is_some())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A range of sort keys, both ends included, in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub low: String,
    /// The last key.
    pub high: String,
}

impl KeyRange {
    /// Every session of a room: the keys that start with a digit.
    pub fn sessions() -> Self {
        KeyRange { low: "0".to_owned(), high: last_with_prefix("9") }
    }

    /// Every row of a room.
    pub fn all() -> Self {
        KeyRange { low: "\0".to_owned(), high: last_with_prefix("") }
    }

    /// Every key that starts with `prefix`.
    pub fn with_prefix(prefix: &str) -> Self {
        KeyRange { low: prefix.to_owned(), high: last_with_prefix(prefix) }
    }

    /// Whether the range has this key.
    pub fn contains(&self, key: &str) -> bool {
        *self.low <= *key && *key <= *self.high
    }

    /// Whether no key can be in the range.
    pub fn is_empty(&self) -> bool {
        self.low > self.high
    }
}

/// The last key in use that starts with `prefix`.
pub(crate) fn last_with_prefix(prefix: &str) -> String {
    format!("{prefix}{LAST_CHARACTER}")
}

/// A row's attribute, if it is a string.
pub fn string_attribute<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    item.get(attribute)?.as_s().ok().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SessionKey {
        SessionKey::parse(text).expect("a session's key")
    }

    #[test]
    fn a_key_has_its_parts() {
        let key = key("2026-11-22T10:00:00.000Z#SID#x");
        assert_eq!(key.created(), "2026-11-22T10:00:00.000Z");
        assert_eq!(key.room_sid(), Some("SID#x"));
        assert_eq!(key.month(), Some("2026-11"));
        assert_eq!(key.hour(), Some("2026-11-22T10"));
    }

    #[test]
    fn keys_of_another_form_have_no_hour() {
        for other in ["2026-11-22 10:00:00#x", "2026-11-22t10", "2026-11-2210", "1ü", "1üüüüüüü"]
        {
            assert_eq!(key(other).hour(), None, "{other}");
        }
        assert_eq!(key("2026-13-01T00:00:00.000Z#x").month(), None);
        assert_eq!(key("20261122").month(), None);
        assert_eq!(key("2026-11").month(), Some("2026-11"));
        assert_eq!(key("2026-11").room_sid(), None);
    }

    #[test]
    fn bookkeeping_is_no_session() {
        for other in ["~", "#2026-11", "", "x2026", "٣"] {
            assert_eq!(SessionKey::parse(other), None, "{other}");
        }
    }

    #[test]
    fn keys_of_rows_come_back() {
        let tally = RowKey::month_tally("room01", "2026-11");
        assert_eq!(tally, RowKey::new("room01", "#2026-11"));
        assert_eq!(RowKey::room_tally("room01"), RowKey::new("room01", "~"));
        assert_eq!(RowKey::of_item(&tally.clone().into_item()), Some(tally.clone()));
        assert_eq!(tally.to_string(), "room_id=\"room01\" created_sid=\"#2026-11\"");
        assert_eq!(tally.session_key(), None);
        let mut item = RowKey::new("room01", "2026#x").into_item();
        assert_eq!(SessionKey::of_item(&item), Some(key("2026#x")));
        assert_eq!(RowKey::new("room01", "2026#x").session_key(), Some(key("2026#x")));
        item.insert(SORT_KEY.to_owned(), AttributeValue::N("2026".to_owned()));
        assert_eq!((RowKey::of_item(&item), SessionKey::of_item(&item)), (None, None));
        assert_eq!(string_attribute(&item, PARTITION_KEY), Some("room01"));
        assert_eq!(string_attribute(&item, "other"), None);
    }

    #[test]
    fn a_sessions_key_is_its_time_and_its_id() {
        let key = SessionKey::new("2026-11-22T10:00:00.000Z", "SID_x");
        assert_eq!(key.as_str(), "2026-11-22T10:00:00.000Z#SID_x");
        assert_eq!(key.to_string(), key.as_str());
        let without_id = SessionKey::parse("2026").expect("a session's key");
        assert_eq!(without_id.created(), "2026");
    }

    #[test]
    fn a_range_has_its_ends_and_what_lies_between() {
        let range = KeyRange::with_prefix("2026");
        for (other, is_in) in
            [("2025-12", false), ("2026", true), ("2026-11", true), ("2027", false)]
        {
            assert_eq!(range.contains(other), is_in, "{other}");
        }
        assert!(range.contains("2026\u{10FFFF}") && !range.is_empty());
        let sessions = KeyRange::sessions();
        assert!(sessions.contains("0") && sessions.contains("9999-12-31T23:59:59.999Z#~"));
        assert!(!sessions.contains("#2026-11") && !sessions.contains("~"));
        let one = |low: &str, high: &str| KeyRange { low: low.to_owned(), high: high.to_owned() };
        assert!(one("b", "a").is_empty() && !one("a", "a").is_empty());
    }
}
