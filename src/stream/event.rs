//! A batch of events as Lambda passes it, and the answer to it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::keys::{RowKey, SessionKey, is_stray};
use crate::table::rows::meeting::sid_of_timer;

/// A batch without sequence numbers, so that the answer cannot name the failed events. Lambda retries
/// all of it, in halves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no batch of events of a DynamoDB stream: {0}")]
pub struct MalformedBatch(String);

/// An event that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedRecord {
    /// Its place in the stream.
    pub sequence_number: String,
    /// Its problem.
    pub reason: String,
}

/// The content of a batch of events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Its number of events.
    pub events: usize,
    /// Puts and deletes, by room.
    pub touched: BTreeMap<String, Touched>,
    /// Whether it has events of counted sessions. Those call the function only if the whole history is
    /// on.
    pub has_counted: bool,
    /// Events that cannot be understood.
    pub malformed: Vec<MalformedRecord>,
    /// Each event's place in the stream and its room, in the batch's order.
    places: Vec<(String, Option<String>)>,
}

/// Puts and deletes in a room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// Sessions whose counts may be wrong.
    pub sessions: BTreeSet<SessionKey>,
    /// All sessions, by their keys.
    pub keys: BTreeSet<RowKey>,
    /// Timers of meetings that have expired.
    pub timers: BTreeSet<RowKey>,
    /// Rows put or changed whose sort keys lie among those of sessions, but are invalid.
    pub stray: BTreeSet<RowKey>,
}

/// The answer to a batch: the events to retry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BatchResponse {
    /// The failed events. Lambda retries from the first of them on.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<ItemFailure>,
}

/// A failed event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemFailure {
    /// Its place in the stream.
    #[serde(rename = "itemIdentifier")]
    pub sequence_number: String,
}

/// The needed fields of an event.
///
/// Source: Amazon DynamoDB API Reference, `Record` and `StreamRecord` of DynamoDB Streams.
#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventName", default)]
    name: String,
    dynamodb: Change,
}

#[derive(Deserialize)]
struct Change {
    #[serde(rename = "Keys")]
    keys: Keys,
    #[serde(rename = "NewImage", default)]
    image: Image,
}

#[derive(Default, Deserialize)]
struct Image {
    /// The mark of this project's own writers.
    counted: Option<serde::de::IgnoredAny>,
}

impl Record {
    /// Returns whether the event changes no count, or a count that its writer changed as well.
    fn is_counted(&self) -> bool {
        match &*self.name {
            "INSERT" => self.dynamodb.image.counted.is_some(),
            "MODIFY" => true,
            _ => false,
        }
    }
}

#[derive(Deserialize)]
struct Keys {
    room_id: Text,
    created_sid: Text,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

impl Batch {
    /// Reads a batch.
    ///
    /// # Errors
    /// [`MalformedBatch`] if it is not a batch, or if an event has no sequence number.
    pub fn parse(mut event: Value) -> Result<Self, MalformedBatch> {
        let Some(Value::Array(records)) = event.get_mut("Records").map(Value::take) else {
            return Err(MalformedBatch("it has no list Records".to_owned()));
        };
        let mut batch = Batch { events: records.len(), ..Batch::default() };
        for record in records {
            batch.add(record)?;
        }
        Ok(batch)
    }

    fn add(&mut self, record: Value) -> Result<(), MalformedBatch> {
        let sequence_number = record["dynamodb"]["SequenceNumber"].as_str();
        let sequence_number = sequence_number.filter(|number| !number.is_empty());
        let Some(sequence_number) = sequence_number.map(str::to_owned) else {
            return Err(MalformedBatch("an event has no SequenceNumber".to_owned()));
        };
        let mut room = None;
        match serde_json::from_value::<Record>(record) {
            Ok(record) => {
                let is_counted = record.is_counted();
                let keys = record.dynamodb.keys;
                let key = RowKey::new(keys.room_id.text, keys.created_sid.text);
                // Other rows are ignored.
                room = self.touch(key, &record.name, is_counted);
            }
            Err(error) => {
                let (sequence_number, reason) = (sequence_number.clone(), error.to_string());
                self.malformed.push(MalformedRecord { sequence_number, reason });
            }
        }
        self.places.push((sequence_number, room));
        Ok(())
    }

    /// Notes the work that this row's event causes. Returns the room; `None`: no work.
    fn touch(&mut self, key: RowKey, event: &str, is_counted: bool) -> Option<String> {
        let room_id = key.room_id.clone();
        if let Some(session) = key.session_key() {
            self.has_counted |= is_counted;
            let touched = self.touched.entry(room_id.clone()).or_default();
            touched.keys.insert(key);
            if !is_counted {
                touched.sessions.insert(session);
            }
        } else if sid_of_timer(&key).is_some() {
            self.touched.entry(room_id.clone()).or_default().timers.insert(key);
        } else if event != "REMOVE" && is_stray(&key.sort_key) {
            self.touched.entry(room_id.clone()).or_default().stray.insert(key);
        } else {
            return None;
        }
        Some(room_id)
    }

    /// Returns the answer, if these rooms failed.
    pub fn response(&self, failed_rooms: &BTreeSet<String>) -> BatchResponse {
        let failed = self.places.iter().filter(|(place, room)| match room {
            Some(room) => failed_rooms.contains(room),
            None => self.malformed.iter().any(|record| record.sequence_number == *place),
        });
        let failures =
            failed.map(|(place, _)| ItemFailure { sequence_number: place.clone() }).collect();
        BatchResponse { failures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(number: &str, room_id: &str, sort_key: &str) -> Value {
        json!({"eventName": "INSERT", "dynamodb": {
            "Keys": {"room_id": {"S": room_id}, "created_sid": {"S": sort_key}},
            "SequenceNumber": number,
        }})
    }

    fn failures(batch: &Batch, rooms: &[&str]) -> Vec<String> {
        let response = batch.response(&rooms.iter().map(|room| (*room).to_owned()).collect());
        response.failures.into_iter().map(|failure| failure.sequence_number).collect()
    }

    #[test]
    fn batch_becomes_rooms_sessions_and_timers() {
        let batch = Batch::parse(json!({"Records": [
            record("1", "a", "2026-11-22T10:00:00.000Z#x"),
            record("2", "b", "2026-11-22T10:00:00.000Z#x"),
            record("3", "a", "2026-11-22T10:00:00.000Z#x"),
            record("4", "a", "2026-11-22T11:00:00.000Z#y"),
            record("5", "a", "~"),
            record("6", "b", "!timer#x"),
            record("7", "b", "!meeting#x"),
            record("8", "b", "2026-11-22 10:00#x"),
        ]}));
        let batch = batch.expect("a batch");
        assert_eq!(batch.events, 8);
        let [a, b] = ["a", "b"].map(|room| &batch.touched[room]);
        assert_eq!((a.sessions.len(), a.timers.len()), (2, 0));
        assert_eq!((b.sessions.len(), b.timers.len(), b.stray.len()), (1, 1, 1));
        assert!(failures(&batch, &[]).is_empty());
        assert_eq!(failures(&batch, &["a"]), ["1", "3", "4"]);
        assert_eq!(failures(&batch, &["b"]), ["2", "6", "8"]);
    }

    #[test]
    fn malformed_event_fails_alone() {
        let number_key = json!({"N": "1"});
        let mut wrong_type = record("2", "a", "2026-11-22T10#x");
        wrong_type["dynamodb"]["Keys"]["created_sid"] = number_key;
        let batch = Batch::parse(json!({"Records": [
            record("1", "a", "2026-11-22T10:00:00.000Z#x"),
            wrong_type,
            {"dynamodb": {"SequenceNumber": "3"}},
        ]}));
        let batch = batch.expect("a batch");
        assert_eq!(batch.touched.len(), 1);
        assert_eq!(failures(&batch, &[]), ["2", "3"]);
        assert!(batch.malformed[1].reason.contains("Keys"), "{:?}", batch.malformed);
    }

    #[test]
    fn malformed_batch_is_an_error() {
        for event in [
            json!(null),
            json!([]),
            json!("Records"),
            json!({"Records": {}}),
            json!({"Records": [{}]}),
            json!({"Records": [1]}),
            json!({"Records": [{"dynamodb": {"SequenceNumber": ""}}]}),
        ] {
            assert!(Batch::parse(event.clone()).is_err(), "{event}");
        }
        assert_eq!(Batch::parse(json!({"Records": []})), Ok(Batch::default()));
    }
}
