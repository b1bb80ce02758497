//! A past room as it is read from the table, leniently: any text, because the table
//! may hold rows of other writers.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::table::history::{ALL_ROOMS, HISTORY_ROOM};
use crate::table::item::Item;
use crate::table::keys::{RowKey, SessionKey, string_attribute};
use crate::table::rows::time::parse_known;
use crate::table::schema::PARTITION_KEY;

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
    /// Number of participants who joined.
    #[serde(default)]
    pub joined_participants: i64,
    /// URL to which the session's webhooks were sent.
    #[serde(default)]
    pub webhook_url: String,
    /// When it began: RFC 3339 in UTC.
    #[serde(default)]
    pub created: String,
    /// When it ended: RFC 3339 in UTC; empty where that is not known.
    #[serde(default)]
    pub ended: String,
    /// Its analytics file. Left out of the answer if absent.
    #[serde(default, skip_serializing_if = "is_absent")]
    pub analytics_file_id: Option<String>,
}

/// Maximum size of what a row has besides the session's texts: names, times, a number, and attributes that the
/// API does not answer.
const OTHER_BYTES: usize = 1024;

impl PastRoom {
    /// Returns the maximum size of the session's row in the table.
    pub fn item_bytes(&self) -> usize {
        // The sort key has the id, too.
        OTHER_BYTES + self.text_bytes() + self.room_sid.len()
    }

    /// Returns whether the end is before the beginning.
    pub(crate) fn is_reversed(&self) -> bool {
        let created = parse_known(&self.created);
        created.zip(parse_known(&self.ended)).is_some_and(|(created, ended)| ended < created)
    }

    /// Bytes of its text.
    pub(crate) fn text_bytes(&self) -> usize {
        let texts = [
            &self.room_title,
            &self.room_id,
            &self.room_sid,
            &self.webhook_url,
            &self.created,
            &self.ended,
        ];
        let analytics = self.analytics_file_id.as_ref().map_or(0, String::len);
        texts.into_iter().map(String::len).sum::<usize>() + analytics
    }
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

    /// Returns the session as the API answers it.
    ///
    /// # Errors
    /// [`MalformedRow`] if one of its attributes has the wrong type.
    pub fn into_past_room(self) -> Result<PastRoom, MalformedRow> {
        let SessionRow { key, mut attributes } = self;
        let partition = string_attribute(&attributes, PARTITION_KEY).unwrap_or_default();
        let row = RowKey::new(partition, key.as_str());
        // A row of the history table has its room's id in an attribute of its own.
        if partition == ALL_ROOMS
            && let Some(room_id) = attributes.remove(HISTORY_ROOM)
        {
            attributes.insert(PARTITION_KEY.to_owned(), room_id);
        }
        past_room(&mut attributes).map_err(|reason| MalformedRow { key: row, reason })
    }
}

/// Takes the fields of a past room out of a row. Written by hand, because every row of every page
/// comes through here: the general way by `serde_dynamo` takes five times as long.
fn past_room(attributes: &mut Item) -> Result<PastRoom, String> {
    Ok(PastRoom {
        room_title: take_text(attributes, "room_title")?.unwrap_or_default(),
        room_id: take_text(attributes, PARTITION_KEY)?.ok_or("room_id is missing")?,
        room_sid: take_text(attributes, "room_sid")?.unwrap_or_default(),
        joined_participants: take_number(attributes, "joined_participants")?.unwrap_or_default(),
        webhook_url: take_text(attributes, "webhook_url")?.unwrap_or_default(),
        created: take_text(attributes, "created")?.unwrap_or_default(),
        ended: take_text(attributes, "ended")?.unwrap_or_default(),
        analytics_file_id: match attributes.get("analytics_file_id") {
            Some(AttributeValue::Null(_)) => None,
            _ => take_text(attributes, "analytics_file_id")?,
        },
    })
}

fn take_text(attributes: &mut Item, name: &str) -> Result<Option<String>, String> {
    match attributes.remove(name) {
        Some(AttributeValue::S(text)) => Ok(Some(text)),
        None => Ok(None),
        Some(_) => Err(format!("{name} is not a string")),
    }
}

fn take_number(attributes: &mut Item, name: &str) -> Result<Option<i64>, String> {
    match attributes.remove(name) {
        Some(AttributeValue::N(number)) => match number.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("{name} is not a whole number: {number}")),
        },
        None => Ok(None),
        Some(_) => Err(format!("{name} is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    const NAMES: [&str; 8] = [
        "room_title",
        "room_sid",
        "joined_participants",
        "webhook_url",
        "created",
        "ended",
        "analytics_file_id",
        "of another writer",
    ];

    fn attribute() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            4 => ".{0,8}".prop_map(AttributeValue::S),
            4 => any::<i64>().prop_map(|number| AttributeValue::N(number.to_string())),
            1 => "-?[0-9]{1,20}([.][0-9])?".prop_map(AttributeValue::N),
            1 => any::<bool>().prop_map(AttributeValue::Bool),
            1 => Just(AttributeValue::Null(true)),
        ]
    }

    proptest! {
        /// Compares it with the general way, the `Deserialize` that `PastRoom` derives.
        #[test]
        fn row_is_read_as_serde_reads_it(
            values in proptest::array::uniform8(option::weighted(0.7, attribute())),
        ) {
            let key = RowKey::new("room01", "2026-11-22T10:00:00.000Z#SID_x").into_item();
            let named = NAMES.into_iter().map(str::to_owned).zip(values);
            let more = named.filter_map(|(name, value)| Some((name, value?)));
            let item: Item = key.into_iter().chain(more).collect();
            let expected: Option<PastRoom> = serde_dynamo::from_item(item.clone()).ok();
            let row = SessionRow::from_item(item).expect("a session's key");
            prop_assert_eq!(row.into_past_room().ok(), expected);
        }
    }

    #[test]
    fn malformed_row_is_named_with_its_problem() {
        let mut item = RowKey::new("room01", "2026-11-22T10:00:00.000Z#SID_x").into_item();
        item.insert("joined_participants".to_owned(), AttributeValue::N("1.5".to_owned()));
        let row = SessionRow::from_item(item).expect("a session's key");
        let error = row.into_past_room().expect_err("half a participant").to_string();
        for part in ["room01", "2026-11-22T10:00:00.000Z#SID_x", "joined_participants", "1.5"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
