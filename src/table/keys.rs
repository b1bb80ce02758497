//! Keys: of a row, of a session, and ranges of them.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::table::bucket::{Bucket, Level};
use crate::table::item::Item;
use crate::table::schema::{PARTITION_KEY, ROOM_TALLY, SORT_KEY, TALLY_PREFIX};

/// The greatest character: after a prefix, it makes the key above every key in use that starts with
/// that prefix.
const LAST_CHARACTER: char = '\u{10FFFF}';

/// The separator of `created` and `room_sid` in a session's sort key.
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

    /// The key of the tally of one month of a room; in the history table also of one hour.
    pub fn tally(room_id: impl Into<String>, bucket: Bucket) -> Self {
        RowKey::new(room_id, format!("{TALLY_PREFIX}{bucket}"))
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
/// A row is a session if its sort key begins with a valid hour (`2026-11-22T10`) and has a `#`. Rows
/// with other sort keys are ignored by all readers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    text: String,
    hour: Bucket,
    /// Bytes before the separator.
    created: usize,
}

impl SessionKey {
    /// Returns the session's key in a sort key. `None`: it is no session's.
    pub fn parse(sort_key: impl Into<String>) -> Option<Self> {
        let text = sort_key.into();
        let hour = Bucket::of(Level::Hour, &text)?;
        let created = text.find(SEPARATOR)?;
        Some(SessionKey { text, hour, created })
    }

    /// The sort key of a row as read, if the row is a session.
    pub fn of_item(item: &Item) -> Option<Self> {
        SessionKey::parse(string_attribute(item, SORT_KEY)?)
    }

    /// The time in the key.
    pub fn created(&self) -> &str {
        self.text.get(..self.created).unwrap_or_default()
    }

    /// The session's id in the key.
    pub fn room_sid(&self) -> &str {
        self.text.get(self.created + SEPARATOR.len_utf8()..).unwrap_or_default()
    }

    /// The month that it lies in.
    pub fn month(&self) -> Bucket {
        self.hour.within(Level::Month)
    }

    /// The hour that it lies in.
    pub fn hour(&self) -> Bucket {
        self.hour
    }

    /// The bucket of a level that it lies in. `None`: the time in the key has no minute.
    pub fn bucket(&self, level: Level) -> Option<Bucket> {
        match level {
            Level::Minute => Bucket::of(level, &self.text),
            level => Some(self.hour.within(level)),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Returns the sort key of the session `room_sid`, created at the time `created` as the table stores it.
pub(crate) fn session_sort_key(created: &str, room_sid: &str) -> String {
    format!("{created}{SEPARATOR}{room_sid}")
}

/// Returns whether a row lies among the sessions but is not a session: its sort key begins with a
/// digit, as those of sessions do, but is invalid.
pub fn is_stray(sort_key: &str) -> bool {
    sort_key.starts_with(|first: char| first.is_ascii_digit())
        && SessionKey::parse(sort_key).is_none()
}

impl fmt::Display for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
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
    /// Every session of a room: the keys that begin with a digit.
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

    /// Every key of a bucket.
    pub fn of_bucket(bucket: Bucket) -> Self {
        KeyRange::with_prefix(&bucket.prefix())
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
    fn key_has_its_parts() {
        let key = key("2026-11-22T10:07:00.000Z#SID#x");
        assert_eq!(key.created(), "2026-11-22T10:07:00.000Z");
        assert_eq!(key.room_sid(), "SID#x");
        assert_eq!(key.as_str(), key.to_string());
        let prefix = |level| key.bucket(level).map(Bucket::prefix);
        assert_eq!(prefix(Level::Month).as_deref(), Some("2026-11"));
        assert_eq!(prefix(Level::Hour).as_deref(), Some("2026-11-22T10"));
        assert_eq!(prefix(Level::Minute).as_deref(), Some("2026-11-22T10:07"));
        assert_eq!(
            (key.bucket(Level::Hour), key.bucket(Level::Month)),
            (Some(key.hour()), Some(key.month()))
        );
    }

    #[test]
    fn session_key_has_an_hour_and_an_id() {
        let shortest = key("2026-11-22T10#");
        assert_eq!((shortest.created(), shortest.room_sid()), ("2026-11-22T10", ""));
        assert_eq!(shortest.bucket(Level::Minute), None);
        for stray in
            ["2026-11-22 10:00:00#x", "2026-11-22t10#x", "2026-11-22T10", "9", "2026-13-01T00#x"]
        {
            assert_eq!((SessionKey::parse(stray), is_stray(stray)), (None, true), "{stray}");
        }
        for bookkeeping in ["~", "#2026-11", "", "x2026", "\u{663}"] {
            assert_eq!(SessionKey::parse(bookkeeping), None, "{bookkeeping}");
            assert!(!is_stray(bookkeeping), "{bookkeeping}");
        }
        assert!(!is_stray("2026-11-22T10#"));
    }

    #[test]
    fn row_keys_round_trip() {
        let month = Bucket::parse("2026-11").expect("a month");
        let tally = RowKey::tally("room01", month);
        assert_eq!(tally, RowKey::new("room01", "#2026-11"));
        assert_eq!(RowKey::room_tally("room01"), RowKey::new("room01", "~"));
        assert_eq!(RowKey::of_item(&tally.clone().into_item()), Some(tally.clone()));
        assert_eq!(tally.to_string(), "room_id=\"room01\" created_sid=\"#2026-11\"");
        assert_eq!(tally.session_key(), None);
        let sort_key = session_sort_key("2026-11-22T10:00:00.000Z", "x");
        let mut item = RowKey::new("room01", &*sort_key).into_item();
        assert_eq!(SessionKey::of_item(&item), Some(key(&sort_key)));
        assert_eq!(RowKey::new("room01", &*sort_key).session_key(), Some(key(&sort_key)));
        item.insert(SORT_KEY.to_owned(), AttributeValue::N("2026".to_owned()));
        assert_eq!((RowKey::of_item(&item), SessionKey::of_item(&item)), (None, None));
        assert_eq!(string_attribute(&item, PARTITION_KEY), Some("room01"));
        assert_eq!(string_attribute(&item, "other"), None);
    }

    #[test]
    fn range_contains_its_ends_and_between() {
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
