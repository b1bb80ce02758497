//! The embedded DynamoDB in this process, filled with a history.

#[path = "../../examples/local/embedded.rs"]
#[allow(dead_code, reason = "made for the local run, which uses more of it")]
mod embedded;

use std::error::Error;

use dynoxide::{Database, ImportOptions};
use past_rooms::table::schema;
use past_rooms::{PastRooms, ProjectionMode, Session, dynamodb};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
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
        let rows = some.iter().map(row).collect::<Result<_, _>>()?;
        database.import_items(TABLE_NAME, rows, ImportOptions::default())?;
    }
    Ok((database, past_rooms))
}

/// Builds the history table with the project's own writer.
pub async fn project(past_rooms: &PastRooms) -> Result<PastRooms, Box<dyn Error>> {
    let client = past_rooms.table().client();
    schema::create_history_table(client, HISTORY)?.send().await?;
    let past_rooms = past_rooms.with_history(HISTORY);
    let mut steps = past_rooms.reconciliation(ProjectionMode::Write).ok_or("no history table")?;
    let mut sessions = 0;
    while let Some(step) = steps.next().await? {
        sessions += step.sessions;
        eprint!("\r\x1b[K{sessions} sessions projected");
    }
    eprint!("\r\x1b[K");
    Ok(past_rooms)
}

/// Serves a database over HTTP, and returns its history as a function reads it.
pub async fn served(database: &Database) -> Result<PastRooms, Box<dyn Error>> {
    let endpoint = embedded::start(database, [TcpListener::bind("127.0.0.1:0").await?])?;
    let client = dynamodb::client(&embedded::settings(&endpoint));
    Ok(PastRooms::new(client, TABLE_NAME).with_history(HISTORY))
}

/// Returns the row of a recorded session.
fn row<Row: DeserializeOwned>(session: &Session) -> Result<Row, Box<dyn Error>> {
    let (key, room) = (session.key()?, session.to_past_room());
    Ok(serde_json::from_value(json!({
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
    }))?)
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
