//! A session of a room that is over: what DynamoDB stores of it, and what the API says of it.
//!
//! It is written strictly ([`Session`]: real times, checked keys) and read leniently ([`PastRoom`]: whatever text is
//! there), because the table may hold rows of other writers.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Item;
use super::schema::{MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES, PARTITION_KEY, SORT_KEY, text};

/// A past room as the API answers it, under the API's own names, in the API page's order.
///
/// A row that lacks an attribute that is no key reads as `""`, 0 or none there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRoom {
    #[serde(default)]
    pub room_title: String,
    pub room_id: String,
    #[serde(default)]
    pub room_sid: String,
    #[serde(default)]
    pub joined_participants: i64,
    #[serde(default)]
    pub webhook_url: String,
    /// RFC 3339 in UTC.
    #[serde(default)]
    pub created: String,
    /// RFC 3339 in UTC; empty where the end is not known.
    #[serde(default)]
    pub ended: String,
    /// Left out of the answer where there is none.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub analytics_file_id: Option<String>,
}

fn is_absent(id: &Option<String>) -> bool {
    id.as_ref().is_none_or(String::is_empty)
}

/// A session's row as read: its place in the order, and the rest, not looked at yet.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    pub sort_key: String,
    attributes: Item,
}

/// A row among the sessions that cannot be answered as one. Names the row, so that its owner finds it.
#[derive(Debug, thiserror::Error)]
#[error("the row room_id={room_id:?} created_sid={sort_key:?} is not a session: {reason}")]
pub struct BadRow {
    pub room_id: String,
    pub sort_key: String,
    pub reason: String,
}

impl SessionRow {
    /// A row of the table. `None`: the row is bookkeeping, no session.
    pub fn from_item(mut item: Item) -> Option<Self> {
        match item.remove(SORT_KEY) {
            Some(AttributeValue::S(sort_key)) if is_session_key(&sort_key) => Some(SessionRow {
                sort_key,
                attributes: item,
            }),
            _ => None,
        }
    }

    /// What the API answers of the session.
    ///
    /// # Errors
    /// [`BadRow`] if one of its attributes has the wrong type.
    pub fn into_past_room(self) -> Result<PastRoom, BadRow> {
        let room_id = text(&self.attributes, PARTITION_KEY)
            .unwrap_or_default()
            .to_owned();
        serde_dynamo::from_item(self.attributes).map_err(|error| BadRow {
            room_id,
            sort_key: self.sort_key,
            reason: error.to_string(),
        })
    }

    /// The sort key of a row, if the row is a session.
    pub fn key_of(item: &Item) -> Option<&str> {
        text(item, SORT_KEY).filter(|key| is_session_key(key))
    }
}

/// Whether a sort key is a session's: it starts with a digit.
pub fn is_session_key(sort_key: &str) -> bool {
    sort_key.starts_with(|first: char| first.is_ascii_digit())
}

/// A session to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// 1 to [`MAX_PARTITION_KEY_BYTES`] bytes.
    pub room_id: String,
    /// Not empty; with the time before it, at most [`MAX_SORT_KEY_BYTES`] bytes.
    pub room_sid: String,
    pub room_title: String,
    pub joined_participants: u32,
    pub webhook_url: String,
    /// Kept to the millisecond; years 0 to 9999.
    pub created: Timestamp,
    /// Kept to the millisecond; `None` where the end is not known.
    pub ended: Option<Timestamp>,
    pub analytics_file_id: Option<String>,
}

/// Why a session cannot be recorded: the message names the field and its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSession {
    #[error("room_id must not be empty")]
    NoRoomId,
    #[error("room_id has {0} bytes, at most {MAX_PARTITION_KEY_BYTES} are possible")]
    LongRoomId(usize),
    #[error("room_sid must not be empty")]
    NoRoomSid,
    #[error("room_sid has {0} bytes, at most {max} are possible", max = MAX_SORT_KEY_BYTES - KEY_TIME_BYTES - 1)]
    LongRoomSid(usize),
    #[error("created must be in the years 0000 to 9999")]
    YearOutOfRange,
}

/// Bytes of the time at the front of a session's sort key: `2026-11-22T10:00:00.000Z`.
const KEY_TIME_BYTES: usize = 24;

impl Session {
    /// The row's sort key: `<created>#<room_sid>`, the time with exactly three decimals, so that byte order is time
    /// order and two sessions of one room in one millisecond keep both their rows.
    ///
    /// # Errors
    /// [`InvalidSession`] if a part of the key is empty or beyond its bounds.
    pub fn sort_key(&self) -> Result<String, InvalidSession> {
        if self.room_id.is_empty() {
            return Err(InvalidSession::NoRoomId);
        }
        if self.room_id.len() > MAX_PARTITION_KEY_BYTES {
            return Err(InvalidSession::LongRoomId(self.room_id.len()));
        }
        if self.room_sid.is_empty() {
            return Err(InvalidSession::NoRoomSid);
        }
        if KEY_TIME_BYTES + 1 + self.room_sid.len() > MAX_SORT_KEY_BYTES {
            return Err(InvalidSession::LongRoomSid(self.room_sid.len()));
        }
        let created = to_text(self.created);
        if created.len() != KEY_TIME_BYTES {
            // Years before 0 are written with a sign and two more digits.
            return Err(InvalidSession::YearOutOfRange);
        }
        Ok(format!("{created}#{}", self.room_sid))
    }

    /// What the API will answer of this session.
    pub fn to_past_room(&self) -> PastRoom {
        PastRoom {
            room_title: self.room_title.clone(),
            room_id: self.room_id.clone(),
            room_sid: self.room_sid.clone(),
            joined_participants: self.joined_participants.into(),
            webhook_url: self.webhook_url.clone(),
            created: to_text(self.created),
            ended: self.ended.map(to_text).unwrap_or_default(),
            analytics_file_id: self.analytics_file_id.clone().filter(|id| !id.is_empty()),
        }
    }
}

/// A time as the table keeps it and the API answers it: RFC 3339, UTC, three decimals (cut, not rounded).
pub fn to_text(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(created: &str, sid: &str) -> Session {
        Session {
            room_id: "room01".to_owned(),
            room_sid: sid.to_owned(),
            room_title: String::new(),
            joined_participants: 0,
            webhook_url: String::new(),
            created: created.parse().expect("a time"),
            ended: None,
            analytics_file_id: None,
        }
    }

    #[test]
    fn sort_key_has_three_decimals() {
        for (created, key) in [
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z#SID_x"),
            (
                "2026-11-22T10:00:00.9999Z",
                "2026-11-22T10:00:00.999Z#SID_x",
            ),
            (
                "2026-11-22T10:00:00+02:00",
                "2026-11-22T08:00:00.000Z#SID_x",
            ),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z#SID_x"),
        ] {
            assert_eq!(session(created, "SID_x").sort_key().as_deref(), Ok(key));
        }
    }

    #[test]
    fn keys_beyond_dynamodbs_limits_are_refused() {
        let longest = "s".repeat(1024 - 25);
        assert!(session("2026-11-22T10:00:00Z", &longest).sort_key().is_ok());
        assert_eq!(
            session("2026-11-22T10:00:00Z", &format!("{longest}s")).sort_key(),
            Err(InvalidSession::LongRoomSid(1000))
        );
        assert_eq!(
            session("2026-11-22T10:00:00Z", "").sort_key(),
            Err(InvalidSession::NoRoomSid)
        );
        assert_eq!(
            session("-000001-01-01T00:00:00Z", "s").sort_key(),
            Err(InvalidSession::YearOutOfRange)
        );
        let mut long_room = session("2026-11-22T10:00:00Z", "s");
        long_room.room_id = "r".repeat(2048);
        assert!(long_room.sort_key().is_ok());
        long_room.room_id.push('r');
        assert_eq!(long_room.sort_key(), Err(InvalidSession::LongRoomId(2049)));
        long_room.room_id.clear();
        assert_eq!(long_room.sort_key(), Err(InvalidSession::NoRoomId));
    }
}
