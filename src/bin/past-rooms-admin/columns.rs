//! The columns of a session, as files name them.

use past_rooms::Field;

/// A column that an import reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    RoomId,
    RoomSid,
    RoomTitle,
    JoinedParticipants,
    WebhookUrl,
    Created,
    Ended,
    AnalyticsFileId,
}

impl Column {
    pub const ALL: [Column; 8] = [
        Column::RoomId,
        Column::RoomSid,
        Column::RoomTitle,
        Column::JoinedParticipants,
        Column::WebhookUrl,
        Column::Created,
        Column::Ended,
        Column::AnalyticsFileId,
    ];

    /// Without them a row is no session.
    pub const REQUIRED: [Column; 3] = [Column::RoomId, Column::RoomSid, Column::Created];

    /// The API's name, then plugNmeet's own where it differs.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Column::RoomId => &["room_id", "roomId"],
            Column::RoomSid => &["room_sid", "sid"],
            Column::RoomTitle => &["room_title"],
            Column::JoinedParticipants => &["joined_participants"],
            Column::WebhookUrl => &["webhook_url"],
            Column::Created => &["created"],
            Column::Ended => &["ended"],
            Column::AnalyticsFileId => &["analytics_file_id", "file_id"],
        }
    }

    /// The field that a file without this column says nothing of.
    pub fn field(self) -> Option<Field> {
        match self {
            Column::RoomId | Column::RoomSid | Column::Created => None,
            Column::RoomTitle => Some(Field::RoomTitle),
            Column::JoinedParticipants => Some(Field::JoinedParticipants),
            Column::WebhookUrl => Some(Field::WebhookUrl),
            Column::Ended => Some(Field::Ended),
            Column::AnalyticsFileId => Some(Field::AnalyticsFileId),
        }
    }

    /// The API's name.
    pub fn name(self) -> &'static str {
        self.names()[0]
    }
}
