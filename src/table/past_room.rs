//! A past room as it is read from the table, leniently: whatever text is there, because the table
//! may hold rows of other writers.

use serde::{Deserialize, Serialize};

use super::client::Item;
use super::keys::{RowKey, SessionKey, string_attribute};
use super::schema::PARTITION_KEY;

/// A past room as the API answers it: under the API's own names, in the order of its documentation.
///
/// A row that lacks an attribute that is no key reads as `""`, 0 or none there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRoom {
    /// The room's title.
    #[serde(default)]
    pub room_title: String,
    /// The room's id.
    pub room_id: String,
    /// The session's id, unique among all sessions.
    #[serde(default)]
    pub room_sid: String,
    /// How many participants joined.
    #[serde(default)]
    pub joined_participants: i64,
    /// Where webhooks of the session were sent.
    #[serde(default)]
    pub webhook_url: String,
    /// When it began: RFC 3339 in UTC.
    #[serde(default)]
    pub created: String,
    /// When it ended: RFC 3339 in UTC; empty where that is not known.
    #[serde(default)]
    pub ended: String,
    /// Its analytics file. Left out of the answer where there is none.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub analytics_file_id: Option<String>,
}

fn is_absent(id: &Option<String>) -> bool {
    id.as_ref().is_none_or(String::is_empty)
}

/// A session's row as read: its place in the order, and the rest, not parsed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// Its sort key.
    pub key: SessionKey,
    attributes: Item,
}

/// A row among the sessions that cannot be answered as one. Names the row, so that its owner finds
/// it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the row {key} is not a session: {reason}")]
#[non_exhaustive]
pub struct MalformedRow {
    /// The row's key.
    pub key: RowKey,
    /// Which attribute is wrong, and how.
    pub reason: String,
}

impl SessionRow {
    /// A row of the table. `None`: the row is bookkeeping, no session.
    pub fn from_item(item: Item) -> Option<Self> {
        Some(SessionRow { key: SessionKey::of_item(&item)?, attributes: item })
    }

    /// What the API answers of the session.
    ///
    /// # Errors
    /// [`MalformedRow`] if one of its attributes has the wrong type.
    pub fn into_past_room(self) -> Result<PastRoom, MalformedRow> {
        let room_id = string_attribute(&self.attributes, PARTITION_KEY).unwrap_or_default();
        let key = RowKey::new(room_id, self.key.as_str());
        serde_dynamo::from_item(self.attributes)
            .map_err(|error: serde_dynamo::Error| MalformedRow { key, reason: error.to_string() })
    }
}
