//! `past-rooms-admin duplicates`.

use std::error::Error;

use past_rooms::{PastRooms, Repeated};
use serde_json::json;

use crate::output::count;
use crate::{Outcome, output, progress};

/// List ids that several sessions have. Exit with 1 if any exists
///
/// A media server gives each id once, so these are sessions stored several times, for example by imports with
/// different time zones. Reads the whole index by_sid, which may lag behind the table by a second. Delete the wrong
/// session with `delete --sort-key`.
#[derive(clap::Args)]
pub struct Arguments {}

pub async fn run(past_rooms: &PastRooms) -> Result<Outcome, Box<dyn Error>> {
    let mut sessions = 0;
    progress::begin("sessions read", None);
    let read = |rows| {
        sessions += rows;
        progress::add(rows);
    };
    let found = past_rooms.repeated(read).await?;
    for repeated in &found {
        print(repeated);
    }
    let number = found.len() as u64;
    let text = format!("{}, {}", count(sessions, "session"), count(number, "repeated id"));
    output::summary(json!({"sessions": sessions, "repeated": number}), text);
    Ok(if found.is_empty() { Outcome::Success } else { Outcome::Differences })
}

fn print(Repeated { room_sid, keys, .. }: &Repeated) {
    let mut text = format!("{room_sid} is the id of {} sessions:", keys.len());
    for key in keys {
        text += &format!("\n  {}: {}", key.room_id, key.sort_key);
    }
    let keys = keys.iter();
    let keys = keys.map(|key| json!({"room_id": key.room_id, "created_sid": key.sort_key}));
    let fields = json!({"room_sid": room_sid, "keys": keys.collect::<Vec<_>>()});
    output::result("repeated", fields, text);
}
