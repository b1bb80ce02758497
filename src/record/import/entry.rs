//! A session as a file has it, and what becomes of the stored one.

use super::marks::Marks;
use crate::record::merge;
use crate::record::row::{ReportedTimes, Row, Stored};
use crate::table::rows::past_room::PastRoom;
use crate::table::rows::retention::Retention;
use crate::table::rows::session::Session;
use crate::table::rows::time::parse_known;

/// A field of a session that a file may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// The room's title.
    RoomTitle,
    /// Number of participants who joined.
    JoinedParticipants,
    /// URL to which the session's webhooks were sent.
    WebhookUrl,
    /// When it ended.
    Ended,
    /// Its analytics file.
    AnalyticsFileId,
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Fields(u8);

impl Fields {
    /// All of them.
    pub const ALL: Fields = Fields(0b1_1111);

    /// These and this one.
    #[must_use]
    pub fn with(self, field: Field) -> Self {
        Fields(self.0 | 1 << field as u8)
    }

    /// Whether this one is among them.
    pub fn has(self, field: Field) -> bool {
        self.0 & 1 << field as u8 != 0
    }
}

/// A session to import, and the fields that its file has. A field that is not among them says
/// nothing of the session: what is stored stays. One that is and is empty says that the session has
/// no such value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The session.
    pub session: Session,
    /// The fields that the file has.
    pub fields: Fields,
    /// Its other stored attributes, if the file is an export of a table.
    pub marks: Marks,
}

/// The source whose values win over the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precedence {
    /// If webhooks recorded a session, only its missing values are filled in.
    Webhooks,
    /// The file's values win over those of any recorder.
    File,
}

impl Entry {
    /// Returns the session's row, from its stored rows at this and other times. The first of them
    /// takes precedence; the others fill its gaps.
    pub(super) fn row(
        &self,
        rows: &[&Stored],
        precedence: Precedence,
        retention: Retention,
    ) -> Row {
        let reported = rows.iter().find_map(|stored| stored.reported);
        let kept = reported.filter(|_| precedence == Precedence::Webhooks);
        let rooms = rows.iter().filter_map(|stored| stored.room.clone());
        let known = rooms.reduce(|mut room, other| {
            merge::fill(&mut room, &other);
            room
        });
        let room = match known {
            Some(old) => self.merged(&old, kept),
            None => self.session.to_past_room(),
        };
        let ended = parse_known(&room.ended);
        let before = rows.first().and_then(|stored| stored.expires);
        let expires =
            retention.expires(self.session.created, ended).or(before).or(self.marks.expires());
        Row { room, expires, reported: self.marks.reported(reported) }
    }

    /// `reported`: the times that webhooks reported, if they take precedence.
    fn merged(&self, old: &PastRoom, reported: Option<ReportedTimes>) -> PastRoom {
        let new = self.session.to_past_room();
        let stays = |field, is_empty: bool, is_certain: bool| {
            !self.fields.has(field) || (reported.is_some() && is_certain && !is_empty)
        };
        let text = |field, old: &String, new: String| {
            if stays(field, old.is_empty(), true) { old.clone() } else { new }
        };
        let guessed = reported.is_some_and(|reported| !reported.ended);
        let ended = if guessed && new.ended.is_empty() { old.ended.clone() } else { new.ended };
        PastRoom {
            room_title: text(Field::RoomTitle, &old.room_title, new.room_title),
            webhook_url: text(Field::WebhookUrl, &old.webhook_url, new.webhook_url),
            ended: if stays(Field::Ended, old.ended.is_empty(), !guessed) {
                old.ended.clone()
            } else {
                ended
            },
            analytics_file_id: {
                let is_empty = old.analytics_file_id.as_ref().is_none_or(String::is_empty);
                let stays = stays(Field::AnalyticsFileId, is_empty, true);
                if stays { old.analytics_file_id.clone() } else { new.analytics_file_id }
            },
            joined_participants: if !self.fields.has(Field::JoinedParticipants) {
                old.joined_participants
            } else if reported.is_some() {
                // A server's own count goes down when people leave, so the greater is the truer.
                old.joined_participants.max(new.joined_participants)
            } else {
                new.joined_participants
            },
            room_id: new.room_id,
            room_sid: new.room_sid,
            created: new.created,
        }
    }
}
