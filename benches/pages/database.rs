//! The embedded DynamoDB in this process, filled with a history.

#[path = "../../examples/local/embedded.rs"]
#[allow(dead_code, reason = "made for the local run, which uses more of it")]
mod embedded;

use std::collections::BTreeMap;
use std::error::Error;

use dynoxide::{Database, ImportOptions};
use past_rooms::table::bucket::Level;
use past_rooms::table::history::{self, ALL_ROOMS, COMPLETE, HISTORY_ROOM};
use past_rooms::table::rows::tally;
use past_rooms::table::schema::{self, PARTITION_KEY, ROOM_TALLY, SORT_KEY};
use past_rooms::{InvalidSession, PastRooms, Session, dynamodb};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use self::embedded::HISTORY_TABLE_NAME as HISTORY;
use self::embedded::{Stream, TABLE_NAME};
use crate::timed::timed_client;

/// An HTTP response of DynamoDB.
pub struct Reply {
    pub status: u16,
    pub body: String,
}

/// Returns a database with these sessions, and its history on the paused clock.
pub async fn filled(sessions: &[Session]) -> Result<(Database, PastRooms), Box<dyn Error>> {
    let database = Database::memory()?;
    let answering = database.clone();
    let client = timed_client(move |operation, body| execute(&answering, operation, body));
    let past_rooms = embedded::create_table(client, TABLE_NAME, Stream::Off).await?;
    for some in sessions.chunks(10_000) {
        let rows = some.iter().map(|session| Ok(serde_json::from_value(row(session)?)?));
        let rows = rows.collect::<Result<_, Box<dyn Error>>>()?;
        database.import_items(TABLE_NAME, rows, ImportOptions::default())?;
    }
    Ok((database, past_rooms))
}

/// Returns a database whose history table has these sessions, and its history on the paused clock. The
/// rows are put as they are, since the project's own writer takes an hour for a million of them.
pub async fn projected(sessions: &[Session]) -> Result<(Database, PastRooms), Box<dyn Error>> {
    let (database, past_rooms) = filled(&[]).await?;
    let client = past_rooms.table().client();
    schema::create_history_table(client, HISTORY)?.send().await?;
    let mut tallies: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for some in sessions.chunks(10_000) {
        let mut rows = Vec::new();
        for session in some {
            let key = session.key()?.session_key().ok_or("not a session")?;
            let mut part = key.bucket(Level::Minute);
            while let Some(bucket) = part {
                part = bucket.parent();
                let tally = part.map_or(ROOM_TALLY.to_owned(), |tally| format!("#{tally}"));
                *tallies.entry(tally).or_default().entry(tally::attribute(bucket)).or_default() +=
                    1;
            }
            let mut row = row(session)?;
            row[SORT_KEY] = json!({"S": format!("{key}#{:016x}", fastrand::u64(..))});
            row[HISTORY_ROOM] = row[PARTITION_KEY].take();
            rows.push(row);
        }
        import(&database, rows)?;
    }
    let tallies = tallies.into_iter().map(|(tally, counts)| {
        let counts =
            counts.into_iter().map(|(name, count)| (name, json!({"N": count.to_string()})));
        let mut row = Value::Object(counts.collect());
        row[SORT_KEY] = json!({"S": tally});
        row
    });
    import(&database, tallies.collect())?;
    import(
        &database,
        vec![json!({SORT_KEY: {"S": history::state_key().sort_key}, COMPLETE: {"BOOL": true}})],
    )?;
    Ok((database, past_rooms.with_history(HISTORY)))
}

/// Puts rows into the history table.
fn import(database: &Database, mut rows: Vec<Value>) -> Result<(), Box<dyn Error>> {
    for row in &mut rows {
        row[PARTITION_KEY] = json!({"S": ALL_ROOMS});
    }
    let rows = rows.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
    database.import_items(HISTORY, rows, ImportOptions::default())?;
    Ok(())
}

/// Serves a database over HTTP, and returns its history as a function reads it.
pub async fn served(database: &Database) -> Result<PastRooms, Box<dyn Error>> {
    let endpoint = embedded::start(database, [TcpListener::bind("127.0.0.1:0").await?])?;
    let client = dynamodb::client(&embedded::settings(&endpoint));
    Ok(PastRooms::new(client, TABLE_NAME).with_history(HISTORY))
}

/// Returns the row of a recorded session.
fn row(session: &Session) -> Result<Value, InvalidSession> {
    let (key, room) = (session.key()?, session.to_past_room());
    Ok(json!({
        "room_id": {"S": key.room_id},
        "created_sid": {"S": key.sort_key},
        "room_sid": {"S": room.room_sid},
        "room_title": {"S": room.room_title},
        "joined_participants": {"N": room.joined_participants.to_string()},
        "webhook_url": {"S": room.webhook_url},
        "created": {"S": room.created},
        "ended": {"S": room.ended},
        "analytics_file_id": {"S": room.analytics_file_id},
        "counted": {"BOOL": true},
    }))
}

fn execute(database: &Database, operation: &str, body: &str) -> Reply {
    match operation {
        "BatchGetItem" => reply(body, |request| database.batch_get_item(request)),
        "CreateTable" => reply(body, |request| database.create_table(request)),
        "GetItem" => reply(body, |request| database.get_item(request)),
        "PutItem" => reply(body, |request| database.put_item(request)),
        "Query" => reply(body, |request| database.query(request)),
        "Scan" => reply(body, |request| database.scan(request)),
        "TransactWriteItems" => reply(body, |request| database.transact_write_items(request)),
        "UpdateItem" => reply(body, |request| database.update_item(request)),
        "UpdateTimeToLive" => reply(body, |request| database.update_time_to_live(request)),
        _ => Reply { status: 400, body: format!(r#"{{"message":"{operation} is not known"}}"#) },
    }
}

fn reply<Request: DeserializeOwned, Answer: Serialize>(
    body: &str,
    execute: impl FnOnce(Request) -> dynoxide::Result<Answer>,
) -> Reply {
    let answer = serde_json::from_str(body).map(execute);
    match answer.map(|answer| answer.map(|answer| serde_json::to_string(&answer))) {
        Ok(Ok(Ok(body))) => Reply { status: 200, body },
        Ok(Err(error)) => Reply { status: error.status_code(), body: error.to_json() },
        Ok(Ok(Err(error))) | Err(error) => {
            Reply { status: 400, body: json!({"message": error.to_string()}).to_string() }
        }
    }
}
