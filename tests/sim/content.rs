//! The fields of a session, made from its key and a number: the version. From a row, a reader
//! can tell which write it comes from, and whether it is whole.

use past_rooms::table::history::ALL_ROOMS;
use past_rooms::{PastRoom, RowKey, Session};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A value of a session's mutable fields.
pub type Version = u64;

/// A session as it is recorded.
pub fn session(key: &RowKey, version: Version) -> Session {
    let (created, room_sid) = key.sort_key.split_once('#').expect("a session's key");
    let created = created.parse().expect("a time");
    let mut session = Session::new(&*key.room_id, room_sid, created);
    session.room_title = title(version);
    session.joined_participants = version as u32;
    session.webhook_url = format!("https://example.org/{version}");
    session.ended = (!version.is_multiple_of(3)).then_some(created);
    session.analytics_file_id = (!version.is_multiple_of(2)).then(|| format!("file-{version}"));
    session
}

/// The same as a page has it.
pub fn past_room(key: &RowKey, version: Version) -> PastRoom {
    session(key, version).to_past_room()
}

/// The same as a row, in DynamoDB's JSON.
pub fn row(key: &RowKey, version: Version) -> Value {
    let past_room = past_room(key, version);
    let mut row = json!({
        "room_id": {"S": key.room_id},
        "created_sid": {"S": key.sort_key},
        "room_sid": {"S": past_room.room_sid},
        "room_title": {"S": past_room.room_title},
        "joined_participants": {"N": past_room.joined_participants.to_string()},
        "webhook_url": {"S": past_room.webhook_url},
        "created": {"S": past_room.created},
        "ended": {"S": past_room.ended},
    });
    if let Some(id) = past_room.analytics_file_id {
        row["analytics_file_id"] = json!({"S": id});
    }
    row
}

/// The key of the row of the history table that projects a session.
pub fn projected_key(key: &RowKey) -> RowKey {
    let mut hash = Sha256::new();
    hash.update((key.room_id.len() as u64).to_be_bytes());
    hash.update(&key.room_id);
    hash.update(&key.sort_key);
    let hash: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    RowKey::new(ALL_ROOMS, format!("{}#{hash}", key.sort_key))
}

/// The row of the history table that projects a session.
pub fn projected_row(key: &RowKey, version: Version) -> Value {
    let own_key = projected_key(key);
    let mut row = row(key, version);
    row["room_id"] = json!({"S": own_key.room_id});
    row["created_sid"] = json!({"S": own_key.sort_key});
    row["history_room_id"] = json!({"S": key.room_id});
    row
}

/// The key of the session that a row of the history table projects. `None`: it is another row.
pub fn source(row: &Value) -> Option<RowKey> {
    let room_id = row["history_room_id"]["S"].as_str()?;
    let (sort_key, _) = row["created_sid"]["S"].as_str()?.rsplit_once('#')?;
    Some(RowKey::new(room_id, sort_key))
}

fn title(version: Version) -> String {
    format!("v{version}")
}

/// The version that a title tells.
pub fn version(title: &str) -> Version {
    title.strip_prefix('v').and_then(|number| number.parse().ok()).expect("a title of ours")
}

/// The key of a row in DynamoDB's JSON.
pub fn key(row: &Value) -> RowKey {
    let text = |attribute: &str| row[attribute]["S"].as_str().expect("a key");
    RowKey::new(text("room_id"), text("created_sid"))
}

/// Whether a row is a session, and not a tally.
pub fn is_session(key: &RowKey) -> bool {
    key.session_key().is_some()
}
