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

    /// The API's name first, then its camel-case spelling and plugNmeet's own names.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Column::RoomId => &["room_id", "roomId"],
            Column::RoomSid => &["room_sid", "roomSid", "sid"],
            Column::RoomTitle => &["room_title", "roomTitle"],
            Column::JoinedParticipants => &["joined_participants", "joinedParticipants"],
            Column::WebhookUrl => &["webhook_url", "webhookUrl"],
            Column::Created => &["created"],
            Column::Ended => &["ended"],
            Column::AnalyticsFileId => {
                &["analytics_file_id", "analyticsFileId", "file_id", "fileId"]
            }
        }
    }

    /// Returns whether `name` is a name of a column with ids.
    pub fn is_id(name: &str) -> bool {
        let ids = [Column::RoomId, Column::RoomSid, Column::AnalyticsFileId];
        ids.iter().any(|column| column.names().contains(&name))
    }

    /// Returns whether `name` is a name of a column.
    pub fn is_known(name: &str) -> bool {
        Column::ALL.iter().any(|column| column.names().contains(&name))
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
