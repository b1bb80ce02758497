//! `past-rooms-admin duplicates`.

use std::error::Error;

use past_rooms::{PastRooms, Repeated};
use serde_json::json;

use crate::output::count;
use crate::stop::Stop;
use crate::work::{Summary, Work};
use crate::{Outcome, output, progress};

/// List ids that several sessions have, and exit with 1 if any exist
///
/// A media server gives each id once, so these are sessions stored several times, for example by imports with
/// different time zones. Reads the whole index by_sid, which may lag behind the table by a second. Delete the wrong
/// session with `delete --sort-key`.
#[derive(clap::Args)]
pub struct Arguments {}

pub struct Duplicates<'a> {
    past_rooms: &'a PastRooms,
    sessions: u64,
    repeated: u64,
}

impl<'a> Duplicates<'a> {
    pub fn new(past_rooms: &'a PastRooms) -> Self {
        Duplicates { past_rooms, sessions: 0, repeated: 0 }
    }
}

impl Work for Duplicates<'_> {
    async fn run(&mut self, _: &Stop) -> Result<(), Box<dyn Error>> {
        progress::begin("sessions read", None);
        let read = |rows| {
            self.sessions += rows;
            progress::add(rows);
        };
        let found = self.past_rooms.repeated(read).await?;
        found.iter().for_each(print);
        self.repeated = found.len() as u64;
        Ok(())
    }

    fn summary(&self) -> Summary {
        let Duplicates { sessions, repeated, .. } = *self;
        Summary {
            fields: json!({"sessions": sessions, "repeated": repeated}),
            text: format!("{}, {}", count(sessions, "session"), count(repeated, "repeated id")),
            outcome: Outcome::of(false, repeated > 0),
        }
    }
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
