//! The kinds of rows, by their sort keys.

use crate::table::bucket::{Bucket, Level};
use crate::table::keys::RowKey;
use crate::table::schema::{MEETING_PREFIX, PEOPLE_PREFIX, ROOM_TALLY, TALLY_PREFIX, TIMER_PREFIX};

/// The kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// A session.
    Session,
    /// A tally of a room or of a month.
    Tally,
    /// A part of a meeting that webhooks report.
    Meeting,
    /// None of this project's.
    Other,
}

impl RowKind {
    /// Returns the kind of the row with this key.
    pub fn of(key: &RowKey) -> Self {
        let sort_key = &*key.sort_key;
        let month = || sort_key.strip_prefix(TALLY_PREFIX);
        let meetings = [MEETING_PREFIX, PEOPLE_PREFIX, TIMER_PREFIX];
        if key.session_key().is_some() {
            RowKind::Session
        } else if sort_key == ROOM_TALLY
            || month().and_then(Bucket::parse).is_some_and(|bucket| bucket.level() == Level::Month)
        {
            RowKind::Tally
        } else if meetings.iter().any(|prefix| sort_key.starts_with(prefix)) {
            RowKind::Meeting
        } else {
            RowKind::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sort_key_tells_the_kind_of_row() {
        for (sort_key, kind) in [
            ("2026-11-22T10:00:00.000Z#SID_x", RowKind::Session),
            ("9", RowKind::Other),
            ("2026-11-22 10:00#SID_x", RowKind::Other),
            ("~", RowKind::Tally),
            ("#2026-11", RowKind::Tally),
            ("!meeting#SID_x", RowKind::Meeting),
            ("!people#SID_x#07", RowKind::Meeting),
            ("!timer#SID_x", RowKind::Meeting),
            ("~x", RowKind::Other),
            ("#2026-13", RowKind::Other),
            ("!note", RowKind::Other),
            ("note", RowKind::Other),
        ] {
            assert_eq!(RowKind::of(&RowKey::new("room01", sort_key)), kind, "{sort_key}");
        }
    }
}
