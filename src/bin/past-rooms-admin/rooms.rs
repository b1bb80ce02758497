//! Options of commands that work on some rooms or on all, and the rooms that fail.

use std::collections::HashSet;
use std::error::Error;

use past_rooms::{PastRooms, WriteError};

use crate::{advice, output};

/// Maximum number of rooms in work.
pub const ROOMS_AT_ONCE: usize = 32;

/// Number of rooms that fail in a row because of DynamoDB before the command gives up.
const FAILURES_IN_A_ROW: u64 = 5;

/// Selection of rooms.
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

/// Limit on concurrent requests.
#[derive(clap::Args)]
pub struct InFlight {
    /// Maximum requests in flight; fewer when DynamoDB throttles
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
    /// Returns the ids of the rooms. Those of all rooms are sorted.
    pub async fn list(&self, past_rooms: &PastRooms) -> Result<Vec<String>, Box<dyn Error>> {
        Ok(match self.all {
            true => past_rooms.table().rooms().await?,
            false => self.named().cloned().collect(),
        })
    }

    /// Returns the rooms given with `--room`, each once.
    pub fn named(&self) -> impl Iterator<Item = &String> {
        let mut seen = HashSet::new();
        self.room.iter().filter(move |room_id| seen.insert(*room_id))
    }
}

/// Returns a message about a room without sessions and tally.
pub fn no_such(room_id: &str) -> String {
    format!("{room_id}: no such room: it has no sessions and no tally")
}

/// Rooms that failed. One does not stop the others, unless DynamoDB fails again and again.
pub struct Failures<'a> {
    table: &'a str,
    rooms: usize,
    number: u64,
    in_a_row: u64,
}

impl<'a> Failures<'a> {
    /// Begins work on a number of rooms.
    pub fn new(table: &'a str, rooms: usize) -> Self {
        Failures { table, rooms, number: 0, in_a_row: 0 }
    }

    /// Notes that a room succeeded.
    pub fn end_row(&mut self) {
        self.in_a_row = 0;
    }

    /// Reports a room that failed.
    ///
    /// # Errors
    /// If too many failed in a row.
    pub fn add(&mut self, room_id: &str, error: &WriteError) -> Result<(), Box<dyn Error>> {
        self.number += 1;
        let advice = advice::on(error, self.table);
        output::error(&error.to_string(), advice.as_deref(), Some(("room_id", room_id)));
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

    /// Returns the number of rooms that failed.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the number of rooms that failed as a part of the last line.
    pub fn text(&self) -> String {
        match self.number {
            0 => String::new(),
            number => format!("; {number} failed, see the errors"),
        }
    }
}

/// Returns a word quoted for a shell.
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
