//! Working on some rooms or on all: which ones, and what to do about those that fail.

use std::collections::HashSet;
use std::error::Error;

use past_rooms::{PastRooms, WriteError};
use serde_json::json;

use crate::{advice, output};

/// Rooms that are worked on at the same time.
pub const ROOMS_AT_ONCE: usize = 32;

/// Rooms that fail one after the other because of DynamoDB, before the rest is given up.
const FAILURES_IN_A_ROW: u64 = 5;

/// Which rooms.
#[derive(clap::Args)]
#[group(id = "which", required = true, multiple = false)]
pub struct Rooms {
    /// A room; may be given more than once
    #[arg(long, value_name = "ID", group = "which")]
    pub room: Vec<String>,

    /// All rooms of the table (reads the whole table)
    #[arg(long, group = "which")]
    pub all: bool,
}

/// How much at once.
#[derive(clap::Args)]
pub struct InFlight {
    /// Have so many requests in flight, at the most; fewer when DynamoDB throttles
    #[arg(long, value_name = "NUMBER", default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=256))]
    in_flight: u16,
}

impl InFlight {
    pub fn most(&self) -> usize {
        self.in_flight.into()
    }
}

impl Rooms {
    /// Their ids; those of all rooms are sorted.
    pub async fn list(&self, past_rooms: &PastRooms) -> Result<Vec<String>, Box<dyn Error>> {
        Ok(match self.all {
            true => past_rooms.table().rooms().await?,
            false => self.named().cloned().collect(),
        })
    }

    /// Those that are named, each once.
    pub fn named(&self) -> impl Iterator<Item = &String> {
        let mut seen = HashSet::new();
        self.room.iter().filter(move |room_id| seen.insert(*room_id))
    }
}

/// Says that a room has nothing: its name may be mistyped.
pub fn unknown(room_id: &str) {
    output::line(no_such(room_id));
}

/// What there is to say of a room that has nothing.
pub fn no_such(room_id: &str) -> String {
    format!("{room_id}: no such room: it has no sessions and no tally")
}

/// Rooms that could not be dealt with. One does not stop the others, unless it is DynamoDB that fails
/// again and again.
pub struct Trouble<'a> {
    table: &'a str,
    rooms: usize,
    failed: u64,
    in_a_row: u64,
}

impl<'a> Trouble<'a> {
    /// None yet, with so many rooms.
    pub fn new(table: &'a str, rooms: usize) -> Self {
        Trouble { table, rooms, failed: 0, in_a_row: 0 }
    }

    /// A room went well.
    pub fn none(&mut self) {
        self.in_a_row = 0;
    }

    /// Reports a room that failed.
    ///
    /// # Errors
    /// If there is no point in going on.
    pub fn with(
        &mut self,
        room_id: &str,
        error: &WriteError,
        as_json: bool,
    ) -> Result<(), Box<dyn Error>> {
        self.failed += 1;
        let text = error.to_string();
        if as_json {
            output::line(json!({"room_id": room_id, "error": text}));
        }
        output::note(format_args!("error: {room_id}: {text}"));
        if let Some(advice) = advice::on(&text, self.table) {
            output::note(advice);
        }
        self.in_a_row = match error {
            WriteError::Table(_) => self.in_a_row + 1,
            _ => 0,
        };
        if self.in_a_row < FAILURES_IN_A_ROW {
            return Ok(());
        }
        Err(format!(
            "{FAILURES_IN_A_ROW} rooms in a row failed, the last of {} is {room_id}; the rest is left as \
             it is. Start it again when DynamoDB answers: what is done is done",
            self.rooms
        )
        .into())
    }

    /// Whether there was any.
    pub fn any(&self) -> bool {
        self.failed > 0
    }

    /// How many, for the last line.
    pub fn summary(&self) -> String {
        match self.failed {
            0 => String::new(),
            failed => format!("; {failed} failed, see the errors"),
        }
    }
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_in_a_shell() {
        assert_eq!(quoted("2024 #x"), "'2024 #x'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
