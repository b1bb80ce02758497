//! A session as it is recorded, strictly: real times, checked keys.

use jiff::Timestamp;

use crate::table::keys::{RowKey, session_sort_key};
use crate::table::rows::past_room::PastRoom;
use crate::table::rows::time::known_time;
use crate::table::schema::{MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES};

/// A past room to record: one session of a room that is over.
///
/// ```
/// use past_rooms::Session;
///
/// let created = "2026-11-22T10:00:00Z".parse().expect("a time");
/// let mut session = Session::new("room01", "SID_x", created);
/// session.room_title = "Design review".to_owned();
/// session.joined_participants = 12;
/// let key = session.key()?;
/// assert_eq!(key.sort_key, "2026-11-22T10:00:00.000Z#SID_x");
/// # Ok::<(), past_rooms::InvalidSession>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The room's id: 1 to [`MAX_PARTITION_KEY_BYTES`] bytes.
    pub room_id: String,
    /// The session's id, unique among all sessions: not empty; with the time before it, at most
    /// [`MAX_SORT_KEY_BYTES`] bytes.
    pub room_sid: String,
    /// The room's title.
    pub room_title: String,
    /// Number of participants who joined.
    pub joined_participants: u32,
    /// URL to which the session's webhooks were sent.
    pub webhook_url: String,
    /// When it began: years 2000 to 9999. Kept to the millisecond.
    pub created: Timestamp,
    /// When it ended. Kept to the millisecond. `None`, or a time that is not [known](known_time): unknown.
    pub ended: Option<Timestamp>,
    /// Its analytics file, if any.
    pub analytics_file_id: Option<String>,
}

/// Why a session cannot be recorded: names the field and its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSession {
    /// The partition key may not be empty.
    #[error("room_id must not be empty")]
    EmptyRoomId,
    /// The partition key would be too long; with its bytes.
    #[error("room_id has {0} bytes; at most {MAX_PARTITION_KEY_BYTES} are allowed")]
    LongRoomId(usize),
    /// The sort key needs an id.
    #[error("room_sid must not be empty")]
    EmptyRoomSid,
    /// The sort key would be too long; with the id's bytes.
    #[error("room_sid has {0} bytes; at most {MAX_SID_BYTES} are allowed")]
    LongRoomSid(usize),
    /// The beginning is unknown (see [`known_time`]), or its year has more than four digits.
    #[error("created must be in the years 2000 to 9999")]
    YearOutOfRange,
}

/// Bytes of the time that a session's sort key begins with: `2026-11-22T10:00:00.000Z`.
const TIME_BYTES: usize = 24;
/// Maximum bytes of a `room_sid`: the sort key has the time and a separator before it.
const MAX_SID_BYTES: usize = MAX_SORT_KEY_BYTES - TIME_BYTES - 1;

impl Session {
    /// A session with an empty title and webhook URL, no participants, no end and no analytics.
    pub fn new(
        room_id: impl Into<String>,
        room_sid: impl Into<String>,
        created: Timestamp,
    ) -> Self {
        Session {
            room_id: room_id.into(),
            room_sid: room_sid.into(),
            room_title: String::new(),
            joined_participants: 0,
            webhook_url: String::new(),
            created,
            ended: None,
            analytics_file_id: None,
        }
    }

    /// The row's key. The sort key is `<created>#<room_sid>`, the time with exactly three decimals,
    /// so that byte order is time order and two sessions of one room in one millisecond keep both
    /// their rows.
    ///
    /// # Errors
    /// [`InvalidSession`] if a part of the key is empty or out of bounds.
    pub fn key(&self) -> Result<RowKey, InvalidSession> {
        if self.room_id.is_empty() {
            return Err(InvalidSession::EmptyRoomId);
        }
        if self.room_id.len() > MAX_PARTITION_KEY_BYTES {
            return Err(InvalidSession::LongRoomId(self.room_id.len()));
        }
        if self.room_sid.is_empty() {
            return Err(InvalidSession::EmptyRoomSid);
        }
        if self.room_sid.len() > MAX_SID_BYTES {
            return Err(InvalidSession::LongRoomSid(self.room_sid.len()));
        }
        let created = format_timestamp(self.created);
        if known_time(self.created).is_none() || created.len() != TIME_BYTES {
            return Err(InvalidSession::YearOutOfRange);
        }
        Ok(RowKey::new(&*self.room_id, session_sort_key(&created, &self.room_sid)))
    }

    /// Returns the API's answer for this session.
    pub fn to_past_room(&self) -> PastRoom {
        PastRoom {
            room_title: self.room_title.clone(),
            room_id: self.room_id.clone(),
            room_sid: self.room_sid.clone(),
            joined_participants: self.joined_participants.into(),
            webhook_url: self.webhook_url.clone(),
            created: format_timestamp(self.created),
            ended: self.ended.and_then(known_time).map(format_timestamp).unwrap_or_default(),
            analytics_file_id: self.analytics_file_id.clone().filter(|id| !id.is_empty()),
        }
    }
}

/// A time as the table stores it and the API answers it: RFC 3339, UTC, three decimals (cut, not
/// rounded).
pub fn format_timestamp(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(created: &str, room_sid: &str) -> Session {
        Session::new("room01", room_sid, created.parse().expect("a time"))
    }

    #[test]
    fn sort_key_has_three_decimals() {
        for (created, key) in [
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z#SID_x"),
            ("2026-11-22T10:00:00.9999Z", "2026-11-22T10:00:00.999Z#SID_x"),
            ("2026-11-22T10:00:00+02:00", "2026-11-22T08:00:00.000Z#SID_x"),
            ("2000-01-01T00:00:00Z", "2000-01-01T00:00:00.000Z#SID_x"),
        ] {
            assert_eq!(session(created, "SID_x").key().map(|key| key.sort_key), Ok(key.to_owned()));
        }
    }

    #[test]
    fn keys_beyond_dynamodbs_limits_are_refused() {
        let longest = "s".repeat(1024 - 25);
        let time = "2026-11-22T10:00:00Z";
        assert!(session(time, &longest).key().is_ok());
        let longer = session(time, &format!("{longest}s"));
        assert_eq!(longer.key(), Err(InvalidSession::LongRoomSid(1000)));
        assert_eq!(session(time, "").key(), Err(InvalidSession::EmptyRoomSid));
        for early in ["-000001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1999-12-31T23:59:59Z"] {
            assert_eq!(session(early, "s").key(), Err(InvalidSession::YearOutOfRange), "{early}");
        }
        let mut long_room = session(time, "s");
        long_room.room_id = "r".repeat(2048);
        assert!(long_room.key().is_ok());
        long_room.room_id.push('r');
        assert_eq!(long_room.key(), Err(InvalidSession::LongRoomId(2049)));
        long_room.room_id.clear();
        assert_eq!(long_room.key(), Err(InvalidSession::EmptyRoomId));
    }

    #[test]
    fn session_is_answered_as_given() {
        let mut one = session("2026-11-22T10:00:00.1239Z", "SID_x");
        let empty = PastRoom {
            room_title: String::new(),
            room_id: "room01".to_owned(),
            room_sid: "SID_x".to_owned(),
            joined_participants: 0,
            webhook_url: String::new(),
            created: "2026-11-22T10:00:00.123Z".to_owned(),
            ended: String::new(),
            analytics_file_id: None,
        };
        assert_eq!(one.to_past_room(), empty);
        one.room_title = "title".to_owned();
        one.joined_participants = u32::MAX;
        one.webhook_url = "url".to_owned();
        one.ended = Some(one.created);
        one.analytics_file_id = Some("file".to_owned());
        let full = PastRoom {
            room_title: "title".to_owned(),
            joined_participants: 4_294_967_295,
            webhook_url: "url".to_owned(),
            ended: empty.created.clone(),
            analytics_file_id: Some("file".to_owned()),
            ..empty
        };
        assert_eq!(one.to_past_room(), full);
        // An unknown end is empty.
        one.ended = Some("0001-01-01T00:00:00+01:00".parse().expect("a time"));
        assert_eq!(one.to_past_room().ended, "");
        one.ended = Some(one.created);
        // An empty id is absent.
        one.analytics_file_id = Some(String::new());
        assert_eq!(one.to_past_room(), PastRoom { analytics_file_id: None, ..full });
    }
}
