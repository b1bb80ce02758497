//! The bookkeeping rows of meetings that are in progress: their keys and attributes.
//!
//! | sort key | row |
//! | --- | --- |
//! | `!meeting#SID_x` | a meeting, with one attribute for each kind of report |
//! | `!people#SID_x#07` | one of [`BUCKETS`] parts of the people who joined |
//! | `!timer#SID_x` | its expiry is the time to look whether the meeting ended unnoticed |
//!
//! `!` sorts below `#` and every digit, so no query of sessions or tallies meets these rows; and
//! none of them has the attribute `room_sid`, so the index `by_sid` does not either.

use crate::table::keys::RowKey;
use crate::table::schema::{MEETING_PREFIX, PEOPLE_PREFIX, TIMER_PREFIX};

/// Attribute of a meeting: the sort key under which its session was recorded.
pub const RECORDED_KEY: &str = "recorded_key";
/// Attribute of a meeting: what of it was recorded.
pub const RECORDED: &str = "recorded";
/// Attribute of a meeting: its session's values, as JSON, if it was recorded too early and withdrawn.
pub const WITHDRAWN: &str = "withdrawn";
/// Attribute of a meeting: what its first report starts is done.
pub const BEGUN: &str = "begun";
/// Attribute of a share of the people: a set of hashes.
pub const PEOPLE: &str = "people";

/// Number of rows that hold the people of a meeting. 10 000 people make about 1.4 KB each, so
/// an update stays cheap; DynamoDB's 400 KB a row are reached with more than two million.
pub const BUCKETS: u8 = 64;

/// The beginning of the sort keys of a room's meetings.
pub fn meetings_prefix() -> &'static str {
    MEETING_PREFIX
}

/// The row of a meeting.
pub fn meeting_key(room_id: &str, room_sid: &str) -> RowKey {
    RowKey::new(room_id, format!("{MEETING_PREFIX}{room_sid}"))
}

/// The beginning of the sort keys of a meeting's people.
pub fn people_prefix(room_sid: &str) -> String {
    format!("{PEOPLE_PREFIX}{room_sid}#")
}

/// The row with a share of a meeting's people.
pub fn people_key(room_id: &str, room_sid: &str, bucket: u8) -> RowKey {
    RowKey::new(room_id, format!("{}{bucket:02}", people_prefix(room_sid)))
}

/// Whether a row has a share of this meeting's people. A `room_sid` may have a separator in it, and
/// then begin like another.
pub fn is_people_key(key: &RowKey, room_sid: &str) -> bool {
    let bucket = key.sort_key.strip_prefix(&people_prefix(room_sid));
    bucket.is_some_and(|bucket| bucket.len() == 2)
}

/// The timer of a meeting.
pub fn timer_key(room_id: &str, room_sid: &str) -> RowKey {
    RowKey::new(room_id, format!("{TIMER_PREFIX}{room_sid}"))
}

/// The `room_sid` of the meeting whose timer has this key. `None`: it is no timer.
pub fn sid_of_timer(key: &RowKey) -> Option<&str> {
    key.sort_key.strip_prefix(TIMER_PREFIX)
}

/// The `room_sid` of the meeting whose row has this key. `None`: it is no meeting.
pub fn sid_of_meeting(key: &RowKey) -> Option<&str> {
    key.sort_key.strip_prefix(MEETING_PREFIX)
}
